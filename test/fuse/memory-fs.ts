// A tiny file system in memory behind FuseOperations: what the mount tests talk to. No permissions, no hard cases.
import { EINTR, EINVAL, ENODATA, ENOENT, ENOTEMPTY, EEXIST, EISDIR } from "../../src/util/errno.ts";
import type { FsError } from "../../src/util/errno.ts";
import type * as fuse from "../../src/fuse/operations.ts";

const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const S_IFLNK = 0o120000;

interface Node {
  readonly ino: number;
  mode: number;
  nlink: number;
  uid: number;
  gid: number;
  rdev: number;
  mtime: number;
  data: Buffer;
  readonly entries: Map<string, Node>;
  readonly xattrs: Map<string, Uint8Array>;
}

export class MemoryFs implements fuse.FuseOperations {
  readonly #nodes = new Map<number, Node>();
  #nextIno = 2;
  #dirty = false;
  /** What the tests look at and set. */
  turns = 0;
  interrupts = 0;
  failNextTurn: FsError | undefined;
  readonly entryTimeoutMs: number;

  constructor(entryTimeoutMs: number = 0) {
    this.entryTimeoutMs = entryTimeoutMs;
    const root = this.#make(S_IFDIR | 0o777, 0, 0, 1);
    root.nlink = 2;
  }

  #make(mode: number, uid: number, gid: number, ino: number = this.#nextIno++): Node {
    const mtime = Math.floor(Date.now() / 1000);
    const node: Node = {
      ino,
      mode,
      uid,
      gid,
      mtime,
      nlink: 1,
      rdev: 0,
      data: Buffer.alloc(0),
      entries: new Map(),
      xattrs: new Map(),
    };
    this.#nodes.set(ino, node);
    return node;
  }
  #node(ino: number): Node {
    const node = this.#nodes.get(ino);
    if (node === undefined) throw ENOENT;
    return node;
  }
  #stat(node: Node): fuse.StatAttr {
    const size = node.data.length;
    return {
      ino: node.ino,
      size,
      blocks: Math.ceil(size / 512),
      mode: node.mode,
      nlink: node.nlink,
      uid: node.uid,
      gid: node.gid,
      rdev: node.rdev,
      blksize: 4096,
      atime: node.mtime,
      mtime: node.mtime,
      ctime: node.mtime,
      atimensec: 0,
      mtimensec: 0,
      ctimensec: 0,
    };
  }
  #entry(node: Node): fuse.EntryReply {
    const ms = this.entryTimeoutMs;
    return {
      ino: node.ino,
      generation: 1,
      attr: this.#stat(node),
      entryTimeoutMs: ms,
      attrTimeoutMs: ms,
    };
  }
  #add(req: fuse.Request, parent: number, name: string, mode: number): Node {
    const dir = this.#node(parent);
    if (dir.entries.has(name)) throw EEXIST;
    const node = this.#make(mode, req.uid, req.gid);
    dir.entries.set(name, node);
    this.#dirty = true;
    return node;
  }

  lookup(_req: fuse.Request, parent: number, name: string): fuse.EntryReply {
    const node = this.#node(parent).entries.get(name);
    if (node === undefined) throw ENOENT;
    return this.#entry(node);
  }
  forget(): void {}
  getattr(_req: fuse.Request, ino: number): fuse.AttrReply {
    return { attr: this.#stat(this.#node(ino)), attrTimeoutMs: this.entryTimeoutMs };
  }
  setattr(_req: fuse.Request, ino: number, args: fuse.SetattrArgs): fuse.AttrReply {
    const node = this.#node(ino);
    if (args.mode !== undefined) node.mode = (node.mode & S_IFMT) | (args.mode & 0o7777);
    if (args.uid !== undefined) node.uid = args.uid;
    if (args.gid !== undefined) node.gid = args.gid;
    if (args.size !== undefined) this.#resize(node, args.size);
    if (typeof args.mtime === "object") node.mtime = args.mtime.sec;
    this.#dirty = true;
    return this.getattr(_req, ino);
  }
  #resize(node: Node, size: number): void {
    const data = Buffer.alloc(size);
    node.data.copy(data);
    node.data = data;
  }
  readlink(_req: fuse.Request, ino: number): string {
    return this.#node(ino).data.toString("latin1");
  }
  mknod(
    req: fuse.Request,
    parent: number,
    name: string,
    mode: number,
    rdev: number,
    umask: number,
  ): fuse.EntryReply {
    const node = this.#add(req, parent, name, mode & ~umask);
    node.rdev = rdev;
    return this.#entry(node);
  }
  mkdir(
    req: fuse.Request,
    parent: number,
    name: string,
    mode: number,
    umask: number,
  ): fuse.EntryReply {
    return this.#entry(this.#add(req, parent, name, S_IFDIR | (mode & ~umask)));
  }
  symlink(req: fuse.Request, parent: number, name: string, target: string): fuse.EntryReply {
    const node = this.#add(req, parent, name, S_IFLNK | 0o777);
    node.data = Buffer.from(target, "latin1");
    return this.#entry(node);
  }
  unlink(_req: fuse.Request, parent: number, name: string): void {
    const dir = this.#node(parent);
    const node = dir.entries.get(name);
    if (node === undefined) throw ENOENT;
    node.nlink--;
    dir.entries.delete(name);
    this.#dirty = true;
  }
  rmdir(req: fuse.Request, parent: number, name: string): void {
    if ((this.#node(parent).entries.get(name)?.entries.size ?? 0) > 0) throw ENOTEMPTY;
    this.unlink(req, parent, name);
  }
  rename(
    _req: fuse.Request,
    parent: number,
    name: string,
    newParent: number,
    newName: string,
    flags: number,
  ): void {
    const node = this.#node(parent).entries.get(name);
    if (node === undefined) throw ENOENT;
    const to = this.#node(newParent).entries;
    if ((flags & 1) !== 0 && to.has(newName)) throw EEXIST;
    this.#node(parent).entries.delete(name);
    to.set(newName, node);
    this.#dirty = true;
  }
  link(_req: fuse.Request, ino: number, newParent: number, newName: string): fuse.EntryReply {
    const node = this.#node(ino);
    this.#node(newParent).entries.set(newName, node);
    node.nlink++;
    this.#dirty = true;
    return this.#entry(node);
  }
  open(_req: fuse.Request, ino: number, flags: number): fuse.OpenReply {
    if ((flags & 0o1000) !== 0) this.#resize(this.#node(ino), 0);
    return { fh: ino, flags: 0 };
  }
  create(
    req: fuse.Request,
    parent: number,
    name: string,
    _flags: number,
    mode: number,
    umask: number,
  ): {
    entry: fuse.EntryReply;
    open: fuse.OpenReply;
  } {
    const node = this.#add(req, parent, name, S_IFREG | (mode & ~umask & 0o7777));
    return { entry: this.#entry(node), open: { fh: node.ino, flags: 0 } };
  }
  tmpfile(
    req: fuse.Request,
    _parent: number,
    _flags: number,
    mode: number,
    umask: number,
  ): {
    entry: fuse.EntryReply;
    open: fuse.OpenReply;
  } {
    const node = this.#make(S_IFREG | (mode & ~umask & 0o7777), req.uid, req.gid);
    return { entry: this.#entry(node), open: { fh: node.ino, flags: 0 } };
  }
  /** In three pieces, so that replies of several pieces are tried; "late" files answer by a promise. */
  read(_req: fuse.Request, ino: number, _fh: number, offset: number, size: number): fuse.ReadReply {
    const data = this.#node(ino).data.subarray(offset, offset + size);
    const third = Math.ceil(data.length / 3);
    return [data.subarray(0, third), data.subarray(third, 2 * third), data.subarray(2 * third)];
  }
  write(_req: fuse.Request, ino: number, _fh: number, offset: number, data: Uint8Array): number {
    const node = this.#node(ino);
    if ((node.mode & S_IFMT) === S_IFDIR) throw EISDIR;
    if (offset + data.length > node.data.length) this.#resize(node, offset + data.length);
    node.data.set(data, offset);
    this.#dirty = true;
    return data.length;
  }
  flush(): void {}
  release(): void {}
  /** Answers by a promise, as a real sync does. */
  async fsync(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    setTimeout(() => resolve(undefined), 1);
    await promise;
  }
  opendir(_req: fuse.Request, ino: number): fuse.OpenReply {
    return { fh: ino, flags: 0 };
  }
  readdir(
    _req: fuse.Request,
    ino: number,
    _fh: number,
    offset: number,
    sink: fuse.DirentSink,
  ): void {
    const list = this.#list(ino);
    for (let i = offset; i < list.length; i++) {
      const [name, node] = list[i]!;
      if (!sink.add(name, node.ino, node.mode >> 12, i + 1)) return;
    }
  }
  readdirplus(
    _req: fuse.Request,
    ino: number,
    _fh: number,
    offset: number,
    sink: fuse.DirentSink,
  ): void {
    const list = this.#list(ino);
    for (let i = offset; i < list.length; i++) {
      const [name, node] = list[i]!;
      if (!sink.addPlus(name, node.ino, node.mode >> 12, i + 1, this.#entry(node))) return;
    }
  }
  #list(ino: number): (readonly [string, Node])[] {
    const dir = this.#node(ino);
    return [[".", dir], ["..", dir], ...dir.entries];
  }
  releasedir(): void {}
  fsyncdir(): void {}
  statfs(): fuse.StatfsReply {
    return {
      blocks: 1000,
      bfree: 500,
      bavail: 400,
      files: 300,
      ffree: 200,
      bsize: 4096,
      namelen: 255,
      frsize: 4096,
    };
  }
  getxattr(_req: fuse.Request, ino: number, name: string): Uint8Array {
    const value = this.#node(ino).xattrs.get(name);
    if (value === undefined) throw ENODATA;
    return value;
  }
  setxattr(_req: fuse.Request, ino: number, name: string, value: Uint8Array): void {
    this.#node(ino).xattrs.set(name, Uint8Array.from(value));
  }
  listxattr(_req: fuse.Request, ino: number): string[] {
    return [...this.#node(ino).xattrs.keys()];
  }
  removexattr(_req: fuse.Request, ino: number, name: string): void {
    if (!this.#node(ino).xattrs.delete(name)) throw ENODATA;
  }
  fallocate(_req: fuse.Request, ino: number, _fh: number, offset: number, length: number): void {
    const node = this.#node(ino);
    if (offset + length > node.data.length) this.#resize(node, offset + length);
  }
  lseek(_req: fuse.Request, ino: number, _fh: number, offset: number, whence: number): number {
    return whence === 3 ? offset : this.#node(ino).data.length;
  }
  copyFileRange(
    req: fuse.Request,
    ino: number,
    _fh: number,
    offset: number,
    toIno: number,
    toFh: number,
    toOffset: number,
    length: number,
  ): number {
    const data = Buffer.from(this.#node(ino).data.subarray(offset, offset + length));
    return this.write(req, toIno, toFh, toOffset, data);
  }
  syncfs(): void {}
  getlk(_req: fuse.Request, _ino: number, args: fuse.LockArgs): fuse.LockRange {
    return { ...args.range, type: 2 };
  }
  /** A lock that waits never gets it: only an interrupt ends it. */
  setlk(req: fuse.Request, _ino: number, args: fuse.LockArgs, wait: boolean): void | Promise<void> {
    if (args.range.type > 2) throw EINVAL;
    if (!wait) return undefined;
    const { promise, reject } = Promise.withResolvers<undefined>();
    req.onInterrupt(() => {
      this.interrupts++;
      reject(EINTR);
    });
    return promise;
  }

  beginTurn(): void {
    this.turns++;
    this.#dirty = false;
  }
  endTurn(): void {
    if (!this.#dirty) return;
    this.#dirty = false;
    const failure = this.failNextTurn;
    this.failNextTurn = undefined;
    if (failure !== undefined) throw failure;
  }
  get turnIsDirty(): boolean {
    return this.#dirty;
  }
}
