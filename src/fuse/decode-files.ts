// The arguments of the opcodes about open files, read from their structs; like decode.ts.
import { FSYNC_FDATASYNC, LK_FLOCK } from "./abi.ts";
import type { Input } from "./input.ts";
import type { LockArgs } from "./operations.ts";

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
  return { fh, command, argument, outputBytes, data: Uint8Array.from(input.bytes(inputBytes)) };
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
