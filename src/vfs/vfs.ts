// The file system as the dispatcher calls it: one method per opcode, each handed to the operations that own it.
import type {
  AttrReply,
  DirentSink,
  EntryReply,
  FuseOperations,
  IoctlReply,
  OpenReply,
  ReadReply,
  Request,
  SetattrArgs,
  StatfsReply,
} from "../fuse/operations.ts";
import type { ChunkStore } from "../chunk/store.ts";
import type { MetaApi } from "../meta/api.ts";
import { log } from "../util/log.ts";
import type { MaybePromise } from "../util/maybe.ts";
import { AttrOps } from "./attr-ops.ts";
import { VfsCore } from "./core.ts";
import { DataOps } from "./data-ops.ts";
import { DirOps } from "./dir-ops.ts";
import { NameOps } from "./name-ops.ts";
import { OpenOps } from "./open-ops.ts";
import type { KernelNotifier, VfsOptions } from "./options.ts";

type Created = { readonly entry: EntryReply; readonly open: OpenReply };

export class Vfs implements FuseOperations {
  readonly #core: VfsCore;
  readonly #names: NameOps;
  readonly #attrs: AttrOps;
  readonly #open: OpenOps;
  readonly #data: DataOps;
  readonly #dirs: DirOps;

  constructor(meta: MetaApi, chunks: ChunkStore, options: VfsOptions = {}) {
    this.#core = new VfsCore(meta, chunks, options);
    this.#names = new NameOps(this.#core);
    this.#attrs = new AttrOps(this.#core);
    this.#open = new OpenOps(this.#core);
    this.#data = new DataOps(this.#core, this.#open);
    this.#dirs = new DirOps(this.#core);
  }

  /** From now on the kernel can be told to forget, and is allowed to remember for long. */
  attach(notifier: KernelNotifier): void {
    this.#core.timeouts.notifier = notifier;
  }

  /** Forgets what was derived from metadata, here and in the kernel. For changes made around this object. */
  invalidateAll(): void {
    this.#core.invalidateAll();
  }

  get openHandles(): number {
    return this.#core.handles.size;
  }
  get dirtyFiles(): number {
    return this.#core.writers.dirtyFiles;
  }

  lookup(req: Request, parent: number, name: string): MaybePromise<EntryReply> {
    return this.#names.lookup(req, parent, name);
  }
  /** Little is kept for what the kernel knows: only open files and handles are. */
  forget(ino: number): void {
    this.#core.removedDirs.forget(ino);
  }
  getattr(_req: Request, ino: number): MaybePromise<AttrReply> {
    return this.#attrs.getattr(ino);
  }
  setattr(req: Request, ino: number, args: SetattrArgs): MaybePromise<AttrReply> {
    return this.#attrs.setattr(req, ino, args);
  }
  readlink(req: Request, ino: number): MaybePromise<string> {
    return this.#names.readlink(req, ino);
  }
  mknod(
    req: Request,
    parent: number,
    name: string,
    mode: number,
    rdev: number,
    umask: number,
  ): MaybePromise<EntryReply> {
    return this.#names.mknod(req, parent, name, mode, rdev, umask);
  }
  mkdir(
    req: Request,
    parent: number,
    name: string,
    mode: number,
    umask: number,
  ): MaybePromise<EntryReply> {
    return this.#names.mkdir(req, parent, name, mode, umask);
  }
  symlink(req: Request, parent: number, name: string, target: string): MaybePromise<EntryReply> {
    return this.#names.symlink(req, parent, name, target);
  }
  unlink(req: Request, parent: number, name: string): MaybePromise<void> {
    return this.#names.unlink(req, parent, name);
  }
  rmdir(req: Request, parent: number, name: string): MaybePromise<void> {
    return this.#names.rmdir(req, parent, name);
  }
  rename(
    req: Request,
    parent: number,
    name: string,
    newParent: number,
    newName: string,
    flags: number,
  ): MaybePromise<void> {
    return this.#names.rename(req, parent, name, newParent, newName, flags);
  }
  link(req: Request, ino: number, newParent: number, newName: string): MaybePromise<EntryReply> {
    return this.#names.link(req, ino, newParent, newName);
  }

  open(req: Request, ino: number, flags: number, killSuidgid = false): MaybePromise<OpenReply> {
    return this.#open.open(req, ino, flags, killSuidgid);
  }
  create(
    req: Request,
    parent: number,
    name: string,
    flags: number,
    mode: number,
    umask: number,
  ): MaybePromise<Created> {
    return this.#open.create(req, parent, name, flags, mode, umask);
  }
  tmpfile(
    req: Request,
    parent: number,
    flags: number,
    mode: number,
    umask: number,
  ): MaybePromise<Created> {
    return this.#open.tmpfile(req, parent, flags, mode, umask);
  }
  read(
    _req: Request,
    _ino: number,
    fh: number,
    offset: number,
    size: number,
  ): MaybePromise<ReadReply> {
    return this.#data.read(fh, offset, size);
  }
  write(
    _req: Request,
    _ino: number,
    fh: number,
    offset: number,
    data: Uint8Array,
    writeFlags: number,
    openFlags: number,
  ): MaybePromise<number> {
    return this.#data.write(fh, offset, data, writeFlags, openFlags);
  }
  flush(_req: Request, _ino: number, fh: number): MaybePromise<void> {
    return this.#open.flush(fh);
  }
  release(_req: Request, _ino: number, fh: number): MaybePromise<void> {
    return this.#open.release(fh);
  }
  /** Data and metadata alike: `datasync` would save nothing, both are in one log. */
  fsync(_req: Request, _ino: number, fh: number): Promise<void> {
    return this.#open.fsync(fh);
  }

  opendir(req: Request, ino: number): MaybePromise<OpenReply> {
    return this.#dirs.opendir(req, ino);
  }
  readdir(
    _req: Request,
    ino: number,
    fh: number,
    offset: number,
    sink: DirentSink,
  ): MaybePromise<void> {
    return this.#dirs.readdir(ino, fh, offset, sink, false);
  }
  readdirplus(
    _req: Request,
    ino: number,
    fh: number,
    offset: number,
    sink: DirentSink,
  ): MaybePromise<void> {
    return this.#dirs.readdir(ino, fh, offset, sink, true);
  }
  releasedir(_req: Request, _ino: number, fh: number): void {
    this.#dirs.releasedir(fh);
  }
  fsyncdir(): Promise<void> {
    return this.#core.makeDurable();
  }
  statfs(_req: Request, ino: number): MaybePromise<StatfsReply> {
    return this.#attrs.statfs(ino);
  }
  access(req: Request, ino: number, mask: number): MaybePromise<void> {
    return this.#attrs.access(req, ino, mask);
  }

  getxattr(req: Request, ino: number, name: string): MaybePromise<Uint8Array> {
    return this.#attrs.getxattr(req, ino, name);
  }
  setxattr(
    req: Request,
    ino: number,
    name: string,
    value: Uint8Array,
    flags: number,
  ): MaybePromise<void> {
    return this.#attrs.setxattr(req, ino, name, value, flags);
  }
  listxattr(req: Request, ino: number): MaybePromise<readonly string[]> {
    return this.#attrs.listxattr(req, ino);
  }
  removexattr(req: Request, ino: number, name: string): MaybePromise<void> {
    return this.#attrs.removexattr(req, ino, name);
  }
  ioctl(
    req: Request,
    ino: number,
    _fh: number,
    command: number,
    _argument: bigint,
    input: Uint8Array,
    outputBytes: number,
  ): MaybePromise<IoctlReply> {
    return this.#attrs.ioctl(req, ino, command, input, outputBytes);
  }

  fallocate(
    req: Request,
    ino: number,
    fh: number,
    offset: number,
    length: number,
    mode: number,
  ): MaybePromise<void> {
    return this.#data.fallocate(req, ino, fh, offset, length, mode);
  }
  lseek(
    _req: Request,
    ino: number,
    _fh: number,
    offset: number,
    whence: number,
  ): MaybePromise<number> {
    return this.#data.lseek(ino, offset, whence);
  }
  copyFileRange(
    req: Request,
    ino: number,
    _fh: number,
    offset: number,
    toIno: number,
    _toFh: number,
    toOffset: number,
    length: number,
    flags: number,
  ): MaybePromise<number> {
    return this.#data.copyFileRange(req, ino, offset, toIno, toOffset, length, flags);
  }
  async syncfs(): Promise<void> {
    await this.#open.syncfs();
  }

  beginTurn(): void {
    this.#core.turn.begin();
  }
  endTurn(): void {
    const { turn } = this.#core;
    turn.end((committed, opened, cause) => this.#open.undo(committed, opened, cause));
  }
  get turnIsDirty(): boolean {
    return this.#core.meta.turnIsDirty;
  }

  /** The kernel has unmounted us; `close` does the rest. */
  destroy(): void {
    this.#core.writers.flushAll(false).catch((e: unknown) => log("error", `unmount: ${String(e)}`));
  }

  /** Commits everything that is dirty, makes it durable, and stops. The layers below stay open. */
  async close(): Promise<void> {
    await this.#core.writers.flushAll(true);
    this.#core.writers.stop();
    await this.#core.makeDurable();
  }
}
