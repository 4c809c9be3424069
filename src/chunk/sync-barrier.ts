// Keeps the order of durability: metadata that is being made durable may take along any record committed until it is on
// disk, so the blocks of all of them must be there before.
import type { MaybePromise } from "../util/maybe.ts";
import { isPromise } from "../util/maybe.ts";

export class SyncBarrier {
  readonly #syncBlocks: () => MaybePromise<void>;
  /** Works under way, their first block sync included. */
  #held = 0;
  /** Works that have begun: since the block sync before the first of them, no slice ended without being durable. */
  #armed = 0;

  /** `syncBlocks` makes durable all blocks put so far. */
  constructor(syncBlocks: () => MaybePromise<void>) {
    this.#syncBlocks = syncBlocks;
  }

  /** True while a slice must be durable before its records may be committed. */
  get isHeld(): boolean {
    return this.#held > 0;
  }

  /** Runs `work`, which makes metadata durable, when the blocks of all that is committed are. Rejects with the error of either. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    this.#held++;
    try {
      if (this.#armed === 0) {
        const synced = this.#syncBlocks();
        if (isPromise(synced)) await synced;
      }
      this.#armed++;
      try {
        return await work();
      } finally {
        this.#armed--;
      }
    } finally {
      this.#held--;
    }
  }
}
