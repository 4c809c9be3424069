// Keeps the WAL short: a worker thread moves its pages into the database as it grows. Under a load that never pauses
// the worker cannot reach the end, which moves on; at a hard limit writers wait (in their queue, not on the event
// loop) for one round that does, after which the WAL starts from its beginning.
import type Database from "better-sqlite3";
import { once } from "node:events";
import { statfsSync } from "node:fs";
import { dirname } from "node:path";
import { Worker } from "node:worker_threads";
import { log } from "../../util/log.ts";
import type { CheckpointResult } from "./checkpoint-worker.ts";

/** Runs what makes metadata durable, after what the metadata names. */
export type Durably = <T>(work: () => Promise<T>) => Promise<T>;

export interface CheckpointOptions {
  /** WAL bytes not yet in the database at which the worker starts. */
  readonly startBytes?: number;
  /** WAL bytes at which writers wait for the worker. */
  readonly limitBytes?: number;
  /** Runs what makes metadata durable, when all that the metadata names (blocks) is. */
  readonly durably?: Durably;
}

/** Mutations between two looks at the size of the WAL; about half a MiB. */
const LOOK_EVERY = 64;
const WAL_FRAME_HEADER = 24;
const RETRY_MS = 1000;
const THREAD_RETRY_MS = 60_000;
const HOLD_MS_MAX = 5000;
/** With less free space than this every round reaches the end, so that the WAL does not grow into what is left. */
const TIGHT_BYTES = 128 << 20;

export class Checkpointer {
  readonly #path: string;
  readonly #startFrames: number;
  readonly #limitFrames: number;
  readonly #durably: Durably;
  readonly #look: Database.Statement<[], [number, number, number]>;
  readonly #passive: Database.Statement<[], [number, number, number]>;
  readonly #isIdle: () => boolean;
  readonly #writesAt: (walOffset: number) => void;
  readonly #frameBytes: number;
  #worker: Worker | undefined;
  #round: Promise<void> | undefined;
  #sinceLook = 0;
  #retryAt = 0;
  /** The thread died; until then no other is started. */
  #brokenUntil = 0;
  #isClosed = false;
  #isFull = false;
  #waitUntil = 0;
  /** Frames at which writers wait. */
  #fullAt: number;

  /** `isIdle` tells that no transaction is open on `db`; `writesAt` is told now and then where the WAL goes on. */
  constructor(
    db: Database.Database,
    options: CheckpointOptions,
    isIdle: () => boolean,
    writesAt: (walOffset: number) => void,
  ) {
    const pageBytes = db.pragma("page_size", { simple: true }) as number;
    this.#frameBytes = pageBytes + WAL_FRAME_HEADER;
    this.#writesAt = writesAt;
    this.#path = db.name;
    this.#startFrames = Math.ceil((options.startBytes ?? 32 << 20) / pageBytes);
    this.#limitFrames = Math.ceil((options.limitBytes ?? 64 << 20) / pageBytes);
    this.#fullAt = this.#limitFrames;
    this.#durably = options.durably ?? ((work) => work());
    this.#look = db.prepare<[], [number, number, number]>("PRAGMA wal_checkpoint(NOOP)").raw();
    this.#passive = db
      .prepare<[], [number, number, number]>("PRAGMA wal_checkpoint(PASSIVE)")
      .raw();
    this.#isIdle = isIdle;
  }

  /** True while writers must wait for the round that runs; never for long, should the disk or the thread hang. */
  get isFull(): boolean {
    return this.#isFull && this.#round !== undefined && performance.now() < this.#waitUntil;
  }

  /** To be told after each commit, when no transaction is open. */
  committed(mutations: number): void {
    this.#sinceLook += mutations;
    if (this.#sinceLook < LOOK_EVERY) return;
    this.#sinceLook = 0;
    if (!this.#isIdle() || this.#isClosed) return;
    const [, frames, moved] = this.#look.get() as [number, number, number];
    this.#writesAt(frames * this.#frameBytes);
    const isFull = frames >= this.#fullAt;
    if (this.#round !== undefined) {
      if (isFull && !this.#isFull) this.#hold();
      return;
    }
    const now = performance.now();
    // Without the thread a round blocks the loop, so it waits for the limit.
    const isDue = isFull || (frames - moved >= this.#startFrames && now >= this.#brokenUntil);
    if (!isDue || now < this.#retryAt) return;
    if (isFull || this.#isDiskTight()) this.#hold();
    this.#round = this.#run().finally(() => (this.#round = undefined));
  }

  #isDiskTight(): boolean {
    try {
      const { bsize, bfree } = statfsSync(dirname(this.#path));
      return bfree * bsize < TIGHT_BYTES;
    } catch {
      return false;
    }
  }

  /** The disk is full: after a round that reaches the end the WAL is written from its beginning, in room it has already. */
  makeRoom(): void {
    if (this.#isClosed || this.#round !== undefined || performance.now() < this.#retryAt) return;
    this.#hold();
    this.#round = this.#run().finally(() => (this.#round = undefined));
  }

  /** Waits for the round that runs and ends the worker. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#round;
    const worker = this.#worker;
    this.#worker = undefined;
    if (worker === undefined) return;
    worker.ref();
    const ended = once(worker, "exit");
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker, not a window
    worker.postMessage("close");
    await ended;
  }

  async #run(): Promise<void> {
    try {
      let { frames, moved } = await this.#move();
      if (this.#isFull || frames >= this.#fullAt) {
        // What came in meanwhile; nobody writes now, so this round reaches the end.
        if (!this.#isFull) this.#hold();
        ({ frames, moved } = await this.#move());
      }
      // A reader of another process may hold the end back: then do not stop the writers at every commit.
      this.#fullAt = moved >= frames ? this.#limitFrames : frames + this.#limitFrames;
    } catch (cause) {
      // The data is safe in the WAL; only its length suffers. Try again, but not at every commit.
      if (performance.now() < this.#brokenUntil) return;
      this.#retryAt = performance.now() + RETRY_MS;
      log(
        "warn",
        `checkpoint of ${this.#path} failed: ${cause instanceof Error ? cause.message : String(cause)}`,
      );
    } finally {
      this.#isFull = false;
    }
  }

  #hold(): void {
    this.#isFull = true;
    this.#waitUntil = performance.now() + HOLD_MS_MAX;
  }

  #move(): Promise<CheckpointResult> {
    return this.#durably(() => this.#moveNow());
  }

  async #moveNow(): Promise<CheckpointResult> {
    let result: CheckpointResult;
    try {
      if (performance.now() < this.#brokenUntil) throw new Error("there is no checkpoint thread");
      result = await this.#ask();
    } catch (cause) {
      // Without the thread the WAL must stay bounded all the same, at the price of blocking the loop.
      if (!this.#isFull || !this.#isIdle() || this.#isClosed) throw cause;
      const [, frames, moved] = this.#passive.get() as [number, number, number];
      result = { frames, moved };
    }
    if (result.error !== undefined) throw new Error(result.error);
    return result;
  }

  #ask(): Promise<CheckpointResult> {
    const worker = (this.#worker ??= this.#start());
    return new Promise((resolve, reject) => {
      const forget = (): void => {
        worker.off("message", answered);
        worker.off("exit", exited);
      };
      const answered = (result: CheckpointResult): void => {
        forget();
        resolve(result);
      };
      const exited = (): void => {
        forget();
        reject(new Error("the checkpoint thread ended"));
      };
      worker.once("message", answered);
      worker.once("exit", exited);
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker, not a window
      worker.postMessage("checkpoint");
    });
  }

  #start(): Worker {
    const worker = new Worker(new URL("./checkpoint-worker.ts", import.meta.url), {
      workerData: { path: this.#path },
      // The flags of the main thread (a test runner, an inspector) are not for this one.
      execArgv: [],
    });
    worker.on("error", (cause) => log("warn", `checkpoint thread: ${String(cause)}`));
    worker.on("exit", () => {
      if (this.#worker !== worker) return;
      this.#worker = undefined;
      this.#brokenUntil = performance.now() + THREAD_RETRY_MS;
    });
    worker.unref();
    return worker;
  }
}
