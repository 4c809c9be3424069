// What a Vfs is told from outside: the options of a mount, and the way back to the kernel's caches.

/** Timeouts are milliseconds; undefined = chosen by the Vfs (see timeouts.ts). */
export interface VfsOptions {
  readonly entryTimeoutMs?: number | undefined;
  readonly dirEntryTimeoutMs?: number | undefined;
  readonly attrTimeoutMs?: number | undefined;
  readonly negativeTimeoutMs?: number | undefined;
  readonly readOnly?: boolean;
  /** False answers EOPNOTSUPP to every extended attribute operation. Default true. */
  readonly xattr?: boolean;
  /** FS_IOC_GETFLAGS and FS_IOC_SETFLAGS (chattr +i, +a). Default false. */
  readonly ioctl?: boolean;
  /** Bytes that one reading session may load ahead. Default 8 blocks; 0 = never. */
  readonly maxReadaheadBytes?: number | undefined;
  /** The reserved names get the prefix `.jfs`: `.jfs.trash`. Default false. */
  readonly prefixInternal?: boolean;
  /** Lists `.trash` in the root. Default false: it is found by name only. */
  readonly listTrash?: boolean;
  /** The directory that is mounted, the kernel's node 1. Another one than the volume's root, which is the default, has no
   *  `.trash` and no reserved names. */
  readonly rootIno?: number;
  /** The umask of all who make files, whatever theirs is. */
  readonly umask?: number | undefined;
  /** FLUSH must arrive for read-only files too (locks are released by it). Default false. */
  readonly flushReaders?: boolean;
  /** Reads may move access times: the volume was opened with relatime or strictatime. Default false. */
  readonly atimes?: boolean;
  /** An open slice is committed when it was not written for this long. Default 5,000. */
  readonly idleMs?: number;
}

/** Tells the kernel to forget. Calls must not block and must not throw. */
export interface KernelNotifier {
  /** True when `forgetAll` reaches every dentry (NOTIFY_INC_EPOCH, Linux 6.16). */
  readonly canForgetAll: boolean;
  /** All names and the attributes reached through them are looked up again. */
  forgetAll(): void;
  /** Attributes and pages of one inode are read again. */
  invalidateInode(ino: number): void;
}
