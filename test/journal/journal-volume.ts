// Volumes with a journal for tests of the engine: opened, looked at by others, and copied as a crash would leave them.
import { copyFileSync, existsSync } from "node:fs";
import { dirname, join } from "node:path";
import Database from "better-sqlite3";
import { openSqlite, SqliteStore, type SqliteOptions } from "../../src/meta/engines/sqlite.ts";
import { type Meta, openMeta } from "../../src/meta/meta.ts";
import { openDatabase } from "../../src/meta/sqlite/connection.ts";
import { newVolume, sampleAttr, scratchDir } from "../support/sqlite-volume.ts";

export interface JournalVolume {
  readonly path: string;
  readonly journal: string;
  readonly db: Database.Database;
  readonly store: SqliteStore;
  readonly meta: Meta;
}

export function optionsFor(path: string, bytes: number = 65_536): SqliteOptions {
  const journal = { path: `${path}.journal`, bytes, data: true };
  return { recovery: "replay", journal };
}

/** Opened as a mount does; its journal acknowledges when this resolves. */
export async function openJournaled(
  path: string,
  bytes?: number,
  heartbeatSeconds: number = 0,
): Promise<JournalVolume> {
  const db = openDatabase(path, "jfs_", false);
  const store = new SqliteStore(db, "jfs_", optionsFor(path, bytes));
  const meta = await openMeta(store, { sessionInfo: "{}", heartbeatSeconds, noBgJob: true });
  await until(() => store.journal?.isOn === true);
  return { path, journal: `${path}.journal`, db, store, meta };
}

export async function newJournaled(bytes?: number): Promise<JournalVolume> {
  return openJournaled(await newVolume({ TrashDays: 0 }), bytes);
}

export async function close({ meta, store }: JournalVolume): Promise<void> {
  await meta.shutdown();
  await store[Symbol.asyncDispose]();
}

/** Waits for what comes by itself. */
export async function until(isTrue: () => boolean, seconds: number = 10): Promise<void> {
  const end = performance.now() + seconds * 1000;
  while (!isTrue()) {
    if (performance.now() > end) throw new Error(`not within ${seconds} s: ${String(isTrue)}`);
    await new Promise((done) => setTimeout(done, 2));
  }
}

/** An empty file in the root, in one transaction. */
export function put(store: SqliteStore, ino: number, fill: number = 0): void | Promise<void> {
  return store.write((tx) => {
    tx.putDentry(1, `f${ino}`, { ino, type: 1 });
    tx.putAttr(ino, sampleAttr);
    tx.addCounter("totalInodes", 1);
    if (fill > 0) tx.putXattr(ino, "user.fill", Buffer.alloc(fill, ino));
  });
}

/** Inodes that another process sees. */
export function seen(path: string): number[] {
  const db = new Database(path, { readonly: true });
  const inos = db.prepare("SELECT inode FROM jfs_node WHERE inode>=100 AND inode<1000000").pluck();
  const found = inos.all() as number[];
  db.close();
  return found;
}
export function totalInodes(path: string): number {
  const db = new Database(path, { readonly: true });
  const value = db.prepare("SELECT value FROM jfs_counter WHERE name='totalInodes'").pluck().get();
  db.close();
  return value as number;
}

/** What the process would leave if it died now, in another folder. */
export function crashed(volume: JournalVolume): string {
  const folder = scratchDir();
  const path = join(folder, "meta.db");
  copyFileSync(volume.path, path);
  for (const [from, to] of [
    [`${volume.path}-wal`, `${path}-wal`],
    [volume.journal, `${path}.journal`],
  ] as const) {
    if (existsSync(from)) copyFileSync(from, to);
  }
  const db = new Database(path);
  db.prepare("UPDATE jfsx_journal SET path=?").run(`${path}.journal`);
  db.close();
  return path;
}

/** Opens a volume, closes it again. */
export async function touch(path: string, options: SqliteOptions): Promise<void> {
  const store = openSqlite(path, options);
  await store[Symbol.asyncDispose]();
}

export function folderOf(path: string): string {
  return dirname(path);
}
