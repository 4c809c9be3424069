// A file system that does nothing, for measuring the channel alone: every name "f<n>" exists, reads are zeros, writes
// vanish. argv = mountpoint. Ends when unmounted.
import { ENOENT } from "../../src/util/errno.ts";
import { mountAndServe } from "../../src/fuse/serve.ts";
import type { FuseOperations, StatAttr } from "../../src/fuse/operations.ts";

const zeros = new Uint8Array(1 << 20);

function stat(ino: number, mode: number): StatAttr {
  return {
    ino,
    mode,
    size: 2 ** 30,
    blocks: 8,
    nlink: 1,
    uid: 0,
    gid: 0,
    rdev: 0,
    blksize: 4096,
    atime: 0,
    mtime: 0,
    ctime: 0,
    atimensec: 0,
    mtimensec: 0,
    ctimensec: 0,
  };
}
const attrOf = (ino: number) => ({
  attr: stat(ino, ino === 1 ? 0o40755 : 0o100644),
  attrTimeoutMs: 1000,
});

const nothing = {
  lookup(_req: unknown, _parent: number, name: string) {
    if (!name.startsWith("f")) throw ENOENT;
    const ino = 100 + Number(name.slice(1));
    return {
      ino,
      generation: 0,
      attr: stat(ino, 0o100644),
      entryTimeoutMs: 0,
      attrTimeoutMs: 1000,
    };
  },
  forget() {},
  getattr: (_req: unknown, ino: number) => attrOf(ino),
  setattr: (_req: unknown, ino: number) => attrOf(ino),
  open: () => ({ fh: 1, flags: 0 }),
  opendir: () => ({ fh: 1, flags: 0 }),
  read: (_req: unknown, _ino: number, _fh: number, _offset: number, size: number) =>
    zeros.subarray(0, size),
  write: (_req: unknown, _ino: number, _fh: number, _offset: number, data: Uint8Array) =>
    data.length,
  statfs: () => ({
    blocks: 1,
    bfree: 1,
    bavail: 1,
    files: 1,
    ffree: 1,
    bsize: 4096,
    namelen: 255,
    frsize: 4096,
  }),
  flush() {},
  release() {},
  releasedir() {},
  getxattr() {
    throw ENOENT;
  },
  beginTurn() {},
  endTurn() {},
  turnIsDirty: false,
};

const mounted = await mountAndServe(nothing as unknown as FuseOperations, {
  mountpoint: process.argv[2] ?? "",
  name: "null",
  allowOther: true,
  defaultPermissions: false,
  maxRead: 1 << 20,
  flags: [],
});
console.log("ready");
await mounted.session.closed;
