// Finds mounts by the path that a person gave, without touching a mount that may hang.
import { UsageError } from "clipanion";
import { realpath } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { mountAt, mountTable, type MountEntry } from "../fuse/mountinfo.ts";
import { UserError, sentenceOf } from "./user-error.ts";
import { makeFolder } from "../util/make-folder.ts";

export interface FoundMount {
  /** Absolute; the name under which the kernel lists the mount when there is one. */
  readonly path: string;
  readonly entry: MountEntry | undefined;
}

/** Symlinks are followed only where no mount lies: asking a dead one would fail, a hanging one hang. */
export async function findMount(given: string): Promise<FoundMount> {
  if (given === "") throw new UsageError("MOUNTPOINT is empty: name a directory");
  const table = await mountTable();
  const path = resolve(given);
  const candidates = [path];
  const parent = await realOf(dirname(path));
  if (parent !== undefined) candidates.push(join(parent, basename(path)));
  for (const candidate of candidates) {
    const entry = mountAt(table, candidate);
    if (entry !== undefined) return { path: candidate, entry };
  }
  const real = await realOf(path);
  return { path: real ?? path, entry: real === undefined ? undefined : mountAt(table, real) };
}

async function realOf(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch {
    return undefined;
  }
}

/** Makes a missing mount point, as JuiceFS does. Returns its absolute path; throws UserError. */
export async function makeMountPoint(given: string): Promise<string> {
  const { path, entry } = await findMount(given);
  if (entry !== undefined) return path;
  try {
    makeFolder(path);
  } catch (error) {
    // A file there, or a dead mount: the layer that mounts says so in its own words.
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "EEXIST" && code !== "ENOTCONN") {
      throw new UserError(`mount point ${path} cannot be made: ${sentenceOf(error)}`);
    }
  }
  return (await realOf(path)) ?? path;
}
