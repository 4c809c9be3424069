// Opening a volume whose last mount died: acknowledged changes are applied at once, and what else the journal holds is
// handed to whoever can store blocks. Killed at any moment, it is simply done again.
import { rmSync } from "node:fs";
import type Database from "better-sqlite3";
import { log } from "../../util/log.ts";
import type { DataFrame } from "../journal/journal.ts";
import {
  type Found,
  findJournal,
  isStale,
  setAside,
  unappliedFrames,
  uncommittedData,
} from "./journal-recovery.ts";
import type { RecoveryMode } from "./left-journal.ts";
import type { Mutation } from "../mutation.ts";
import { JournalProgress, dropJournalRow, putSessions, sessionsOf } from "./journal-row.ts";
import type { SqliteTxn } from "./txn.ts";
import type { WalSync } from "./wal-sync.ts";

export interface RecoveryParts {
  readonly db: Database.Database;
  readonly prefix: string;
  readonly txn: SqliteTxn;
  readonly wal: WalSync;
}

export interface Recovery {
  /** The session of the process that left the journal; 0 = none did. */
  readonly deadSession: number;
  /** Bytes that were fsynced and are not stored yet. */
  readonly data?: RecoveredData;
}

const FRAMES_PER_COMMIT = 1000;
const BUSY_MS = 5000;
const NOTHING: Recovery = { deadSession: 0 };

/** Throws SqliteOpenError when the journal cannot be used and nobody said that it may be given up. */
export function recover(parts: RecoveryParts, volume: string, mode: RecoveryMode): Recovery {
  const { db, prefix } = parts;
  db.pragma(`busy_timeout=${BUSY_MS}`);
  try {
    const found = findJournal(db, prefix, volume, mode);
    if (found === undefined) return NOTHING;
    const isNeeded = found.unapplied > 0 || found.data.size > 0;
    if (mode === "look") return look(found, isNeeded);
    const deadSession = found.row.sid;
    if (!isNeeded) forget(parts, found);
    else if (mode === "discard" || isStale(db, prefix, found)) leave(parts, found, mode);
    else return { deadSession, ...replay(parts, found) };
    return { deadSession };
  } finally {
    db.pragma("busy_timeout=0");
  }
}

function look(found: Found, isNeeded: boolean): Recovery {
  found.reader.close();
  if (isNeeded) {
    log(
      "warn",
      `the last mount of this volume died, and ${counted(found)} in its journal are not seen here: mount the volume to have them applied`,
    );
  }
  return NOTHING;
}

function counted({ unapplied: changes, data }: Found): string {
  return `${changes} acknowledged changes and ${data.size} small fsyncs`;
}

function leave({ db, prefix }: RecoveryParts, found: Found, mode: RecoveryMode): void {
  const aside = setAside(db, prefix, found);
  const why =
    mode === "discard" ? "as asked" : "because another client has mounted the volume since";
  log("warn", `${counted(found)} of a mount that died are not applied, ${why}: kept in ${aside}`);
}

function replay(parts: RecoveryParts, found: Found): { readonly data?: RecoveredData } {
  const { db, prefix, txn, wal } = parts;
  const progress = new JournalProgress(db, prefix, found.row.journal);
  const { dataFrom, covered } = found.row;
  let frames = 0;
  let last = found.row.applied;
  const applyBatch = db.transaction((batch: Iterator<readonly [number, readonly Mutation[]]>) => {
    for (let i = 0; i < FRAMES_PER_COMMIT; i++) {
      const next = batch.next();
      if (next.done === true) break;
      const [sequence, mutations] = next.value;
      for (const mutation of mutations) txn.again(mutation);
      last = sequence;
      frames++;
    }
    txn.flush();
    progress.write(last, dataFrom, covered);
  });
  const all = unappliedFrames(found)[Symbol.iterator]();
  while (frames < found.unapplied) {
    applyBatch.immediate(all);
    txn.reset();
    wal.committed();
  }
  txn.forgetRead();
  if (frames > 0) log("info", `applied ${frames} acknowledged changes of a mount that died`);
  if (found.data.size > 0) return { data: new RecoveredData(parts, found) };
  forget(parts, found);
  return {};
}

/** The database holds everything: durably, before the journal goes. */
function forget({ db, prefix, wal }: RecoveryParts, { reader, row }: Found): void {
  dropJournalRow(db, prefix);
  wal.committed();
  wal.syncNow();
  rmSync(row.path, { force: true });
  reader.close();
}

/** Bytes in a journal that was left behind. Its file stays until they are stored. */
export class RecoveredData {
  readonly #parts: RecoveryParts;
  readonly #found: Found;
  readonly #done: (() => void)[] = [];
  #isOpen = true;

  constructor(parts: RecoveryParts, found: Found) {
    this.#parts = parts;
    this.#found = found;
  }

  /** In the order of writing. */
  frames(): Iterable<DataFrame> {
    return uncommittedData(this.#found);
  }

  /** In the transaction that registers a session of ours: should we die, the next one must not take it for a stranger's. */
  sessionRegistered(sessions: number): void {
    const { db, prefix } = this.#parts;
    if (sessionsOf(db, prefix) === this.#found.row.sessions) putSessions(db, prefix, sessions);
  }

  onDone(listener: () => void): void {
    this.#done.push(listener);
  }
  /** All bytes are stored and their records durable: the journal goes. */
  done(): void {
    this.#isOpen = false;
    forget(this.#parts, this.#found);
    for (const listener of this.#done) listener();
  }
  /** Whoever opens the volume next finds the journal as it is. */
  close(): void {
    if (this.#isOpen) this.#found.reader.close();
    this.#isOpen = false;
  }
}
