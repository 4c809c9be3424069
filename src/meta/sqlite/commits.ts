// How the changes of the open transaction become safe: by a frame of the journal and a COMMIT that follows soon, shared
// by many frames; or by a COMMIT at once.
import { log } from "../../util/log.ts";
import { Acknowledged } from "./acknowledged.ts";
import { codeOf, sqliteFault } from "./connection.ts";
import type { ConnectionState } from "./connection-state.ts";
import type { Early } from "./early.ts";
import { runEffects } from "./effects.ts";
import type { SqliteTxn } from "./txn.ts";

export interface CommitEvents {
  /** A transaction with this many mutations has been committed. */
  readonly committed: (mutations: number) => void;
  /** A commit found the disk full. Called when no transaction is open. */
  readonly full: () => void;
}

/** Acknowledged frames that one COMMIT takes: its work is shared by many, and the loop does not stop for long. */
const FRAMES_PER_COMMIT = 128;
/** With so many it does not wait until the answers have left. */
const FRAMES_MAX = 1024;
/** How long acknowledged changes may wait for their COMMIT: other processes cannot write meanwhile, and see it later. */
const COMMIT_AFTER_MS = 25;
const COMMIT_RETRY_MS = 500;

export class Commits {
  readonly #tx: SqliteTxn;
  readonly #state: ConnectionState;
  readonly #events: CommitEvents;
  readonly #early: Early;
  readonly #acknowledged: Acknowledged;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;

  constructor(state: ConnectionState, tx: SqliteTxn, events: CommitEvents, early: Early) {
    this.#state = state;
    this.#tx = tx;
    this.#events = events;
    this.#early = early;
    this.#acknowledged = new Acknowledged(state, tx, early);
  }

  /** The open transaction holds changes that are acknowledged: it must not be ended but by COMMIT. */
  get isLingering(): boolean {
    return this.#acknowledged.frames > 0;
  }
  /** Everything that is acknowledged is committed. */
  get isDone(): boolean {
    return this.#acknowledged.frames === 0 && !this.#acknowledged.isOwing;
  }

  /** What the bodies have changed is acknowledged from here on: by a frame, or by COMMIT. Throws when it is not; then it
   *  has not happened. */
  settle(): void {
    const tx = this.#tx;
    if (!this.#early.isOn || (tx.applied > 0 && !this.#early.append())) {
      this.#commit();
      return;
    }
    if (tx.applied > 0) {
      this.#acknowledged.add(tx.applied);
      const effects = tx.takeEffects();
      tx.reset();
      runEffects(effects);
    }
    if (this.#state.open === "write") this.#plan();
  }

  /** Everything in the open transaction is acknowledged: when is it committed? */
  #plan(): void {
    const { frames } = this.#acknowledged;
    if (frames === 0) this.#commit();
    else if (frames >= FRAMES_MAX) this.commitEarly();
    else if (frames >= FRAMES_PER_COMMIT) {
      this.#immediate ??= setImmediate(() => {
        this.#immediate = undefined;
        this.commitEarly();
      });
    } else this.#commitSoon(COMMIT_AFTER_MS);
  }

  #commitSoon(afterMs: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.commitEarly();
      if (!this.isDone) this.#commitSoon(COMMIT_RETRY_MS);
    }, afterMs);
  }

  /** Commits what is acknowledged; outside turns. Never throws: what cannot be committed now is tried again. */
  commitEarly(): void {
    try {
      this.payBack();
      if (this.#acknowledged.frames > 0) this.#commit();
    } catch (cause) {
      // Logged by who made it.
      log("debug", `commit: ${String(cause)}`);
    }
  }

  /** COMMIT, then the effects. Throws ENOSPC, EROFS or EIO, and then what was not acknowledged has not happened. */
  #commit(): void {
    const tx = this.#tx;
    const mutations = this.#acknowledged.mutations + tx.applied;
    try {
      if (mutations > 0) this.#early.beforeCommit();
      tx.flush();
      this.#state.commit();
    } catch (cause) {
      this.end();
      this.#early.failed();
      if (codeOf(cause) === "SQLITE_FULL") this.#events.full();
      this.tryPayBack();
      throw sqliteFault(cause, "commit metadata");
    }
    const effects = tx.takeEffects();
    this.#acknowledged.committed();
    tx.reset();
    this.#early.committed();
    if (mutations > 0) this.#events.committed(mutations);
    runEffects(effects);
  }

  /** Ends the open transaction without keeping anything of it; what was acknowledged is owed from now on. */
  end(): void {
    this.#tx.forget();
    if (this.#state.open === "write") {
      this.#early.lost();
      this.#acknowledged.rolledBack();
    }
    this.#state.end();
  }

  /** Before anything is read or written: the database must hold what is acknowledged. Throws EIO while it cannot. */
  payBack(): void {
    if (this.#acknowledged.isOwing) this.#acknowledged.payBack();
  }
  tryPayBack(): void {
    if (!this.#acknowledged.isOwing) return;
    try {
      this.payBack();
    } catch (cause) {
      log("error", `acknowledged changes wait in the journal: ${String(cause)}`);
    }
    this.#commitSoon(COMMIT_RETRY_MS);
  }

  close(): void {
    this.commitEarly();
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    if (this.#state.open !== "none") this.end();
  }
}
