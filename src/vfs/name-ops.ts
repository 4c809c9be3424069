// Operations on names: finding, making, linking, moving and removing them.
import type { EntryReply, Request } from "../fuse/operations.ts";
import type { Entry, NodeRequest, Renamed } from "../meta/api.ts";
import type { Attr, Ino } from "../meta/types.ts";
import { TYPE_DIRECTORY, TYPE_SYMLINK } from "../meta/types.ts";
import { ENOENT } from "../util/errno.ts";
import type { MaybePromise } from "../util/maybe.ts";
import { isPromise } from "../util/maybe.ts";
import { typeOfMode } from "./attr-reply.ts";
import type { VfsCore } from "./core.ts";

export class NameOps {
  readonly #core: VfsCore;

  constructor(core: VfsCore) {
    this.#core = core;
  }

  lookup(req: Request, parent: number, name: string): MaybePromise<EntryReply> {
    const core = this.#core;
    if (core.names.isTrash(parent, name)) return core.trashReply();
    if (core.names.isHidden(parent, name)) return this.#missing(ENOENT);
    try {
      const entry = core.meta.lookup(req, parent, name);
      if (!isPromise(entry)) return core.entryReply(entry.ino, entry.attr);
      return entry.then(
        (e) => core.entryReply(e.ino, e.attr),
        (e: unknown) => this.#missing(e),
      );
    } catch (e) {
      return this.#missing(e);
    }
  }

  #missing(cause: unknown): EntryReply {
    const negative = cause === ENOENT ? this.#core.negativeReply() : undefined;
    if (negative === undefined) throw cause;
    return negative;
  }

  mknod(
    req: Request,
    parent: number,
    name: string,
    mode: number,
    rdev: number,
    umask: number,
  ): MaybePromise<EntryReply> {
    return this.#make(req, parent, name, {
      type: typeOfMode(mode),
      mode: mode & 0o7777,
      umask: this.#core.options.umask ?? umask,
      rdev,
    });
  }

  mkdir(
    req: Request,
    parent: number,
    name: string,
    mode: number,
    umask: number,
  ): MaybePromise<EntryReply> {
    return this.#make(req, parent, name, {
      type: TYPE_DIRECTORY,
      mode: mode & 0o7777,
      umask: this.#core.options.umask ?? umask,
      rdev: 0,
    });
  }

  symlink(req: Request, parent: number, name: string, target: string): MaybePromise<EntryReply> {
    return this.#make(req, parent, name, {
      type: TYPE_SYMLINK,
      mode: 0o777,
      umask: 0,
      rdev: 0,
      target,
    });
  }

  #make(req: Request, parent: number, name: string, node: NodeRequest): MaybePromise<EntryReply> {
    this.#core.judgeWritable();
    this.#core.names.judgeCreate(parent, name);
    return this.#changed(this.#core.meta.mknod(req, parent, name, node));
  }

  link(req: Request, ino: number, newParent: number, newName: string): MaybePromise<EntryReply> {
    this.#core.judgeWritable();
    this.#core.names.judgeChange(newParent, newName);
    return this.#changed(this.#core.meta.link(req, ino, newParent, newName));
  }

  #changed(entry: MaybePromise<Entry>): MaybePromise<EntryReply> {
    const core = this.#core;
    core.changes++;
    if (isPromise(entry)) return entry.then((e) => core.entryReply(e.ino, e.attr));
    return core.entryReply(entry.ino, entry.attr);
  }

  readlink(req: Request, ino: number): MaybePromise<string> {
    const target = this.#core.meta.readlink(req, ino);
    this.#core.touchAtime(ino);
    return target;
  }

  unlink(req: Request, parent: number, name: string): MaybePromise<void> {
    this.#judgeChange(parent, name);
    this.#core.changes++;
    const removed = this.#core.meta.unlink(req, parent, name);
    if (isPromise(removed)) return removed.then((e) => this.#unlinked(e.ino, e.attr));
    this.#unlinked(removed.ino, removed.attr);
  }

  #unlinked(ino: Ino, attr: Attr): void {
    if (attr.nlink === 0 && this.#core.writers.dirtyFiles > 0) this.#core.inodeGone(ino);
  }

  rmdir(req: Request, parent: number, name: string): MaybePromise<void> {
    this.#judgeChange(parent, name);
    const core = this.#core;
    core.changes++;
    const removed = core.meta.rmdir(req, parent, name);
    if (isPromise(removed)) return removed.then((e) => core.removedDirs.add(e.ino, e.attr));
    core.removedDirs.add(removed.ino, removed.attr);
  }

  rename(
    req: Request,
    parent: number,
    name: string,
    newParent: number,
    newName: string,
    flags: number,
  ): MaybePromise<void> {
    this.#judgeChange(parent, name);
    this.#judgeChange(newParent, newName);
    this.#core.changes++;
    const from = { parent, name };
    const renamed = this.#core.meta.rename(req, from, { parent: newParent, name: newName }, flags);
    if (isPromise(renamed)) return renamed.then((r) => this.#replaced(r));
    this.#replaced(renamed);
  }

  #replaced({ replaced, replacedAttr }: Renamed): void {
    if (replaced === undefined || replacedAttr === undefined) return;
    this.#core.removedDirs.add(replaced, replacedAttr);
    this.#unlinked(replaced, replacedAttr);
  }

  #judgeChange(parent: number, name: string): void {
    this.#core.judgeWritable();
    this.#core.names.judgeChange(parent, name);
  }
}
