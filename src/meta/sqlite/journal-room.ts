// Makes room in the journal before it is full: what its oldest frames say is committed and made durable, bytes that are in
// it only are stored, and then the frames are forgotten.
import { log } from "../../util/log.ts";
import type { Journal } from "../journal/journal.ts";
import type { JournalHost } from "./journal-host.ts";
import type { LiveData } from "./live-data.ts";

const PAUSE_MS = 50;

/** Those who can store bytes that are in the journal only. */
export class Pressure {
  readonly #listeners: (() => void)[] = [];

  add(listener: () => void): void {
    this.#listeners.push(listener);
  }
  press(): void {
    for (const listener of this.#listeners) listener();
  }
}

export class JournalRoom {
  readonly #journal: Journal;
  readonly #live: LiveData;
  readonly #pressure: Pressure;
  readonly #host: JournalHost;
  readonly #mark: () => void;
  #running: Promise<void> | undefined;
  #isStopped = false;

  /** `mark` writes into the database how far it holds the journal; no transaction is open then. */
  constructor(
    journal: Journal,
    live: LiveData,
    pressure: Pressure,
    host: JournalHost,
    mark: () => void,
  ) {
    this.#mark = mark;
    this.#journal = journal;
    this.#live = live;
    this.#pressure = pressure;
    this.#host = host;
  }

  /** To be called after each append and commit: begins to make room when it is time. */
  tend(): void {
    if (this.#running !== undefined || this.#journal.wanted === 0 || this.#isStopped) return;
    this.#running = this.#make()
      .catch((cause: unknown) => log("warn", `the journal cannot be shortened: ${String(cause)}`))
      .then(() => new Promise((resolve) => setTimeout(resolve, PAUSE_MS)))
      .then(() => {
        this.#running = undefined;
        this.tend();
      });
  }

  async #make(): Promise<void> {
    // The caller may be in the middle of a transaction.
    await Promise.resolve();
    const [journal, live, host] = [this.#journal, this.#live, this.#host];
    if (live.oldest <= journal.wanted && live.hasUncovered) this.#pressure.press();
    await host.durably(async () => {
      host.commitEarly();
      if (!host.isCommitted || !host.isIdle) return;
      const upTo = journal.lastSequence;
      const covered = live.coveredIds();
      // So that whoever finds the journal knows that older frames are not missing, but forgotten.
      this.#mark();
      host.wal.committed();
      await host.wal.sync();
      live.forget(covered);
      journal.forget(Math.min(upTo, live.oldest - 1));
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }
}
