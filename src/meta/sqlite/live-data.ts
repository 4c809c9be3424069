// Which bytes are in the journal only: the slices whose data frames are still needed, and when they stop being so.
import { decodeSlices } from "../slices.ts";
import type { Mutation } from "../mutation.ts";
import type { Ino } from "../types.ts";

interface LiveSlice {
  readonly ino: Ino;
  /** The first frame with bytes of it. */
  readonly first: number;
  /** Its records are committed, or in an appended frame. */
  isCovered: boolean;
}

export class LiveData {
  /** By slice id, in the order of their first frames. */
  readonly #slices = new Map<number, LiveSlice>();
  /** Slices whose records the open transaction has appended. */
  #covering: number[] = [];

  get isEmpty(): boolean {
    return this.#slices.size === 0;
  }
  /** True when bytes are in the journal only. */
  get hasUncovered(): boolean {
    for (const { isCovered } of this.#slices.values()) if (!isCovered) return true;
    return false;
  }

  /** A data frame has bytes of this slice. */
  add(ino: Ino, sliceId: number, sequence: number): void {
    if (this.#slices.has(sliceId)) return;
    this.#slices.set(sliceId, { ino, first: sequence, isCovered: false });
  }
  /** The inode is gone, its bytes with it. */
  coverInode(ino: Ino): void {
    for (const slice of this.#slices.values()) if (slice.ino === ino) slice.isCovered = true;
  }

  /** To be told every mutation while there are live slices. */
  see(mutation: Mutation): void {
    if (this.#slices.size === 0 || mutation.kind !== "appendSlices") return;
    for (const { id } of decodeSlices(mutation.records) ?? []) {
      if (this.#slices.has(id)) this.#covering.push(id);
    }
  }
  /** What was seen since the last call is safe: in a frame, or committed. */
  cover(): void {
    if (this.#covering.length === 0) return;
    for (const id of this.#covering) {
      const slice = this.#slices.get(id);
      if (slice !== undefined) slice.isCovered = true;
    }
    this.#covering = [];
  }
  /** What was seen since the last call has not happened. */
  drop(): void {
    if (this.#covering.length > 0) this.#covering = [];
  }

  /** The first frame that is needed when what was seen is committed; `none` when there is none. */
  neededFrom(none: number): number {
    for (const [id, { first, isCovered }] of this.#slices) {
      if (!isCovered && !this.#covering.includes(id)) return first;
    }
    return none;
  }
  /** Slices that need no frames any more once what was seen is committed, though older ones do. */
  coveredIds(): number[] {
    const ids: number[] = [];
    for (const [id, { isCovered }] of this.#slices) {
      if (isCovered || this.#covering.includes(id)) ids.push(id);
    }
    return ids;
  }
  /** Forgets slices whose records are durable in the database. */
  forget(ids: readonly number[]): void {
    for (const id of ids) this.#slices.delete(id);
  }
  /** The first frame of the oldest slice that is not forgotten; Infinity = none. */
  get oldest(): number {
    for (const { first } of this.#slices.values()) return first;
    return Infinity;
  }
}
