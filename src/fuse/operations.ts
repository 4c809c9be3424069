// What a file system offers to the FUSE dispatcher: one method per opcode, by the kernel's names. A missing method is
// answered ENOSYS. Methods answer in place or with a promise; they throw FsError constants for errno.
import type { Caller } from "../util/caller.ts";
import type { MaybePromise } from "../util/maybe.ts";

/** What stat(2) shows. `mode` has the type bits. Times: whole seconds (may be negative) and nanoseconds. */
export interface StatAttr {
  readonly ino: number;
  readonly size: number;
  /** 512-byte units. */
  readonly blocks: number;
  readonly atime: number;
  readonly mtime: number;
  readonly ctime: number;
  readonly atimensec: number;
  readonly mtimensec: number;
  readonly ctimensec: number;
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly rdev: number;
  readonly blksize: number;
}

/** ino 0 = a negative entry that the kernel may cache for `entryTimeoutMs`. */
export interface EntryReply {
  readonly ino: number;
  readonly generation: number;
  readonly attr: StatAttr;
  readonly entryTimeoutMs: number;
  readonly attrTimeoutMs: number;
}
export interface AttrReply {
  readonly attr: StatAttr;
  readonly attrTimeoutMs: number;
}
export interface OpenReply {
  readonly fh: number;
  /** FOPEN_* bits. */
  readonly flags: number;
}

/** One request. `Caller` plus what long-running requests need. */
export interface Request extends Caller {
  readonly unique: number;
  /** Calls back once when the kernel interrupts this request; for operations that may block. */
  onInterrupt(callback: () => void): void;
}

/** SETATTR's members that are valid; absent = leave. */
export interface SetattrArgs {
  readonly fh?: number;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly size?: number;
  readonly atime?: { readonly sec: number; readonly nsec: number } | "now";
  readonly mtime?: { readonly sec: number; readonly nsec: number } | "now";
  readonly ctime?: { readonly sec: number; readonly nsec: number };
  readonly killSuidgid: boolean;
}

/** Collects directory entries until the kernel's buffer is full. */
export interface DirentSink {
  /** False when the entry does not fit: stop, and do not count it. `offset` = where READDIR goes on after it. */
  add(name: string, ino: number, type: number, offset: number): boolean;
  /** READDIRPLUS; `entry` undefined = a name without attributes. */
  addPlus(
    name: string,
    ino: number,
    type: number,
    offset: number,
    entry: EntryReply | undefined,
  ): boolean;
}

export interface StatfsReply {
  readonly blocks: number;
  readonly bfree: number;
  readonly bavail: number;
  readonly files: number;
  readonly ffree: number;
  readonly bsize: number;
  readonly namelen: number;
  readonly frsize: number;
}

export interface LockRange {
  /** F_RDLCK 0, F_WRLCK 1, F_UNLCK 2. */
  readonly type: number;
  readonly pid: number;
  readonly start: bigint;
  /** Inclusive; 0x7fffffffffffffff = to the end. */
  readonly end: bigint;
}
export interface LockArgs {
  readonly fh: number;
  readonly owner: bigint;
  readonly range: LockRange;
  /** FUSE_LK_FLOCK was set. */
  readonly isFlock: boolean;
}

export interface IoctlReply {
  readonly result: number;
  readonly data: Uint8Array;
}

/** Bytes for the kernel, written out one after the other without a copy. */
export type ReadReply = Uint8Array | readonly Uint8Array[];

export interface FuseOperations {
  lookup(req: Request, parent: number, name: string): MaybePromise<EntryReply>;
  forget(ino: number, nlookup: number): void;
  getattr(req: Request, ino: number, fh: number | undefined): MaybePromise<AttrReply>;
  setattr(req: Request, ino: number, args: SetattrArgs): MaybePromise<AttrReply>;
  readlink(req: Request, ino: number): MaybePromise<string>;
  /** `mode` with type bits. */
  mknod(
    req: Request,
    parent: number,
    name: string,
    mode: number,
    rdev: number,
    umask: number,
  ): MaybePromise<EntryReply>;
  mkdir(
    req: Request,
    parent: number,
    name: string,
    mode: number,
    umask: number,
  ): MaybePromise<EntryReply>;
  symlink(req: Request, parent: number, name: string, target: string): MaybePromise<EntryReply>;
  unlink(req: Request, parent: number, name: string): MaybePromise<void>;
  rmdir(req: Request, parent: number, name: string): MaybePromise<void>;
  rename(
    req: Request,
    parent: number,
    name: string,
    newParent: number,
    newName: string,
    flags: number,
  ): MaybePromise<void>;
  link(req: Request, ino: number, newParent: number, newName: string): MaybePromise<EntryReply>;
  /** `killSuidgid`: with O_TRUNC by a caller who may not keep them, the set-id bits go (HANDLE_KILLPRIV_V2). */
  open(req: Request, ino: number, flags: number, killSuidgid?: boolean): MaybePromise<OpenReply>;
  create(
    req: Request,
    parent: number,
    name: string,
    flags: number,
    mode: number,
    umask: number,
  ): MaybePromise<{ readonly entry: EntryReply; readonly open: OpenReply }>;
  tmpfile(
    req: Request,
    parent: number,
    flags: number,
    mode: number,
    umask: number,
  ): MaybePromise<{ readonly entry: EntryReply; readonly open: OpenReply }>;
  /** At most `size` bytes; fewer only at the end of the file. The pieces must stay unchanged until this turn ends. */
  read(
    req: Request,
    ino: number,
    fh: number,
    offset: number,
    size: number,
    flags: number,
  ): MaybePromise<ReadReply>;
  /** `data` is a view of the request buffer: valid only until this method returns. Answers bytes taken. */
  write(
    req: Request,
    ino: number,
    fh: number,
    offset: number,
    data: Uint8Array,
    writeFlags: number,
    openFlags: number,
  ): MaybePromise<number>;
  flush(req: Request, ino: number, fh: number, lockOwner: bigint): MaybePromise<void>;
  release(
    req: Request,
    ino: number,
    fh: number,
    flags: number,
    releaseFlags: number,
    lockOwner: bigint,
  ): MaybePromise<void>;
  fsync(req: Request, ino: number, fh: number, datasync: boolean): MaybePromise<void>;
  opendir(req: Request, ino: number, flags: number): MaybePromise<OpenReply>;
  readdir(
    req: Request,
    ino: number,
    fh: number,
    offset: number,
    sink: DirentSink,
  ): MaybePromise<void>;
  readdirplus(
    req: Request,
    ino: number,
    fh: number,
    offset: number,
    sink: DirentSink,
  ): MaybePromise<void>;
  releasedir(req: Request, ino: number, fh: number): MaybePromise<void>;
  fsyncdir(req: Request, ino: number, fh: number, datasync: boolean): MaybePromise<void>;
  statfs(req: Request, ino: number): MaybePromise<StatfsReply>;
  getxattr(req: Request, ino: number, name: string): MaybePromise<Uint8Array>;
  setxattr(
    req: Request,
    ino: number,
    name: string,
    value: Uint8Array,
    flags: number,
    killSgid: boolean,
  ): MaybePromise<void>;
  listxattr(req: Request, ino: number): MaybePromise<readonly string[]>;
  removexattr(req: Request, ino: number, name: string): MaybePromise<void>;
  access?(req: Request, ino: number, mask: number): MaybePromise<void>;
  fallocate(
    req: Request,
    ino: number,
    fh: number,
    offset: number,
    length: number,
    mode: number,
  ): MaybePromise<void>;
  /** whence: SEEK_DATA 3, SEEK_HOLE 4. */
  lseek(
    req: Request,
    ino: number,
    fh: number,
    offset: number,
    whence: number,
  ): MaybePromise<number>;
  copyFileRange(
    req: Request,
    ino: number,
    fh: number,
    offset: number,
    toIno: number,
    toFh: number,
    toOffset: number,
    length: number,
    flags: number,
  ): MaybePromise<number>;
  syncfs(req: Request, ino: number): MaybePromise<void>;
  statx?(req: Request, ino: number, fh: number | undefined): MaybePromise<AttrReply>;
  getlk?(req: Request, ino: number, args: LockArgs): MaybePromise<LockRange>;
  setlk?(req: Request, ino: number, args: LockArgs, wait: boolean): MaybePromise<void>;
  ioctl?(
    req: Request,
    ino: number,
    fh: number,
    command: number,
    argument: bigint,
    input: Uint8Array,
    outputBytes: number,
  ): MaybePromise<IoctlReply>;
  destroy?(): void;

  /** Brackets the requests that are decoded in one turn; see MetaStore.beginTurn. */
  beginTurn(): void;
  /** Throws when what the turn has answered could not be committed: all its answers become this error. */
  endTurn(): void;
  /** True when the open turn has changed something, so that answers must wait for `endTurn`. */
  readonly turnIsDirty: boolean;
}
