// One slice being written: bytes are copied once into pooled buffers, full blocks leave for the store as they are handed
// over, and what was stored moves into the cache without a copy.
import { assert } from "../util/assert.ts";
import { isPromise } from "../util/maybe.ts";
import type { MaybePromise } from "../util/maybe.ts";
import { blockCount, blockId, blockSize } from "./block-key.ts";
import type { BlockStore } from "./block-store.ts";
import { BufferPool } from "./buffer-pool.ts";
import { holdBlock } from "./cache.ts";
import type { SliceWriter } from "./store.ts";
import type { SyncBarrier } from "./sync-barrier.ts";
import type { WriteBudget } from "./write-budget.ts";

/** How much a buffer grows at once: few copies for a file that grows in small steps, little memory for one that does not. */
const GROWTH = 4;
/** Blocks up to this size are worth a copy into a buffer of their own size. */
const COPY_BYTES_MAX = 256 * 1024;
/** Larger blocks are not kept when they are stored: the kernel has their pages, and a stream would touch new memory for each. */
const KEPT_BYTES_MAX = 1 << 20;
const ZEROS = new Uint8Array(64 * 1024);

/** A block in memory; bytes from `filled` on are zeros that nobody has written yet. */
interface OpenBlock {
  buffer: Uint8Array;
  filled: number;
  isHanded: boolean;
}

export interface SliceWriterContext {
  readonly blocks: BlockStore;
  readonly budget: WriteBudget;
  readonly barrier: SyncBarrier;
  readonly cacheWrites: boolean;
}

export class BlockSliceWriter implements SliceWriter {
  readonly id: number;
  readonly #context: SliceWriterContext;
  readonly #blockBytes: number;
  readonly #open: (OpenBlock | undefined)[] = [];
  readonly #puts = new Set<Promise<void>>();
  #length = 0;
  /** Blocks handed over. */
  #frozen = 0;
  #needsSync = false;
  #failure: { readonly error: unknown } | undefined;
  #aborted = false;

  constructor(id: number, context: SliceWriterContext) {
    this.id = id;
    this.#context = context;
    this.#blockBytes = context.blocks.options.blockBytes;
  }

  get length(): number {
    return this.#length;
  }
  get frozenBytes(): number {
    return this.#frozen * this.#blockBytes;
  }

  writeAt(data: Uint8Array, offset: number): void {
    assert(
      offset >= this.frozenBytes,
      `slice ${this.id}: write at ${offset} into blocks handed over`,
    );
    assert(!this.#aborted, `slice ${this.id}: write after abort`);
    for (let done = 0; done < data.length;) {
      const index = Math.floor((offset + done) / this.#blockBytes);
      const from = offset + done - index * this.#blockBytes;
      const count = Math.min(this.#blockBytes - from, data.length - done);
      const part = count === data.length ? data : data.subarray(done, done + count);
      this.#writeBlock(index, part, from);
      done += count;
    }
    this.#length = Math.max(this.#length, offset + data.length);
  }

  #writeBlock(index: number, data: Uint8Array, from: number): void {
    const end = from + data.length;
    const block = this.#blockFor(index, end);
    if (from > block.filled) block.buffer.fill(0, block.filled, from);
    block.buffer.set(data, from);
    block.filled = Math.max(block.filled, end);
  }

  #blockFor(index: number, bytes: number): OpenBlock {
    const { blocks, budget } = this.#context;
    let block = this.#open[index];
    if (block === undefined) {
      // A slice that goes beyond its first block is a large one: take the whole buffer at once.
      const buffer = blocks.pool.take(index === 0 ? bytes : this.#blockBytes);
      block = { buffer, filled: 0, isHanded: false };
      budget.change(block.buffer.length);
      this.#open[index] = block;
    } else if (block.buffer.length < bytes) {
      const wanted = Math.min(this.#blockBytes, Math.max(bytes, block.buffer.length * GROWTH));
      const larger = blocks.pool.take(wanted);
      larger.set(block.buffer.subarray(0, block.filled));
      budget.change(larger.length - block.buffer.length);
      blocks.pool.give(block.buffer);
      block.buffer = larger;
    }
    return block;
  }

  readBuffered(target: Uint8Array, offset: number): boolean {
    for (let done = 0; done < target.length;) {
      const index = Math.floor((offset + done) / this.#blockBytes);
      const from = offset + done - index * this.#blockBytes;
      const count = Math.min(this.#blockBytes - from, target.length - done);
      if (!this.#readBlock(index, target.subarray(done, done + count), from)) return false;
      done += count;
    }
    return true;
  }

  #readBlock(index: number, target: Uint8Array, from: number): boolean {
    const block = this.#open[index];
    if (block === undefined && index < this.#frozen) {
      const cached = this.#context.blocks.cache.get(blockId(this.id, index));
      if (cached === undefined) return false;
      target.set(cached.buffer.subarray(from, from + target.length));
      return true;
    }
    const filled = block?.filled ?? 0;
    const count = Math.max(0, Math.min(target.length, filled - from));
    if (block !== undefined && count > 0) target.set(block.buffer.subarray(from, from + count));
    target.fill(0, count);
    return true;
  }

  flushBlocks(): void {
    const complete = Math.floor(this.#length / this.#blockBytes);
    while (this.#frozen < complete && this.#failure === undefined) {
      this.#needsSync = true;
      this.#handOver(this.#blockBytes, false);
    }
  }

  finish(durable: boolean): MaybePromise<void> {
    const count = blockCount(this.#length, this.#blockBytes);
    // When blocks have left without a sync, one sync for all costs less than another flush for the last.
    const each = durable && !this.#needsSync;
    while (this.#frozen < count && this.#failure === undefined) {
      this.#handOver(blockSize(this.#length, this.#frozen, this.#blockBytes), each);
    }
    if (this.#puts.size > 0) return this.#finishLater(durable, each);
    return this.#settle(durable, each);
  }

  async #finishLater(durable: boolean, isSynced: boolean): Promise<void> {
    while (this.#puts.size > 0) await Promise.all(this.#puts);
    await this.#settle(durable, isSynced);
  }

  /** All blocks are stored, or failed. */
  #settle(durable: boolean, isSynced: boolean): MaybePromise<void> {
    if (this.#failure !== undefined) throw this.#failure.error;
    const { blocks, barrier } = this.#context;
    if (isSynced || !(durable || barrier.isHeld)) return;
    return blocks.storage.sync();
  }

  /** Puts the next block. Errors are kept for `finish`. */
  #handOver(size: number, durable: boolean): void {
    const index = this.#frozen++;
    const block = this.#open[index];
    if (block !== undefined) {
      block.isHanded = true;
      this.#context.budget.changeHanded(block.buffer.length);
    }
    try {
      const put = this.#context.blocks.put(this.id, index, this.#bodyOf(block, size), durable);
      if (isPromise(put)) this.#track(put, index, size);
      else this.#stored(index, size);
    } catch (e) {
      this.#failed(index, e);
    }
  }

  #bodyOf(block: OpenBlock | undefined, size: number): readonly Uint8Array[] {
    if (block === undefined) return zeros(size);
    if (block.filled >= size) return [block.buffer.subarray(0, size)];
    return [block.buffer.subarray(0, block.filled), ...zeros(size - block.filled)];
  }

  #track(put: Promise<void>, index: number, size: number): void {
    const settled = put.then(
      () => this.#stored(index, size),
      (e: unknown) => this.#failed(index, e),
    );
    const tracked: Promise<void> = settled.finally(() => this.#puts.delete(tracked));
    this.#puts.add(tracked);
  }

  #stored(index: number, size: number): void {
    const block = this.#take(index);
    if (this.#aborted) this.#deleteBlocks(index, index + 1);
    if (block === undefined) return;
    const isKept = this.#context.cacheWrites && size <= KEPT_BYTES_MAX;
    if (isKept && !this.#aborted && block.filled >= size) {
      this.#cache(index, block.buffer, size);
    } else {
      this.#context.blocks.pool.give(block.buffer);
    }
  }

  /** The buffer itself becomes the cached block, unless most of it would be empty. */
  #cache(index: number, buffer: Uint8Array, size: number): void {
    const { pool, cache } = this.#context.blocks;
    let kept = buffer;
    if (buffer.length > BufferPool.capacityFor(size)) {
      if (size <= COPY_BYTES_MAX) {
        kept = pool.take(size);
        kept.set(buffer.subarray(0, size));
      }
      pool.give(buffer);
      if (kept === buffer) return;
    }
    const held = holdBlock(kept, 0, size, true);
    cache.add(blockId(this.id, index), held);
    cache.unpin(held);
  }

  #failed(index: number, error: unknown): void {
    this.#failure ??= { error };
    const block = this.#take(index);
    if (block !== undefined) this.#context.blocks.pool.give(block.buffer);
    // The store may have kept what it said it could not.
    if (this.#aborted) this.#deleteBlocks(index, index + 1);
  }

  #take(index: number): OpenBlock | undefined {
    const block = this.#open[index];
    this.#open[index] = undefined;
    if (block === undefined) return undefined;
    const { budget } = this.#context;
    if (block.isHanded) budget.changeHanded(-block.buffer.length);
    budget.change(-block.buffer.length);
    return block;
  }

  abort(): void {
    if (this.#aborted) return;
    this.#aborted = true;
    const { blocks } = this.#context;
    for (let index = this.#frozen; index < this.#open.length; index++) {
      const block = this.#take(index);
      if (block !== undefined) blocks.pool.give(block.buffer);
    }
    // Those still on their way are deleted when they arrive.
    this.#deleteBlocks(0, this.#frozen);
  }

  /** In the background: what cannot be deleted is garbage that nothing names. */
  #deleteBlocks(from: number, to: number): void {
    for (let index = from; index < to; index++) {
      try {
        const removed = this.#context.blocks.remove(this.id, index, this.#length);
        if (isPromise(removed)) removed.catch(() => undefined);
      } catch {
        // As above.
      }
    }
  }
}

/** Pieces of zeros without memory of their own. */
function zeros(bytes: number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let left = bytes; left > 0; left -= ZEROS.length) {
    pieces.push(left >= ZEROS.length ? ZEROS : ZEROS.subarray(0, left));
  }
  return pieces;
}
