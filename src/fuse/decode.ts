// The arguments of the opcodes about inodes and names, read from their structs (open files: decode-files.ts). Every
// reader throws EINVAL when the request is too short; nothing here judges what the values mean.
import { EINVAL } from "../util/errno.ts";
import type { SetattrArgs } from "./operations.ts";
import { fattr, GETATTR_FH, OPEN_KILL_SUIDGID, SETXATTR_ACL_KILL_SGID } from "./abi.ts";
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

export interface SetxattrIn {
  readonly flags: number;
  readonly killSgid: boolean;
  readonly name: string;
  /** A copy: stores may keep it while they wait. */
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
  return { flags, killSgid, name: input.name(), value: Uint8Array.from(input.bytes(size)) };
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

/** Calls `each(ino, nlookup)` for every whole pair. */
export function batchForget(input: Input, each: (ino: number, nlookup: number) => void): void {
  const count = input.u32();
  input.skip(4);
  if (count * 16 > input.left) throw EINVAL;
  for (let i = 0; i < count; i++) each(input.ino(), input.u64());
}
