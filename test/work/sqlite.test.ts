// A SQLite database on the mount, written by four processes at once in both journal modes; one of
// them is killed with -9. No committed row may be missing, and none may be there twice.
import Database from "better-sqlite3";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Volume } from "../support/mount.ts";
import { scaled } from "../support/scale.ts";
import { onVolume } from "../support/volume-suite.ts";

const WRITERS = 4;
const ROWS = scaled(100);
// This one writes without end until it is killed.
const VICTIM = WRITERS;

interface Ended {
  readonly code: number | null;
  /** How many rows it was told are committed. */
  readonly acknowledged: number;
  readonly errors: string;
}

/** Starts a writer; with `killAt` it is killed once that many rows are acknowledged. */
async function write(path: string, id: number, rows: number, killAt?: number): Promise<Ended> {
  const script = join(import.meta.dirname, "sqlite-writer.ts");
  const child = spawn(process.execPath, [script, path, String(id), String(rows)]);
  let printed = "";
  let errors = "";
  const acknowledged = (): number => printed.split("\n").length - 1;
  child.stderr.on("data", (data: Buffer) => (errors += data.toString()));
  child.stdout.on("data", (data: Buffer) => {
    printed += data.toString();
    if (killAt !== undefined && acknowledged() >= killAt) child.kill("SIGKILL");
  });
  const code = await new Promise<number | null>((done) => child.once("close", done));
  return { code, acknowledged: acknowledged(), errors };
}

function makeDatabase(path: string, mode: string): void {
  const db = new Database(path);
  assert.is(db.pragma(`journal_mode = ${mode}`, { simple: true }), mode);
  db.exec(`
    CREATE TABLE entry (writer INTEGER, number INTEGER, text TEXT, UNIQUE (writer, number));
    CREATE TABLE total (rows INTEGER);
    INSERT INTO total VALUES (0);
  `);
  db.close();
}

/** Rows of each writer, after the database was found sound. */
function countRows(path: string): ReadonlyMap<number, number> {
  const db = new Database(path, { fileMustExist: true });
  try {
    assert.equal(db.pragma("integrity_check", { simple: true }), "ok");
    const rows = db.prepare("SELECT writer, count(*) FROM entry GROUP BY writer").raw().all();
    const found = new Map(rows as [number, number][]);
    const total = [...found.values()].reduce((sum, count) => sum + count, 0);
    assert.is(db.prepare("SELECT rows FROM total").pluck().get(), total, "half a transaction");
    return found;
  } finally {
    db.close();
  }
}

function assertRows(path: string, victim: Ended): void {
  const found = countRows(path);
  for (let id = 0; id < WRITERS; id++) assert.is(found.get(id), ROWS, `rows of writer ${id}`);
  const rows = found.get(VICTIM) ?? 0;
  // It may have been killed between the commit and the line that says so.
  assert.ok(
    rows === victim.acknowledged || rows === victim.acknowledged + 1,
    `the killed writer has ${rows} rows, ${victim.acknowledged} were acknowledged`,
  );
}

async function writeAndCheck(volume: Volume, mode: "wal" | "delete"): Promise<void> {
  const path = volume.path(`${mode}.db`);
  makeDatabase(path, mode);
  const writers = Array.from({ length: WRITERS }, async (_, id) => write(path, id, ROWS));
  const [victim, ...others] = await Promise.all([
    write(path, VICTIM, 1_000_000, Math.ceil(ROWS / 2)),
    ...writers,
  ]);
  for (const { code, errors } of others) assert.is(code, 0, errors);
  assert.ok(victim.acknowledged >= Math.ceil(ROWS / 2), victim.errors);
  assertRows(path, victim);
  await volume.remount();
  assertRows(path, victim);
}

const on = onVolume("sqlite");

on("WAL mode, four writers, one killed", async (volume) => writeAndCheck(volume, "wal"));
on("DELETE mode, four writers, one killed", async (volume) => writeAndCheck(volume, "delete"));

test.run();
