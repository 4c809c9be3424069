// Blocks in memory, counted in bytes and bounded. The victim is the oldest that nobody has used since the last look (clock),
// so that a hit costs one assignment.
import type { BlockId } from "./block-key.ts";
import type { BufferPool } from "./buffer-pool.ts";

/** Bytes `start`..`start + size` of a block. Views of `buffer` are valid while it is pinned, and until the loop turns after. */
export interface HeldBlock {
  readonly buffer: Uint8Array;
  readonly start: number;
  readonly size: number;
  /** False for memory that a storage has allocated: left to garbage collection. */
  readonly isPooled: boolean;
  isCached: boolean;
  isUsed: boolean;
  pins: number;
}

/** A block that is pinned once and not in the cache. */
export function holdBlock(
  buffer: Uint8Array,
  start: number,
  size: number,
  isPooled: boolean,
): HeldBlock {
  return { buffer, start, size, isPooled, isCached: false, isUsed: false, pins: 1 };
}

/** Memory of buffers below this size comes from the C library, which seldom gives it back, at a third on top. */
const SMALL_BYTES = 64 * 1024;
/** The part of the large blocks' memory that stays with those that a stream has read to their end. */
const PASSED_PART = 8;
/** The part of the cache that small blocks may take: a read of theirs from the page cache costs little anyway. */
const SMALL_PART = 4;

export class BlockCache {
  /** What blocks of 64 KiB and more may take. */
  readonly largeBytesMax: number;
  readonly #small: Shelf;
  readonly #large: Shelf;
  readonly #pool: BufferPool;

  constructor(bytesMax: number, pool: BufferPool) {
    this.#pool = pool;
    const smallMax = Math.floor(bytesMax / SMALL_PART);
    this.largeBytesMax = bytesMax - smallMax;
    this.#small = new Shelf(smallMax, pool);
    this.#large = new Shelf(this.largeBytesMax, pool);
  }

  /** Bytes of memory held, unused ends of buffers included. */
  get bytes(): number {
    return this.#small.bytes + this.#large.bytes;
  }

  has(key: BlockId): boolean {
    return this.#large.has(key) || this.#small.has(key);
  }

  /** Not pinned: the caller does that when it keeps the block beyond this turn. */
  get(key: BlockId): HeldBlock | undefined {
    const block = this.#large.get(key) ?? this.#small.get(key);
    if (block !== undefined) block.isUsed = true;
    return block;
  }

  /** Takes over a whole block, unless it is too large for the cache or there already. The caller's pin stays the caller's. */
  add(key: BlockId, block: HeldBlock): void {
    if (this.has(key)) return;
    (block.buffer.length < SMALL_BYTES ? this.#small : this.#large).add(key, block);
  }

  /** A stream has read the block to its end. The kernel has its pages now, and what the stream reads next wants the memory:
   *  memory that was never used before costs more than the read. */
  pass(key: BlockId): void {
    this.#large.pass(key);
  }

  drop(key: BlockId): void {
    this.#large.drop(key);
    this.#small.drop(key);
  }

  clear(): void {
    this.#large.clear();
    this.#small.clear();
  }

  unpin(block: HeldBlock): void {
    block.pins--;
    giveBack(block, this.#pool);
  }
}

/** Blocks of a kind, within a bound of their own. */
class Shelf {
  bytes = 0;
  readonly #bytesMax: number;
  readonly #pool: BufferPool;
  readonly #blocks = new Map<BlockId, HeldBlock>();
  /** Passed by a stream, oldest first. Some may have left. */
  readonly #passed = new Set<BlockId>();

  constructor(bytesMax: number, pool: BufferPool) {
    this.#bytesMax = bytesMax;
    this.#pool = pool;
  }

  has(key: BlockId): boolean {
    return this.#blocks.has(key);
  }

  get(key: BlockId): HeldBlock | undefined {
    return this.#blocks.get(key);
  }

  add(key: BlockId, block: HeldBlock): void {
    const bytes = block.buffer.length;
    if (bytes > this.#bytesMax) return;
    this.#makeRoom(bytes);
    block.isCached = true;
    this.#blocks.set(key, block);
    this.bytes += bytes;
  }

  #makeRoom(bytes: number): void {
    for (const [key, block] of this.#blocks) {
      if (this.bytes + bytes <= this.#bytesMax) return;
      this.#blocks.delete(key);
      if (block.isUsed) {
        block.isUsed = false;
        // Behind all others: the loop meets it again only when everything else was in use too.
        this.#blocks.set(key, block);
      } else {
        this.#forget(block);
      }
    }
  }

  pass(key: BlockId): void {
    const block = this.#blocks.get(key);
    if (block === undefined) return;
    block.isUsed = false;
    this.#passed.add(key);
    const countMax = Math.floor(this.#bytesMax / PASSED_PART / block.buffer.length);
    for (const oldest of this.#passed) {
      if (this.#passed.size <= countMax) return;
      this.#passed.delete(oldest);
      // Who came back for it has a use for it.
      if (this.#blocks.get(oldest)?.isUsed === false) this.drop(oldest);
    }
  }

  drop(key: BlockId): void {
    const block = this.#blocks.get(key);
    if (block === undefined) return;
    this.#blocks.delete(key);
    this.#forget(block);
  }

  clear(): void {
    for (const key of this.#blocks.keys()) this.drop(key);
  }

  #forget(block: HeldBlock): void {
    block.isCached = false;
    this.bytes -= block.buffer.length;
    giveBack(block, this.#pool);
  }
}

function giveBack(block: HeldBlock, pool: BufferPool): void {
  if (block.pins > 0 || block.isCached || !block.isPooled) return;
  pool.giveAfterTurn(block.buffer);
}
