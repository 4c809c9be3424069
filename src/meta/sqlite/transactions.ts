// BEGIN, COMMIT and ROLLBACK on the serving connection: bodies run alone or share the transaction of a turn, and a body
// that finds another process writing waits in a queue instead of blocking the loop.
import type Database from "better-sqlite3";
import { AssertionError, assert } from "../../util/assert.ts";
import { wallClock } from "../../util/clock.ts";
import { EIO, fault, isFsError } from "../../util/errno.ts";
import { log } from "../../util/log.ts";
import type { MaybePromise } from "../../util/maybe.ts";
import type { MetaRead, MetaTxn } from "../txn.ts";
import { codeOf, isBusy, sqliteFault } from "./connection.ts";
import type { SqliteTxn } from "./txn.ts";
import { WriteQueue } from "./write-queue.ts";

type Statement = Database.Statement<[]>;

export interface TransactionEvents {
  /** A transaction with this many mutations has been committed. */
  readonly committed: (mutations: number) => void;
  /** Another connection has changed the database. Called before any read of the transaction that noticed. */
  readonly foreign: () => void;
  /** True while no write transaction may begin. */
  readonly mustWait: () => boolean;
  /** A commit found the disk full. Called when no transaction is open. */
  readonly full: () => void;
}

export class Transactions {
  readonly #db: Database.Database;
  readonly #tx: SqliteTxn;
  readonly #events: TransactionEvents;
  readonly #begin: Statement;
  readonly #beginImmediate: Statement;
  readonly #commit: Statement;
  readonly #rollback: Statement;
  readonly #dataVersion: Statement;
  /** Changes nothing, but SQLite takes the write lock for it. */
  readonly #lock: Statement;
  readonly #queue: WriteQueue;
  #open: "none" | "read" | "write" = "none";
  #isTurn = false;
  /** Why the open turn is lost. */
  #lost: unknown = undefined;
  #version = -1;

  constructor(db: Database.Database, prefix: string, tx: SqliteTxn, events: TransactionEvents) {
    this.#db = db;
    this.#tx = tx;
    this.#events = events;
    const prepare = (sql: string): Statement => db.prepare<[]>(sql);
    this.#begin = prepare("BEGIN");
    this.#beginImmediate = prepare("BEGIN IMMEDIATE");
    this.#commit = prepare("COMMIT");
    this.#rollback = prepare("ROLLBACK");
    this.#dataVersion = prepare("PRAGMA data_version").pluck();
    this.#lock = prepare(`UPDATE ${prefix}counter SET value=value WHERE 0`);
    this.#queue = new WriteQueue(db.name, (bodies) => this.#runQueued(bodies));
  }

  get turnIsDirty(): boolean {
    return this.#isTurn && this.#tx.applied > 0;
  }
  /** True when no transaction is open, so that a checkpoint may run on this connection. */
  get isIdle(): boolean {
    return this.#open === "none";
  }

  beginTurn(): void {
    assert(!this.#isTurn, "turns do not nest");
    this.#isTurn = true;
  }

  /** Commits the turn. Throws the fault that lost it. */
  endTurn(): void {
    assert(this.#isTurn, "no turn is open");
    this.#isTurn = false;
    const lost = this.#lost;
    this.#lost = undefined;
    if (this.#open === "write") this.#finish();
    else if (this.#open === "read") this.#end();
    if (lost !== undefined) throw lost;
  }

  read<T>(body: (tx: MetaRead) => T): MaybePromise<T> {
    let done = false;
    try {
      if (this.#open === "none") this.#start("read");
      this.#tx.now = wallClock();
      const value = body(this.#tx);
      done = true;
      return value;
    } catch (cause) {
      if (!isBusy(cause)) throw sqliteFault(cause, "read metadata");
      // Rare: another process recovers the log or removes it. The snapshot never began.
      if (this.#open === "read") this.#end();
      return this.#readLater(body);
    } finally {
      if (this.#open === "read" && (!this.#isTurn || (!done && !this.#db.inTransaction)))
        this.#end();
    }
  }

  write<T>(body: (tx: MetaTxn) => T): MaybePromise<T> {
    if (this.#lost !== undefined) throw this.#lost;
    if (this.#open === "write") return this.#runShared(body);
    // Who came first is served first.
    if (!this.#queue.isEmpty || !this.#tryStart()) return this.#queue.push(body);
    if (this.#isTurn) return this.#runShared(body);
    return this.#runAlone(body);
  }

  /** As `write`, committed when it returns even inside a turn: what the turn has done so far is committed before it. */
  writeAlone<T>(body: (tx: MetaTxn) => T): MaybePromise<T> {
    if (this.#lost !== undefined) throw this.#lost;
    // An effect of what is committed here may have opened the next transaction of the turn.
    while (this.#open === "write") {
      try {
        this.#finish();
      } catch (cause) {
        this.#lost = cause;
        throw cause;
      }
    }
    if (!this.#queue.isEmpty || !this.#tryStart()) return this.#queue.push(body);
    return this.#runAlone(body);
  }

  /** Looks whether another connection has changed the database; outside transactions only. */
  pollForeign(): void {
    if (this.#open !== "none") return;
    try {
      this.#compareVersion();
    } catch (cause) {
      if (!isBusy(cause)) log("warn", `cannot look at the metadata database: ${String(cause)}`);
    }
  }

  /** Rejects what still waits. */
  close(): void {
    this.#queue.close();
    if (this.#open !== "none") this.#end();
  }

  #start(kind: "read" | "write"): void {
    (kind === "read" ? this.#begin : this.#beginImmediate).run();
    this.#open = kind;
    this.#compareVersion();
  }

  /** False when another process is writing, or writers must wait. */
  #tryStart(): boolean {
    if (this.#events.mustWait()) return false;
    if (this.#open === "read" && this.#upgrade()) return true;
    try {
      this.#start("write");
      return true;
    } catch (cause) {
      if (this.#open !== "none") this.#end();
      if (isBusy(cause)) return false;
      throw sqliteFault(cause, "begin a transaction");
    }
  }

  /** Makes a write transaction of the open read transaction when its snapshot is still the newest; else ends it. */
  #upgrade(): boolean {
    try {
      this.#lock.run();
      this.#open = "write";
      return true;
    } catch (cause) {
      this.#end();
      if (!isBusy(cause)) throw sqliteFault(cause, "begin a transaction");
      // Another's commit came after our snapshot, or he is writing now: BEGIN IMMEDIATE tells which.
      return false;
    }
  }

  #compareVersion(): void {
    const version = this.#dataVersion.get() as number;
    if (version === this.#version) return;
    const isFirst = this.#version === -1;
    this.#version = version;
    if (isFirst) return;
    this.#tx.forgetRead();
    this.#events.foreign();
  }

  #runAlone<T>(body: (tx: MetaTxn) => T): T {
    let value: T;
    try {
      this.#tx.now = wallClock();
      value = body(this.#tx);
    } catch (cause) {
      this.#end();
      throw sqliteFault(cause, "change metadata");
    }
    this.#finish();
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

  /** The transaction is not what its bodies think it is: nothing of it may survive. */
  #loseTurn(cause: unknown): unknown {
    this.#end();
    const written = "a body threw after it had written";
    const bug =
      isFsError(cause) || cause instanceof AssertionError
        ? new AssertionError(`${written}: ${String(cause)}`)
        : cause;
    const known = sqliteFault(bug, "change metadata");
    this.#lost = isFsError(known)
      ? known
      : fault(EIO, "change metadata", { cause: known, hint: `this is a bug: ${written}` });
    return this.#lost;
  }

  /** COMMIT, then the effects. Throws ENOSPC, EROFS or EIO, and then nothing has happened. */
  #finish(): void {
    const tx = this.#tx;
    const { applied } = tx;
    try {
      tx.flush();
      this.#commit.run();
    } catch (cause) {
      this.#end();
      if (codeOf(cause) === "SQLITE_FULL") this.#events.full();
      throw sqliteFault(cause, "commit metadata");
    }
    const effects = tx.takeEffects();
    this.#open = "none";
    tx.reset();
    if (applied > 0) this.#events.committed(applied);
    for (const effect of effects) runEffect(effect);
  }

  /** Ends the open transaction without keeping anything of it. */
  #end(): void {
    const wasRead = this.#open === "read";
    this.#open = "none";
    this.#tx.forget();
    // SQLite may have rolled back by itself (disk full).
    if (this.#db.inTransaction) (wasRead ? this.#commit : this.#rollback).run();
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
    if (this.#isTurn || !this.#tryStart()) return false;
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
    this.#finish();
    return true;
  }
}

const READ_RETRY_MS = 3;

function runEffect(effect: () => void): void {
  try {
    effect();
  } catch (cause) {
    // The commit stands, so its answers must not fail.
    log(
      "error",
      `an effect of a committed transaction threw: ${cause instanceof Error ? cause.stack : String(cause)}`,
    );
  }
}
