// Restores a golden volume of test/golden into a folder of its own, as if it had been formatted there,
// and reads its database. What the volume holds is told by its manifest (test/support/manifest.ts).
import Database from "better-sqlite3";
import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

export type GoldenName = "sqlite-plain" | "sqlite-hash1m" | "sqlite-crashed";

/** A restored volume; `remove` deletes it once nobody has it mounted. */
export interface GoldenVolume {
  readonly name: GoldenName;
  /** Holds meta.db and objects/. */
  readonly dir: string;
  readonly metaPath: string;
  readonly metaUrl: string;
  remove(): void;
}

/** One row with its columns in the order of the table; blobs as Buffers, integers as bigints. */
export type Row = readonly (string | bigint | number | null | Buffer)[];

const goldenRoot = join(import.meta.dirname, "..", "golden");

/** The path of one file of a golden volume. */
export function goldenFile(name: GoldenName | "codec", ...path: readonly string[]): string {
  return join(goldenRoot, name, ...path);
}

/** The lines of a JSON-lines file, gzipped or not. */
export function readJsonLines(path: string): readonly string[] {
  const raw = readFileSync(path);
  const text = (path.endsWith(".gz") ? gunzipSync(raw) : raw).toString("utf8");
  return text.split("\n").filter((line) => line !== "");
}

function unpack(from: string, to: string): void {
  writeFileSync(to, gunzipSync(readFileSync(from)));
}

/** Only the value of Bucket changes, so that every other byte of the setting stays JuiceFS's. */
function putBucket(db: Database.Database, bucket: string): void {
  const row = db.prepare("SELECT value FROM jfs_setting WHERE name = 'format'").get() as
    | { readonly value: string }
    | undefined;
  if (row === undefined) throw new Error("the golden database has no setting");
  const changed = row.value.replace(/"Bucket": "[^"]*"/, `"Bucket": ${JSON.stringify(bucket)}`);
  if (changed === row.value) throw new Error("the setting of the golden database has no Bucket");
  db.prepare("UPDATE jfs_setting SET value = ? WHERE name = 'format'").run(changed);
}

/**
 * Pending deleted files are due an hour after they were deleted, which has long passed. Moved to
 * now, the background jobs leave them alone for as long as a test runs.
 */
function postponeDeletedFiles(db: Database.Database): void {
  db.prepare("UPDATE jfs_delfile SET expire = ?").run(Math.floor(Date.now() / 1000));
}

/** The last connection to close takes the WAL away, so the copies are made while it is open. */
function copyWithWal(db: Database.Database, seed: string, metaPath: string): void {
  copyFileSync(seed, metaPath);
  copyFileSync(`${seed}-wal`, `${metaPath}-wal`);
  db.close();
  for (const suffix of ["", "-wal", "-shm"]) rmSync(`${seed}${suffix}`, { force: true });
}

/**
 * Restores a volume below a new temporary folder. With `state` "crashed", the database is the one
 * the kill left, with its WAL beside it, still to be recovered by whoever opens it.
 */
export function restoreGolden(
  name: GoldenName,
  state: "clean" | "crashed" = "clean",
): GoldenVolume {
  const dir = mkdtempSync(join(tmpdir(), "jfs-golden-"));
  const metaPath = join(dir, "meta.db");
  execFileSync("tar", ["-xzf", goldenFile(name, "objects.tar.gz"), "-C", dir]);
  const seed = state === "crashed" ? join(dir, "seed.db") : metaPath;
  const from = state === "crashed" ? goldenFile(name, "raw") : goldenFile(name);
  unpack(join(from, "meta.db.gz"), seed);
  const wal = join(from, "meta.db-wal.gz");
  if (existsSync(wal)) unpack(wal, `${seed}-wal`);

  const db = new Database(seed);
  db.pragma("wal_autocheckpoint = 0");
  putBucket(db, `${join(dir, "objects")}/`);
  postponeDeletedFiles(db);
  if (state === "crashed") copyWithWal(db, seed, metaPath);
  else db.close();

  const remove = (): void => rmSync(dir, { recursive: true, force: true });
  return { name, dir, metaPath, metaUrl: `sqlite3://${metaPath}`, remove };
}

/** Runs `body` on a read-only connection of its own. */
export function withDatabase<T>(path: string, body: (db: Database.Database) => T): T {
  const db = new Database(path, { readonly: true, fileMustExist: true });
  try {
    return body(db);
  } finally {
    db.close();
  }
}

/** The rows of a table of the golden database at `gz`, or of the database at a plain path. */
export function withGoldenDatabase<T>(gz: string, body: (db: Database.Database) => T): T {
  const dir = mkdtempSync(join(tmpdir(), "jfs-golden-db-"));
  try {
    unpack(gz, join(dir, "meta.db"));
    return withDatabase(join(dir, "meta.db"), body);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Every JuiceFS table with its rows, columns named in `masked` ("table.column") left out. */
export function allRows(
  db: Database.Database,
  masked: ReadonlySet<string>,
): ReadonlyMap<string, readonly Row[]> {
  const tables = db
    .prepare(
      "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'jfs\\_%' ESCAPE '\\'",
    )
    .pluck()
    .all() as string[];
  const found = new Map<string, readonly Row[]>();
  for (const table of tables.toSorted()) {
    const columns = db.pragma(`table_info(${table})`) as { readonly name: string }[];
    const kept = columns.map(({ name }) => name).filter((name) => !masked.has(`${table}.${name}`));
    const list = kept.map((name) => `"${name}"`).join(", ");
    const query = db.prepare(`SELECT ${list} FROM ${table} ORDER BY ${list}`).raw();
    found.set(table, query.safeIntegers().all() as Row[]);
  }
  return found;
}

/** A row as one line of text, so that two lists of rows can be compared and printed. */
export function rowText(row: Row): string {
  return row
    .map((cell) => (Buffer.isBuffer(cell) ? `x'${cell.toString("hex")}'` : String(cell)))
    .join("|");
}

/** The objects below the bucket of a restored volume: "objects/{volume}/..." and size, sorted. */
export function listObjects(volume: GoldenVolume): readonly string[] {
  const found: string[] = [];
  for (const dirent of readdirSync(join(volume.dir, "objects"), {
    withFileTypes: true,
    recursive: true,
  })) {
    if (!dirent.isFile()) continue;
    const path = join(dirent.parentPath, dirent.name);
    found.push(`${path.slice(volume.dir.length + 1)} ${statSync(path).size}`);
  }
  return found.toSorted();
}
