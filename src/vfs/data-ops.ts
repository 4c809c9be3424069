// Operations on the content of open files: reading, writing, holes, copying without bytes.
import type { ReadReply, Request } from "../fuse/operations.ts";
import { SYSTEM } from "../util/caller.ts";
import { EINVAL, ENXIO } from "../util/errno.ts";
import type { MaybePromise } from "../util/maybe.ts";
import { isPromise, then } from "../util/maybe.ts";
import type { VfsCore } from "./core.ts";
import type { FileWriter } from "./file-writer.ts";
import type { FileHandle, OpenFile } from "./open-file.ts";
import type { OpenOps } from "./open-ops.ts";
import { O_APPEND } from "./open-ops.ts";
import { Readahead } from "./readahead.ts";

const WRITE_CACHE = 1;
const WRITE_KILL_SUIDGID = 4;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;
/** The reply is 32 bits wide, and one call is one transaction. */
const COPY_BYTES_MAX = 2 ** 30;
const NOTHING: ReadReply = [];

export class DataOps {
  readonly #core: VfsCore;
  readonly #open: OpenOps;
  readonly #readaheadMax: number;

  constructor(core: VfsCore, open: OpenOps) {
    this.#core = core;
    this.#open = open;
    this.#readaheadMax = core.options.maxReadaheadBytes ?? 8 * core.chunks.blockBytes;
  }

  read(fh: number, offset: number, size: number): MaybePromise<ReadReply> {
    const handle = this.#open.handle(fh);
    const { length } = handle.file;
    if (length < 0 || this.#core.meta.isShared) return this.#readFresh(handle, offset, size);
    return this.#readKnown(handle, offset, size, length);
  }

  #readFresh(handle: FileHandle, offset: number, size: number): MaybePromise<ReadReply> {
    const { file } = handle;
    file.length = -1;
    const attr = this.#core.meta.getattr(file.ino);
    if (!isPromise(attr)) {
      file.length = attr.length;
      return this.#readKnown(handle, offset, size, attr.length);
    }
    return attr.then((a) => {
      // A commit of ours that came meanwhile knows better.
      if (file.length < 0) file.length = a.length;
      return this.#readKnown(handle, offset, size, file.length);
    });
  }

  /** Reads from a file whose committed length is known. */
  #readKnown(
    handle: FileHandle,
    offset: number,
    size: number,
    committed: number,
  ): MaybePromise<ReadReply> {
    const { file } = handle;
    const { writer } = file;
    const length = writer === undefined ? committed : Math.max(committed, writer.length);
    const n = Math.min(size, length - offset);
    if (n <= 0) return NOTHING;
    if (writer?.isDirty === true && writer.overlaps(offset, offset + n)) {
      return this.#readDirty(handle, writer, offset, n);
    }
    const reply = this.#core.reader.read(file.ino, offset, n);
    this.#core.touchAtime(file.ino);
    if (this.#readaheadMax > 0) this.#loadAhead(handle, offset, n, length);
    return reply;
  }

  /** The range holds uncommitted bytes: wholly in one write's buffer, or they are committed first. */
  #readDirty(
    handle: FileHandle,
    writer: FileWriter,
    offset: number,
    n: number,
  ): MaybePromise<ReadReply> {
    const target = Buffer.allocUnsafe(n);
    if (writer.readBuffered(target, offset)) return target;
    const flushed = writer.flush(false);
    if (flushed === undefined) return this.#readFresh(handle, offset, n);
    return flushed.then(() => this.#readFresh(handle, offset, n));
  }

  #loadAhead(handle: FileHandle, offset: number, n: number, length: number): void {
    // A small file comes whole with its first read.
    if (handle.readahead === undefined && offset + n >= length) return;
    const ahead = (handle.readahead ??= new Readahead());
    const { blockBytes } = this.#core.chunks;
    if (ahead.advance(offset, n, length, blockBytes, this.#readaheadMax)) {
      this.#core.reader.prefetch(handle.file.ino, ahead.from, ahead.to);
    }
  }

  write(
    fh: number,
    offset: number,
    data: Uint8Array,
    writeFlags: number,
    openFlags: number,
  ): MaybePromise<number> {
    const core = this.#core;
    core.judgeWritable();
    const handle = this.#open.handle(fh);
    handle.reportLost();
    const { file } = handle;
    if ((writeFlags & WRITE_KILL_SUIDGID) !== 0 && file.isPrivileged) this.#killSuidgid(file);
    const appends = (openFlags & O_APPEND) !== 0 && (writeFlags & WRITE_CACHE) === 0;
    if (appends && core.meta.isShared) return this.#append(file, offset, data);
    return this.#write(file, offset, data);
  }

  #write(file: OpenFile, offset: number, data: Uint8Array): MaybePromise<number> {
    const core = this.#core;
    const taken = core.writer(file).write(data, offset);
    core.changes++;
    if (isPromise(taken)) return taken.then(() => data.length);
    return data.length;
  }

  /** The kernel's idea of the end is as old as its attributes: another client may have appended since. */
  #append(file: OpenFile, offset: number, data: Uint8Array): MaybePromise<number> {
    const attr = this.#core.meta.getattr(file.ino);
    if (!isPromise(attr)) {
      const end = Math.max(attr.length, file.writer?.length ?? 0);
      return this.#write(file, Math.max(offset, end), data);
    }
    const copy = new Uint8Array(data);
    return attr.then((a) => {
      const end = Math.max(a.length, file.writer?.length ?? 0);
      return this.#write(file, Math.max(offset, end), copy);
    });
  }

  #killSuidgid(file: OpenFile): void {
    const done = this.#core.meta.setattr(SYSTEM, file.ino, { killSuidgid: true });
    file.isPrivileged = false;
    // Its failure is no reason to refuse the bytes; the next write tries again.
    if (isPromise(done)) done.catch(() => (file.isPrivileged = true));
  }

  fallocate(
    req: Request,
    ino: number,
    fh: number,
    offset: number,
    length: number,
    mode: number,
  ): MaybePromise<void> {
    const core = this.#core;
    core.judgeWritable();
    const handle = this.#open.handle(fh);
    const run = (): MaybePromise<void> =>
      then(core.meta.fallocate(req, ino, mode, offset, length), (attr) =>
        core.contentChanged(ino, attr),
      );
    const settled = core.settle(handle.file.ino);
    return settled === undefined ? run() : settled.then(run);
  }

  lseek(ino: number, offset: number, whence: number): MaybePromise<number> {
    if (whence !== SEEK_DATA && whence !== SEEK_HOLE) throw EINVAL;
    if (offset < 0) throw ENXIO;
    const core = this.#core;
    const seek = (): MaybePromise<number> =>
      core.meta.lseek(ino, offset, whence === SEEK_DATA ? "data" : "hole");
    const settled = core.settle(ino);
    return settled === undefined ? seek() : settled.then(seek);
  }

  copyFileRange(
    req: Request,
    ino: number,
    offset: number,
    toIno: number,
    toOffset: number,
    length: number,
    flags: number,
  ): MaybePromise<number> {
    const core = this.#core;
    core.judgeWritable();
    if (flags !== 0) throw EINVAL;
    const n = Math.min(length, COPY_BYTES_MAX);
    const copy = (): MaybePromise<number> =>
      then(core.meta.copyFileRange(req, ino, offset, toIno, toOffset, n), (copied) => {
        core.contentChanged(toIno, undefined);
        return copied;
      });
    const from = core.settle(ino);
    const to = toIno === ino ? undefined : core.settle(toIno);
    if (from === undefined && to === undefined) return copy();
    return Promise.all([from, to]).then(copy);
  }
}
