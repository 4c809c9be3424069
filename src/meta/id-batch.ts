// Ids taken from the store in batches, so that making a node or a slice costs no transaction of its own. What a crash
// leaves of a batch is lost; gaps are normal (formats 16.12).
import type { MaybePromise } from "../util/maybe.ts";
import { isPromise } from "../util/maybe.ts";
import type { IdCounter, MetaStore } from "./store.ts";

export const INODE_BATCH = 1024;
export const SLICE_BATCH = 4096;
const SPARE_MAX = 1024;

export class IdBatch {
  readonly #store: MetaStore;
  readonly #counter: IdCounter;
  readonly #step: number;
  /** Ids of operations that failed. */
  readonly #spare: number[] = [];
  #next = 0;
  #end = 0;
  #coming: Promise<number> | undefined;
  /** Learnt from the first answer: only an engine that lets us wait is asked ahead of need. */
  #waits = false;

  constructor(store: MetaStore, counter: IdCounter, step: number) {
    this.#store = store;
    this.#counter = counter;
    this.#step = step;
  }

  take(): MaybePromise<number> {
    const spare = this.#spare.pop();
    if (spare !== undefined) return spare;
    if (this.#next < this.#end) {
      if (this.#waits && this.#end - this.#next <= this.#step / 10) this.#prefetch();
      return this.#next++;
    }
    if (this.#coming !== undefined) return this.#wait(this.#coming);
    const first = this.#store.allocate(this.#counter, this.#step);
    if (!isPromise(first)) return this.#begin(first);
    this.#waits = true;
    return this.#wait((this.#coming = first));
  }

  /** An id that was taken and not used. */
  giveBack(id: number): void {
    if (this.#spare.length < SPARE_MAX) this.#spare.push(id);
  }

  #begin(first: number): number {
    this.#next = first + 1;
    this.#end = first + this.#step;
    return first;
  }
  #prefetch(): void {
    if (this.#coming !== undefined) return;
    this.#coming = Promise.resolve(this.#store.allocate(this.#counter, this.#step));
    // Whoever needs the ids asks again and sees the error then.
    this.#coming.catch(() => (this.#coming = undefined));
  }
  async #wait(coming: Promise<number>): Promise<number> {
    let first: number;
    try {
      first = await coming;
    } catch (e) {
      if (this.#coming === coming) this.#coming = undefined;
      throw e;
    }
    // The first of those who waited opens the batch; the others find it open.
    if (this.#coming !== coming) return this.take();
    this.#coming = undefined;
    return this.#begin(first);
  }
}
