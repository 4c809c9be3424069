// The numbers of the FUSE kernel protocol 7.31 .. 7.45, by the kernel's names (include/uapi/linux/fuse.h).
// Layouts are in decode.ts and encode.ts; here are only the constants and the sizes.

export const KERNEL_VERSION = 7;
export const NEWEST_MINOR = 45;
/** The oldest minor that we speak: Linux 5.4. */
export const OLDEST_MINOR = 31;
export const ROOT_ID = 1;

export const IN_HEADER = 40;
export const OUT_HEADER = 16;
export const WRITE_IN = 40;
export const ENTRY_OUT = 128;
export const ATTR_BYTES = 88;
export const DIRENT_BYTES = 24;
export const INIT_OUT = 64;
/** Where the bytes of a WRITE begin in its request. */
export const WRITE_PAYLOAD: number = IN_HEADER + WRITE_IN;

/** Opcodes. */
export const op = {
  LOOKUP: 1,
  FORGET: 2,
  GETATTR: 3,
  SETATTR: 4,
  READLINK: 5,
  SYMLINK: 6,
  MKNOD: 8,
  MKDIR: 9,
  UNLINK: 10,
  RMDIR: 11,
  RENAME: 12,
  LINK: 13,
  OPEN: 14,
  READ: 15,
  WRITE: 16,
  STATFS: 17,
  RELEASE: 18,
  FSYNC: 20,
  SETXATTR: 21,
  GETXATTR: 22,
  LISTXATTR: 23,
  REMOVEXATTR: 24,
  FLUSH: 25,
  INIT: 26,
  OPENDIR: 27,
  READDIR: 28,
  RELEASEDIR: 29,
  FSYNCDIR: 30,
  GETLK: 31,
  SETLK: 32,
  SETLKW: 33,
  ACCESS: 34,
  CREATE: 35,
  INTERRUPT: 36,
  BMAP: 37,
  DESTROY: 38,
  IOCTL: 39,
  POLL: 40,
  NOTIFY_REPLY: 41,
  BATCH_FORGET: 42,
  FALLOCATE: 43,
  READDIRPLUS: 44,
  RENAME2: 45,
  LSEEK: 46,
  COPY_FILE_RANGE: 47,
  SETUPMAPPING: 48,
  REMOVEMAPPING: 49,
  SYNCFS: 50,
  TMPFILE: 51,
  STATX: 52,
  COPY_FILE_RANGE_64: 53,
} as const;

/** INIT flags by bit number; 32 and up travel in `flags2`. */
export const initFlag = {
  ASYNC_READ: 0,
  POSIX_LOCKS: 1,
  FILE_OPS: 2,
  ATOMIC_O_TRUNC: 3,
  EXPORT_SUPPORT: 4,
  BIG_WRITES: 5,
  DONT_MASK: 6,
  SPLICE_WRITE: 7,
  SPLICE_MOVE: 8,
  SPLICE_READ: 9,
  FLOCK_LOCKS: 10,
  HAS_IOCTL_DIR: 11,
  AUTO_INVAL_DATA: 12,
  DO_READDIRPLUS: 13,
  READDIRPLUS_AUTO: 14,
  ASYNC_DIO: 15,
  WRITEBACK_CACHE: 16,
  NO_OPEN_SUPPORT: 17,
  PARALLEL_DIROPS: 18,
  HANDLE_KILLPRIV: 19,
  POSIX_ACL: 20,
  ABORT_ERROR: 21,
  MAX_PAGES: 22,
  CACHE_SYMLINKS: 23,
  NO_OPENDIR_SUPPORT: 24,
  EXPLICIT_INVAL_DATA: 25,
  MAP_ALIGNMENT: 26,
  SUBMOUNTS: 27,
  HANDLE_KILLPRIV_V2: 28,
  SETXATTR_EXT: 29,
  INIT_EXT: 30,
  SECURITY_CTX: 32,
  HAS_INODE_DAX: 33,
  CREATE_SUPP_GROUP: 34,
  HAS_EXPIRE_ONLY: 35,
  DIRECT_IO_ALLOW_MMAP: 36,
  PASSTHROUGH: 37,
  NO_EXPORT_SUPPORT: 38,
  HAS_RESEND: 39,
  ALLOW_IDMAP: 40,
  OVER_IO_URING: 41,
  REQUEST_TIMEOUT: 42,
} as const;
export type InitFlagName = keyof typeof initFlag;

export const FOPEN_DIRECT_IO = 1;
export const FOPEN_KEEP_CACHE = 2;
export const FOPEN_NONSEEKABLE = 4;
export const FOPEN_CACHE_DIR = 8;
export const FOPEN_STREAM = 16;
export const FOPEN_NOFLUSH = 32;
export const FOPEN_PARALLEL_DIRECT_WRITES = 64;

export const GETATTR_FH = 1;
export const LK_FLOCK = 1;
export const FSYNC_FDATASYNC = 1;
export const RELEASE_FLUSH = 1;
export const RELEASE_FLOCK_UNLOCK = 2;
export const WRITE_CACHE = 1;
export const WRITE_LOCKOWNER = 2;
export const WRITE_KILL_SUIDGID = 4;
export const OPEN_KILL_SUIDGID = 1;
export const SETXATTR_ACL_KILL_SGID = 1;
export const EXT_GROUPS = 32;

/** Bits of SETATTR's `valid`. */
export const fattr = {
  MODE: 1,
  UID: 2,
  GID: 4,
  SIZE: 8,
  ATIME: 16,
  MTIME: 32,
  FH: 64,
  ATIME_NOW: 128,
  MTIME_NOW: 256,
  LOCKOWNER: 512,
  CTIME: 1024,
  KILL_SUIDGID: 2048,
} as const;

/** Notification codes, in the place of the error of a message whose `unique` is 0. */
export const notify = {
  INVAL_INODE: 2,
  INVAL_ENTRY: 3,
  STORE: 4,
  DELETE: 6,
  INC_EPOCH: 8,
} as const;
/** For INVAL_ENTRY: let the entry run out instead of dropping it. Needs HAS_EXPIRE_ONLY. */
export const EXPIRE_ONLY = 1;

/** STATX: what a plain `StatAttr` can answer (STATX_BASIC_STATS). */
export const STATX_BASIC_STATS = 0x7ff;
