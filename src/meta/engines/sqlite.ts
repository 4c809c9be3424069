// The SQLite engine: answers in place, shares transactions between the requests of a turn, never blocks the loop on
// another process, and makes commits durable without blocking it either. The parts are in ../sqlite.
import { dirname } from "node:path";
import type Database from "better-sqlite3";
import { assert } from "../../util/assert.ts";
import type { MaybePromise } from "../../util/maybe.ts";
import { parseFormat } from "../format-text.ts";
import type { Format } from "../format.ts";
import { Checkpointer, type CheckpointOptions, type Durably } from "../sqlite/checkpointer.ts";
import { openDatabase, storedSetting } from "../sqlite/connection.ts";
import { writeFormat } from "../sqlite/format-rows.ts";
import { SqliteReads } from "../sqlite/reads.ts";
import { SqliteScans } from "../sqlite/scans.ts";
import type { RecoveryMode } from "../sqlite/left-journal.ts";
import { type Recovery, type RecoveredData, recover } from "../sqlite/recovery.ts";
import type { JournalOptions } from "../sqlite/journal-host.ts";
import { StoreJournal } from "../sqlite/store-journal.ts";
import { type TransactionEvents, Transactions } from "../sqlite/transactions.ts";
import { SqliteTxn } from "../sqlite/txn.ts";
import { WalSync } from "../sqlite/wal-sync.ts";
import { syncDirectory } from "../../util/sync-directory.ts";
import { SqliteWrites } from "../sqlite/writes.ts";
import type { DentryRow, IdCounter, LockRow, MetaStore, PlockRow } from "../store.ts";
import type { MetaRead, MetaTxn } from "../txn.ts";
import type { Delfile, Delslices, Ino, Name, Session } from "../types.ts";

export interface SqliteOptions {
  /** What becomes of a journal that a dead mount left: "look" (unless told) is for those who only read. */
  readonly recovery?: RecoveryMode;
  /** Keep a journal while this is the only session. */
  readonly journal?: JournalOptions;
  /** What the names of the tables start with, "jfs_" unless told. */
  readonly tablePrefix?: string;
  /** Make the database and its tables when they are missing; else a missing or unformatted one is refused. */
  readonly create?: boolean;
  readonly checkpoint?: CheckpointOptions;
}

const FOREIGN_POLL_MS = 1000;
/** Several times what is written between two looks at the WAL. */
const WAL_AHEAD_BYTES = 4 << 20;

interface Syncing {
  readonly resolve: (done: Promise<void>) => void;
  readonly reject: (cause: unknown) => void;
}

/** Opens a volume. Throws SqliteOpenError, whose message is one sentence for the person. */
export function openSqlite(path: string, options: SqliteOptions = {}): SqliteStore {
  const prefix = options.tablePrefix ?? "jfs_";
  const db = openDatabase(path, prefix, options.create ?? false);
  try {
    return new SqliteStore(db, prefix, options);
  } catch (cause) {
    db.close();
    throw cause;
  }
}

/** Makes a volume at `path`, or changes the setting of the one that is there (formats 4.5). */
export async function formatVolume(
  path: string,
  format: Format,
  options: SqliteOptions = {},
): Promise<void> {
  await using store = openSqlite(path, { ...options, create: true });
  await store.saveFormat(format);
}

export class SqliteStore implements MetaStore {
  readonly name = "sqlite3";
  readonly capabilities = { snapshotScan: true, counters: "transactional" } as const;
  readonly #db: Database.Database;
  readonly #prefix: string;
  readonly #scans: SqliteScans;
  readonly #txn: SqliteTxn;
  readonly #transactions: Transactions;
  readonly #checkpointer: Checkpointer;
  readonly #wal: WalSync;
  readonly #durably: Durably | undefined;
  readonly #foreignTimer: NodeJS.Timeout;
  readonly #foreign: (() => void)[] = [];
  /** Syncs asked for by requests of the open turn: they start after its commit. */
  #syncing: Syncing[] = [];
  #closing: Promise<void> | undefined;
  readonly #recovered: Recovery;
  readonly journal: StoreJournal | undefined;

  constructor(db: Database.Database, prefix: string, options: SqliteOptions) {
    const { checkpoint = {} } = options;
    this.#db = db;
    this.#prefix = prefix;
    this.#scans = new SqliteScans(db, prefix);
    this.#txn = new SqliteTxn(new SqliteReads(db, prefix), new SqliteWrites(db, prefix));
    this.#wal = new WalSync(db.name);
    this.#durably = checkpoint.durably;
    this.#recovered = this.#recover(options);
    this.journal = this.#openJournal(options);
    this.#txn.recorder = this.journal?.record;
    const events: TransactionEvents = {
      committed: (mutations) => {
        this.#wal.committed();
        this.#checkpointer.committed(mutations);
      },
      foreign: () => this.#changedByOthers(),
      mustWait: () => this.#checkpointer.isFull,
      full: () => this.#checkpointer.makeRoom(),
    };
    this.#transactions = new Transactions(db, prefix, this.#txn, events, this.journal);
    this.#checkpointer = new Checkpointer(
      db,
      checkpoint,
      () => this.#transactions.isIdle,
      (offset) => this.#wal.ahead(offset, WAL_AHEAD_BYTES),
    );
    this.#transactions.pollForeign();
    this.#foreignTimer = setInterval(() => this.#transactions.pollForeign(), FOREIGN_POLL_MS);
    this.#foreignTimer.unref();
  }

  #recover({ recovery = "look" }: SqliteOptions): Recovery {
    const text = storedSetting(this.#db, this.#prefix);
    // A database that is being made.
    if (typeof text !== "string") return { deadSession: 0 };
    const parts = { db: this.#db, prefix: this.#prefix, txn: this.#txn, wal: this.#wal };
    return recover(parts, parseFormat(text).UUID, recovery);
  }

  #openJournal({ journal }: SqliteOptions): StoreJournal | undefined {
    if (journal === undefined) return undefined;
    const transactions = (): Transactions => this.#transactions;
    const opened = new StoreJournal(
      journal,
      {
        db: this.#db,
        prefix: this.#prefix,
        wal: this.#wal,
        durably: this.#durably ?? ((work) => work()),
        volume: () => parseFormat(String(storedSetting(this.#db, this.#prefix))).UUID,
        pollForeign: () => transactions().pollForeign(),
        commitEarly: () => transactions().commitEarly(),
        get isCommitted() {
          return transactions().isCommitted;
        },
        get isIdle() {
          return transactions().isIdle;
        },
      },
      this.#recovered.deadSession,
    );
    opened.hold(this.#recovered.data !== undefined);
    this.#recovered.data?.onDone(() => opened.hold(false));
    return opened;
  }

  /** What the journal of a mount that died still holds: to be stored by the next mount, which then calls `done`. */
  get recovered(): RecoveredData | undefined {
    return this.#recovered.data;
  }

  read<T>(body: (tx: MetaRead) => T): MaybePromise<T> {
    return this.#transactions.read(body);
  }
  write<T>(body: (tx: MetaTxn) => T): MaybePromise<T> {
    return this.#transactions.write(body);
  }

  beginTurn(): void {
    this.#transactions.beginTurn();
  }
  endTurn(): void {
    const syncing = this.#syncing;
    if (syncing.length > 0) this.#syncing = [];
    try {
      this.#transactions.endTurn();
    } catch (cause) {
      for (const { reject } of syncing) reject(cause);
      throw cause;
    }
    for (const { resolve } of syncing) resolve(this.#syncWal());
  }
  get turnIsDirty(): boolean {
    return this.#transactions.turnIsDirty;
  }

  /** In a turn: what the turn has written so far is committed before, so that a lost turn never takes ids back. */
  allocate(counter: IdCounter, count: number): MaybePromise<number> {
    assert(count > 0, "ids are taken one or more at a time");
    return this.#transactions.writeAlone((tx) => {
      const first = takeIds(tx, counter, count);
      if (counter === "nextSession") this.#recovered.data?.sessionRegistered(first + count - 1);
      return first;
    });
  }

  /** Resolves at once, without a system call, when nothing was committed since the last sync. Rejects with EIO. */
  sync(): Promise<void> {
    if (!this.#transactions.turnIsDirty) return this.#syncWal();
    return new Promise((resolve, reject) => this.#syncing.push({ resolve, reject }));
  }

  #syncWal(): Promise<void> {
    return this.#durably === undefined ? this.#syncNow() : this.#durably(() => this.#syncNow());
  }

  /** While the journal acknowledges, what it stands on is durable already; else both have something to sync. */
  #syncNow(): Promise<void> {
    const { journal } = this;
    if (journal === undefined) return this.#wal.sync();
    if (journal.isOn) return journal.sync();
    return Promise.all([this.#wal.sync(), journal.sync()]).then(() => undefined);
  }

  /** The listener runs before the reads of the transaction that noticed, and must not call the store. */
  onForeignChange(listener: () => void): void {
    this.#foreign.push(listener);
  }

  scanDentries(
    dir: Ino,
    after: Name | undefined,
    limit: number,
    withAttrs: boolean,
  ): MaybePromise<readonly DentryRow[]> {
    return this.read(() => {
      const rows = this.#scans.dentries(dir, after, limit, withAttrs);
      return withAttrs ? this.#txn.overlay(rows) : rows;
    });
  }
  scanSessions(): MaybePromise<readonly Session[]> {
    return this.read(() => this.#scans.sessions());
  }
  scanSustained(sid: number, limit: number): MaybePromise<readonly Ino[]> {
    return this.read(() => this.#scans.sustained(sid, limit));
  }
  scanDelfiles(before: number, limit: number): MaybePromise<readonly Delfile[]> {
    return this.read(() => this.#scans.delfiles(before, limit));
  }
  scanDelslices(before: number, limit: number): MaybePromise<readonly Delslices[]> {
    return this.read(() => this.#scans.delslices(before, limit));
  }
  scanDeadSlices(
    limit: number,
  ): MaybePromise<readonly { readonly id: number; readonly size: number }[]> {
    return this.read(() => this.#scans.deadSlices(limit));
  }
  scanChunks(
    ino: Ino,
    first: number,
    limit: number,
  ): MaybePromise<readonly { readonly index: number; readonly records: Uint8Array }[]> {
    return this.read(() => this.#scans.chunks(ino, first, limit));
  }
  scanLocks(
    sid: number,
  ): MaybePromise<{ readonly flocks: readonly LockRow[]; readonly plocks: readonly PlockRow[] }> {
    return this.read(() => this.#scans.locks(sid));
  }

  /** Writes the rows of a new volume, or changes the setting of this one. Durable when it resolves. */
  async saveFormat(format: Format): Promise<void> {
    await this.write((tx) => writeFormat(this.#db, this.#prefix, tx, format));
    await this.sync();
    await syncDirectory(dirname(this.#db.name));
  }

  /** The last process that closes leaves a database without a WAL. */
  [Symbol.asyncDispose](): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    clearInterval(this.#foreignTimer);
    this.#transactions.commitEarly();
    await this.journal?.close();
    this.#recovered.data?.close();
    await this.#checkpointer.close();
    await this.#wal.close();
    this.#transactions.close();
    // The last connection of all processes moves the whole WAL and removes it.
    this.#db.close();
  }

  #changedByOthers(): void {
    // Another's commit may be in the page cache only.
    this.#wal.committed();
    this.journal?.foreign();
    for (const listener of this.#foreign) listener();
  }
}

/** Counters hold the next unused number, or the last one used (formats 4.6). */
function takeIds(tx: MetaTxn, counter: IdCounter, count: number): number {
  const stored = tx.counter(counter);
  const isLast = counter === "nextSession" || counter === "nextTrash";
  const first = isLast ? stored + 1 : Math.max(stored, counter === "nextInode" ? 2 : 1);
  const next = isLast ? first + count - 1 : first + count;
  tx.addCounter(counter, next - stored);
  return first;
}
