// Bodies that wait for another process to finish writing (or for a checkpoint), served in the order they came. A timer
// tries again with short pauses: SQLite's own busy handler would sleep on the event loop.
import { log } from "../../util/log.ts";
import type { MetaTxn } from "../txn.ts";

const PAUSE_MS_MAX = 20;
/** Bodies that share one transaction once it is ours. */
const BATCH = 64;
const WARN_AFTER_MS = 10_000;

interface Waiting {
  readonly run: (tx: MetaTxn) => void;
  /** Called when the transaction that ran it is committed. */
  readonly settle: () => void;
  readonly fail: (cause: unknown) => void;
}

/** Runs bodies in one transaction and commits it. False: still busy, nothing ran. Throws when all of it is lost. */
export type RunBatch = (bodies: readonly ((tx: MetaTxn) => void)[]) => boolean;

export class WriteQueue {
  readonly #name: string;
  readonly #runBatch: RunBatch;
  #waiting: Waiting[] = [];
  #timer: NodeJS.Timeout | undefined;
  #pauseMs = 1;
  #busySince = 0;

  constructor(name: string, runBatch: RunBatch) {
    this.#name = name;
    this.#runBatch = runBatch;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** Resolves when the body has been committed. */
  push<T>(body: (tx: MetaTxn) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      let outcome: { readonly value: T } | { readonly cause: unknown } = { cause: undefined };
      this.#waiting.push({
        run: (tx) => {
          try {
            outcome = { value: body(tx) };
          } catch (cause) {
            outcome = { cause };
            throw cause;
          }
        },
        settle: () => ("value" in outcome ? resolve(outcome.value) : reject(outcome.cause)),
        fail: reject,
      });
      if (this.#timer === undefined) this.#start();
    });
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const cause = new Error("the metadata database is closed");
    for (const waiting of this.#waiting.splice(0)) waiting.fail(cause);
  }

  #start(): void {
    this.#busySince = performance.now();
    this.#pauseMs = 1;
    this.#schedule();
  }

  #schedule(): void {
    // Half of the pause is random, so that two processes that collided do not keep doing so.
    this.#timer = setTimeout(() => this.#try(), this.#pauseMs * (0.5 + Math.random() / 2));
  }

  #try(): void {
    this.#timer = undefined;
    const batch = this.#waiting.slice(0, BATCH);
    try {
      if (!this.#runBatch(batch.map(({ run }) => run))) return this.#again();
    } catch (cause) {
      this.#waiting.splice(0, batch.length);
      for (const { fail } of batch) fail(cause);
      if (this.#waiting.length > 0) this.#start();
      return;
    }
    this.#waiting.splice(0, batch.length);
    for (const { settle } of batch) settle();
    if (this.#waiting.length > 0) this.#start();
  }

  #again(): void {
    this.#pauseMs = Math.min(this.#pauseMs * 2, PAUSE_MS_MAX);
    if (performance.now() - this.#busySince > WARN_AFTER_MS) {
      this.#busySince = performance.now();
      log(
        "warn",
        `${this.#name}: another process has been writing for 10 s; ${this.#waiting.length} changes wait for it`,
      );
    }
    this.#schedule();
  }
}
