// Has zeros written before frames come: a sync over blocks that were written once costs a third less than one over space
// that was only allocated. In small pieces and in place, never on the thread pool: so no zero can meet a frame.
import { fdatasync, writeSync } from "node:fs";
import { called } from "../../util/called.ts";

const PIECE = Buffer.alloc(2 ** 16);
/** Between two syncs of its own. */
const STEP_BYTES = 2 ** 20;
const AHEAD_BYTES = 4 * STEP_BYTES;

export class WriteAhead {
  readonly #fd: number;
  readonly #fileBytes: number;
  /** Where the next frame goes. */
  readonly #head: () => number;
  readonly #failed: (cause: unknown) => void;
  readonly #durably: (sync: () => Promise<void>) => Promise<void>;
  #done: number;
  #running: Promise<void> | undefined;

  /** For the first time that the file is written from its start to its end. `failed`: a sync told of lost writes, which
   *  may be those of frames. `durably`: a sync makes frames durable as well, so what they name must be before. */
  constructor(
    fd: number,
    fileBytes: number,
    head: () => number,
    failed: (cause: unknown) => void,
    durably: (sync: () => Promise<void>) => Promise<void> = (sync) => sync(),
  ) {
    this.#fd = fd;
    this.#fileBytes = fileBytes;
    this.#head = head;
    this.#failed = failed;
    this.#durably = durably;
    this.#done = 0;
  }

  /** To be told after each sync. Returns at once. */
  wake(): void {
    if (this.#running !== undefined || !this.#isBehind(STEP_BYTES)) return;
    this.#running = this.#run()
      .catch(this.#failed)
      .finally(() => (this.#running = undefined));
  }

  /** The file was passed once, or is being closed. Resolves when nothing runs. */
  async stop(): Promise<void> {
    this.#done = this.#fileBytes;
    await this.#running;
  }

  #isBehind(slack: number): boolean {
    const { length } = PIECE;
    if (this.#done + length > this.#fileBytes) return false;
    return this.#done - this.#head() + slack <= AHEAD_BYTES;
  }

  async #run(): Promise<void> {
    while (this.#isBehind(STEP_BYTES)) {
      for (let written = 0; written < STEP_BYTES && this.#isBehind(0); written += PIECE.length) {
        await new Promise((resolve) => setImmediate(resolve));
        this.#piece();
      }
      const sync = (): Promise<void> => called((done) => fdatasync(this.#fd, done));
      try {
        await this.#durably(() => sync().catch(this.#failed));
      } catch {
        // What the frames name cannot be made durable now; the next sync says so, and wakes us again.
        return;
      }
    }
  }

  #piece(): void {
    const from = Math.max(this.#done, this.#head());
    if (from + PIECE.length > this.#fileBytes) {
      this.#done = this.#fileBytes;
      return;
    }
    this.#done = from + writeSync(this.#fd, PIECE, 0, PIECE.length, from);
  }
}
