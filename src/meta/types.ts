// The records of a volume as every engine knows them, and the constants of JuiceFS's format that give them meaning.
import { FOLDED_TRASH } from "../util/ino64.ts";

/** Inode number; trash inodes are folded to 2^52 + n (util/ino64). */
export type Ino = number;
/** A name of 1..255 bytes, one latin1 character per byte. */
export type Name = string;

export const ROOT_INO: Ino = 1;
export const TRASH_INO: Ino = FOLDED_TRASH;
export const isTrash = (ino: Ino): boolean => ino >= TRASH_INO;

/** Type codes of JuiceFS (not st_mode types). */
export const TYPE_FILE = 1;
export const TYPE_DIRECTORY = 2;
export const TYPE_SYMLINK = 3;
export const TYPE_FIFO = 4;
export const TYPE_BLOCK = 5;
export const TYPE_CHAR = 6;
export const TYPE_SOCKET = 7;

/** Attr.flags */
export const FLAG_IMMUTABLE = 1;
export const FLAG_APPEND = 2;
export const FLAG_SKIP_TRASH = 32;

export const CHUNK_BITS = 26;
/** Bytes in a chunk: 64 MiB. */
export const CHUNK_BYTES: number = 2 ** CHUNK_BITS;
/** The longest file we keep exact numbers for; JuiceFS allows 2^57. */
export const FILE_BYTES_MAX: number = Number.MAX_SAFE_INTEGER;
export const NAME_BYTES_MAX = 255;
export const SYMLINK_BYTES_MAX = 4095;
export const XATTR_NAME_BYTES_MAX = 255;
export const XATTR_VALUE_BYTES_MAX = 65536;

/** An inode's attributes. Snapshots: never changed in place. Times are whole seconds plus nanoseconds 0..999999999. */
export interface Attr {
  readonly type: number;
  readonly flags: number;
  /** 12 permission bits, no type bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly rdev: number;
  readonly atime: number;
  readonly mtime: number;
  readonly ctime: number;
  readonly atimensec: number;
  readonly mtimensec: number;
  readonly ctimensec: number;
  readonly nlink: number;
  /** Files: bytes; directories: 4096; symlinks: bytes of the target; others 0. */
  readonly length: number;
  /** The one parent directory; 0 = hard-linked, parents tracked elsewhere. */
  readonly parent: Ino;
  readonly accessAcl: number;
  readonly defaultAcl: number;
  readonly tier: number;
}

/** What a directory holds under a name. */
export interface Dentry {
  readonly ino: Ino;
  readonly type: number;
}

/** One piece of a chunk, 24 bytes in store (formats 3.1). `id` 0 means zeros. */
export interface Slice {
  /** Where the piece starts in the chunk. */
  readonly pos: number;
  readonly id: number;
  /** Full length of the slice in object storage. */
  readonly size: number;
  readonly off: number;
  readonly len: number;
}

/** Usage of a directory's direct children (formats 16.10). */
export interface DirStat {
  readonly length: number;
  readonly space: number;
  readonly inodes: number;
}

/** A directory quota; limits 0 or less mean none. */
export interface Quota {
  readonly maxSpace: number;
  readonly maxInodes: number;
  readonly usedSpace: number;
  readonly usedInodes: number;
}

/** A POSIX ACL rule; 0xFFFF = not set. */
export interface AclRule {
  readonly owner: number;
  readonly group: number;
  readonly mask: number;
  readonly other: number;
  readonly namedUsers: readonly AclEntry[];
  readonly namedGroups: readonly AclEntry[];
}
export interface AclEntry {
  readonly id: number;
  readonly perm: number;
}

/** A client that has the volume open for writing. `expire` is unix seconds, `info` the JSON of formats 14.1. */
export interface Session {
  readonly sid: number;
  readonly expire: number;
  readonly info: string;
}

export type CounterName =
  | "nextInode"
  | "nextChunk"
  | "nextSession"
  | "nextTrash"
  | "usedSpace"
  | "totalInodes"
  | "nextCleanupSlices"
  | "lastCleanupSessions"
  | "lastCleanupFiles"
  | "lastCleanupTrash"
  | "lastCleanupChangelog";

/** A file whose data waits for deletion. `expire` is the time of the deletion, unix seconds. */
export interface Delfile {
  readonly ino: Ino;
  readonly length: number;
  readonly expire: number;
}

/** Slices replaced by a compaction while trash is on: deleted `deleted` + TrashDays later. */
export interface Delslices {
  readonly id: number;
  readonly deleted: number;
  readonly slices: readonly { readonly id: number; readonly size: number }[];
}

/** align4K of formats 1.7: what a node of this length counts in usage. */
export function spaceOf(type: number, length: number): number {
  if (type !== TYPE_FILE || length <= 0) return 4096;
  return Math.ceil(length / 4096) * 4096;
}
