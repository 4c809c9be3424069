// The arguments of each opcode, read from its struct. Every reader throws EINVAL when the request is too short;
// nothing here judges what the values mean.
import { EINVAL } from "../util/errno.ts";
import type { LockArgs, SetattrArgs } from "./operations.ts";
import { fattr, FSYNC_FDATASYNC, GETATTR_FH, LK_FLOCK, OPEN_KILL_SUIDGID, SETXATTR_ACL_KILL_SGID } from "./abi.ts";
import type { Input } from "./input.ts";

export function nothing(): undefined {}
export function name(input: Input): string {
  return input.name();
}

/** GETATTR: the open handle, if any. */
export function getattr(input: Input): number | undefined {
  const flags = input.u32();
  input.skip(4);
  const fh = input.u64();
  return (flags & GETATTR_FH) === 0 ? undefined : fh;
}
export const statx: (input: Input) => number | undefined = getattr;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** SETATTR: the members whose bit is set. Fixed order of the struct, so all are read. */
export function setattr(input: Input): SetattrArgs {
  const valid = input.u32();
  input.skip(4);
  const fh = input.u64();
  const size = input.u64();
  input.skip(8);
  const atime = input.i64();
  const mtime = input.i64();
  const ctime = input.i64();
  const atimensec = input.u32();
  const mtimensec = input.u32();
  const ctimensec = input.u32();
  const mode = input.u32();
  input.skip(4);
  const uid = input.u32();
  const gid = input.u32();
  input.skip(4);
  const args: Mutable<SetattrArgs> = { killSuidgid: (valid & fattr.KILL_SUIDGID) !== 0 };
  if (valid & fattr.FH) args.fh = fh;
  if (valid & fattr.MODE) args.mode = mode;
  if (valid & fattr.UID) args.uid = uid;
  if (valid & fattr.GID) args.gid = gid;
  if (valid & fattr.SIZE) args.size = size;
  if (valid & fattr.ATIME_NOW) args.atime = "now";
  else if (valid & fattr.ATIME) args.atime = { sec: atime, nsec: atimensec };
  if (valid & fattr.MTIME_NOW) args.mtime = "now";
  else if (valid & fattr.MTIME) args.mtime = { sec: mtime, nsec: mtimensec };
  if (valid & fattr.CTIME) args.ctime = { sec: ctime, nsec: ctimensec };
  return args;
}

export interface SymlinkIn {
  readonly name: string;
  readonly target: string;
}
export function symlink(input: Input): SymlinkIn {
  return { name: input.name(), target: input.string() };
}

export interface MknodIn {
  readonly mode: number;
  readonly rdev: number;
  readonly umask: number;
  readonly name: string;
}
export function mknod(input: Input): MknodIn {
  const mode = input.u32();
  const rdev = input.u32();
  const umask = input.u32();
  input.skip(4);
  return { mode, rdev, umask, name: input.name() };
}

export interface MkdirIn {
  readonly mode: number;
  readonly umask: number;
  readonly name: string;
}
export function mkdir(input: Input): MkdirIn {
  return { mode: input.u32(), umask: input.u32(), name: input.name() };
}

export interface RenameIn {
  readonly newParent: number;
  readonly flags: number;
  readonly name: string;
  readonly newName: string;
}
export function rename(input: Input): RenameIn {
  return { newParent: input.ino(), flags: 0, name: input.name(), newName: input.name() };
}
export function rename2(input: Input): RenameIn {
  const newParent = input.ino();
  const flags = input.u32();
  input.skip(4);
  return { newParent, flags, name: input.name(), newName: input.name() };
}

/** LINK: the header names the new parent, the struct the inode. */
export interface LinkIn {
  readonly ino: number;
  readonly name: string;
}
export function link(input: Input): LinkIn {
  return { ino: input.ino(), name: input.name() };
}

export interface OpenIn {
  readonly flags: number;
  readonly killSuidgid: boolean;
}
export function open(input: Input): OpenIn {
  return { flags: input.u32(), killSuidgid: (input.u32() & OPEN_KILL_SUIDGID) !== 0 };
}

export interface CreateIn {
  readonly flags: number;
  readonly mode: number;
  readonly umask: number;
  readonly name: string;
}
export function create(input: Input): CreateIn {
  const flags = input.u32();
  const mode = input.u32();
  const umask = input.u32();
  input.skip(4);
  return { flags, mode, umask, name: input.name() };
}
/** TMPFILE is CREATE with a name that means nothing. */
export function tmpfile(input: Input): CreateIn {
  const flags = input.u32();
  const mode = input.u32();
  const umask = input.u32();
  input.skip(4);
  return { flags, mode, umask, name: "" };
}

export interface ReadIn {
  readonly fh: number;
  readonly offset: number;
  readonly size: number;
  readonly flags: number;
}
export function read(input: Input): ReadIn {
  const fh = input.u64();
  const offset = input.u64();
  const size = input.u32();
  input.skip(12);
  const flags = input.u32();
  input.skip(4);
  return { fh, offset, size, flags };
}

export interface WriteIn {
  readonly fh: number;
  readonly offset: number;
  readonly writeFlags: number;
  readonly flags: number;
  readonly data: Uint8Array;
}
export function write(input: Input): WriteIn {
  const fh = input.u64();
  const offset = input.u64();
  const size = input.u32();
  const writeFlags = input.u32();
  input.skip(8);
  const flags = input.u32();
  input.skip(4);
  return { fh, offset, writeFlags, flags, data: input.bytes(size) };
}

export interface ReleaseIn {
  readonly fh: number;
  readonly flags: number;
  readonly releaseFlags: number;
  readonly lockOwner: bigint;
}
export function release(input: Input): ReleaseIn {
  return { fh: input.u64(), flags: input.u32(), releaseFlags: input.u32(), lockOwner: input.big() };
}

export interface FlushIn {
  readonly fh: number;
  readonly lockOwner: bigint;
}
export function flush(input: Input): FlushIn {
  const fh = input.u64();
  input.skip(8);
  return { fh, lockOwner: input.big() };
}

export interface FsyncIn {
  readonly fh: number;
  readonly datasync: boolean;
}
export function fsync(input: Input): FsyncIn {
  return { fh: input.u64(), datasync: (input.u32() & FSYNC_FDATASYNC) !== 0 };
}

export interface SetxattrIn {
  readonly flags: number;
  readonly killSgid: boolean;
  readonly name: string;
  readonly value: Uint8Array;
}
/** With SETXATTR_EXT the struct has two more words. */
export function setxattr(input: Input, hasExtension: boolean): SetxattrIn {
  const size = input.u32();
  const flags = input.u32();
  let killSgid = false;
  if (hasExtension) {
    killSgid = (input.u32() & SETXATTR_ACL_KILL_SGID) !== 0;
    input.skip(4);
  }
  return { flags, killSgid, name: input.name(), value: input.bytes(size) };
}

export interface GetxattrIn {
  /** 0 = only the size is asked for. */
  readonly size: number;
  readonly name: string;
}
export function getxattr(input: Input): GetxattrIn {
  const size = input.u32();
  input.skip(4);
  return { size, name: input.name() };
}
export function listxattr(input: Input): number {
  const size = input.u32();
  input.skip(4);
  return size;
}

export function lock(input: Input): LockArgs {
  const fh = input.u64();
  const owner = input.big();
  const start = input.big();
  const end = input.big();
  const type = input.u32();
  const pid = input.u32();
  const isFlock = (input.u32() & LK_FLOCK) !== 0;
  return { fh, owner, range: { type, pid, start, end }, isFlock };
}

export function access(input: Input): number {
  return input.u32();
}

export interface IoctlIn {
  readonly fh: number;
  readonly command: number;
  readonly argument: bigint;
  readonly outputBytes: number;
  readonly data: Uint8Array;
}
export function ioctl(input: Input): IoctlIn {
  const fh = input.u64();
  input.skip(4);
  const command = input.u32();
  const argument = input.big();
  const inputBytes = input.u32();
  const outputBytes = input.u32();
  return { fh, command, argument, outputBytes, data: input.bytes(inputBytes) };
}

export interface FallocateIn {
  readonly fh: number;
  readonly offset: number;
  readonly length: number;
  readonly mode: number;
}
export function fallocate(input: Input): FallocateIn {
  return { fh: input.u64(), offset: input.u64(), length: input.u64(), mode: input.u32() };
}

export interface LseekIn {
  readonly fh: number;
  readonly offset: number;
  readonly whence: number;
}
export function lseek(input: Input): LseekIn {
  return { fh: input.u64(), offset: input.u64(), whence: input.u32() };
}

export interface CopyIn {
  readonly fh: number;
  readonly offset: number;
  readonly toIno: number;
  readonly toFh: number;
  readonly toOffset: number;
  readonly length: number;
  readonly flags: number;
}
export function copyFileRange(input: Input): CopyIn {
  return {
    fh: input.u64(),
    offset: input.u64(),
    toIno: input.ino(),
    toFh: input.u64(),
    toOffset: input.u64(),
    length: input.u64(),
    flags: input.u64(),
  };
}

/** Calls `each(ino, nlookup)` for every whole pair. */
export function batchForget(input: Input, each: (ino: number, nlookup: number) => void): void {
  const count = input.u32();
  input.skip(4);
  if (count * 16 > input.left) throw EINVAL;
  for (let i = 0; i < count; i++) each(input.ino(), input.u64());
}
