// Slices over blocks: cuts reads into blocks and joins what comes back, guesses when a whole block is worth loading, and owns
// the memory that writers and cache share.
import { assert } from "../util/assert.ts";
import { isPromise } from "../util/maybe.ts";
import type { MaybePromise } from "../util/maybe.ts";
import type { ObjectStorage } from "../object/storage.ts";
import { blockCount, blockId, blockSize } from "./block-key.ts";
import { BlockStore } from "./block-store.ts";
import { BufferPool } from "./buffer-pool.ts";
import type { HeldBlock } from "./cache.ts";
import type { Codec } from "./codec.ts";
import { PLAIN } from "./codec.ts";
import { SequentialReads } from "./sequential-reads.ts";
import type { SliceWriterContext } from "./slice-writer.ts";
import { BlockSliceWriter } from "./slice-writer.ts";
import type { ChunkStore, SliceWriter } from "./store.ts";
import { SyncBarrier } from "./sync-barrier.ts";
import { WriteBudget } from "./write-budget.ts";

export interface ChunkStoreOptions {
  readonly blockBytes: number;
  readonly hashPrefix?: boolean;
  /** Memory of slices being written, and of free buffers: JuiceFS's --buffer-size, 300 MiB. */
  readonly bufferBytes?: number;
  /** Memory of cached blocks; 0 = none. */
  readonly cacheBytes?: number;
  readonly maxUploads?: number;
  readonly maxDownloads?: number;
  /** Blocks just written go to the cache. */
  readonly cacheWrites?: boolean;
  readonly codec?: Codec;
}

const MIB = 2 ** 20;
const LOCAL_BLOCKS_MAX = 8;

/** The storage is below the volume's prefix; it stays the caller's to close. */
export class BlockChunkStore implements ChunkStore {
  readonly blockBytes: number;
  readonly #blocks: BlockStore;
  readonly #budget: WriteBudget;
  readonly #barrier: SyncBarrier;
  readonly #context: SliceWriterContext;
  readonly #sequential = new SequentialReads();

  constructor(storage: ObjectStorage, options: ChunkStoreOptions) {
    const { bufferBytes = 300 * MIB, cacheBytes = 100 * MIB } = options;
    this.blockBytes = options.blockBytes;
    // A local disk takes a few blocks at a time, and the page cache behind it holds the rest.
    const handedMax = storage.getInto === undefined ? Infinity : LOCAL_BLOCKS_MAX * this.blockBytes;
    this.#budget = new WriteBudget(bufferBytes, handedMax);
    this.#blocks = new BlockStore(storage, new BufferPool(bufferBytes + cacheBytes), {
      blockBytes: options.blockBytes,
      hashPrefix: options.hashPrefix ?? false,
      cacheBytes,
      maxUploads: options.maxUploads ?? 20,
      maxDownloads: options.maxDownloads ?? 200,
      codec: options.codec ?? PLAIN,
    });
    const cacheWrites = options.cacheWrites ?? true;
    this.#barrier = new SyncBarrier(() => this.sync());
    this.#context = {
      blocks: this.#blocks,
      budget: this.#budget,
      barrier: this.#barrier,
      cacheWrites,
    };
  }

  newWriter(id: number): SliceWriter {
    return new BlockSliceWriter(id, this.#context);
  }

  read(
    id: number,
    size: number,
    offset: number,
    length: number,
  ): MaybePromise<readonly Uint8Array[]> {
    assert(offset >= 0 && offset + length <= size, `slice ${id}: read beyond its end`);
    const held: MaybePromise<HeldBlock>[] = [];
    let isHere = true;
    try {
      for (let at = offset; at < offset + length;) {
        const index = Math.floor(at / this.blockBytes);
        const from = at - index * this.blockBytes;
        const count = Math.min(this.blockBytes - from, offset + length - at);
        const block = this.#hold(id, size, index, from, count);
        isHere &&= !isPromise(block);
        held.push(block);
        at += count;
      }
    } catch (e) {
      this.#letGo(held);
      throw e;
    }
    return isHere
      ? this.#join(held as HeldBlock[], offset, length)
      : this.#joinLater(held, offset, length);
  }

  #hold(
    id: number,
    size: number,
    index: number,
    from: number,
    count: number,
  ): MaybePromise<HeldBlock> {
    const bytes = blockSize(size, index, this.blockBytes);
    const follows = this.#sequential.follows(id, index, from, from + count === bytes, count);
    // A cache that cannot keep two blocks would load each of them again and again.
    const roomy = this.#blocks.cache.largeBytesMax >= 2 * BufferPool.capacityFor(bytes);
    const whole = count === bytes || (follows && roomy);
    const block = this.#blocks.hold(id, size, index, from, count, whole);
    const isPassed = follows && from > 0 && from + count === bytes;
    if (isPassed && !isPromise(block)) this.#blocks.cache.pass(blockId(id, index));
    return block;
  }

  /** Views of the blocks in order. The blocks are let go: their memory is not used again before the loop turns. */
  #join(held: readonly HeldBlock[], offset: number, length: number): Uint8Array[] {
    const pieces: Uint8Array[] = [];
    let at = offset;
    for (const block of held) {
      const from = at % this.blockBytes;
      const count = Math.min(this.blockBytes - from, offset + length - at);
      pieces.push(block.buffer.subarray(from - block.start, from - block.start + count));
      this.#blocks.cache.unpin(block);
      at += count;
    }
    return pieces;
  }

  async #joinLater(
    held: readonly MaybePromise<HeldBlock>[],
    offset: number,
    length: number,
  ): Promise<Uint8Array[]> {
    let blocks: readonly HeldBlock[];
    try {
      blocks = await Promise.all(held.map(async (block) => block));
    } catch (e) {
      this.#letGo(held);
      throw e;
    }
    return this.#join(blocks, offset, length);
  }

  /** After an error: the blocks that came, and those that still come, are nobody's. */
  #letGo(held: readonly MaybePromise<HeldBlock>[]): void {
    const { cache } = this.#blocks;
    for (const block of held) {
      if (isPromise(block))
        block.then(
          (b) => cache.unpin(b),
          () => undefined,
        );
      else cache.unpin(block);
    }
  }

  prefetch(id: number, size: number, offset: number, length: number): void {
    const last = Math.min(
      blockCount(size, this.blockBytes) - 1,
      Math.floor((offset + length - 1) / this.blockBytes),
    );
    for (let index = Math.floor(offset / this.blockBytes); index <= last; index++) {
      this.#blocks.prefetch(id, size, index);
    }
  }

  /** All blocks are tried; throws the first error. */
  async remove(id: number, size: number): Promise<void> {
    const count = blockCount(size, this.blockBytes);
    const removals = Array.from({ length: count }, async (_, index) =>
      this.#blocks.remove(id, index, size),
    );
    for (const outcome of await Promise.allSettled(removals)) {
      if (outcome.status === "rejected") throw outcome.reason;
    }
  }

  get bufferedBytes(): number {
    return this.#budget.bytes;
  }
  waitForRoom(): Promise<void> | undefined {
    return this.#budget.waitForRoom();
  }

  sync(): MaybePromise<void> {
    return this.#blocks.storage.sync();
  }
  syncBefore<T>(work: () => Promise<T>): Promise<T> {
    return this.#barrier.run(work);
  }
  get hasUnsynced(): boolean {
    return this.#blocks.storage.hasUnsynced;
  }

  /** Bytes of all buffers, in use and free: what this layer holds of the process's memory. */
  get memoryBytes(): number {
    const { pool } = this.#blocks;
    return pool.usedBytes + pool.freeBytes;
  }

  /** Writers must be finished or aborted. */
  async close(): Promise<void> {
    try {
      await this.sync();
    } finally {
      this.#blocks.cache.clear();
      this.#blocks.pool.close();
    }
  }
}
