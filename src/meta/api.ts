// The metadata of a volume as the layers above see it: POSIX operations, slices, sessions. `Meta` (meta.ts) implements
// it over any MetaStore. Every method answers in place when the engine does.
import type { Caller } from "../util/caller.ts";
import type { Time } from "../util/clock.ts";
import type { MaybePromise } from "../util/maybe.ts";
import type { DataExtent } from "./journal/journal.ts";
import type { Format } from "./format.ts";
import type { DentryRow } from "./store.ts";
import type { Attr, Ino, Name, Slice } from "./types.ts";

export interface Entry {
  readonly ino: Ino;
  readonly attr: Attr;
}

/** What setattr may change; an absent member stays. "now" = the transaction's time. */
export interface AttrChange {
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly length?: number;
  readonly atime?: Time | "now";
  readonly mtime?: Time | "now";
  readonly ctime?: Time;
  /** FS_IMMUTABLE/APPEND... as Attr.flags. */
  readonly flags?: number;
  /** FATTR_KILL_SUIDGID: clear setuid and setgid as a write by an ordinary user does. */
  readonly killSuidgid?: boolean;
}

export interface NodeRequest {
  readonly type: number;
  /** 12 bits as asked for. */
  readonly mode: number;
  readonly umask: number;
  readonly rdev: number;
  /** Only for symlinks. */
  readonly target?: string;
}

export const RENAME_NOREPLACE = 1;
export const RENAME_EXCHANGE = 2;
export const RENAME_WHITEOUT = 4;

export const FALLOC_KEEP_SIZE = 1;
export const FALLOC_PUNCH_HOLE = 2;
export const FALLOC_ZERO_RANGE = 16;

export const XATTR_CREATE = 1;
export const XATTR_REPLACE = 2;

export interface DentryRef {
  readonly parent: Ino;
  readonly name: Name;
}

export interface Renamed {
  readonly ino: Ino;
  readonly attr: Attr;
  /** The inode that lost its last name by this, if any. */
  readonly replaced?: Ino;
  /** The attributes that a replaced inode has now. */
  readonly replacedAttr?: Attr;
}

export interface StatFs {
  readonly totalBytes: number;
  readonly availableBytes: number;
  readonly usedInodes: number;
  readonly availableInodes: number;
}

export interface SliceWrite {
  readonly index: number;
  readonly slice: Slice;
}

/** How deleting and merging slices reaches the data layer, which metadata must not know. */
export interface SliceWorker {
  /** Deletes the blocks of a slice; resolves when they are gone. */
  remove(id: number, size: number): Promise<void>;
  /** Writes the visible pieces one after the other as a new slice `id` of `size` bytes and makes it durable. */
  merge(id: number, size: number, pieces: readonly Slice[]): Promise<void>;
}

export interface MetaApi {
  format(): Format;
  lookup(caller: Caller, parent: Ino, name: Name): MaybePromise<Entry>;
  getattr(ino: Ino): MaybePromise<Attr>;
  access(caller: Caller, ino: Ino, mask: number): MaybePromise<void>;
  /** Everything but a change of length touching data; `length` truncates or extends (hole records) in the same body. */
  setattr(caller: Caller, ino: Ino, change: AttrChange): MaybePromise<Attr>;
  readlink(caller: Caller, ino: Ino): MaybePromise<string>;
  mknod(caller: Caller, parent: Ino, name: Name, request: NodeRequest): MaybePromise<Entry>;
  /** mknod of a regular file that is open when this returns (counts like `open`). */
  create(caller: Caller, parent: Ino, name: Name, mode: number, umask: number): MaybePromise<Entry>;
  /** An open file without a name (nlink 0, sustained by this session). */
  tmpfile(caller: Caller, parent: Ino, mode: number, umask: number): MaybePromise<Entry>;
  link(caller: Caller, ino: Ino, parent: Ino, name: Name): MaybePromise<Entry>;
  /** The inode that was unlinked and the attributes it has now (nlink 0 when it is gone). */
  unlink(caller: Caller, parent: Ino, name: Name): MaybePromise<Entry>;
  rmdir(caller: Caller, parent: Ino, name: Name): MaybePromise<Entry>;
  rename(caller: Caller, from: DentryRef, to: DentryRef, flags: number): MaybePromise<Renamed>;

  /** Judges `flags` (O_ACCMODE, O_TRUNC, O_APPEND) and counts the inode as open. */
  open(caller: Caller, ino: Ino, flags: number): MaybePromise<Attr>;
  /** A read has happened; nothing unless the volume was opened with access times. */
  touchAtime(ino: Ino): MaybePromise<void>;
  /** One `open` less; the last close of an unlinked file deletes its data. */
  close(ino: Ino): MaybePromise<void>;
  openCount(ino: Ino): number;
  /** Rows in stable order after `after`; "." and ".." are not among them. */
  readdir(
    dir: Ino,
    after: Name | undefined,
    limit: number,
    withAttrs: boolean,
  ): MaybePromise<readonly DentryRow[]>;

  newSliceId(): MaybePromise<number>;
  /** The records of a chunk, oldest first (use slices.ts `visible` for the view). EIO when they cannot be parsed. */
  readChunk(ino: Ino, index: number): MaybePromise<readonly Slice[]>;
  /** Commits finished slices in this order and extends the length; mtime = ctime = `time` (never back). */
  writeSlices(ino: Ino, writes: readonly SliceWrite[], time: Time): MaybePromise<Attr>;
  /** True while `journalData` may take something: a journal is open, and nobody else lives on the volume. */
  readonly journalsData: boolean;
  /** Puts written bytes, whose slices are not stored yet, into the journal: they survive the death of the process now and
   *  a power cut after the next `sync`. Bytes that such a frame has already need not come again. Needed until
   *  `writeSlices` has committed every slice that the extents name. False = not taken: store the slices instead. */
  journalData(ino: Ino, time: Time, extents: readonly DataExtent[]): boolean;
  /** The inode is gone, and its written bytes with it: no frame of it is needed any more. */
  forgetData(ino: Ino): void;
  /** Called when the slices whose bytes are in the journal should be stored and committed soon, or it will be full; and
   *  when another client has come, who must see them. */
  onJournalPressure(listener: () => void): void;
  fallocate(
    caller: Caller,
    ino: Ino,
    mode: number,
    offset: number,
    length: number,
  ): MaybePromise<Attr>;
  /** Shares slices; answers the bytes copied (0 at or beyond the end of the source). Both files flushed by the caller. */
  copyFileRange(
    caller: Caller,
    from: Ino,
    fromOffset: number,
    to: Ino,
    toOffset: number,
    length: number,
  ): MaybePromise<number>;
  /** First data (or hole) at or after `offset`; throws ENXIO. */
  lseek(ino: Ino, offset: number, whence: "data" | "hole"): MaybePromise<number>;

  getxattr(caller: Caller, ino: Ino, name: string): MaybePromise<Uint8Array>;
  setxattr(
    caller: Caller,
    ino: Ino,
    name: string,
    value: Uint8Array,
    flags: number,
  ): MaybePromise<void>;
  listxattr(caller: Caller, ino: Ino): MaybePromise<readonly string[]>;
  removexattr(caller: Caller, ino: Ino, name: string): MaybePromise<void>;

  statfs(ino: Ino): MaybePromise<StatFs>;
  /** Everything answered so far survives a power cut when this resolves (metadata only). */
  sync(): Promise<void>;

  beginTurn(): void;
  /** Throws when the commit of the turn failed. */
  endTurn(): void;
  readonly turnIsDirty: boolean;
  /** Another client lives on this volume: kernel caches must be short. */
  readonly isShared: boolean;
  onForeignChange(listener: () => void): void;
  /** Called when a compaction of ours has given the bytes of a chunk to another slice: its old slices are deleted next. */
  onChunkChanged(listener: (ino: Ino, index: number) => void): void;
}
