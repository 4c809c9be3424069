// Attributes of inodes: stat, chmod, chown, utimens, truncate, extended attributes, inode flags; and statfs.
import type {
  AttrReply,
  IoctlReply,
  Request,
  SetattrArgs,
  StatfsReply,
} from "../fuse/operations.ts";
import type { AttrChange } from "../meta/api.ts";
import type { Attr } from "../meta/types.ts";
import { FLAG_APPEND, FLAG_IMMUTABLE, FLAG_SKIP_TRASH, TRASH_INO } from "../meta/types.ts";
import type { Caller } from "../util/caller.ts";
import { FOLDED_SPECIAL } from "../util/ino64.ts";
import {
  EACCES,
  EFBIG,
  EINVAL,
  ENODATA,
  ENOENT,
  ENOTTY,
  EOPNOTSUPP,
  EPERM,
} from "../util/errno.ts";
import { FILE_BYTES_MAX } from "../meta/types.ts";
import type { MaybePromise } from "../util/maybe.ts";
import { isPromise, then } from "../util/maybe.ts";
import type { VfsCore } from "./core.ts";

const BLOCK_BYTES = 4096;
const NAME_BYTES_MAX = 255;
const W_OK = 2;
const SUID_SGID = 0o6000;
// The 64-bit and the 32-bit form of each.
const GETFLAGS: readonly number[] = [0x80086601, 0x80046601];
const SETFLAGS: readonly number[] = [0x40086602, 0x40046602];
/** FS_IOC_FSGETXATTR, which the kernel asks before it sets flags: struct fsxattr, whose first member has bits of its own. */
const FSGETXATTR = 0x801c581f;
const FSXATTR_BYTES = 28;
const FSXATTR_FLAGS: readonly (readonly [linux: number, ours: number])[] = [
  [0x08, FLAG_IMMUTABLE],
  [0x10, FLAG_APPEND],
];
/** Inode flags of Linux and their place in Attr.flags (formats 1.4). */
const INODE_FLAGS: readonly (readonly [linux: number, ours: number])[] = [
  [0x10, FLAG_IMMUTABLE],
  [0x20, FLAG_APPEND],
  [0x01, FLAG_SKIP_TRASH],
];

export class AttrOps {
  readonly #core: VfsCore;

  constructor(core: VfsCore) {
    this.#core = core;
  }

  getattr(ino: number): MaybePromise<AttrReply> {
    const core = this.#core;
    if (ino === TRASH_INO) return core.attrReply(ino, core.names.trashAttr);
    try {
      const attr = core.meta.getattr(ino);
      if (!isPromise(attr)) return core.attrReply(ino, attr);
      return attr.then(
        (a) => core.attrReply(ino, a),
        (e: unknown) => this.#removed(ino, e),
      );
    } catch (e) {
      return this.#removed(ino, e);
    }
  }

  /** A directory that was removed while a process has it open, or works in it. */
  #removed(ino: number, cause: unknown): AttrReply {
    const attr = cause === ENOENT ? this.#core.removedDirs.get(ino) : undefined;
    if (attr === undefined) throw cause;
    return this.#core.attrReply(ino, attr);
  }

  setattr(req: Request, ino: number, args: SetattrArgs): MaybePromise<AttrReply> {
    const core = this.#core;
    core.judgeWritable();
    if (ino === TRASH_INO) throw EPERM;
    if (args.size !== undefined && args.size > FILE_BYTES_MAX) throw EFBIG;
    const change = toChange(args);
    // ftruncate: the right to write is the descriptor's.
    const isFtruncate = args.size !== undefined && core.handles.find(args.fh) !== undefined;
    const caller = isFtruncate && !req.trusted ? { ...req, trusted: true } : req;
    // What was written before must not move the length or the times afterwards.
    const settles = args.size !== undefined || args.mtime !== undefined || args.ctime !== undefined;
    const settled = settles ? core.settle(ino) : undefined;
    if (settled !== undefined) return settled.then(() => this.#change(caller, ino, change));
    return this.#change(caller, ino, change);
  }

  #change(req: Caller, ino: number, change: AttrChange): MaybePromise<AttrReply> {
    const attr = this.#core.meta.setattr(req, ino, change);
    if (isPromise(attr)) return attr.then((a) => this.#changed(ino, change, a));
    return this.#changed(ino, change, attr);
  }

  #changed(ino: number, change: AttrChange, attr: Attr): AttrReply {
    const core = this.#core;
    if (change.length === undefined) core.changes++;
    else core.contentChanged(ino, attr);
    const file = core.files.get(ino);
    if (file !== undefined) file.isPrivileged = (attr.mode & SUID_SGID) !== 0;
    return core.attrReply(ino, attr);
  }

  access(req: Request, ino: number, mask: number): MaybePromise<void> {
    const core = this.#core;
    if ((mask & W_OK) !== 0) core.judgeWritable();
    if (ino !== TRASH_INO) return core.meta.access(req, ino, mask);
    if ((mask & W_OK) !== 0) throw EACCES;
  }

  statfs(ino: number): MaybePromise<StatfsReply> {
    return then(this.#core.meta.statfs(ino), (s) => ({
      blocks: Math.max(1, Math.floor(s.totalBytes / BLOCK_BYTES)),
      bfree: Math.floor(s.availableBytes / BLOCK_BYTES),
      bavail: Math.floor(s.availableBytes / BLOCK_BYTES),
      files: s.usedInodes + s.availableInodes,
      ffree: s.availableInodes,
      bsize: BLOCK_BYTES,
      namelen: NAME_BYTES_MAX,
      frsize: BLOCK_BYTES,
    }));
  }

  getxattr(req: Request, ino: number, name: string): MaybePromise<Uint8Array> {
    this.#judgeXattr();
    if (ino >= FOLDED_SPECIAL) throw ENODATA;
    return this.#core.meta.getxattr(req, ino, name);
  }

  setxattr(
    req: Request,
    ino: number,
    name: string,
    value: Uint8Array,
    flags: number,
  ): MaybePromise<void> {
    this.#judgeXattrChange(ino);
    return this.#core.meta.setxattr(req, ino, name, value, flags);
  }

  listxattr(req: Request, ino: number): MaybePromise<readonly string[]> {
    this.#judgeXattr();
    if (ino >= FOLDED_SPECIAL) throw ENODATA;
    return this.#core.meta.listxattr(req, ino);
  }

  removexattr(req: Request, ino: number, name: string): MaybePromise<void> {
    this.#judgeXattrChange(ino);
    return this.#core.meta.removexattr(req, ino, name);
  }

  #judgeXattr(): void {
    if (this.#core.options.xattr === false) throw EOPNOTSUPP;
  }

  #judgeXattrChange(ino: number): void {
    this.#judgeXattr();
    this.#core.judgeWritable();
    if (ino >= FOLDED_SPECIAL) throw EPERM;
    // ctime moves, and a POSIX ACL moves the mode.
    this.#core.changes++;
  }

  ioctl(
    req: Request,
    ino: number,
    command: number,
    input: Uint8Array,
    outputBytes: number,
  ): MaybePromise<IoctlReply> {
    const core = this.#core;
    if (core.options.ioctl !== true) throw ENOTTY;
    const code = command >>> 0;
    if (GETFLAGS.includes(code)) {
      const bytes = Math.min(8, Math.max(4, outputBytes));
      return then(core.meta.getattr(ino), ({ flags }) => flagsReply(INODE_FLAGS, flags, bytes));
    }
    if (code === FSGETXATTR) {
      return then(core.meta.getattr(ino), ({ flags }) =>
        flagsReply(FSXATTR_FLAGS, flags, FSXATTR_BYTES),
      );
    }
    if (!SETFLAGS.includes(code)) throw ENOTTY;
    core.judgeWritable();
    if (input.length < 4) throw EINVAL;
    const asked = new DataView(input.buffer, input.byteOffset, 4).getUint32(0, true);
    return then(core.meta.getattr(ino), (attr) => {
      const flags = fromLinuxFlags(asked, attr.flags);
      core.changes++;
      return then(core.meta.setattr(req, ino, { flags }), () => ({
        result: 0,
        data: new Uint8Array(0),
      }));
    });
  }
}

function toChange(args: SetattrArgs): AttrChange {
  return {
    ...(args.mode === undefined ? undefined : { mode: args.mode & 0o7777 }),
    ...(args.uid === undefined ? undefined : { uid: args.uid }),
    ...(args.gid === undefined ? undefined : { gid: args.gid }),
    ...(args.size === undefined ? undefined : { length: args.size }),
    ...(args.atime === undefined ? undefined : { atime: args.atime }),
    ...(args.mtime === undefined ? undefined : { mtime: args.mtime }),
    ...(args.ctime === undefined ? undefined : { ctime: args.ctime }),
    ...(args.killSuidgid ? { killSuidgid: true } : undefined),
  };
}

function flagsReply(table: typeof INODE_FLAGS, flags: number, bytes: number): IoctlReply {
  let linux = 0;
  for (const [theirs, ours] of table) if ((flags & ours) !== 0) linux |= theirs;
  const data = new Uint8Array(bytes);
  new DataView(data.buffer).setUint32(0, linux, true);
  return { result: 0, data };
}

/** Our flags after SETFLAGS; EOPNOTSUPP for one that the volume has no place for. */
function fromLinuxFlags(asked: number, before: number): number {
  let rest = asked;
  let flags = before;
  for (const [theirs, ours] of INODE_FLAGS) {
    flags = (asked & theirs) === 0 ? flags & ~ours : flags | ours;
    rest &= ~theirs;
  }
  if (rest !== 0) throw EOPNOTSUPP;
  return flags;
}
