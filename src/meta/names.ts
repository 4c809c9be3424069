// The rules that a name must keep before any operation looks at it, and the one name that is no dentry: /.trash.
import { EINVAL, ENAMETOOLONG, ENOENT } from "../util/errno.ts";
import type { Ino, Name } from "./types.ts";
import { NAME_BYTES_MAX, ROOT_INO } from "./types.ts";

export const TRASH_NAME = ".trash";

/** Throws ENOENT (empty), ENAMETOOLONG (over 255 bytes), EINVAL (a slash or NUL). */
export function judgeName(name: Name): void {
  if (name.length === 0) throw ENOENT;
  if (name.length > NAME_BYTES_MAX) throw ENAMETOOLONG;
  if (name.includes("/") || name.includes("\0")) throw EINVAL;
}

export function isTrashName(parent: Ino, name: Name): boolean {
  return parent === ROOT_INO && name === TRASH_NAME;
}
export function isDots(name: Name): boolean {
  return name === "." || name === "..";
}

/** The name of something in the trash: where it was and what it is (formats 15.1). */
export function trashEntryName(parent: Ino, ino: Ino, name: Name): Name {
  return `${parent}-${ino}-${name}`.slice(0, NAME_BYTES_MAX);
}

/** The hourly directory that a deletion at `seconds` goes to, in UTC. */
export function trashHourName(seconds: number): Name {
  return new Date(seconds * 1000).toISOString().slice(0, 13).replace("T", "-");
}
/** When the hour of such a name began, unix seconds; undefined for other names. */
export function trashHourTime(name: Name): number | undefined {
  const match = /^(\d{4})-(\d{2})-(\d{2})-(\d{2})$/.exec(name);
  if (match === null) return undefined;
  const ms = Date.parse(`${match[1]}-${match[2]}-${match[3]}T${match[4]}:00:00Z`);
  return Number.isNaN(ms) ? undefined : ms / 1000;
}
