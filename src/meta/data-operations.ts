// The half of MetaApi that deals in chunks and slices, and asks for compactions where they have become many.
import type { Caller } from "../util/caller.ts";
import type { Time } from "../util/clock.ts";
import { ENXIO } from "../util/errno.ts";
import type { MaybePromise } from "../util/maybe.ts";
import { isPromise, then } from "../util/maybe.ts";
import type { SliceWrite } from "./api.ts";
import {
  RECORDS_PER_CHUNK_MAX,
  WRITTEN_BUSY_BYTES,
  WRITTEN_BYTES_MAX,
  readerWantsCompaction,
  writerWantsCompaction,
} from "./compaction.ts";
import type { Compactor } from "./compactor.ts";
import { IdBatch, SLICE_BATCH } from "./id-batch.ts";
import type { DataExtent } from "./journal/journal.ts";
import type { LocalVolume } from "./local-volume.ts";
import { NameOperations } from "./name-operations.ts";
import { copyFileRange } from "./ops/copy-file-range.ts";
import { fallocate } from "./ops/fallocate.ts";
import { fileAttr } from "./ops/nodes.ts";
import type { AtimeMode } from "./ops/open.ts";
import { readChunk, writeSlices } from "./ops/write.ts";
import { seek } from "./seek.ts";
import { RECORD_BYTES, resolve } from "./slices.ts";
import type { MetaStore } from "./store.ts";
import type { Attr, Ino, Slice } from "./types.ts";
import { CHUNK_BYTES } from "./types.ts";

/** A chunk that got so many records from us may have many. */
const RECORDS_BEFORE_LOOK = 32;
const CHUNKS_WATCHED_MAX = 4096;

/** How many records a chunk has, as far as this client wrote them. */
interface Watched {
  count: number;
  /** Bytes that we wrote since it was compacted. */
  bytes: number;
  /** The count began with a look at the store. */
  isKnown: boolean;
}

interface Added {
  records: number;
  bytes: number;
}

export abstract class DataOperations extends NameOperations {
  /** Absent where nothing may be merged: read-only clients, tools without data. */
  protected compactor: Compactor | undefined = undefined;
  readonly #sliceIds: IdBatch;
  readonly #watched: Map<string, Watched> = new Map();
  readonly #changeListeners: ((ino: Ino, index: number) => void)[] = [];

  constructor(store: MetaStore, volume: LocalVolume, readOnly: boolean, atimeMode: AtimeMode) {
    super(store, volume, readOnly, atimeMode);
    this.#sliceIds = new IdBatch(store, "nextChunk", SLICE_BATCH);
  }

  newSliceId(): MaybePromise<number> {
    return this.#sliceIds.take();
  }

  readChunk(ino: Ino, index: number): MaybePromise<readonly Slice[]> {
    const read = this.store.read((tx) => readChunk(tx, ino, index));
    return this.compactor === undefined
      ? read
      : then(read, (slices) => this.#afterRead(ino, index, slices));
  }

  onChunkChanged(listener: (ino: Ino, index: number) => void): void {
    this.#changeListeners.push(listener);
  }
  /** A compaction has been committed. */
  protected chunkChanged(ino: Ino, index: number): void {
    this.#watched.delete(`${ino}/${index}`);
    for (const listener of this.#changeListeners) listener(ino, index);
  }

  #afterRead(ino: Ino, index: number, slices: readonly Slice[]): readonly Slice[] {
    const count = slices.length;
    // Fewer than three records cannot make five pieces.
    if (count < 3) return slices;
    const pieces = count >= 5 ? count : resolve(slices).length;
    if (readerWantsCompaction(count, pieces, extentOf(slices))) {
      this.compactor?.request(ino, index, count, 0);
    }
    return slices;
  }

  writeSlices(ino: Ino, writes: readonly SliceWrite[], time: Time): MaybePromise<Attr> {
    const written = this.write((tx) => writeSlices(tx, this.volume, ino, writes, time));
    if (this.compactor === undefined) return written;
    return then(written, (attr) => this.#afterWrite(ino, writes, attr));
  }

  #afterWrite(ino: Ino, writes: readonly SliceWrite[], attr: Attr): MaybePromise<Attr> {
    const { length } = attr;
    if (writes.length === 1) {
      const { index, slice } = writes[0] as SliceWrite;
      const wait = this.#wrote(ino, index, { records: 1, bytes: slice.len }, length);
      return isPromise(wait) ? wait.then(() => attr) : attr;
    }
    const added = new Map<number, Added>();
    for (const { index, slice } of writes) {
      const known = added.get(index);
      if (known === undefined) added.set(index, { records: 1, bytes: slice.len });
      else {
        known.records++;
        known.bytes += slice.len;
      }
    }
    const waits: Promise<unknown>[] = [];
    for (const [index, to] of added) {
      const wait = this.#wrote(ino, index, to, length);
      if (isPromise(wait)) waits.push(wait);
    }
    return waits.length === 0 ? attr : Promise.all(waits).then(() => attr);
  }

  /** Counts what was added; waits for a compaction when there is far too much. */
  #wrote(ino: Ino, index: number, added: Added, length: number): MaybePromise<unknown> {
    const watched = this.#watch(ino, index);
    watched.count += added.records;
    watched.bytes += added.bytes;
    if (!watched.isKnown) {
      const isQuiet = watched.count < RECORDS_BEFORE_LOOK && watched.bytes < WRITTEN_BUSY_BYTES;
      if (isQuiet) return undefined;
      watched.isKnown = true;
      return then(this.#look(ino, index), (count) => {
        watched.count = count;
        return this.#judge(ino, index, watched, length);
      });
    }
    return this.#judge(ino, index, watched, length);
  }

  #judge(ino: Ino, index: number, watched: Watched, length: number): MaybePromise<unknown> {
    const extent = Math.min(CHUNK_BYTES, length - index * CHUNK_BYTES);
    if (!writerWantsCompaction(watched.count, extent, watched.bytes)) return undefined;
    this.compactor?.request(ino, index, watched.count, watched.bytes);
    if (watched.bytes >= WRITTEN_BYTES_MAX) {
      watched.bytes = 0;
      return this.compactor?.compactChunk(ino, index);
    }
    if (watched.count < RECORDS_PER_CHUNK_MAX) return undefined;
    // Others may have compacted it meanwhile.
    return then(this.#look(ino, index), (count): MaybePromise<unknown> => {
      watched.count = count;
      if (count >= RECORDS_PER_CHUNK_MAX) return this.compactor?.compactChunk(ino, index);
      return undefined;
    });
  }

  #watch(ino: Ino, index: number): Watched {
    const key = `${ino}/${index}`;
    let watched = this.#watched.get(key);
    if (watched === undefined) {
      if (this.#watched.size >= CHUNKS_WATCHED_MAX) this.#watched.clear();
      this.#watched.set(key, (watched = { count: 0, bytes: 0, isKnown: false }));
    }
    return watched;
  }

  #look(ino: Ino, index: number): MaybePromise<number> {
    return this.store.read((tx) => (tx.chunk(ino, index)?.byteLength ?? 0) / RECORD_BYTES);
  }

  get journalsData(): boolean {
    return this.store.journal?.takesData ?? false;
  }
  journalData(ino: Ino, time: Time, extents: readonly DataExtent[]): boolean {
    return this.store.journal?.appendData({ ino, time, extents }) ?? false;
  }
  forgetData(ino: Ino): void {
    this.store.journal?.forgetData(ino);
  }
  onJournalPressure(listener: () => void): void {
    this.store.journal?.onPressure(listener);
  }

  fallocate(
    _caller: Caller,
    ino: Ino,
    mode: number,
    offset: number,
    length: number,
  ): MaybePromise<Attr> {
    return this.write((tx) => fallocate(tx, this.volume, { ino, mode, offset, length }));
  }

  copyFileRange(
    _caller: Caller,
    from: Ino,
    fromOffset: number,
    to: Ino,
    toOffset: number,
    length: number,
  ): MaybePromise<number> {
    const args = { from, fromOffset, to, toOffset, length };
    return then(
      this.write((tx) => copyFileRange(tx, this.volume, args)),
      ({ bytes }) => bytes,
    );
  }

  lseek(ino: Ino, offset: number, whence: "data" | "hole"): MaybePromise<number> {
    if (offset < 0) throw ENXIO;
    const attr = this.store.read((tx) => fileAttr(tx, ino));
    return then(attr, ({ length }) => seek(this.store, ino, length, offset, whence));
  }
}

/** Bytes from the first to the last that the records touch: what merging them would write. */
function extentOf(slices: readonly Slice[]): number {
  let low = CHUNK_BYTES;
  let high = 0;
  for (const { pos, len } of slices) {
    if (pos < low) low = pos;
    if (pos + len > high) high = pos + len;
  }
  return high - low;
}
