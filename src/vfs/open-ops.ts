// Opening and closing of files, and the two ways to be sure of what was written: flush and fsync.
import type { EntryReply, OpenReply, Request } from "../fuse/operations.ts";
import type { Entry } from "../meta/api.ts";
import type { Attr } from "../meta/types.ts";
import { SYSTEM } from "../util/caller.ts";
import { EBADF, EEXIST, ENOENT } from "../util/errno.ts";
import { log } from "../util/log.ts";
import type { MaybePromise } from "../util/maybe.ts";
import { isPromise, then } from "../util/maybe.ts";
import type { VfsCore } from "./core.ts";
import { FileHandle } from "./open-file.ts";
import type { OpenFile } from "./open-file.ts";
import type { Committed } from "./turn.ts";
import { SeenVersions } from "./seen-versions.ts";

export const O_ACCMODE = 3;
export const O_RDONLY = 0;
export const O_EXCL = 0o200;
export const O_TRUNC = 0o1000;
export const O_APPEND = 0o2000;

const FOPEN_KEEP_CACHE = 2;
const FOPEN_NOFLUSH = 32;
const SUID_SGID = 0o6000;
/** What an fsync finds dirty up to so many bytes goes into the journal, more to where it belongs. */
const FSYNC_BYTES_MAX = 256 * 1024;

interface Created {
  readonly entry: EntryReply;
  readonly open: OpenReply;
}

export class OpenOps {
  readonly #core: VfsCore;
  readonly #seen: SeenVersions = new SeenVersions();

  constructor(core: VfsCore) {
    this.#core = core;
  }

  open(req: Request, ino: number, flags: number, killSuidgid: boolean): MaybePromise<OpenReply> {
    const wantsChange = (flags & O_ACCMODE) !== O_RDONLY || (flags & O_TRUNC) !== 0;
    if (wantsChange) this.#core.judgeWritable();
    const attr = this.#core.meta.open(req, ino, flags);
    if (isPromise(attr)) return attr.then((a) => this.#opened(ino, flags, killSuidgid, a));
    return this.#opened(ino, flags, killSuidgid, attr);
  }

  #opened(ino: number, flags: number, killSuidgid: boolean, attr: Attr): MaybePromise<OpenReply> {
    if ((flags & O_TRUNC) === 0) return this.#handle(ino, flags, attr, false);
    try {
      const truncated = this.#truncate(ino, killSuidgid);
      if (!isPromise(truncated)) return this.#handle(ino, flags, truncated, false);
      return truncated.then(
        (a) => this.#handle(ino, flags, a, false),
        (e: unknown) => this.#giveUp(ino, e),
      );
    } catch (e) {
      return this.#giveUp(ino, e);
    }
  }

  /** Comes as the system: the right to write was judged with the flags of the open. */
  #truncate(ino: number, killSuidgid: boolean): MaybePromise<Attr> {
    const core = this.#core;
    const settled = core.settle(ino);
    const truncate = (): MaybePromise<Attr> =>
      then(core.meta.setattr(SYSTEM, ino, { length: 0, mtime: "now", killSuidgid }), (after) => {
        core.contentChanged(ino, after);
        return after;
      });
    return settled === undefined ? truncate() : settled.then(truncate);
  }

  async #giveUp(ino: number, cause: unknown): Promise<never> {
    await this.#core.meta.close(ino);
    throw cause;
  }

  #handle(ino: number, flags: number, attr: Attr, isNew: boolean): OpenReply {
    const core = this.#core;
    const file = core.file(ino);
    file.opens++;
    if (!core.meta.isShared && !file.isDirty) file.length = attr.length;
    file.isPrivileged = (attr.mode & SUID_SGID) !== 0;
    const fh = core.handles.add(new FileHandle(file, flags));
    if (core.turn.isOpen && core.meta.turnIsDirty) core.turn.opened.push(fh);
    let reply = isNew || this.#mayKeep(ino, attr) ? FOPEN_KEEP_CACHE : 0;
    const readsOnly = (flags & O_ACCMODE) === O_RDONLY;
    if (readsOnly && core.options.flushReaders !== true) reply |= FOPEN_NOFLUSH;
    return { fh, flags: reply };
  }

  /** The pages that the kernel has of the file are good: nobody else changed it since. */
  #mayKeep(ino: number, attr: Attr): boolean {
    const core = this.#core;
    if (!core.meta.isShared && !core.sawForeignChange) return true;
    if (core.writers.dirty(ino) !== undefined) return true;
    return this.#seen.isSame(ino, attr);
  }

  create(
    req: Request,
    parent: number,
    name: string,
    flags: number,
    mode: number,
    umask: number,
  ): MaybePromise<Created> {
    const core = this.#core;
    core.judgeWritable();
    core.names.judgeCreate(parent, name);
    core.changes++;
    try {
      const mask = core.options.umask ?? umask;
      const entry = core.meta.create(req, parent, name, mode & 0o7777, mask);
      if (!isPromise(entry)) return this.#created(entry, flags);
      return entry.then(
        (e) => this.#created(e, flags),
        (e: unknown) => this.#openExisting(req, parent, name, flags, e),
      );
    } catch (e) {
      return this.#openExisting(req, parent, name, flags, e);
    }
  }

  tmpfile(
    req: Request,
    parent: number,
    flags: number,
    mode: number,
    umask: number,
  ): MaybePromise<Created> {
    this.#core.judgeWritable();
    const mask = this.#core.options.umask ?? umask;
    const entry = this.#core.meta.tmpfile(req, parent, mode & 0o7777, mask);
    if (isPromise(entry)) return entry.then((e) => this.#created(e, flags));
    return this.#created(entry, flags);
  }

  #created(entry: Entry, flags: number): Created {
    const { ino, attr } = entry;
    return { entry: this.#core.entryReply(ino, attr), open: this.#handle(ino, flags, attr, true) };
  }

  /** Another client made the name after the kernel had found it missing: open(O_CREAT) opens it. */
  #openExisting(
    req: Request,
    parent: number,
    name: string,
    flags: number,
    cause: unknown,
  ): MaybePromise<Created> {
    if (cause !== EEXIST || (flags & O_EXCL) !== 0) throw cause;
    const core = this.#core;
    return then(core.meta.lookup(req, parent, name), ({ ino }) =>
      then(this.open(req, ino, flags, false), (open) =>
        then(core.meta.getattr(ino), (attr) => ({ entry: core.entryReply(ino, attr), open })),
      ),
    );
  }

  /** The handle of a file. EBADF for none, or a directory's. */
  handle(fh: number): FileHandle {
    const handle = this.#core.handles.get(fh);
    if (handle instanceof FileHandle) return handle;
    throw EBADF;
  }

  /** close(2): the data is stored and its metadata committed when this answers. In place when nothing must be waited for. */
  flush(fh: number): MaybePromise<void> {
    const handle = this.handle(fh);
    const flushed = this.#store(handle.file);
    if (flushed !== undefined) return flushed.then(() => handle.reportLost());
    handle.reportLost();
  }

  /** After this the data survives the death of the process: stored and committed, or in the journal since an fsync. */
  #store(file: OpenFile): MaybePromise<void> {
    if (!this.#core.journal(file, 0)) return file.writer?.flush(false);
  }

  async fsync(fh: number): Promise<void> {
    const handle = this.handle(fh);
    const { file } = handle;
    if (!this.#core.journal(file, FSYNC_BYTES_MAX)) {
      const flushed = file.writer?.flush(true);
      if (flushed !== undefined) await flushed;
    }
    handle.reportLost();
    await this.#core.makeDurable();
  }

  /** Everything of all files; reports what was lost of any that is open. */
  async syncfs(): Promise<void> {
    const core = this.#core;
    const lostBefore = core.lostWrites;
    await core.writers.flushAll(true, (ino) => {
      const file = core.files.get(ino);
      return file !== undefined && core.journal(file, FSYNC_BYTES_MAX);
    });
    await core.makeDurable();
    if (core.lostWrites !== lostBefore && core.lastLost !== undefined) throw core.lastLost;
  }

  /** The turn was not committed: its slices are lost, and the handles that it opened were never answered. */
  undo(committed: readonly Committed[], opened: readonly number[], cause: unknown): void {
    const core = this.#core;
    for (const { file, slices } of committed) {
      // With a journal nobody knows whether the records come back: blocks stay, as garbage at worst.
      const keeps = core.meta.journalsData;
      for (const slice of slices) if (!slice.failed && !keeps) slice.writer.abort();
      core.onLost(file.ino, cause);
    }
    core.forgetDerived();
    core.removedDirs.clear();
    for (const fh of opened) {
      const handle = core.handles.remove(fh);
      if (!(handle instanceof FileHandle)) continue;
      const { ino } = handle.file;
      this.#forget(handle.file);
      this.#closeQuietly(ino);
    }
  }

  /** For an open that was never answered: there is nobody to tell, and a session's end would close it, too. */
  #closeQuietly(ino: number): void {
    const failed = (e: unknown): void => log("warn", `closing inode ${ino}: ${String(e)}`);
    try {
      const closed = this.#core.meta.close(ino);
      if (isPromise(closed)) closed.catch(failed);
    } catch (e) {
      failed(e);
    }
  }

  release(fh: number): MaybePromise<void> {
    const handle = this.#core.handles.remove(fh);
    if (!(handle instanceof FileHandle)) return;
    const { file } = handle;
    // Pages written through a mapping arrive after the last flush.
    const flushed = this.#store(file);
    if (flushed !== undefined) return flushed.then(() => this.#closed(handle));
    return this.#closed(handle);
  }

  #closed(handle: FileHandle): MaybePromise<void> {
    const core = this.#core;
    const { file } = handle;
    if (core.meta.isShared || core.sawForeignChange) this.#remember(file);
    const closed = core.meta.close(file.ino);
    this.#forget(file);
    if (!file.isDirty || file.opens > 0) return closed;
    return then(closed, () => this.#abandonGone(file.ino));
  }

  /** The last close of an unlinked file: bytes that only the journal has are nobody's. */
  #abandonGone(ino: number): void {
    const core = this.#core;
    const judge = (cause: unknown): void => {
      if (cause === ENOENT) core.inodeGone(ino);
    };
    try {
      const attr = core.meta.getattr(ino);
      if (isPromise(attr)) attr.catch(judge);
    } catch (e) {
      judge(e);
    }
  }

  #forget(file: OpenFile): void {
    file.opens--;
    if (file.opens === 0 && !file.isDirty) this.#core.files.delete(file.ino);
  }

  /** What we leave behind is what the kernel's pages show. */
  #remember(file: OpenFile): void {
    if (file.writer === undefined) return;
    try {
      const attr = this.#core.meta.getattr(file.ino);
      if (!isPromise(attr)) this.#seen.set(file.ino, attr);
    } catch (e) {
      log("debug", `inode ${file.ino} is gone at its close: ${String(e)}`);
    }
  }
}
