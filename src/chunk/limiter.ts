// At most so many tasks at a time; the rest wait in order. A task that ends in place costs no promise.
import type { MaybePromise } from "../util/maybe.ts";
import { isPromise } from "../util/maybe.ts";

export class Limiter {
  readonly #max: number;
  readonly #waiting: (() => void)[] = [];
  #active = 0;

  constructor(max: number) {
    this.#max = Math.max(1, max);
  }

  /** True when a task would start at once. */
  get hasRoom(): boolean {
    return this.#active < this.#max;
  }

  run<T>(task: () => MaybePromise<T>): MaybePromise<T> {
    if (!this.hasRoom) {
      return new Promise<void>((start) => this.#waiting.push(start)).then(() => this.#start(task));
    }
    this.#active++;
    return this.#start(task);
  }

  /** The caller has counted the task already. */
  #start<T>(task: () => MaybePromise<T>): MaybePromise<T> {
    let result: MaybePromise<T>;
    try {
      result = task();
    } catch (e) {
      this.#end();
      throw e;
    }
    if (isPromise(result)) return result.finally(() => this.#end());
    this.#end();
    return result;
  }

  #end(): void {
    const next = this.#waiting.shift();
    // The place goes straight to the next one: nobody can slip in between.
    if (next === undefined) this.#active--;
    else next();
  }
}
