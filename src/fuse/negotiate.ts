// INIT: what the kernel offers, what the volume wants, what both then do. Nothing is switched on that was not offered.
import { initFlag, INIT_OUT, KERNEL_VERSION, NEWEST_MINOR, OLDEST_MINOR } from "./abi.ts";
import type { InitFlagName } from "./abi.ts";
import type { Input } from "./input.ts";
import type { FuseOperations } from "./operations.ts";
import type { Output } from "./output.ts";

export interface SessionOptions {
  /** Largest WRITE and READ in bytes, a multiple of 4096 up to 1 MiB. */
  readonly maxWrite: number;
  /** Bytes that the kernel reads ahead; it never takes more than it offered. */
  readonly maxReadahead: number;
  /** Requests in flight that nobody waits for (readahead, writeback). */
  readonly maxBackground: number;
  /** File times are kept in steps of this many nanoseconds. */
  readonly timeGranularity: number;
  /** The kernel drops cached data when it sees mtime or size change: for volumes that others write too. */
  readonly autoInvalData: boolean;
  readonly writebackCache: boolean;
  readonly posixAcl: boolean;
  /** "auto": the kernel asks for attributes only while somebody uses them. */
  readonly readdirplus: "auto" | "always" | "never";
  /** True with the mount option `default_permissions`: the kernel judges permissions. */
  readonly trusted: boolean;
  /** What the file system calls the kernel's node 1, the root of the mount. */
  readonly rootIno: number;
}

export const defaultOptions: SessionOptions = {
  maxWrite: 1 << 20,
  maxReadahead: 1 << 20,
  maxBackground: 64,
  timeGranularity: 1,
  autoInvalData: false,
  writebackCache: false,
  posixAcl: false,
  readdirplus: "auto",
  trusted: true,
  rootIno: 1,
};

export interface InitIn {
  readonly major: number;
  readonly minor: number;
  readonly maxReadahead: number;
  /** Bits 0..31. */
  readonly flags: number;
  /** Bits 32..63; 0 from kernels before 7.36. */
  readonly flags2: number;
}

/** What the session and the file system may rely on. */
export interface Agreed {
  readonly minor: number;
  readonly maxWrite: number;
  readonly maxReadahead: number;
  readonly flags: ReadonlySet<InitFlagName>;
  readonly canExpire: boolean;
  readonly hasEpoch: boolean;
}

export function decodeInit(input: Input): InitIn {
  const major = input.u32();
  const minor = input.u32();
  const maxReadahead = input.u32();
  const flags = input.u32();
  const isExtended = (flags & (1 << initFlag.INIT_EXT)) !== 0 && input.left >= 4;
  return { major, minor, maxReadahead, flags, flags2: isExtended ? input.u32() : 0 };
}

const ALWAYS: readonly InitFlagName[] = [
  "ASYNC_READ",
  "ATOMIC_O_TRUNC",
  "EXPORT_SUPPORT",
  "BIG_WRITES",
  "DONT_MASK",
  "PARALLEL_DIROPS",
  "ASYNC_DIO",
  "MAX_PAGES",
  "CACHE_SYMLINKS",
  "HANDLE_KILLPRIV_V2",
  "SETXATTR_EXT",
  "INIT_EXT",
  "CREATE_SUPP_GROUP",
  "HAS_EXPIRE_ONLY",
  "HAS_IOCTL_DIR",
];

function wanted(ops: FuseOperations, options: SessionOptions): InitFlagName[] {
  const flags = [...ALWAYS];
  if (options.readdirplus !== "never") flags.push("DO_READDIRPLUS");
  if (options.readdirplus === "auto") flags.push("READDIRPLUS_AUTO");
  if (ops.getlk !== undefined && ops.setlk !== undefined) flags.push("POSIX_LOCKS", "FLOCK_LOCKS");
  // Who is told about changes needs no guessing, and the other way round: the kernel accepts one of them.
  flags.push(options.autoInvalData ? "AUTO_INVAL_DATA" : "EXPLICIT_INVAL_DATA");
  if (options.writebackCache) flags.push("WRITEBACK_CACHE");
  if (options.posixAcl) flags.push("POSIX_ACL");
  return flags;
}

function isOffered(init: InitIn, flag: InitFlagName): boolean {
  const bit = initFlag[flag];
  return ((bit < 32 ? init.flags >>> bit : init.flags2 >>> (bit - 32)) & 1) === 1;
}

/** Undefined when the kernel is older than we can serve. */
export function negotiate(
  init: InitIn,
  ops: FuseOperations,
  options: SessionOptions,
): Agreed | undefined {
  if (init.major !== KERNEL_VERSION || init.minor < OLDEST_MINOR) return undefined;
  const minor = Math.min(init.minor, NEWEST_MINOR);
  const flags = new Set(wanted(ops, options).filter((flag) => isOffered(init, flag)));
  // Without MAX_PAGES the kernel sends at most 32 pages whatever it is told.
  const maxWrite = flags.has("MAX_PAGES")
    ? options.maxWrite
    : Math.min(options.maxWrite, 32 * 4096);
  return {
    minor,
    maxWrite,
    maxReadahead: Math.min(init.maxReadahead, options.maxReadahead),
    flags,
    canExpire: flags.has("HAS_EXPIRE_ONLY"),
    hasEpoch: minor >= 44,
  };
}

/** Writes struct fuse_init_out. */
export function encodeInit(out: Output, agreed: Agreed, options: SessionOptions): void {
  let flags = 0;
  let flags2 = 0;
  for (const name of agreed.flags) {
    const bit = initFlag[name];
    if (bit < 32) flags |= 1 << bit;
    else flags2 |= 1 << (bit - 32);
  }
  const start = out.position;
  out.u32(KERNEL_VERSION);
  out.u32(agreed.minor);
  out.u32(agreed.maxReadahead);
  out.u32(flags >>> 0);
  out.u16(options.maxBackground);
  out.u16(Math.floor((options.maxBackground * 3) / 4));
  out.u32(agreed.maxWrite);
  out.u32(options.timeGranularity);
  out.u16(Math.ceil(agreed.maxWrite / 4096));
  out.u16(0);
  out.u32(flags2 >>> 0);
  out.zeros(INIT_OUT - (out.position - start));
}
