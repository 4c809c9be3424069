// Runs synchronous bodies against a store that answers later: over an overlay of fetched records, again and again until
// nothing is missing, then one compare-and-apply commit. Knows bodies and records, no particular server.
import { assert } from "../util/assert.ts";
import type { Time } from "../util/clock.ts";
import { wallClock } from "../util/clock.ts";
import { EAGAIN, fault } from "../util/errno.ts";
import type { Mutation } from "./mutation.ts";
import type { MutationRecorder } from "./recording-txn.ts";
import { MISS, ReplayTxn } from "./replay-txn.ts";
import type { MetaRead, MetaTxn, RecordKey } from "./txn.ts";

/** A record as it was at one moment. `version` changes whenever the record may have; equal means unchanged. */
export interface FetchedRecord {
  readonly value: unknown;
  readonly version: number | string;
}
export interface ReadVersion {
  readonly key: RecordKey;
  readonly version: number | string;
}

/** What Redis, TiKV and the in-memory test server must offer. */
export interface RecordServer {
  /** All records as of one moment, in the order asked for, in one round trip. */
  fetch(keys: readonly RecordKey[]): Promise<readonly FetchedRecord[]>;
  /** Applies all mutations if everything read is unchanged; false = somebody was faster and nothing was applied. */
  commit(reads: readonly ReadVersion[], mutations: readonly Mutation[]): Promise<boolean>;
}

export interface ReplayOptions {
  readonly clock?: () => Time;
  /** Receives the mutations of each commit, in order, once. */
  readonly recorder?: MutationRecorder;
  /** Commits that may be refused before a body gives up with EAGAIN. */
  readonly attemptsMax?: number;
}

const ATTEMPTS_MAX = 50;
/** Runs of one attempt: a body that still misses records after so many reads without end. */
const RUNS_MAX = 100_000;

type Outcome<T> = { readonly value: T } | { readonly error: unknown };

export class ReplayRunner {
  readonly #server: RecordServer;
  readonly #clock: () => Time;
  readonly #recorder: MutationRecorder | undefined;
  readonly #attemptsMax: number;
  /** Times a body ran, and times a commit was refused; for tests and tuning. */
  runs = 0;
  conflicts = 0;

  constructor(server: RecordServer, options: ReplayOptions = {}) {
    this.#server = server;
    this.#clock = options.clock ?? wallClock;
    this.#recorder = options.recorder;
    this.#attemptsMax = options.attemptsMax ?? ATTEMPTS_MAX;
  }

  read<T>(body: (tx: MetaRead) => T): Promise<T> {
    return this.#run(body);
  }
  write<T>(body: (tx: MetaTxn) => T): Promise<T> {
    return this.#run(body);
  }

  async #run<T>(body: (tx: MetaTxn) => T): Promise<T> {
    const tx = new ReplayTxn(this.#clock());
    for (let attempt = 0; attempt < this.#attemptsMax; attempt++) {
      if (attempt > 0) await backOff(attempt);
      tx.forget();
      const outcome = await this.#settle(tx, body);
      if (!(await this.#commit(tx, outcome))) {
        this.conflicts++;
        continue;
      }
      if ("error" in outcome) throw outcome.error;
      for (const mutation of tx.mutations) this.#recorder?.(mutation);
      tx.runEffects();
      return outcome.value;
    }
    throw fault(EAGAIN, "commit", {
      hint: `others changed the same records ${this.#attemptsMax} times in a row`,
      retryable: true,
    });
  }

  /** Runs the body until it has all it needs. */
  async #settle<T>(tx: ReplayTxn, body: (tx: MetaTxn) => T): Promise<Outcome<T>> {
    for (let run = 0; run < RUNS_MAX; run++) {
      tx.reset();
      this.runs++;
      try {
        return { value: body(tx) };
      } catch (e) {
        if (e !== MISS) return { error: e };
      }
      const wanted = tx.takeWanted();
      assert(wanted.length > 0, "a body missed a record that it did not name");
      tx.learn(wanted, await this.#server.fetch(wanted));
    }
    throw fault(EAGAIN, "replay", { hint: "a body never had enough records" });
  }

  /** True when the outcome stands. What one fetch has shown was true at one moment and needs no check. */
  #commit(tx: ReplayTxn, outcome: Outcome<unknown>): Promise<boolean> | boolean {
    const failed = "error" in outcome;
    if (failed && tx.fetches <= 1) return true;
    if (!failed && tx.mutations.length === 0) return true;
    return this.#server.commit(tx.readVersions(), failed ? [] : tx.mutations);
  }
}

/** Who lost a race waits a random moment, a longer one each time. */
function backOff(attempt: number): Promise<void> {
  const ms = Math.random() * Math.min(attempt * attempt, 100);
  return new Promise((done) => {
    if (ms < 1) setImmediate(done);
    else setTimeout(done, ms);
  });
}
