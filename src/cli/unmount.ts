// Unmounts a directory from outside the process that serves it: umount(2) as root, else fusermount3.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { UserError } from "./user-error.ts";

const execute = promisify(execFile);

interface Failure {
  readonly code?: string | number;
  readonly stderr?: string;
}

/** `lazy` takes the mount out of the tree at once and lets open files go on. Throws UserError. */
export async function unmountPath(path: string, lazy: boolean): Promise<void> {
  const commands: (readonly [string, readonly string[]])[] = [
    ["fusermount3", lazy ? ["-u", "-z", "--", path] : ["-u", "--", path]],
  ];
  if (process.getuid?.() === 0) commands.unshift(["umount", lazy ? ["-l", path] : [path]]);
  for (const [command, args] of commands) {
    try {
      await execute(command, args);
      return;
    } catch (error) {
      const { code, stderr = "" } = error as Failure;
      if (code === "ENOENT") continue;
      throw explain(path, stderr.trim());
    }
  }
  throw new UserError("neither umount nor fusermount3 is installed: install the package fuse3");
}

function explain(path: string, reason: string): UserError {
  if (/busy/i.test(reason)) {
    return new UserError(
      `${path} is in use: close the files and leave the directory (fuser -vm ${path} shows who), or use --force`,
    );
  }
  if (/permitted|permission|must be superuser/i.test(reason)) {
    return new UserError(`not permitted to unmount ${path}: run as root or as the user who mounted it`);
  }
  return new UserError(`cannot unmount ${path}: ${reason.replaceAll("\n", "; ")}`);
}
