// Finds the directory of a volume that --subdir names, and makes what is missing of it, as JuiceFS does.
import type { Entry, MetaApi } from "../meta/api.ts";
import { ROOT_INO, TYPE_DIRECTORY, type Ino } from "../meta/types.ts";
import { SYSTEM } from "../util/caller.ts";
import { ENOENT } from "../util/errno.ts";
import { log } from "../util/log.ts";
import { UserError, sentenceOf } from "./user-error.ts";

/** The inode of `path` below the volume's root. Throws UserError when it cannot be one. */
export async function findSubdir(meta: MetaApi, path: string): Promise<Ino> {
  let dir: Ino = ROOT_INO;
  for (const part of path.split("/").filter((name) => name !== "" && name !== ".")) {
    if (part === "..") throw new UserError(`--subdir ${path}: name a directory without ".."`);
    const { ino, attr } = await step(meta, dir, part, path);
    if (attr.type !== TYPE_DIRECTORY) {
      throw new UserError(`--subdir ${path}: ${part} is not a directory of the volume`);
    }
    dir = ino;
  }
  return dir;
}

async function step(meta: MetaApi, dir: Ino, part: string, path: string): Promise<Entry> {
  const name = Buffer.from(part, "utf8").toString("latin1");
  try {
    return await meta.lookup(SYSTEM, dir, name);
  } catch (error) {
    if (error !== ENOENT) throw new UserError(`--subdir ${path}: ${sentenceOf(error)}`);
  }
  try {
    const request = { type: TYPE_DIRECTORY, mode: 0o777, umask: 0, rdev: 0 };
    const made = await meta.mknod(SYSTEM, dir, name, request);
    log("info", `--subdir ${path}: made ${part}`);
    return made;
  } catch (error) {
    const why = sentenceOf(error);
    throw new UserError(`--subdir ${path}: ${part} is missing and cannot be made (${why})`);
  }
}
