// What clients do for the volume once an hour, one of them for all: leftovers of deletions, dead slices, old trash
// (formats 14.4).
import { errnoOf } from "../util/errno.ts";
import { log } from "../util/log.ts";
import type { DataDeleter } from "./data-deleter.ts";
import type { LocalVolume } from "./local-volume.ts";
import { releaseDelslices } from "./ops/delete-data.ts";
import { setIfSmall } from "./ops/session.ts";
import type { MetaStore } from "./store.ts";
import { expireTrash } from "./trash-expiry.ts";
import type { CounterName } from "./types.ts";

const PERIOD_SECONDS = 3600;
/** Less than the period, so that the jitter of the timers cannot skip an hour. */
const LOCK_SECONDS = 3240;
const RUN_SECONDS_MAX = 50 * 60;
const BATCH = 1000;

const unixNow = (): number => Math.floor(Date.now() / 1000);

interface Job {
  readonly lock: CounterName;
  run(): Promise<void>;
}

export class Jobs {
  readonly #store: MetaStore;
  readonly #volume: LocalVolume;
  readonly #deleter: DataDeleter;
  readonly #jobs: readonly Job[];
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #stopped = false;
  #deadline = Infinity;

  constructor(store: MetaStore, volume: LocalVolume, deleter: DataDeleter) {
    this.#store = store;
    this.#volume = volume;
    this.#deleter = deleter;
    this.#jobs = [
      { lock: "lastCleanupFiles", run: () => this.#deleteFiles(3600) },
      { lock: "nextCleanupSlices", run: () => this.#deleteSlices() },
      { lock: "lastCleanupTrash", run: () => this.#expireTrash() },
    ];
  }

  start(): void {
    if (this.#stopped) return;
    const jitter = 0.95 + Math.random() * 0.1;
    this.#timer = setTimeout(() => void this.#hour(), PERIOD_SECONDS * 1000 * jitter);
    this.#timer.unref();
  }
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  async #hour(): Promise<void> {
    this.#running = this.#runLocked();
    await this.#running;
    this.#running = undefined;
    this.start();
  }

  /** Each job whose hour nobody has taken yet. Errors are logged, the next hour tries again. */
  async #runLocked(): Promise<void> {
    for (const job of this.#jobs) {
      if (this.#stopped) return;
      try {
        const now = unixNow();
        const mine = await this.#store.write((tx) => setIfSmall(tx, job.lock, now, LOCK_SECONDS));
        this.#deadline = now + RUN_SECONDS_MAX;
        if (mine) await job.run();
      } catch (e) {
        log("warn", `background job ${job.lock} failed: ${errnoOf(e).code} (${String(e)})`);
      }
    }
  }

  /** Everything now, whoever did it when, and files deleted at any time. */
  async runNow(): Promise<void> {
    this.#deadline = Infinity;
    await this.#expireTrash();
    await this.#deleteFiles(-1);
    await this.#deleteSlices();
  }

  #mustStop(): boolean {
    return this.#stopped || unixNow() > this.#deadline;
  }

  /** Files deleted more than `age` seconds ago whose data is still there. */
  async #deleteFiles(age: number): Promise<void> {
    let seen = 0;
    while (!this.#mustStop() && seen < 600_000) {
      const files = await this.#store.scanDelfiles(unixNow() - age, BATCH);
      if (files.length === 0) return;
      seen += files.length;
      await this.#deleter.deleteFiles(files);
    }
  }

  async #deleteSlices(): Promise<void> {
    for (;;) {
      const dead = await this.#store.scanDeadSlices(BATCH);
      if (dead.length === 0 || this.#mustStop()) return;
      await this.#deleter.removeSlices(dead);
      // What is left now could not be deleted: another hour.
      const left = await this.#store.scanDeadSlices(1);
      if (left[0] !== undefined && dead.some(({ id }) => id === left[0]?.id)) return;
    }
  }

  async #expireTrash(): Promise<void> {
    const now = unixNow();
    const mustStop = (): boolean => this.#mustStop();
    await expireTrash(this.#store, this.#volume, { now, mustStop });
    const edge = now - this.#volume.trashDays * 86_400;
    while (!this.#mustStop()) {
      const due = await this.#store.scanDelslices(edge, BATCH);
      if (due.length === 0) return;
      for (const record of due) {
        const dead = await this.#store.write((tx) => releaseDelslices(tx, record));
        await this.#deleter.removeSlices(dead);
      }
    }
  }
}
