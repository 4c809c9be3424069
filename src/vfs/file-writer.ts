// The uncommitted writes of one inode: finds the slice that takes each write, and lays the writes over what is stored. A
// slice is only written to while no newer one holds bytes of the same range, so the order of commits is all that matters.
import type { ChunkStore } from "../chunk/store.ts";
import type { MetaApi } from "../meta/api.ts";
import type { Ino } from "../meta/types.ts";
import { CHUNK_BYTES, FILE_BYTES_MAX } from "../meta/types.ts";
import type { Time } from "../util/clock.ts";
import { compareTime, wallClock } from "../util/clock.ts";
import type { FsError } from "../util/errno.ts";
import { EFBIG } from "../util/errno.ts";
import type { MaybePromise } from "../util/maybe.ts";
import { isPromise } from "../util/maybe.ts";
import { unjournaled } from "./data-frame.ts";
import { APART, BLOCKED, FOLLOWS, OpenSlice } from "./open-slice.ts";
import type { WriterEvents } from "./slice-queue.ts";
import { SliceQueue } from "./slice-queue.ts";

/** Slices that take bytes at once; one more and the oldest is stored. */
const OPEN_SLICES_MAX = 8;
/** A slice whose bytes are in the journal is stored when it is so long: the journal gets its room back in such steps. */
const JOURNALED_SLICE_BYTES = 4 * 1024 * 1024;
/** What is not in the journal yet follows the rest of its slice there when that is to be stored. */
const REST_BYTES_MAX = 64 * 1024;

export class FileWriter {
  readonly #ino: Ino;
  readonly #meta: MetaApi;
  readonly #chunks: ChunkStore;
  readonly #queue: SliceQueue;
  readonly #room: () => Promise<void> | undefined;
  /** Where `#find` says the bytes go in the slice; below 0 = at its end. */
  #off = APART;
  #nextId: MaybePromise<number> | undefined;
  #length = 0;
  #time: Time = { sec: 0, nsec: 0 };
  /** Set while a write waits for a slice id or for room: later ones go behind it. */
  #waiting: Promise<void> | undefined;

  /** `room` = undefined when the buffers have room for a write, else what to wait for before looking again. */
  constructor(
    ino: Ino,
    meta: MetaApi,
    chunks: ChunkStore,
    events: WriterEvents,
    room: () => Promise<void> | undefined,
  ) {
    this.#ino = ino;
    this.#room = room;
    this.#meta = meta;
    this.#chunks = chunks;
    this.#queue = new SliceQueue(ino, meta, events);
  }

  get isDirty(): boolean {
    return this.#queue.slices.length > 0;
  }
  /** Overlay: the highest end of the writes since the file was last clean. */
  get length(): number {
    return this.isDirty ? this.#length : 0;
  }
  /** Overlay: the time of the last write. */
  get time(): Time {
    return this.#time;
  }
  /** Bytes that nobody stores yet. */
  get openBytes(): number {
    const { slices, firstOpen } = this.#queue;
    let bytes = 0;
    for (let i = firstOpen; i < slices.length; i++) {
      const { writer } = slices[i] as OpenSlice;
      bytes += writer.length - writer.frozenBytes;
    }
    return bytes;
  }

  /** Takes a copy of `data`, now or when all that is in the way is done. It was written at `time`. */
  write(data: Uint8Array, offset: number, time: Time = wallClock()): MaybePromise<void> {
    if (offset + data.length > FILE_BYTES_MAX) throw EFBIG;
    if (compareTime(time, this.#time) > 0) this.#time = time;
    let done = 0;
    if (this.#waiting === undefined && this.#chunks.waitForRoom() === undefined) {
      done = this.#putAll(data, offset);
      if (done === data.length) return;
    }
    // Not data.slice(): of a Buffer that would be a view.
    return this.#writeLater(new Uint8Array(data.subarray(done)), offset + done);
  }

  /** Writes when the writes before it are done; until it is, others wait, too. */
  async #writeLater(data: Uint8Array, offset: number): Promise<void> {
    const work = this.#putWhenPossible(this.#waiting, data, offset);
    this.#waiting = work;
    try {
      await work;
    } finally {
      if (this.#waiting === work) this.#waiting = undefined;
    }
  }

  async #putWhenPossible(
    before: Promise<void> | undefined,
    data: Uint8Array,
    offset: number,
  ): Promise<void> {
    // The failure of an earlier write is that writer's.
    if (before !== undefined) await before.catch(() => {});
    for (let done = 0; done < data.length;) {
      const pending = this.#nextId;
      if (pending !== undefined && isPromise(pending)) {
        this.#nextId = undefined;
        this.#nextId = await pending;
      }
      // Looked at again after each wait, and used at once: others wait for the same room.
      for (let room = this.#room(); room !== undefined; room = this.#room()) await room;
      done += this.#putAll(done === 0 ? data : data.subarray(done), offset + done);
    }
  }

  /** The bytes that were taken: fewer than all when a new slice is needed and its id is not here yet. */
  #putAll(data: Uint8Array, offset: number): number {
    let done = 0;
    while (done < data.length) {
      const start = offset + done;
      const len = Math.min(data.length - done, CHUNK_BYTES - (start % CHUNK_BYTES));
      if (!this.#put(len === data.length ? data : data.subarray(done, done + len), start)) break;
      done += len;
    }
    return done;
  }

  #put(piece: Uint8Array, start: number): boolean {
    const nowMs = this.#time.sec * 1000 + this.#time.nsec / 1e6;
    let slice = this.#find(start, piece.length);
    if (slice !== undefined && this.#off >= 0) slice.replace(piece, start, this.#off);
    else {
      slice ??= this.#begin(nowMs);
      if (slice === undefined) return false;
      slice.append(piece, start);
    }
    slice.time = this.#time;
    slice.touchedMs = nowMs;
    if (slice.dirtySinceMs === Infinity) slice.dirtySinceMs = nowMs;
    const end = start + piece.length;
    if (end > this.#length) this.#length = end;
    const { writer } = slice;
    const most = slice.isJournaled ? JOURNALED_SLICE_BYTES : CHUNK_BYTES;
    if (end % CHUNK_BYTES === 0 || writer.length >= most || slice.isFull) {
      // Then the fsync that is to come need not wait for the blocks.
      if (slice.isJournaled) this.journal(REST_BYTES_MAX);
      this.#queue.freezeUpTo(slice, false);
    } else if (writer.length - writer.frozenBytes >= this.#chunks.blockBytes) writer.flushBlocks();
    return true;
  }

  /** The slice that takes the bytes; none = a new one must. Also sets `#off`. */
  #find(start: number, len: number): OpenSlice | undefined {
    const { slices, firstOpen } = this.#queue;
    let roomy: OpenSlice | undefined;
    for (let i = slices.length - 1; i >= firstOpen; i--) {
      const slice = slices[i] as OpenSlice;
      this.#off = slice.place(start, len);
      if (this.#off >= 0) return slice;
      if (this.#off === FOLLOWS) return undefined;
      if (roomy === undefined && slice.hasRoom(len, this.#chunks.blockBytes)) roomy = slice;
      if (this.#off === BLOCKED) break;
    }
    this.#off = APART;
    return roomy;
  }

  #begin(nowMs: number): OpenSlice | undefined {
    const id = this.#nextId ?? this.#meta.newSliceId();
    if (isPromise(id)) {
      this.#nextId = id;
      return undefined;
    }
    this.#nextId = undefined;
    const slice = new OpenSlice(this.#chunks.newWriter(id), this.#time, nowMs);
    const queue = this.#queue;
    if (queue.slices.length === 0) this.#length = 0;
    queue.push(slice);
    const { slices, firstOpen } = queue;
    if (slices.length - firstOpen > OPEN_SLICES_MAX) {
      queue.freezeUpTo(slices[firstOpen] as OpenSlice, false);
    }
    return slice;
  }

  /** Stores and commits all writes taken so far. Never fails: what is lost goes to `onLost`, and what
   *  is tried again later to `onStuck`. */
  flush(durable: boolean): MaybePromise<void> {
    const waiting = this.#waiting;
    if (waiting === undefined) return this.#queue.flush(durable);
    return waiting.then(
      () => this.#queue.flush(durable),
      () => this.#queue.flush(durable),
    );
  }

  /** Puts what no frame has yet into the journal when that is at most `bytesMax`, and at hand. True when all bytes taken so
   *  far are in the journal: they survive the death of the process now, and a power cut after the next sync of metadata. */
  journal(bytesMax: number): boolean {
    if (this.#waiting !== undefined || !this.#meta.journalsData) return false;
    const { slices } = this.#queue;
    const extents = unjournaled(slices, bytesMax);
    if (extents === undefined) return false;
    if (extents.length === 0) return true;
    if (!this.#meta.journalData(this.#ino, this.#time, extents)) return false;
    for (const slice of slices) if (!slice.failed) slice.markJournaled();
    return true;
  }

  /** Begins to store everything when some of it is in the journal. */
  storeJournaled(): void {
    const { slices, firstOpen } = this.#queue;
    for (let i = slices.length - 1; i >= firstOpen; i--) {
      if (!(slices[i] as OpenSlice).isJournaled) continue;
      this.#queue.freezeUpTo(slices[slices.length - 1] as OpenSlice, false);
      return;
    }
  }

  /** Why the writes of this file cannot be stored; undefined when they can, as far as is known. */
  get stuckBy(): FsError | undefined {
    return this.#queue.stuckBy;
  }
  /** Tries again to store what could not be, when that is due. */
  retryStuck(nowMs: number): void {
    if (this.#queue.stuckBy !== undefined && nowMs >= this.#queue.retryMs) this.#queue.retry();
  }
  /** Lets go of all that is not committed: the inode is gone, or a frame of the journal has what must be kept. */
  abandon(): void {
    this.#queue.abandon();
  }

  /** Begins to store everything when a slice was idle since `idleSince` or has bytes that are nowhere
   *  else and older than `dirtyBefore` (ms). */
  storeOld(idleSince: number, dirtyBefore: number): void {
    const { slices, firstOpen } = this.#queue;
    for (let i = firstOpen; i < slices.length; i++) {
      const slice = slices[i] as OpenSlice;
      if (slice.touchedMs > idleSince && slice.dirtySinceMs > dirtyBefore) continue;
      this.#queue.freezeUpTo(slices[slices.length - 1] as OpenSlice, false);
      return;
    }
  }

  overlaps(start: number, end: number): boolean {
    if (start >= this.length) return false;
    for (const slice of this.#queue.slices) if (slice.overlaps(start, end)) return true;
    return false;
  }

  /** Copies out bytes that the newest write touching them holds wholly; false = flush, then read what is stored. */
  readBuffered(target: Uint8Array, start: number): boolean {
    const { slices } = this.#queue;
    const end = start + target.length;
    for (let i = slices.length - 1; i >= 0; i--) {
      const slice = slices[i] as OpenSlice;
      if (slice.overlaps(start, end)) return !slice.failed && slice.read(target, start);
    }
    return false;
  }
}
