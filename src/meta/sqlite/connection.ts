// Opens the database of a volume the way JuiceFS does and says in one sentence why it cannot. Opening never makes a
// database, except for `create`.
import { accessSync, constants, statSync, statfsSync } from "node:fs";
import { dirname } from "node:path";
import Database from "better-sqlite3";
import { EIO, ENOSPC, EROFS, fault, type FsError, type FsFault } from "../../util/errno.ts";
import { parseFormat } from "../format-text.ts";
import { createTables, missingPart } from "./schema.ts";

/** A database that cannot be opened as a volume. `message` is one sentence for the person. */
export class SqliteOpenError extends Error {
  override readonly name = "SqliteOpenError";
}

/** The highest MetaVersion that we know. */
const META_VERSION = 1;
const PAGE_BYTES_MIN = 512;
/** What SQLite needs at least beside a database with a WAL. */
const SHM_BYTES = 32_768;
/** While nothing is served yet, waiting for another process is fine. */
const OPEN_TIMEOUT_MS = 5000;

/** Throws SqliteOpenError. With `create` the file and the tables are made when missing. */
export function openDatabase(path: string, prefix: string, create: boolean): Database.Database {
  checkPath(path, create);
  const db = openFile(path, create);
  try {
    // Looked at before anything is set: the database of another program stays as it is, journal mode included.
    if (create) checkNobodys(db, path);
    else checkTables(db, path, prefix);
    usePragmas(db, path);
    if (create) db.transaction(() => createTables(db, prefix)).immediate();
    db.pragma("busy_timeout=0");
    return db;
  } catch (cause) {
    db.close();
    throw cause instanceof SqliteOpenError || codeOf(cause) === "" ? cause : refusal(path, cause);
  }
}

function checkPath(path: string, create: boolean): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) {
    if (!create)
      throw new SqliteOpenError(`${path}: no such file: make a volume there with jfs format`);
    const parent = statSync(dirname(path), { throwIfNoEntry: false });
    if (parent?.isDirectory() === true) return;
    throw new SqliteOpenError(
      `${path}: the directory ${dirname(path)} does not exist: make it first`,
    );
  }
  if (found.isDirectory())
    throw new SqliteOpenError(`${path} is a directory: name the database file in it`);
  if (!found.isFile())
    throw new SqliteOpenError(`${path} is not a regular file: name a SQLite database`);
  // SQLite takes a file without a whole page for an empty database, and writes over it.
  if (found.size > 0 && found.size < PAGE_BYTES_MIN)
    throw new SqliteOpenError(`${path} is not a SQLite database: check the path`);
  if (found.size === 0 && !create) {
    throw new SqliteOpenError(`${path} is empty: make a volume there with jfs format`);
  }
  checkWritable(path);
}

/** SQLite would open a file that it may not write for reading, and fail at the first change. */
function checkWritable(path: string): void {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    throw new SqliteOpenError(
      code === "EROFS"
        ? `${path} is on a read-only file system: remount it for writing`
        : `${path} cannot be opened for writing: check the rights of the file, or run as its owner`,
      { cause },
    );
  }
}

function openFile(path: string, create: boolean): Database.Database {
  try {
    return new Database(path, { timeout: OPEN_TIMEOUT_MS, fileMustExist: !create });
  } catch (cause) {
    throw refusal(path, cause);
  }
}

function usePragmas(db: Database.Database, path: string): void {
  // Reading the mode touches no lock that matters; setting it needs one, so it is set only when it has to change.
  if (db.pragma("journal_mode", { simple: true }) !== "wal") {
    if (db.pragma("journal_mode=WAL", { simple: true }) !== "wal") {
      throw new SqliteOpenError(
        `${path}: SQLite cannot use WAL there: put the database on a local file system`,
      );
    }
  }
  db.pragma("synchronous=NORMAL");
  // A checkpoint would run inside somebody's commit, with two syncs, on the event loop. checkpointer.ts does it.
  db.pragma("wal_autocheckpoint=0");
  db.pragma("cache_size=-32768");
}

/** A volume is never made among the tables of another program. */
function checkNobodys(db: Database.Database, path: string): void {
  const foreign = db
    .prepare(
      "SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'jfs\\_%' ESCAPE '\\' " +
        "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' LIMIT 1",
    )
    .pluck()
    .get();
  if (typeof foreign !== "string") return;
  throw new SqliteOpenError(
    `${path} is the database of another program (it has a table ${foreign}): choose another path`,
  );
}

/** The text of the setting, when this is the database of a volume. */
export function storedSetting(db: Database.Database, prefix: string): unknown {
  const columns = db.prepare("SELECT name FROM pragma_table_info(?)").pluck();
  if (!columns.all(`${prefix}setting`).includes("value")) return undefined;
  return db.prepare(`SELECT value FROM ${prefix}setting WHERE name='format'`).pluck().get();
}

function checkTables(db: Database.Database, path: string, prefix: string): void {
  const text = storedSetting(db, prefix);
  if (typeof text !== "string") {
    if (prefix === "jfs_" || typeof storedSetting(db, "jfs_") !== "string") {
      throw new SqliteOpenError(`${path} is not formatted: make a volume there with jfs format`);
    }
    const given = prefix.slice("jfs_".length, -1);
    throw new SqliteOpenError(
      `${path} holds no volume with table_prefix=${given}, but one without: leave the prefix out`,
    );
  }
  const { MetaVersion = 0 } = parseFormat(text);
  if (MetaVersion > META_VERSION) {
    throw new SqliteOpenError(`${path} has metadata version ${MetaVersion}: a newer jfs is needed`);
  }
  const missing = missingPart(db, prefix);
  if (missing !== undefined) {
    throw new SqliteOpenError(
      `${path}: ${missing} is missing, another version made this database: mount it once with juicefs 1.4 to upgrade it`,
    );
  }
  checkRows(db, path, prefix);
}

/** Rows without which new files would get the numbers of old ones. */
function checkRows(db: Database.Database, path: string, prefix: string): void {
  const root = db.prepare(`SELECT 1 FROM ${prefix}node WHERE inode=1`).get();
  const counters = db
    .prepare(
      `SELECT count(*) FROM ${prefix}counter WHERE name IN ('nextInode','nextChunk') AND value>0`,
    )
    .pluck()
    .get();
  if (root !== undefined && counters === 2) return;
  const what = root === undefined ? "the root directory" : "a counter of numbers in use";
  throw new SqliteOpenError(
    `${path} is damaged, ${what} is missing: restore it from a backup, or try sqlite3 .recover`,
  );
}

function refusal(path: string, cause: unknown): SqliteOpenError {
  const code = codeOf(cause);
  const text = cause instanceof Error ? cause.message : String(cause);
  if (code === "SQLITE_NOTADB")
    return new SqliteOpenError(`${path} is not a SQLite database: check the path`);
  if (code.startsWith("SQLITE_BUSY")) {
    return new SqliteOpenError(
      `${path}: another process holds the database: try again when it has finished`,
    );
  }
  if (
    code.startsWith("SQLITE_READONLY") ||
    code.startsWith("SQLITE_CANTOPEN") ||
    code.startsWith("SQLITE_PERM")
  ) {
    return new SqliteOpenError(
      `${path} cannot be opened for writing (${text}): check the rights of the file and of its directory`,
    );
  }
  if (code === "SQLITE_FULL" || (code.startsWith("SQLITE_IOERR") && isDiskFull(path)))
    return new SqliteOpenError(`${path}: no space left on the disk: free some first`);
  if (code.startsWith("SQLITE_CORRUPT")) {
    return new SqliteOpenError(
      `${path} is damaged (${text}): restore it from a backup, or try sqlite3 .recover`,
    );
  }
  return new SqliteOpenError(`${path} cannot be opened: ${text}`);
}

/** The first process on a database makes files beside it, and SQLite does not say why it cannot. */
function isDiskFull(path: string): boolean {
  const { bavail, bsize } = statfsSync(dirname(path));
  return bavail * bsize < SHM_BYTES;
}

/** SQLite's extended result code by name, "" for another error. */
export function codeOf(cause: unknown): string {
  const code = (cause as { code?: unknown } | null)?.code;
  return typeof code === "string" && code.startsWith("SQLITE_") ? code : "";
}
/** True when another process holds the lock that was wanted: the same thing may succeed later. */
export function isBusy(cause: unknown): boolean {
  const code = codeOf(cause);
  return code.startsWith("SQLITE_BUSY") || code === "SQLITE_PROTOCOL";
}

/** The fault for an error of SQLite: ENOSPC, EROFS or EIO. Other errors are returned as they are. */
export function sqliteFault(cause: unknown, operation: string): unknown {
  const code = codeOf(cause);
  if (code === "") return cause;
  const of = (base: FsError, hint: string): FsFault => fault(base, operation, { cause, hint });
  if (code === "SQLITE_FULL")
    return of(ENOSPC, "the disk of the metadata database is full: free some space");
  if (code.startsWith("SQLITE_READONLY")) return of(EROFS, "the metadata database is read-only");
  if (code.startsWith("SQLITE_CORRUPT") || code === "SQLITE_NOTADB") {
    return of(
      EIO,
      "the metadata database is damaged: unmount and run sqlite3 .recover, or restore a backup",
    );
  }
  return of(EIO, `SQLite says ${code}: look at the disk of the metadata database`);
}
