// Attributes in the shape that the kernel gets, with what is written and not yet committed laid over them.
import type { StatAttr } from "../fuse/operations.ts";
import type { Time } from "../util/clock.ts";
import { EINVAL } from "../util/errno.ts";
import type { Attr, Ino } from "../meta/types.ts";
import {
  TYPE_BLOCK,
  TYPE_CHAR,
  TYPE_DIRECTORY,
  TYPE_FIFO,
  TYPE_FILE,
  TYPE_SOCKET,
  TYPE_SYMLINK,
} from "../meta/types.ts";

const S_IFMT = 0o170000;
/** The preferred size of requests that stat(2) names, as JuiceFS says it. */
const PREFERRED_BYTES = 65_536;

// Indexed by the volume's type code.
const FORMAT_BITS: readonly number[] = [
  0, 0o100000, 0o040000, 0o120000, 0o010000, 0o060000, 0o020000, 0o140000,
];
const TYPES: ReadonlyMap<number, number> = new Map([
  [0, TYPE_FILE],
  [0o100000, TYPE_FILE],
  [0o040000, TYPE_DIRECTORY],
  [0o120000, TYPE_SYMLINK],
  [0o010000, TYPE_FIFO],
  [0o060000, TYPE_BLOCK],
  [0o020000, TYPE_CHAR],
  [0o140000, TYPE_SOCKET],
]);

/** The volume's type code for the type bits of a mode; no bits = a file, as mknod(2) has it. EINVAL for others. */
export function typeOfMode(mode: number): number {
  const type = TYPES.get(mode & S_IFMT);
  if (type === undefined) throw EINVAL;
  return type;
}

/** DT_* of readdir. */
export function direntType(type: number): number {
  return (FORMAT_BITS[type] ?? 0) >> 12;
}

/** What uncommitted writes add to the attributes of a file. */
export interface Overlay {
  /** The highest end of the writes. */
  readonly length: number;
  readonly time: Time;
}

export function toStat(ino: Ino, attr: Attr, overlay: Overlay | undefined): StatAttr {
  let { length, mtime, mtimensec, ctime, ctimensec } = attr;
  if (overlay !== undefined) {
    const { sec, nsec } = overlay.time;
    if (overlay.length > length) length = overlay.length;
    if (sec > mtime || (sec === mtime && nsec > mtimensec)) [mtime, mtimensec] = [sec, nsec];
    if (sec > ctime || (sec === ctime && nsec > ctimensec)) [ctime, ctimensec] = [sec, nsec];
  }
  return {
    ino,
    size: length,
    blocks: Math.ceil(length / 512),
    atime: attr.atime,
    mtime,
    ctime,
    atimensec: attr.atimensec,
    mtimensec,
    ctimensec,
    mode: (FORMAT_BITS[attr.type] ?? 0) | attr.mode,
    nlink: attr.nlink,
    uid: attr.uid,
    gid: attr.gid,
    rdev: attr.rdev,
    blksize: PREFERRED_BYTES,
  };
}

/** The attributes of a negative entry; the kernel reads none of them. */
export const NO_STAT: StatAttr = Object.freeze({
  ino: 0,
  size: 0,
  blocks: 0,
  atime: 0,
  mtime: 0,
  ctime: 0,
  atimensec: 0,
  mtimensec: 0,
  ctimensec: 0,
  mode: 0,
  nlink: 0,
  uid: 0,
  gid: 0,
  rdev: 0,
  blksize: 0,
});
