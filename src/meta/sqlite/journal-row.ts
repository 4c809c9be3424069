// The one row that ties a journal to the database: which journal, and how much of it the database holds already. It is
// written in the transactions that it speaks of, so it is never ahead of them or behind.
import type Database from "better-sqlite3";

export interface JournalRow {
  /** Identity of the journal: 32 hexadecimal digits. */
  readonly journal: string;
  /** Where its file is. */
  readonly path: string;
  /** Mutation frames up to here are applied. */
  readonly applied: number;
  /** Data frames before this one are not needed. */
  readonly dataFrom: number;
  /** Ids of slices that were committed without a frame that says so while older data frames were still needed. */
  readonly covered: readonly number[];
  /** `nextSession` while the journal was taking frames: another value means that somebody else has been here. */
  readonly sessions: number;
  /** The session of the process that keeps the journal. */
  readonly sid: number;
  /** Its process died, and somebody recovers it, or has died of that. */
  readonly isRecovering: boolean;
}

interface Stored {
  journal: string;
  path: string;
  applied: number;
  data_from: number;
  covered: string;
  sessions: number;
  /** Below 0 while it is recovered. */
  sid: number;
}

/** "jfsx_journal", or with the volume's own prefix in it. Never in the name space of JuiceFS's tables. */
export function journalTable(prefix: string): string {
  return `jfsx_${prefix.slice("jfs_".length)}journal`;
}

/** Undefined when the volume has no journal. */
export function readJournalRow(db: Database.Database, prefix: string): JournalRow | undefined {
  const table = journalTable(prefix);
  const known = db.prepare("SELECT 1 FROM sqlite_master WHERE type='table' AND name=?").get(table);
  if (known === undefined) return undefined;
  const row = db.prepare<[], Stored>(`SELECT * FROM ${table} WHERE id=1`).get();
  if (row === undefined) return undefined;
  const { journal, path, applied, sessions } = row;
  const covered = row.covered === "" ? [] : row.covered.split(",").map(Number);
  const [sid, isRecovering] = [Math.abs(row.sid), row.sid < 0];
  return { journal, path, applied, dataFrom: row.data_from, covered, sessions, sid, isRecovering };
}

/** Makes the table and its row. Inside a transaction. */
export function putJournalRow(
  db: Database.Database,
  prefix: string,
  row: Omit<JournalRow, "isRecovering">,
): void {
  const table = journalTable(prefix);
  db.exec(
    `CREATE TABLE IF NOT EXISTS ${table} (id INTEGER PRIMARY KEY, journal TEXT NOT NULL, ` +
      "path TEXT NOT NULL, applied INTEGER NOT NULL, data_from INTEGER NOT NULL, " +
      "covered TEXT NOT NULL, sessions INTEGER NOT NULL, sid INTEGER NOT NULL)",
  );
  db.prepare(`INSERT OR REPLACE INTO ${table} VALUES (1,?,?,?,?,?,?,?)`).run(
    row.journal,
    row.path,
    row.applied,
    row.dataFrom,
    row.covered.join(","),
    row.sessions,
    row.sid,
  );
}

/** The number of sessions that the volume has had, which everybody who mounts it adds to. */
export function sessionsOf(db: Database.Database, prefix: string): number {
  const sql = `SELECT value FROM ${prefix}counter WHERE name='nextSession'`;
  return (db.prepare(sql).pluck().get() as number | undefined) ?? 0;
}

/** A session that is ours was registered between two looks at the number. */
export function putSessions(db: Database.Database, prefix: string, sessions: number): void {
  db.prepare(`UPDATE ${journalTable(prefix)} SET sessions=?`).run(sessions);
}

/** Others who want to write wait until the row is gone. */
export function markRecovering(db: Database.Database, prefix: string): void {
  db.prepare(`UPDATE ${journalTable(prefix)} SET sid=-abs(sid)`).run();
}

/** The volume is an ordinary one again. A journal without its row has nothing to say. With `journal`: unless the row is that
 *  of another one. */
export function dropJournalRow(db: Database.Database, prefix: string, journal?: string): void {
  if (journal !== undefined && readJournalRow(db, prefix)?.journal !== journal) return;
  db.exec(`DROP TABLE IF EXISTS ${journalTable(prefix)}`);
}

/** What each COMMIT writes while a journal is open. Prepared once the table is there. */
export class JournalProgress {
  readonly #update: Database.Statement<[number, number, string, string]>;
  readonly #journal: string;

  /** `journal`: its identity; the row of another one is not touched. */
  constructor(db: Database.Database, prefix: string, journal: string) {
    this.#journal = journal;
    this.#update = db.prepare(
      `UPDATE ${journalTable(prefix)} SET applied=?,data_from=?,covered=? WHERE journal=?`,
    );
  }
  write(applied: number, dataFrom: number, covered: readonly number[]): void {
    this.#update.run(applied, dataFrom, covered.join(","), this.#journal);
  }
}
