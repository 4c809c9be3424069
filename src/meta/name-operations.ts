// The half of MetaApi that deals in names and nodes: each method finds ids and the trash, then runs one body.
import type { Caller } from "../util/caller.ts";
import { EROFS } from "../util/errno.ts";
import type { MaybePromise } from "../util/maybe.ts";
import { isPromise, then } from "../util/maybe.ts";
import type { AttrChange, DentryRef, Entry, NodeRequest, Renamed, StatFs } from "./api.ts";
import { RENAME_WHITEOUT } from "./api.ts";
import { INODE_BATCH, IdBatch } from "./id-batch.ts";
import type { LocalVolume } from "./local-volume.ts";
import { link } from "./ops/link.ts";
import { access, getattr, lookup, readlink } from "./ops/lookup.ts";
import { mknod, tmpfile } from "./ops/mknod.ts";
import type { AtimeMode } from "./ops/open.ts";
import { judgeOpen, releaseSustained, touchAtime } from "./ops/open.ts";
import { rename } from "./ops/rename.ts";
import { setattr } from "./ops/setattr.ts";
import { statfs } from "./ops/statfs.ts";
import { rmdir, unlink } from "./ops/unlink.ts";
import { getxattr, listxattr, removexattr, setxattr } from "./ops/xattr.ts";
import type { DentryRow, MetaStore } from "./store.ts";
import { TrashHours } from "./trash-hours.ts";
import type { MetaTxn } from "./txn.ts";
import type { Attr, Ino, Name } from "./types.ts";
import { TYPE_FILE } from "./types.ts";

export abstract class NameOperations {
  readonly store: MetaStore;
  readonly volume: LocalVolume;
  protected readonly trash: TrashHours;
  readonly #inodes: IdBatch;
  readonly #readOnly: boolean;
  readonly #atimeMode: AtimeMode;

  constructor(store: MetaStore, volume: LocalVolume, readOnly: boolean, atimeMode: AtimeMode) {
    this.store = store;
    this.volume = volume;
    this.trash = new TrashHours(store, volume);
    this.#inodes = new IdBatch(store, "nextInode", INODE_BATCH);
    this.#readOnly = readOnly;
    this.#atimeMode = atimeMode;
  }

  /** Runs a body that writes; EROFS when this client may not. */
  protected write<T>(body: (tx: MetaTxn) => T): MaybePromise<T> {
    if (this.#readOnly) throw EROFS;
    return this.store.write(body);
  }

  lookup(caller: Caller, parent: Ino, name: Name): MaybePromise<Entry> {
    return this.store.read((tx) => lookup(tx, caller, parent, name));
  }
  getattr(ino: Ino): MaybePromise<Attr> {
    return this.store.read((tx) => getattr(tx, ino));
  }
  access(caller: Caller, ino: Ino, mask: number): MaybePromise<void> {
    return this.store.read((tx) => access(tx, caller, ino, mask));
  }
  readlink(_caller: Caller, ino: Ino): MaybePromise<string> {
    return this.store.read((tx) => readlink(tx, ino));
  }
  statfs(ino: Ino): MaybePromise<StatFs> {
    return this.store.read((tx) => statfs(tx, this.volume, ino));
  }
  readdir(
    dir: Ino,
    after: Name | undefined,
    limit: number,
    withAttrs: boolean,
  ): MaybePromise<readonly DentryRow[]> {
    return this.store.scanDentries(dir, after, limit, withAttrs);
  }

  setattr(caller: Caller, ino: Ino, change: AttrChange): MaybePromise<Attr> {
    return this.write((tx) => setattr(tx, this.volume, caller, ino, change));
  }
  /** A read of a file or directory has happened; nothing unless the access-time mode asks for more. */
  touchAtime(ino: Ino): MaybePromise<void> {
    const mode = this.#atimeMode;
    if (mode === "noatime" || this.#readOnly) return;
    return this.store.write((tx) => touchAtime(tx, ino, mode));
  }

  mknod(caller: Caller, parent: Ino, name: Name, request: NodeRequest): MaybePromise<Entry> {
    return this.#withInode((ino) =>
      this.write((tx) => mknod(tx, this.volume, caller, { parent, name, ino, request })),
    );
  }
  create(
    caller: Caller,
    parent: Ino,
    name: Name,
    mode: number,
    umask: number,
  ): MaybePromise<Entry> {
    const request: NodeRequest = { type: TYPE_FILE, mode, umask, rdev: 0 };
    return then(this.mknod(caller, parent, name, request), (entry) => {
      this.volume.opened(entry.ino);
      return entry;
    });
  }
  tmpfile(caller: Caller, parent: Ino, mode: number, umask: number): MaybePromise<Entry> {
    const request: NodeRequest = { type: TYPE_FILE, mode, umask, rdev: 0 };
    const made = this.#withInode((ino) =>
      this.write((tx) => tmpfile(tx, this.volume, caller, parent, ino, request)),
    );
    return then(made, (entry) => {
      this.volume.opened(entry.ino);
      this.volume.lostName(entry.ino);
      return entry;
    });
  }
  link(caller: Caller, ino: Ino, parent: Ino, name: Name): MaybePromise<Entry> {
    return this.write((tx) => link(tx, this.volume, caller, ino, parent, name));
  }

  unlink(caller: Caller, parent: Ino, name: Name): MaybePromise<Entry> {
    const trash = this.#trashFor(parent);
    const gone = isPromise(trash)
      ? trash.then((ino) => this.#unlink(caller, parent, name, ino))
      : this.#unlink(caller, parent, name, trash);
    return then(gone, (entry) => {
      if (entry.attr.nlink === 0) this.volume.lostName(entry.ino);
      return entry;
    });
  }
  #unlink(caller: Caller, parent: Ino, name: Name, trash: Ino): MaybePromise<Entry> {
    return this.write((tx) => unlink(tx, this.volume, caller, { parent, name, trash }));
  }
  rmdir(caller: Caller, parent: Ino, name: Name): MaybePromise<Entry> {
    return then(this.#trashFor(parent), (trash) =>
      this.write((tx) => rmdir(tx, this.volume, caller, { parent, name, trash })),
    );
  }

  rename(caller: Caller, from: DentryRef, to: DentryRef, flags: number): MaybePromise<Renamed> {
    const trash = this.#trashFor(to.parent);
    const whites = (flags & RENAME_WHITEOUT) !== 0;
    const run = (hour: Ino, whiteout: Ino): MaybePromise<Renamed> =>
      this.write((tx) =>
        rename(tx, this.volume, caller, { from, to, flags, trash: hour, whiteout }),
      );
    const renamed = then(trash, (hour) =>
      whites ? this.#withInode((ino) => run(hour, ino)) : run(hour, 0),
    );
    return then(renamed, (result) => {
      if (result.replaced !== undefined) this.volume.lostName(result.replaced);
      return result;
    });
  }

  open(caller: Caller, ino: Ino, flags: number): MaybePromise<Attr> {
    // Counted before it is judged: an unlink in between must see the file open.
    this.volume.opened(ino);
    try {
      const attr = this.store.read((tx) => judgeOpen(tx, caller, ino, flags));
      if (!isPromise(attr)) return attr;
      return attr.catch((e: unknown) => {
        this.volume.closed(ino);
        throw e;
      });
    } catch (e) {
      this.volume.closed(ino);
      throw e;
    }
  }
  close(ino: Ino): MaybePromise<void> {
    if (!this.volume.closed(ino)) return;
    const { sid } = this.volume;
    return this.store.write((tx) => releaseSustained(tx, this.volume, sid, ino));
  }
  openCount(ino: Ino): number {
    return this.volume.openCount(ino);
  }

  getxattr(caller: Caller, ino: Ino, name: string): MaybePromise<Uint8Array> {
    return this.store.read((tx) => getxattr(tx, this.volume, caller, ino, name));
  }
  setxattr(
    caller: Caller,
    ino: Ino,
    name: string,
    value: Uint8Array,
    flags: number,
  ): MaybePromise<void> {
    return this.write((tx) => setxattr(tx, this.volume, caller, { ino, name, value, flags }));
  }
  listxattr(caller: Caller, ino: Ino): MaybePromise<readonly string[]> {
    return this.store.read((tx) => listxattr(tx, this.volume, caller, ino));
  }
  removexattr(caller: Caller, ino: Ino, name: string): MaybePromise<void> {
    return this.write((tx) => removexattr(tx, this.volume, caller, ino, name));
  }

  #trashFor(parent: Ino): MaybePromise<Ino> {
    if (this.#readOnly) throw EROFS;
    return this.trash.for(parent);
  }

  /** Runs `make` with a fresh inode, which comes back when it is not used. */
  #withInode<T>(make: (ino: Ino) => MaybePromise<T>): MaybePromise<T> {
    if (this.#readOnly) throw EROFS;
    const ino = this.#inodes.take();
    return isPromise(ino) ? ino.then((id) => this.#spend(id, make)) : this.#spend(ino, make);
  }
  #spend<T>(ino: Ino, make: (ino: Ino) => MaybePromise<T>): MaybePromise<T> {
    try {
      const made = make(ino);
      if (!isPromise(made)) return made;
      return made.catch((e: unknown) => {
        this.#inodes.giveBack(ino);
        throw e;
      });
    } catch (e) {
      this.#inodes.giveBack(ino);
      throw e;
    }
  }
}
