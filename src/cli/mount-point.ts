// Makes a directory ready to be mounted on, or says in one sentence why it cannot be.
import { mkdir, realpath, stat } from "node:fs/promises";
import { dirname, join, basename, resolve } from "node:path";
import { isOurs, mountAt } from "./mount-table.ts";
import { UserError, sentenceOf } from "./user-error.ts";

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? "";

/** The real path of a place that may be a dead mount: only the parent is looked at. */
export async function resolveMountPoint(given: string): Promise<string> {
  const path = resolve(given);
  if (path === "/") return path;
  // A symlink to the place itself is followed, unless that means asking a dead server.
  if (mountAt(path) !== undefined) return path;
  try {
    return await realpath(path);
  } catch (error) {
    if (codeOf(error) !== "ENOENT" && codeOf(error) !== "ENOTCONN") throw error;
  }
  try {
    return join(await realpath(dirname(path)), basename(path));
  } catch {
    return path;
  }
}

/** Makes the directory when missing. `detach` frees a place whose server has died.
 *  Returns the absolute path to mount on. */
export async function prepareMountPoint(
  given: string,
  options: { readonly force: boolean; readonly detach: (path: string) => Promise<void> },
): Promise<string> {
  const path = await resolveMountPoint(given);
  if (path === "/") throw new UserError("cannot mount on /: choose an empty directory");
  try {
    const mounted = mountAt(path);
    if (mounted !== undefined && isOurs(mounted) && (await isDead(path))) await options.detach(path);
    else if (mounted !== undefined && isOurs(mounted) && !options.force) {
      throw new UserError(
        `${mounted.source} is already mounted on ${path}: run jfs umount ${path} first, or choose another directory`,
      );
    }
    await mkdir(path, { recursive: true });
    if (!(await stat(path)).isDirectory()) {
      throw new UserError(`${path} is not a directory: choose an empty directory to mount on`);
    }
    return path;
  } catch (error) {
    if (error instanceof UserError) throw error;
    if (codeOf(error) === "EEXIST" || codeOf(error) === "ENOTDIR") {
      throw new UserError(`${path} is not a directory: choose an empty directory to mount on`);
    }
    throw new UserError(`cannot mount on ${path}: ${sentenceOf(error)}`);
  }
}

/** True when the server of this mount has gone without unmounting. */
async function isDead(path: string): Promise<boolean> {
  try {
    await stat(path);
    return false;
  } catch (error) {
    return codeOf(error) === "ENOTCONN";
  }
}
