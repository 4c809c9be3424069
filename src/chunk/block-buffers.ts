// The blocks of one slice while they are in memory: pooled buffers that grow with what is written, and are counted.
import { blockId } from "./block-key.ts";
import type { BlockStore } from "./block-store.ts";
import { BufferPool } from "./buffer-pool.ts";
import { holdBlock } from "./cache.ts";
import type { WriteBudget } from "./write-budget.ts";

/** How much a buffer grows at once: few copies for a file that grows in small steps, little memory for one that does not. */
const GROWTH = 4;
/** Blocks up to this size are worth a copy into a buffer of their own size. */
const COPY_BYTES_MAX = 256 * 1024;
const ZEROS = new Uint8Array(64 * 1024);

/** A block in memory; bytes from `filled` on are zeros that nobody has written yet. */
interface OpenBlock {
  buffer: Uint8Array;
  filled: number;
  isHanded: boolean;
}

export class BlockBuffers {
  readonly #blocks: BlockStore;
  readonly #budget: WriteBudget;
  readonly #blockBytes: number;
  readonly #open: (OpenBlock | undefined)[] = [];

  constructor(blocks: BlockStore, budget: WriteBudget) {
    this.#blocks = blocks;
    this.#budget = budget;
    this.#blockBytes = blocks.options.blockBytes;
  }

  /** One more than the highest block that was ever here. */
  get count(): number {
    return this.#open.length;
  }
  has(index: number): boolean {
    return this.#open[index] !== undefined;
  }

  write(index: number, data: Uint8Array, from: number): void {
    const end = from + data.length;
    const block = this.#blockFor(index, end);
    if (from > block.filled) block.buffer.fill(0, block.filled, from);
    block.buffer.set(data, from);
    block.filled = Math.max(block.filled, end);
  }

  #blockFor(index: number, bytes: number): OpenBlock {
    const { pool } = this.#blocks;
    let block = this.#open[index];
    if (block === undefined) {
      // A slice that goes beyond its first block is a large one: take the whole buffer at once.
      const buffer = pool.take(index === 0 ? bytes : this.#blockBytes);
      block = { buffer, filled: 0, isHanded: false };
      this.#budget.change(block.buffer.length);
      this.#open[index] = block;
    } else if (block.buffer.length < bytes) {
      const wanted = Math.min(this.#blockBytes, Math.max(bytes, block.buffer.length * GROWTH));
      const larger = pool.take(wanted);
      larger.set(block.buffer.subarray(0, block.filled));
      this.#budget.change(larger.length - block.buffer.length);
      pool.give(block.buffer);
      block.buffer = larger;
    }
    return block;
  }

  /** Copies out; bytes that nobody has written are zeros. */
  read(index: number, target: Uint8Array, from: number): void {
    const block = this.#open[index];
    const filled = block?.filled ?? 0;
    const count = Math.max(0, Math.min(target.length, filled - from));
    if (block !== undefined && count > 0) target.set(block.buffer.subarray(from, from + count));
    target.fill(0, count);
  }

  /** `count` bytes where they lie; undefined when some were not written or are not here. */
  view(index: number, from: number, count: number): Uint8Array | undefined {
    const block = this.#open[index];
    if (block === undefined || block.filled < from + count) return undefined;
    return block.buffer.subarray(from, from + count);
  }

  /** The block is on its way to the store: its first `size` bytes as pieces. */
  hand(index: number, size: number): readonly Uint8Array[] {
    const block = this.#open[index];
    if (block === undefined) return zeros(size);
    block.isHanded = true;
    this.#budget.changeHanded(block.buffer.length);
    if (block.filled >= size) return [block.buffer.subarray(0, size)];
    return [block.buffer.subarray(0, block.filled), ...zeros(size - block.filled)];
  }

  /** It is not on its way any more, and stays. */
  takeBack(index: number): void {
    const block = this.#open[index];
    if (block?.isHanded !== true) return;
    block.isHanded = false;
    this.#budget.changeHanded(-block.buffer.length);
  }

  /** Its memory is free again. */
  drop(index: number): void {
    const block = this.#take(index);
    if (block !== undefined) this.#blocks.pool.give(block.buffer);
  }

  /** Drops all that are not on their way. */
  dropIdle(): void {
    for (let index = 0; index < this.#open.length; index++) {
      if (this.#open[index]?.isHanded === false) this.drop(index);
    }
  }

  /** It becomes the cached block `index` of slice `id`; its buffer itself does, unless most of that would be empty. */
  cache(id: number, index: number, size: number): void {
    const block = this.#take(index);
    if (block === undefined) return;
    const { pool, cache } = this.#blocks;
    const { buffer } = block;
    let kept = buffer;
    if (block.filled < size) {
      pool.give(buffer);
      return;
    }
    if (buffer.length > BufferPool.capacityFor(size)) {
      if (size <= COPY_BYTES_MAX) {
        kept = pool.take(size);
        kept.set(buffer.subarray(0, size));
      }
      pool.give(buffer);
      if (kept === buffer) return;
    }
    const held = holdBlock(kept, 0, size, true);
    cache.add(blockId(id, index), held);
    cache.unpin(held);
  }

  #take(index: number): OpenBlock | undefined {
    const block = this.#open[index];
    this.#open[index] = undefined;
    if (block === undefined) return undefined;
    if (block.isHanded) this.#budget.changeHanded(-block.buffer.length);
    this.#budget.change(-block.buffer.length);
    return block;
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
