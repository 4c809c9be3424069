// Unmounting: umount2(2) on the thread pool as root, else fusermount3. Never waits on the event loop, because the
// kernel may ask the very process that unmounts.
import { execFile } from "node:child_process";
import { getSystemErrorName } from "node:util";
import { nativeFuse } from "./channel.ts";

const MNT_FORCE = 1;
const MNT_DETACH = 2;

export interface UnmountOptions {
  /** Take the mount out of the tree now, end it when its last user has gone. */
  readonly lazy?: boolean;
  /** Abort the requests in flight. */
  readonly force?: boolean;
}

export class UnmountError extends Error {
  override readonly name = "UnmountError";
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Unmounts what lies on top at `path`. Throws a sentence, with the errno's name as `code`. */
export async function unmount(path: string, options: UnmountOptions = {}): Promise<void> {
  const code = process.getuid?.() === 0 ? await asRoot(path, options) : await asUser(path, options);
  if (code === undefined) return;
  throw new UnmountError(code, sentence(path, code));
}

function sentence(path: string, code: string): string {
  if (code === "EBUSY")
    return `${path} is in use: end the processes that use it (fuser -vm ${path}) or unmount lazily with -f`;
  if (code === "EINVAL") return `${path} is not a mount point: findmnt shows what is mounted where`;
  if (code === "ENOENT") return `${path} does not exist: findmnt shows what is mounted where`;
  if (code === "EPERM") return `${path} belongs to another user: unmount it as root`;
  return `unmounting ${path} failed: ${code}`;
}

async function asRoot(path: string, options: UnmountOptions): Promise<string | undefined> {
  const flags = (options.lazy === true ? MNT_DETACH : 0) | (options.force === true ? MNT_FORCE : 0);
  const errno = await nativeFuse().unmount(Buffer.from(path).toString("latin1"), flags);
  return errno === 0 ? undefined : getSystemErrorName(-errno);
}

async function asUser(path: string, options: UnmountOptions): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const isLazy = options.lazy === true || options.force === true;
  execFile("fusermount3", [isLazy ? "-uz" : "-u", "--", path], (error, _stdout, stderr) => {
    resolve(error === null ? undefined : codeFrom(stderr, error.message));
  });
  return promise;
}

function codeFrom(stderr: string, message: string): string {
  if (/busy/i.test(stderr)) return "EBUSY";
  if (/not found in|not mounted|Invalid argument/i.test(stderr)) return "EINVAL";
  if (/No such file/i.test(stderr)) return "ENOENT";
  if (/not permitted|does not belong/i.test(stderr)) return "EPERM";
  return stderr.trim() === "" ? message : stderr.trim();
}
