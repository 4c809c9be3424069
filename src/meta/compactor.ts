// Drives compactions: readers and writers ask, one chunk at a time is merged in the background once it is no longer
// written; a writer whose chunk is far too long waits (formats 3.3, 3.5).
import { EINVAL, errnoOf } from "../util/errno.ts";
import { log } from "../util/log.ts";
import type { MaybePromise } from "../util/maybe.ts";
import {
  COMPACTION_RECORDS_MAX,
  RECORDS_BUSY_MAX,
  WRITTEN_BUSY_BYTES,
  planCompaction,
} from "./compaction.ts";
import type { SliceWorker } from "./api.ts";
import type { DataDeleter } from "./data-deleter.ts";
import { compact } from "./ops/compact.ts";
import { parseRecords } from "./ops/write.ts";
import { RECORD_BYTES } from "./slices.ts";
import type { MetaStore } from "./store.ts";
import type { Ino } from "./types.ts";
import type { Volume } from "./volume.ts";

/** Chunks that wait; more requests than these are dropped, the next reader asks again. */
const WAITING_MAX = 1000;
/** Between two looks at what waits; a chunk written since the last one is left to settle. */
const TICK_MS = 1000;
/** A chunk that never settles is compacted as often as this. */
const AGE_MS = 10_000;
/** Passes over one chunk, each of which takes thousands of records. */
const PASSES_MAX = 10;

export interface CompactorParts {
  readonly store: MetaStore;
  readonly volume: Volume;
  readonly worker: SliceWorker;
  readonly deleter: DataDeleter;
  newSliceId(): MaybePromise<number>;
  /** Other slices hold the bytes of the chunk from now on. Called with the commit, before the old ones are deleted. */
  chunkChanged(ino: Ino, index: number): void;
}

interface Waiting {
  readonly ino: Ino;
  readonly index: number;
  readonly askedMs: number;
  writtenMs: number;
  /** It gets no time to settle. */
  isUrgent: boolean;
}

export class Compactor {
  readonly #parts: CompactorParts;
  readonly #waiting: Map<string, Waiting> = new Map();
  /** Chunks that are worked on now: two compactions of one would undo each other. */
  readonly #active: Map<string, Promise<boolean>> = new Map();
  /** Record counts at which a chunk had nothing to gain, so that reading it again does not ask again. */
  readonly #settled: Map<string, number> = new Map();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor(parts: CompactorParts) {
    this.#parts = parts;
  }

  /** A reader, or a writer who has `written` so many bytes, asks for a compaction in the background of a chunk that has
   *  `count` records. */
  request(ino: Ino, index: number, count: number, written: number): void {
    const key = `${ino}/${index}`;
    let waiting = this.#waiting.get(key);
    if (waiting === undefined) {
      if (this.#stopped || this.#waiting.size >= WAITING_MAX) return;
      if (this.#settled.get(key) === count) return;
      waiting = { ino, index, askedMs: performance.now(), writtenMs: 0, isUrgent: false };
      this.#waiting.set(key, waiting);
      this.#schedule();
    }
    if (count >= RECORDS_BUSY_MAX || written >= WRITTEN_BUSY_BYTES) waiting.isUrgent = true;
    if (written > 0) waiting.writtenMs = performance.now();
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#running !== undefined || this.#stopped) return;
    this.#timer = setTimeout(() => void this.#run(false), TICK_MS);
    this.#timer.unref();
  }

  /** Does all that waits now, whether it has settled or not. Errors are logged: the chunk stays as it was. */
  async drain(): Promise<void> {
    await this.#running;
    await this.#run(true);
  }
  #run(all: boolean): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#running ??= this.#compactWaiting(all).finally(() => {
      this.#running = undefined;
      if (this.#waiting.size > 0) this.#schedule();
    });
    return this.#running;
  }
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#waiting.clear();
    await this.#running;
    await Promise.allSettled(this.#active.values());
  }

  async #compactWaiting(all: boolean): Promise<void> {
    for (const [key, waiting] of this.#waiting) {
      if (!all && !isDue(waiting, performance.now())) continue;
      this.#waiting.delete(key);
      const { ino, index } = waiting;
      await this.compactChunk(ino, index).catch((e: unknown) => {
        log("warn", `compacting chunk ${index} of inode ${ino}: ${errnoOf(e).code} (${String(e)})`);
      });
      if (this.#stopped) return;
    }
  }

  /** Merges what can be merged; true when something was. Throws EIO for a chunk that cannot be parsed. */
  compactChunk(ino: Ino, index: number): Promise<boolean> {
    const key = `${ino}/${index}`;
    const active = this.#active.get(key);
    if (active !== undefined) return active;
    const done = this.#compact(ino, index, key).finally(() => this.#active.delete(key));
    this.#active.set(key, done);
    return done;
  }

  async #compact(ino: Ino, index: number, key: string): Promise<boolean> {
    for (let pass = 0; pass < PASSES_MAX; pass++) {
      const stored = await this.#parts.store.read((tx) => tx.chunk(ino, index));
      if (stored === undefined) return pass > 0;
      const count = stored.byteLength / RECORD_BYTES;
      // A copy: the value may be the store's own.
      const origin = stored.slice(0, COMPACTION_RECORDS_MAX * RECORD_BYTES);
      const plan = planCompaction(parseRecords(ino, index, origin));
      if (plan === undefined) {
        this.#settle(key, count);
        return pass > 0;
      }
      const id = await this.#parts.newSliceId();
      await this.#parts.worker.merge(id, plan.size, plan.pieces);
      const { skipped, pos, size } = plan;
      const args = { ino, index, origin, skipped, pos, id, size };
      if (!(await this.#commit(args))) return pass > 0;
      if (count <= COMPACTION_RECORDS_MAX) return true;
    }
    return true;
  }

  async #commit(args: Parameters<typeof compact>[2]): Promise<boolean> {
    const { store, volume, worker, deleter } = this.#parts;
    try {
      const dead = await store.write((tx) => {
        const gone = compact(tx, volume, args);
        tx.onCommit(() => this.#parts.chunkChanged(args.ino, args.index));
        return gone;
      });
      await deleter.removeSlices(dead);
      return true;
    } catch (e) {
      if (e !== EINVAL) throw e;
      // Somebody else was faster (a truncate of the file, another client): ours is garbage.
      await worker.remove(args.id, args.size);
      return false;
    }
  }

  #settle(key: string, count: number): void {
    if (this.#settled.size >= WAITING_MAX) this.#settled.clear();
    this.#settled.set(key, count);
  }
}

function isDue({ askedMs, writtenMs, isUrgent }: Waiting, now: number): boolean {
  return isUrgent || now - writtenMs >= TICK_MS || now - askedMs >= AGE_MS;
}
