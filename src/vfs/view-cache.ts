// What is visible of the chunks that were read lately: resolving thousands of slices again for each read would cost more
// than reading. Bounded by the number of pieces; whole inodes leave, the longest unused first.
import type { Ino, Slice } from "../meta/types.ts";

/** A file of one slice costs 550 bytes and counts as two pieces. */
const PIECES_MAX = 50_000;

export class ViewCache {
  readonly #inodes: Map<Ino, Map<number, readonly Slice[]>> = new Map();
  #pieces = 0;
  /** Moves with every invalidation. */
  epoch = 0;

  get(ino: Ino, index: number): readonly Slice[] | undefined {
    return this.#inodes.get(ino)?.get(index);
  }

  put(ino: Ino, index: number, view: readonly Slice[]): void {
    let chunks = this.#inodes.get(ino);
    if (chunks === undefined) chunks = new Map();
    else {
      this.#inodes.delete(ino);
      this.#forget(chunks, index);
    }
    chunks.set(index, view);
    this.#inodes.set(ino, chunks);
    // An empty chunk costs as much as a piece.
    this.#pieces += view.length + 1;
    if (this.#pieces > PIECES_MAX) this.#evict(ino);
  }

  #evict(keep: Ino): void {
    for (const [ino, chunks] of this.#inodes) {
      if (this.#pieces <= PIECES_MAX) return;
      if (ino !== keep) this.invalidate(ino);
      else
        for (const index of chunks.keys()) {
          // One huge file alone: its own oldest chunks leave, the newest stays.
          if (this.#pieces <= PIECES_MAX || chunks.size === 1) break;
          this.#forget(chunks, index);
        }
    }
  }

  #forget(chunks: Map<number, readonly Slice[]>, index: number): void {
    const view = chunks.get(index);
    if (view === undefined) return;
    this.#pieces -= view.length + 1;
    chunks.delete(index);
  }

  invalidateChunk(ino: Ino, index: number): void {
    this.epoch++;
    const chunks = this.#inodes.get(ino);
    if (chunks === undefined) return;
    this.#forget(chunks, index);
    if (chunks.size === 0) this.#inodes.delete(ino);
  }

  invalidate(ino: Ino): void {
    this.epoch++;
    const chunks = this.#inodes.get(ino);
    if (chunks === undefined) return;
    this.#inodes.delete(ino);
    for (const view of chunks.values()) this.#pieces -= view.length + 1;
  }

  clear(): void {
    this.epoch++;
    this.#inodes.clear();
    this.#pieces = 0;
  }
}
