// What all operations of a mount share: the layers below, open files, handles, caches of the kernel, and what must be
// undone when the commit of a turn fails.
import type { AttrReply, EntryReply } from "../fuse/operations.ts";
import type { ChunkStore } from "../chunk/store.ts";
import type { MetaApi, SliceWrite } from "../meta/api.ts";
import type { Attr, Ino } from "../meta/types.ts";
import { ROOT_INO, TRASH_INO, TYPE_DIRECTORY } from "../meta/types.ts";
import type { FsError } from "../util/errno.ts";
import { ENOENT, EROFS, errnoOf } from "../util/errno.ts";
import { log } from "../util/log.ts";
import { isPromise, then } from "../util/maybe.ts";
import { NO_STAT, toStat } from "./attr-reply.ts";
import type { DirHandle } from "./dir-handle.ts";
import { FileWriter } from "./file-writer.ts";
import { HandleTable } from "./handle-table.ts";
import { InternalNames } from "./internal-names.ts";
import type { FileHandle } from "./open-file.ts";
import { OpenFile } from "./open-file.ts";
import type { OpenSlice } from "./open-slice.ts";
import type { VfsOptions } from "./options.ts";
import { Reader } from "./reader.ts";
import { RemovedDirs } from "./removed-dirs.ts";
import type { WriterEvents } from "./slice-queue.ts";
import { Timeouts } from "./timeouts.ts";
import { Turn } from "./turn.ts";
import { Writers } from "./writers.ts";

export class VfsCore implements WriterEvents {
  readonly meta: MetaApi;
  readonly chunks: ChunkStore;
  readonly options: VfsOptions;
  readonly #rootIno: Ino;
  readonly timeouts: Timeouts;
  readonly names: InternalNames;
  readonly reader: Reader;
  readonly writers: Writers;
  readonly turn: Turn;
  readonly removedDirs: RemovedDirs = new RemovedDirs();
  /** Inodes that are open or dirty. */
  readonly files: Map<Ino, OpenFile> = new Map();
  readonly handles: HandleTable<FileHandle | DirHandle> = new HandleTable();
  /** Moves whenever names or attributes may have changed, by us or others. */
  changes = 0;
  /** Somebody else has changed the volume at some time: pages in the kernel may be stale. */
  sawForeignChange = false;
  /** Writes that were acknowledged and lost, and why the last one was: for syncfs. */
  lostWrites = 0;
  lastLost: FsError | undefined = undefined;

  constructor(meta: MetaApi, chunks: ChunkStore, options: VfsOptions) {
    this.meta = meta;
    this.chunks = chunks;
    this.options = options;
    this.#rootIno = options.rootIno ?? ROOT_INO;
    this.timeouts = new Timeouts(meta, options);
    this.names = new InternalNames(options);
    this.reader = new Reader(meta, chunks);
    this.writers = new Writers(chunks, options.idleMs ?? 5000);
    this.turn = new Turn(meta);
    meta.onForeignChange(() => this.invalidateAll());
    meta.onJournalPressure(() => this.writers.storeJournaled());
    meta.onChunkChanged((ino, index) => this.reader.views.invalidateChunk(ino, index));
  }

  judgeWritable(): void {
    if (this.options.readOnly === true) throw EROFS;
  }

  // Replies.

  /** The kernel's number of an inode: the root of a mount is 1 there. */
  shownIno(ino: Ino): number {
    return ino === this.#rootIno ? ROOT_INO : ino;
  }
  isRoot(ino: Ino): boolean {
    return ino === this.#rootIno;
  }

  attrReply(ino: Ino, attr: Attr): AttrReply {
    const { writers, timeouts } = this;
    const overlay = writers.dirtyFiles === 0 ? undefined : writers.dirty(ino);
    return { attr: toStat(this.shownIno(ino), attr, overlay), attrTimeoutMs: timeouts.attrMs };
  }

  entryReply(ino: Ino, attr: Attr): EntryReply {
    const { writers, timeouts } = this;
    const overlay = writers.dirtyFiles === 0 ? undefined : writers.dirty(ino);
    const shown = this.shownIno(ino);
    return {
      ino: shown,
      generation: 1,
      attr: toStat(shown, attr, overlay),
      entryTimeoutMs: attr.type === TYPE_DIRECTORY ? timeouts.dirEntryMs : timeouts.entryMs,
      attrTimeoutMs: timeouts.attrMs,
    };
  }

  /** A missing name; undefined when the kernel may not keep it. */
  negativeReply(): EntryReply | undefined {
    const entryTimeoutMs = this.timeouts.negativeMs;
    if (entryTimeoutMs === 0) return undefined;
    return { ino: 0, generation: 0, attr: NO_STAT, entryTimeoutMs, attrTimeoutMs: 0 };
  }

  trashReply(): EntryReply {
    return this.entryReply(TRASH_INO, this.names.trashAttr);
  }

  // Open files.

  file(ino: Ino): OpenFile {
    let file = this.files.get(ino);
    if (file === undefined) {
      file = new OpenFile(ino);
      this.files.set(ino, file);
    }
    return file;
  }

  writer(file: OpenFile): FileWriter {
    file.writer ??= new FileWriter(file.ino, this.meta, this.chunks, this, this.writers.room);
    return file.writer;
  }

  /** Commits the uncommitted writes of an inode, so that the metadata below tells all. Throws why it cannot be: what follows
   *  would be undone when the writes come at last, or the journal is replayed. */
  settle(ino: Ino): Promise<void> | undefined {
    if (this.writers.dirtyFiles === 0) return undefined;
    const writer = this.writers.dirty(ino);
    if (writer === undefined) return undefined;
    const settled = then(writer.flush(false), () => judgeStored(writer));
    return isPromise(settled) ? settled : undefined;
  }

  /** True when all that was written to the file is in the journal; puts at most `bytesMax` there. */
  journal(file: OpenFile, bytesMax: number): boolean {
    const { writer } = file;
    if (writer === undefined || !writer.isDirty) return true;
    if (!this.meta.journalsData) return false;
    return writer.journal(this.#mayGrow(file, writer) ? bytesMax : 0);
  }

  /** The volume's limit must be judged before bytes are acknowledged, not when their slices are committed. */
  #mayGrow(file: OpenFile, writer: FileWriter): boolean {
    if ((this.meta.format().Capacity ?? 0) === 0) return true;
    const growth = writer.length - Math.max(0, file.length);
    if (growth <= 0) return true;
    const stat = this.meta.statfs(ROOT_INO);
    return !isPromise(stat) && stat.availableBytes >= growth + this.chunks.bufferedBytes;
  }

  /** An inode has lost its last name. When nobody has it open, what was written to it need not be stored. */
  inodeGone(ino: Ino): void {
    if (this.writers.dirty(ino) === undefined || this.files.get(ino)?.opens !== 0) return;
    const ended = this.turn.ended();
    // A turn that is not committed gives the name back.
    if (ended === undefined) this.#abandon(ino);
    else void ended.then(() => this.#abandon(ino)).catch(() => {});
  }

  #abandon(ino: Ino): void {
    this.writers.dirty(ino)?.abandon();
    this.meta.forgetData(ino);
  }

  /** A file's length or slices were changed below: what was derived from them is forgotten. */
  contentChanged(ino: Ino, attr: Attr | undefined): void {
    this.changes++;
    this.reader.views.invalidate(ino);
    const file = this.files.get(ino);
    if (file !== undefined) file.length = attr === undefined ? -1 : attr.length;
  }

  onDirty(ino: Ino): void {
    const file = this.files.get(ino);
    if (file?.writer !== undefined) this.writers.onDirty(ino, file.writer);
  }

  onClean(ino: Ino): void {
    this.writers.onClean(ino);
    const file = this.files.get(ino);
    if (file !== undefined && file.opens === 0) this.files.delete(ino);
  }

  onCommitted(
    ino: Ino,
    writes: readonly SliceWrite[],
    attr: Attr,
    slices: readonly OpenSlice[],
  ): void {
    this.changes++;
    for (const { index } of writes) this.reader.views.invalidateChunk(ino, index);
    const file = this.files.get(ino);
    if (file === undefined) return;
    file.length = attr.length;
    if (this.turn.isOpen) this.turn.committed.push({ file, slices });
  }

  onLost(ino: Ino, cause: unknown): void {
    const error = errnoOf(cause);
    this.lostWrites++;
    this.lastLost = error;
    log(
      "error",
      `written data of inode ${ino} was lost: ${cause instanceof Error ? cause.message : String(cause)}`,
    );
    const file = this.files.get(ino);
    if (file !== undefined) {
      file.error = error;
      file.errorCount++;
    }
    // The kernel believes in a length that will never be.
    this.timeouts.notifier?.invalidateInode(ino);
  }

  onStuck(ino: Ino, cause: FsError, isFirst: boolean): void {
    this.lostWrites++;
    this.lastLost = cause;
    const file = this.files.get(ino);
    if (file !== undefined) {
      file.error = cause;
      file.errorCount++;
    }
    if (!isFirst) return;
    const told =
      "what was fsynced is safe in the journal, and stored when the disk or bucket takes it";
    log("error", `data of inode ${ino} cannot be stored (${cause.message}): ${told}`);
  }

  onGone(ino: Ino): void {
    this.meta.forgetData(ino);
    if ((this.files.get(ino)?.opens ?? 0) > 0) this.onLost(ino, ENOENT);
  }

  // Caches.

  /** Something changed that we did not do, or may have: all that is derived from metadata is forgotten, here and in the kernel. */
  invalidateAll(): void {
    this.sawForeignChange = true;
    this.forgetDerived();
    const { notifier } = this.timeouts;
    if (notifier === undefined || !this.timeouts.mustForget()) return;
    notifier.forgetAll();
    for (const ino of this.files.keys()) notifier.invalidateInode(ino);
  }

  forgetDerived(): void {
    this.changes++;
    this.reader.views.clear();
    for (const file of this.files.values()) file.length = -1;
  }

  /** A node was read. Its access time is worth no error. */
  touchAtime(ino: Ino): void {
    if (this.options.atimes !== true) return;
    const failed = (e: unknown): void => log("debug", `access time of inode ${ino}: ${String(e)}`);
    try {
      this.changes++;
      const touched = this.meta.touchAtime(ino);
      if (isPromise(touched)) touched.catch(failed);
    } catch (e) {
      failed(e);
    }
  }

  /** Everything answered so far survives a power cut when this resolves. */
  async makeDurable(): Promise<void> {
    const ended = this.turn.ended();
    if (ended !== undefined) await ended;
    // Blocks before the metadata that names them.
    await this.chunks.syncBefore(() => this.meta.sync());
  }
}

function judgeStored({ stuckBy }: FileWriter): void {
  if (stuckBy !== undefined) throw stuckBy;
}
