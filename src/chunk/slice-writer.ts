// One slice being written: bytes are copied once into pooled buffers, full blocks leave for the store as they are handed
// over, and what was stored moves into the cache without a copy.
import { assert } from "../util/assert.ts";
import { isPromise, then } from "../util/maybe.ts";
import type { MaybePromise } from "../util/maybe.ts";
import { BlockBuffers } from "./block-buffers.ts";
import { blockCount, blockId, blockSize } from "./block-key.ts";
import type { BlockStore } from "./block-store.ts";
import type { SliceWriter } from "./store.ts";
import type { SyncBarrier } from "./sync-barrier.ts";
import type { WriteBudget } from "./write-budget.ts";

/** Larger blocks are not kept when they are stored: the kernel has their pages, and a stream would touch new memory for each. */
const KEPT_BYTES_MAX = 1 << 20;

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
  readonly #buffers: BlockBuffers;
  readonly #puts = new Set<Promise<void>>();
  #length = 0;
  /** Blocks handed over. */
  #frozen = 0;
  #needsSync = false;
  #failure: { readonly error: unknown } | undefined;
  #aborted = false;
  /** Buffers stay until all is stored. */
  #keeps = false;
  #isStored = false;

  constructor(id: number, context: SliceWriterContext) {
    this.id = id;
    this.#context = context;
    this.#blockBytes = context.blocks.options.blockBytes;
    this.#buffers = new BlockBuffers(context.blocks, context.budget);
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
      this.#buffers.write(index, part, from);
      done += count;
    }
    this.#length = Math.max(this.#length, offset + data.length);
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
    if (!this.#buffers.has(index) && index < this.#frozen) {
      const cached = this.#context.blocks.cache.get(blockId(this.id, index));
      if (cached === undefined) return false;
      target.set(cached.buffer.subarray(from, from + target.length));
      return true;
    }
    this.#buffers.read(index, target, from);
    return true;
  }

  views(offset: number, length: number): readonly Uint8Array[] | undefined {
    const views: Uint8Array[] = [];
    for (let at = offset; at < offset + length;) {
      const index = Math.floor(at / this.#blockBytes);
      const from = at - index * this.#blockBytes;
      const count = Math.min(this.#blockBytes - from, offset + length - at);
      const view = this.#buffers.view(index, from, count);
      if (view === undefined) return undefined;
      views.push(view);
      at += count;
    }
    return views;
  }

  keepBuffers(): void {
    assert(this.#keeps || this.#frozen === 0, `slice ${this.id}: blocks have left already`);
    this.#keeps = true;
  }

  flushBlocks(): void {
    if (this.#keeps) return;
    const complete = Math.floor(this.#length / this.#blockBytes);
    while (this.#frozen < complete && this.#failure === undefined) {
      this.#needsSync = true;
      this.#handOver(this.#blockBytes, false);
    }
  }

  finish(durable: boolean): MaybePromise<void> {
    if (!this.#keeps) return this.#storeAll(durable);
    if (this.#isStored) return;
    // Nobody knows what became of the blocks of an attempt that failed: all are put again.
    this.#frozen = 0;
    this.#failure = undefined;
    return then(this.#storeAll(durable), () => this.#release());
  }

  #release(): void {
    this.#isStored = true;
    for (let index = 0; index < this.#buffers.count; index++) {
      this.#afterStore(index, blockSize(this.#length, index, this.#blockBytes));
    }
  }

  #storeAll(durable: boolean): MaybePromise<void> {
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
    const body = this.#buffers.hand(index, size);
    try {
      const put = this.#context.blocks.put(this.id, index, body, durable);
      if (isPromise(put)) this.#track(put, index, size);
      else this.#stored(index, size);
    } catch (e) {
      this.#failed(index, e);
    }
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
    if (this.#aborted) {
      this.#buffers.drop(index);
      this.#deleteBlocks(index, index + 1);
    } else if (this.#keeps) this.#buffers.takeBack(index);
    else this.#afterStore(index, size);
  }

  #afterStore(index: number, size: number): void {
    if (this.#context.cacheWrites && size <= KEPT_BYTES_MAX && !this.#aborted) {
      this.#buffers.cache(this.id, index, size);
    } else this.#buffers.drop(index);
  }

  #failed(index: number, error: unknown): void {
    this.#failure ??= { error };
    if (this.#keeps && !this.#aborted) this.#buffers.takeBack(index);
    else this.#buffers.drop(index);
    // The store may have kept what it said it could not.
    if (this.#aborted) this.#deleteBlocks(index, index + 1);
  }

  abort(): void {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#buffers.dropIdle();
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
