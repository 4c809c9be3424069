// BEGIN, COMMIT and ROLLBACK on the serving connection, and the look at what others have done since our last one.
import type Database from "better-sqlite3";
import { isBusy, sqliteFault } from "./connection.ts";

type Statement = Database.Statement<[]>;

export class ConnectionState {
  readonly #db: Database.Database;
  readonly #foreign: () => void;
  readonly #begin: Statement;
  readonly #beginImmediate: Statement;
  readonly #commit: Statement;
  readonly #rollback: Statement;
  readonly #dataVersion: Statement;
  /** Changes nothing, but SQLite takes the write lock for it. */
  readonly #lock: Statement;
  #open: "none" | "read" | "write" = "none";
  #version = -1;

  /** `foreign` is called when another connection has changed the database, before any read of the transaction that noticed. */
  constructor(db: Database.Database, prefix: string, foreign: () => void) {
    this.#db = db;
    this.#foreign = foreign;
    const prepare = (sql: string): Statement => db.prepare<[]>(sql);
    this.#begin = prepare("BEGIN");
    this.#beginImmediate = prepare("BEGIN IMMEDIATE");
    this.#commit = prepare("COMMIT");
    this.#rollback = prepare("ROLLBACK");
    this.#dataVersion = prepare("PRAGMA data_version").pluck();
    this.#lock = prepare(`UPDATE ${prefix}counter SET value=value WHERE 0`);
  }

  get open(): "none" | "read" | "write" {
    return this.#open;
  }
  /** SQLite may have rolled back by itself. */
  get isGone(): boolean {
    return !this.#db.inTransaction;
  }

  /** Throws SQLITE_BUSY and others. */
  start(kind: "read" | "write"): void {
    (kind === "read" ? this.#begin : this.#beginImmediate).run();
    this.#open = kind;
    this.compareVersion();
  }

  /** Makes a write transaction of the open read transaction when its snapshot is still the newest; else ends it. */
  upgrade(): boolean {
    try {
      this.#lock.run();
      this.#open = "write";
      return true;
    } catch (cause) {
      this.end();
      if (!isBusy(cause)) throw sqliteFault(cause, "begin a transaction");
      // Another's commit came after our snapshot, or he is writing now: BEGIN IMMEDIATE tells which.
      return false;
    }
  }

  /** Throws what SQLite throws; then call `end`. */
  commit(): void {
    this.#commit.run();
    this.#open = "none";
  }

  /** Ends the open transaction without keeping anything of it. */
  end(): void {
    const wasRead = this.#open === "read";
    this.#open = "none";
    if (this.#db.inTransaction) (wasRead ? this.#commit : this.#rollback).run();
  }

  compareVersion(): void {
    const version = this.#dataVersion.get() as number;
    if (version === this.#version) return;
    const isFirst = this.#version === -1;
    this.#version = version;
    if (!isFirst) this.#foreign();
  }
}
