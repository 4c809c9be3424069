// Makes appended frames survive a power cut: fdatasync on the thread pool, one running and one waiting, shared by all.
import { fdatasync } from "node:fs";
import { called, syncDirectory } from "../../util/called.ts";

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
    if (this.#running === undefined) return this.#run();
    if (this.#runningCovers === appended) return this.#running;
    // What runs began before our frame: wait for it, then for one more, which fails for itself if it must.
    this.#next ??= this.#running.catch(() => undefined).then(() => this.#run());
    return this.#next;
  }

  /** Resolves when nothing runs and nobody waits. */
  async settled(): Promise<void> {
    await this.#running?.catch(() => undefined);
    await this.#next?.catch(() => undefined);
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
    await called((done) => fdatasync(this.#fd, done));
    if (this.#directory === undefined) return;
    await syncDirectory(this.#directory);
    this.#directory = undefined;
  }
}

const DONE = Promise.resolve();
