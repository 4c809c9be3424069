// Reading directories, with and without attributes.
import type { DirentSink, OpenReply, Request } from "../fuse/operations.ts";
import type { DentryRow } from "../meta/store.ts";
import { ROOT_INO, TRASH_INO, TYPE_DIRECTORY } from "../meta/types.ts";
import { EBADF, ENOENT } from "../util/errno.ts";
import type { MaybePromise } from "../util/maybe.ts";
import { isPromise, then } from "../util/maybe.ts";
import { direntType } from "./attr-reply.ts";
import type { VfsCore } from "./core.ts";
import { DirHandle } from "./dir-handle.ts";

const FOPEN_KEEP_CACHE = 2;
const FOPEN_CACHE_DIR = 8;
const DT_DIR = direntType(TYPE_DIRECTORY);
/** Entries before the first row: "." ends at offset 1, ".." at 2, `.trash` or nothing at 3. */
const FIRST_ROW = 3;

export class DirOps {
  readonly #core: VfsCore;

  constructor(core: VfsCore) {
    this.#core = core;
  }

  opendir(_req: Request, ino: number): OpenReply {
    const core = this.#core;
    const fh = core.handles.add(new DirHandle(ino, core.meta));
    // The kernel compares mtime and its own change count before it uses what it has kept.
    const flags = core.timeouts.isLong ? FOPEN_CACHE_DIR | FOPEN_KEEP_CACHE : 0;
    return { fh, flags };
  }

  releasedir(fh: number): void {
    this.#core.handles.remove(fh);
  }

  #handle(fh: number): DirHandle {
    const handle = this.#core.handles.get(fh);
    if (handle instanceof DirHandle) return handle;
    throw EBADF;
  }

  readdir(
    ino: number,
    fh: number,
    offset: number,
    sink: DirentSink,
    plus: boolean,
  ): MaybePromise<void> {
    const handle = this.#handle(fh);
    // Not even "." and "..", as on a local file system.
    if (this.#core.removedDirs.get(ino) !== undefined) return undefined;
    if (offset === 0) this.#core.touchAtime(ino);
    if (offset >= FIRST_ROW) return this.#rows(handle, offset - FIRST_ROW, sink, plus);
    return this.#dots(handle, ino, offset, sink, plus);
  }

  #dots(
    handle: DirHandle,
    ino: number,
    offset: number,
    sink: DirentSink,
    plus: boolean,
  ): MaybePromise<void> {
    // "." and ".." have no attributes in READDIRPLUS: the kernel ignores them.
    const add = (name: string, of: number, at: number): boolean => {
      const shown = this.#core.shownIno(of);
      return plus
        ? sink.addPlus(name, shown, DT_DIR, at, undefined)
        : sink.add(name, shown, DT_DIR, at);
    };
    if (offset < 1 && !add(".", ino, 1)) return;
    const rest = (parent: number): MaybePromise<void> => {
      const trash = this.#listedTrash(ino);
      // The last of them carries the offset of the first row.
      if (offset < 2 && !add("..", parent, trash === undefined ? FIRST_ROW : 2)) return;
      if (trash !== undefined && !this.#addTrash(trash, sink, plus)) return;
      return this.#rows(handle, 0, sink, plus);
    };
    return offset >= 2 ? rest(ino) : then(this.#parent(ino), rest);
  }

  #listedTrash(ino: number): string | undefined {
    const { options, names } = this.#core;
    return this.#core.isRoot(ino) && options.listTrash === true ? names.trash : undefined;
  }

  #addTrash(name: string, sink: DirentSink, plus: boolean): boolean {
    if (!plus) return sink.add(name, TRASH_INO, DT_DIR, FIRST_ROW);
    return sink.addPlus(name, TRASH_INO, DT_DIR, FIRST_ROW, this.#core.trashReply());
  }

  #parent(ino: number): MaybePromise<number> {
    if (this.#core.isRoot(ino) || ino === TRASH_INO) return ROOT_INO;
    try {
      return then(this.#core.meta.getattr(ino), (attr) => attr.parent || ino);
    } catch (e) {
      if (e === ENOENT) return ino;
      throw e;
    }
  }

  #rows(handle: DirHandle, position: number, sink: DirentSink, plus: boolean): MaybePromise<void> {
    let at = position;
    for (;;) {
      const rows = handle.rows(at, plus, this.#core.changes);
      if (isPromise(rows)) return rows.then((r) => this.#addAndGoOn(handle, at, r, sink, plus));
      if (rows.length === 0) return;
      const added = this.#add(handle, at, rows, sink, plus);
      if (added < rows.length) return;
      at += added;
    }
  }

  #addAndGoOn(
    handle: DirHandle,
    at: number,
    rows: readonly DentryRow[],
    sink: DirentSink,
    plus: boolean,
  ): MaybePromise<void> {
    if (rows.length === 0) return;
    const added = this.#add(handle, at, rows, sink, plus);
    if (added === rows.length) return this.#rows(handle, at + added, sink, plus);
  }

  /** How many of the rows went into the reply. */
  #add(
    handle: DirHandle,
    position: number,
    rows: readonly DentryRow[],
    sink: DirentSink,
    plus: boolean,
  ): number {
    for (let i = 0; i < rows.length; i++) {
      const { name, ino, type, attr } = rows[i] as DentryRow;
      const offset = position + i + FIRST_ROW + 1;
      let fits: boolean;
      if (plus) {
        const entry = attr === undefined ? undefined : this.#core.entryReply(ino, attr);
        fits = sink.addPlus(name, ino, direntType(type), offset, entry);
      } else fits = sink.add(name, ino, direntType(type), offset);
      if (!fits) return i;
      handle.gave(position + i, name);
    }
    return rows.length;
  }
}
