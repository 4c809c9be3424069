// Makes appended frames survive a power cut, one sync running and one waiting, shared by all. On a disk that answers at once
// the sync is made in place: the trip to the thread pool and back costs as much again. On any other the loop must not wait.
import { fdatasync, fdatasyncSync } from "node:fs";
import { called } from "../../util/called.ts";
import { syncDirectory } from "../../util/sync-directory.ts";

/** Milliseconds: what the loop may be stopped for as a rule, and what ends that for a while. */
const SHORT_MS = 0.4;
const LONG_MS = 4;
/** Syncs on the thread pool after a long one, and at the start. */
const CAREFUL_SYNCS = 500;
const FIRST_SYNCS = 16;
const GATHER_MS = 0.12;

export class JournalSync {
  readonly #fd: number;
  /** The directory whose entry of a new file goes to disk with the first sync. */
  #directory: string | undefined;
  /** Sequence number of the newest frame. */
  readonly #appended: () => number;
  #synced: number;
  #running: Promise<void> | undefined;
  #runningCovers = 0;
  #next: Promise<void> | undefined;
  /** Milliseconds that a sync took lately; on the thread pool, with the way there and back. */
  #lately = 2 * SHORT_MS;
  #careful = FIRST_SYNCS;
  /** Frames that the last sync in place covered, and those who wait for more of them. */
  #shared = 1;
  #gathering: Promise<void> | undefined;

  /** `synced`: no frame after it survives a power cut yet. */
  constructor(fd: number, directory: string, synced: number, appended: () => number) {
    this.#fd = fd;
    this.#directory = directory;
    this.#synced = synced;
    this.#appended = appended;
  }

  /** All frames so far are durable when this resolves. Rejects with the system's error. */
  sync(): Promise<void> {
    const appended = this.#appended();
    if (this.#synced === appended) return DONE;
    if (this.#gathering !== undefined) return this.#gathering;
    if (this.#running === undefined && this.#isQuick) {
      return this.#shared > 1 ? this.#gather() : this.#runInPlace();
    }
    if (this.#running === undefined) return this.#run();
    if (this.#runningCovers === appended) return this.#running;
    // What runs began before our frame: wait for it, then for one more, which fails for itself if it must.
    this.#next ??= this.#running.catch(() => undefined).then(() => this.#run());
    return this.#next;
  }

  /** Resolves when nothing runs and nobody waits. */
  async settled(): Promise<void> {
    await this.#gathering?.catch(() => undefined);
    await this.#running?.catch(() => undefined);
    await this.#next?.catch(() => undefined);
  }

  get #isQuick(): boolean {
    if (this.#careful > 0 || this.#directory !== undefined) return false;
    return this.#lately < SHORT_MS;
  }

  #took(ms: number): void {
    this.#lately += (ms - this.#lately) / 8;
    if (ms > LONG_MS) this.#careful = CAREFUL_SYNCS;
    else if (this.#careful > 0) this.#careful--;
  }

  /** Several shared the last sync: their next frames are on their way, so let the loop take what has come. */
  #gather(): Promise<void> {
    const until = performance.now() + GATHER_MS;
    const gathering = new Promise<void>((resolve) => {
      const look = (): void => {
        const isComplete = this.#appended() - this.#synced >= this.#shared;
        if (!isComplete && performance.now() < until) setImmediate(look);
        else {
          this.#gathering = undefined;
          resolve(this.#runInPlace());
        }
      };
      setImmediate(look);
    });
    this.#gathering = gathering;
    return gathering;
  }

  #runInPlace(): Promise<void> {
    const covers = this.#appended();
    this.#shared = covers - this.#synced;
    const started = performance.now();
    try {
      fdatasyncSync(this.#fd);
    } catch (cause) {
      return Promise.reject(cause);
    }
    this.#synced = covers;
    this.#took(performance.now() - started);
    return DONE;
  }

  #run(): Promise<void> {
    this.#next = undefined;
    const covers = this.#appended();
    this.#runningCovers = covers;
    const running = this.#syncFile().then(
      () => {
        this.#synced = covers;
        this.#running = undefined;
      },
      (cause: unknown) => {
        this.#running = undefined;
        throw cause;
      },
    );
    this.#running = running;
    return running;
  }

  async #syncFile(): Promise<void> {
    const started = performance.now();
    await called((done) => fdatasync(this.#fd, done));
    this.#took(performance.now() - started);
    if (this.#directory === undefined) return;
    await syncDirectory(this.#directory);
    this.#directory = undefined;
  }
}

const DONE = Promise.resolve();
