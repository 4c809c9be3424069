// Bodies run alone or share the transaction of a turn; with a journal several turns share one, acknowledged by their
// frames. A body that finds another process writing waits in a queue instead of blocking the loop.
import type Database from "better-sqlite3";
import { AssertionError, assert } from "../../util/assert.ts";
import { wallClock } from "../../util/clock.ts";
import { EIO, fault, isFsError } from "../../util/errno.ts";
import { log } from "../../util/log.ts";
import type { MaybePromise } from "../../util/maybe.ts";
import type { MetaRead, MetaTxn } from "../txn.ts";
import { Commits, type CommitEvents } from "./commits.ts";
import { codeOf, isBusy, sqliteFault } from "./connection.ts";
import { ConnectionState } from "./connection-state.ts";
import { NEVER_EARLY, type Early } from "./early.ts";
import type { SqliteTxn } from "./txn.ts";
import { WriteQueue } from "./write-queue.ts";

export interface TransactionEvents extends CommitEvents {
  /** Another connection has changed the database. Called before any read of the transaction that noticed. */
  readonly foreign: () => void;
  /** True while no write transaction may begin. */
  readonly mustWait: () => boolean;
}

const READ_RETRY_MS = 3;

export class Transactions {
  readonly #tx: SqliteTxn;
  readonly #events: TransactionEvents;
  readonly #state: ConnectionState;
  readonly #queue: WriteQueue;
  readonly #commits: Commits;
  #isTurn = false;
  /** Why the open turn is lost. */
  #lost: unknown = undefined;

  constructor(
    db: Database.Database,
    prefix: string,
    tx: SqliteTxn,
    events: TransactionEvents,
    early: Early = NEVER_EARLY,
  ) {
    this.#tx = tx;
    this.#events = events;
    this.#state = new ConnectionState(db, prefix, () => {
      tx.forgetRead();
      events.foreign();
    });
    this.#commits = new Commits(this.#state, tx, events, early);
    this.#queue = new WriteQueue(db.name, (bodies) => this.#runQueued(bodies));
  }

  get turnIsDirty(): boolean {
    return this.#isTurn && this.#tx.applied > 0;
  }
  /** True when no transaction is open, so that a checkpoint may run on this connection. */
  get isIdle(): boolean {
    return this.#state.open === "none";
  }

  beginTurn(): void {
    assert(!this.#isTurn, "turns do not nest");
    this.#isTurn = true;
  }

  /** Acknowledges the turn. Throws the fault that lost it. */
  endTurn(): void {
    assert(this.#isTurn, "no turn is open");
    this.#isTurn = false;
    const lost = this.#lost;
    this.#lost = undefined;
    if (this.#state.open === "write") this.#commits.settle();
    else if (this.#state.open === "read") this.#commits.end();
    if (lost !== undefined) throw lost;
  }

  read<T>(body: (tx: MetaRead) => T): MaybePromise<T> {
    let done = false;
    try {
      this.#commits.payBack();
      if (this.#state.open === "none") this.#state.start("read");
      this.#tx.now = wallClock();
      const value = body(this.#tx);
      done = true;
      return value;
    } catch (cause) {
      if (!isBusy(cause)) throw sqliteFault(cause, "read metadata");
      // Rare: another process recovers the log or removes it. The snapshot never began.
      if (this.#state.open === "read") this.#commits.end();
      return this.#readLater(body);
    } finally {
      const isLost = !done && this.#state.isGone;
      if (this.#state.open === "read" && (!this.#isTurn || isLost)) this.#commits.end();
    }
  }

  write<T>(body: (tx: MetaTxn) => T): MaybePromise<T> {
    if (this.#lost !== undefined) throw this.#lost;
    // Who came first is served first.
    if (this.#state.open !== "write" && (!this.#queue.isEmpty || !this.#tryStart())) {
      return this.#queue.push(body);
    }
    return this.#isTurn ? this.#runShared(body) : this.#runAlone(body);
  }

  /** As `write`, acknowledged when it returns even inside a turn: what the turn has done so far is acknowledged before it. */
  writeAlone<T>(body: (tx: MetaTxn) => T): MaybePromise<T> {
    if (this.#lost !== undefined) throw this.#lost;
    // An effect of what is committed here may have opened the next transaction of the turn.
    while (this.#state.open === "write" && this.#tx.applied > 0) {
      try {
        this.#commits.settle();
      } catch (cause) {
        this.#lost = cause;
        throw cause;
      }
    }
    if (this.#state.open !== "write" && (!this.#queue.isEmpty || !this.#tryStart())) {
      return this.#queue.push(body);
    }
    return this.#runAlone(body);
  }

  /** Looks whether another connection has changed the database; nobody can while a transaction of ours is open. */
  pollForeign(): void {
    if (this.#state.open !== "none") return;
    try {
      this.#state.compareVersion();
    } catch (cause) {
      if (!isBusy(cause)) log("warn", `cannot look at the metadata database: ${String(cause)}`);
    }
  }

  /** Commits what is acknowledged and not committed yet. Never throws: what cannot be committed now is tried again. */
  commitEarly(): void {
    assert(!this.#isTurn, "a turn is open");
    this.#commits.commitEarly();
  }
  /** True when everything that is acknowledged is committed. */
  get isCommitted(): boolean {
    return this.#commits.isDone;
  }

  /** Rejects what still waits. */
  close(): void {
    this.#queue.close();
    this.#commits.close();
  }

  /** False when another process is writing, or writers must wait. */
  #tryStart(): boolean {
    this.#commits.payBack();
    if (this.#state.open === "write") return true;
    if (this.#events.mustWait()) return false;
    if (this.#state.open === "read") {
      if (this.#state.upgrade()) return true;
      this.#tx.forget();
    }
    try {
      this.#state.start("write");
      return true;
    } catch (cause) {
      if (this.#state.open !== "none") this.#commits.end();
      if (isBusy(cause)) return false;
      throw sqliteFault(cause, "begin a transaction");
    }
  }

  #runAlone<T>(body: (tx: MetaTxn) => T): T {
    let value: T;
    try {
      value = this.#runShared(body);
    } catch (cause) {
      // Outside a turn nobody else is lost with it.
      if (!this.#isTurn) this.#lost = undefined;
      if (this.#state.open === "write" && !this.#commits.isLingering) this.#commits.end();
      throw cause;
    }
    this.#commits.settle();
    return value;
  }

  #runShared<T>(body: (tx: MetaTxn) => T): T {
    const tx = this.#tx;
    const { applied, effectCount } = tx;
    try {
      tx.now = wallClock();
      return body(tx);
    } catch (cause) {
      tx.dropEffects(effectCount);
      if (tx.applied === applied && codeOf(cause) === "") throw cause;
      throw this.#loseTurn(cause);
    }
  }

  /** The transaction is not what its bodies think it is: nothing of it may survive but what is acknowledged. */
  #loseTurn(cause: unknown): unknown {
    this.#commits.end();
    const written = "a body threw after it had written";
    const bug =
      isFsError(cause) || cause instanceof AssertionError
        ? new AssertionError(`${written}: ${String(cause)}`)
        : cause;
    const known = sqliteFault(bug, "change metadata");
    this.#lost = isFsError(known)
      ? known
      : fault(EIO, "change metadata", { cause: known, hint: `this is a bug: ${written}` });
    this.#commits.tryPayBack();
    return this.#lost;
  }

  #readLater<T>(body: (tx: MetaRead) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      setTimeout(() => {
        try {
          resolve(this.read(body));
        } catch (cause) {
          reject(cause);
        }
      }, READ_RETRY_MS);
    });
  }

  /** Runs bodies from the queue in one transaction; false when it is still busy. */
  #runQueued(bodies: readonly ((tx: MetaTxn) => void)[]): boolean {
    // A timer that fired inside an open turn would take its transaction.
    if (this.#isTurn || (this.#state.open !== "write" && !this.#tryStart())) return false;
    for (const body of bodies) {
      if (this.#lost !== undefined) break;
      try {
        this.#runShared(body);
      } catch {
        // The body has kept its error for its caller.
      }
    }
    const lost = this.#lost;
    this.#lost = undefined;
    if (lost !== undefined) throw lost;
    this.#commits.settle();
    return true;
  }
}
