// The half of MetaApi that deals in chunks and slices, and asks for compactions where they have become many.
import type { Caller } from "../util/caller.ts";
import type { Time } from "../util/clock.ts";
import { ENXIO } from "../util/errno.ts";
import type { MaybePromise } from "../util/maybe.ts";
import { then } from "../util/maybe.ts";
import type { SliceWrite } from "./api.ts";
import {
  SLICES_PER_CHUNK_MAX,
  readerWantsCompaction,
  writerWantsCompaction,
} from "./compaction.ts";
import type { Compactor } from "./compactor.ts";
import { IdBatch, SLICE_BATCH } from "./id-batch.ts";
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

/** Commits to one chunk between two looks at how many records it has. */
const APPENDS_PER_LOOK = 32;
const CHUNKS_WATCHED_MAX = 4096;

interface Watched {
  appends: number;
  /** Records at the last look. */
  count: number;
}

export abstract class DataOperations extends NameOperations {
  /** Absent where nothing may be merged: read-only clients, tools without data. */
  protected compactor: Compactor | undefined = undefined;
  readonly #sliceIds: IdBatch;
  readonly #watched: Map<string, Watched> = new Map();

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

  #afterRead(ino: Ino, index: number, slices: readonly Slice[]): readonly Slice[] {
    const count = slices.length;
    // Fewer than three records cannot make five pieces.
    if (count >= 3 && readerWantsCompaction(count, count >= 5 ? count : resolve(slices).length)) {
      this.compactor?.request(ino, index, count);
    }
    return slices;
  }

  writeSlices(ino: Ino, writes: readonly SliceWrite[], time: Time): MaybePromise<Attr> {
    const written = this.write((tx) => writeSlices(tx, this.volume, ino, writes, time));
    if (this.compactor === undefined) return written;
    return then(written, (attr) => this.#afterWrite(ino, writes, attr));
  }

  #afterWrite(ino: Ino, writes: readonly SliceWrite[], attr: Attr): MaybePromise<Attr> {
    let waits: MaybePromise<unknown> = undefined;
    for (const { index } of writes) {
      const key = `${ino}/${index}`;
      let watched = this.#watched.get(key);
      if (watched === undefined) {
        if (this.#watched.size >= CHUNKS_WATCHED_MAX) this.#watched.clear();
        this.#watched.set(key, (watched = { appends: 0, count: 0 }));
      }
      if (++watched.appends < APPENDS_PER_LOOK) continue;
      watched.appends = 0;
      const look = this.#look(ino, index, watched);
      waits = then(waits, () => look);
    }
    return then(waits, () => attr);
  }

  /** Counts the records; waits for a compaction when there are far too many. */
  #look(ino: Ino, index: number, watched: Watched): MaybePromise<unknown> {
    const bytes = this.store.read((tx) => tx.chunk(ino, index)?.byteLength ?? 0);
    return then(bytes, (size): MaybePromise<unknown> => {
      const before = watched.count;
      const count = size / RECORD_BYTES;
      watched.count = count;
      if (count >= SLICES_PER_CHUNK_MAX) return this.compactor?.compactChunk(ino, index);
      if (writerWantsCompaction(before, count)) this.compactor?.request(ino, index, count);
      return undefined;
    });
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
