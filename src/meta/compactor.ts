// Drives compactions: readers and writers ask, one chunk at a time is merged in the background; a writer whose chunk
// is too long waits (formats 3.3, 3.5).
import { EINVAL, errnoOf } from "../util/errno.ts";
import { log } from "../util/log.ts";
import type { MaybePromise } from "../util/maybe.ts";
import { COMPACTION_RECORDS_MAX, planCompaction } from "./compaction.ts";
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
/** A chunk that is being written changes under a compaction: let it settle. */
const SETTLE_MS = 1000;
/** Passes over one chunk, each of which takes up to 1000 records. */
const PASSES_MAX = 10;

export interface CompactorParts {
  readonly store: MetaStore;
  readonly volume: Volume;
  readonly worker: SliceWorker;
  readonly deleter: DataDeleter;
  newSliceId(): MaybePromise<number>;
}

interface ChunkKey {
  readonly ino: Ino;
  readonly index: number;
}

export class Compactor {
  readonly #parts: CompactorParts;
  readonly #waiting: Map<string, ChunkKey> = new Map();
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

  /** Asks for a compaction in the background of a chunk that has `count` records. */
  request(ino: Ino, index: number, count: number): void {
    const key = `${ino}/${index}`;
    if (this.#stopped || this.#waiting.size >= WAITING_MAX) return;
    if (this.#settled.get(key) === count || this.#waiting.has(key)) return;
    this.#waiting.set(key, { ino, index });
    if (this.#timer !== undefined || this.#running !== undefined) return;
    this.#timer = setTimeout(() => void this.drain(), SETTLE_MS);
    this.#timer.unref();
  }

  /** Does all that waits now. Errors are logged: the chunk stays as it was. */
  drain(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#running ??= this.#drain();
    return this.#running;
  }
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#waiting.clear();
    await this.#running;
    await Promise.allSettled(this.#active.values());
  }

  async #drain(): Promise<void> {
    try {
      for (const [key, { ino, index }] of this.#waiting) {
        this.#waiting.delete(key);
        await this.compactChunk(ino, index).catch((e: unknown) => {
          log(
            "warn",
            `compacting chunk ${index} of inode ${ino}: ${errnoOf(e).code} (${String(e)})`,
          );
        });
        if (this.#stopped) break;
      }
    } finally {
      this.#running = undefined;
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
      const dead = await store.write((tx) => compact(tx, volume, args));
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
