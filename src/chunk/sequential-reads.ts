// Remembers where the last few readers of blocks stopped: one that goes on there will want the rest of the block.
import type { BlockId } from "./block-key.ts";
import { blockId } from "./block-key.ts";

const READERS_MAX = 64;

export class SequentialReads {
  /** Where the next read of the block would start, oldest reader first. */
  readonly #next = new Map<BlockId, number>();

  /** True when this read starts where an earlier one stopped. `isEnd` = it reaches the end of the block. */
  follows(id: number, index: number, from: number, isEnd: boolean, count: number): boolean {
    const key = blockId(id, index);
    const expected = this.#next.get(key);
    if (expected !== undefined) this.#next.delete(key);
    this.#remember(isEnd ? blockId(id, index + 1) : key, isEnd ? 0 : from + count);
    return expected === from;
  }

  #remember(key: BlockId, offset: number): void {
    if (this.#next.size >= READERS_MAX) {
      for (const oldest of this.#next.keys()) {
        this.#next.delete(oldest);
        break;
      }
    }
    this.#next.set(key, offset);
  }
}
