// Volumes of another version or kind, and damaged ones: refused by name, and left as they are.
import { copyFileSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { jfs, jfsOk, withVolume, type Volume } from "../support/jfs.ts";
import { eachCommand, refused, untouched } from "./refusal.ts";

function change(db: string, statement: string, ...values: unknown[]): void {
  const database = new Database(db);
  database.prepare(statement).run(...values);
  database.close();
}

const storeSetting = (db: string, text: string): void =>
  change(db, "UPDATE jfs_setting SET value=? WHERE name='format'", text);

/** Sets fields of the stored setting. */
function set(db: string, fields: Readonly<Record<string, unknown>>): void {
  const database = new Database(db);
  const { value } = database.prepare("SELECT value FROM jfs_setting").get() as { value: string };
  database.close();
  storeSetting(db, JSON.stringify({ ...(JSON.parse(value) as object), ...fields }));
}

/** Every way in is refused: to look, to change, to mount, to format again. */
function allRefused(volume: Volume, pattern: RegExp): void {
  for (const args of eachCommand(volume.dir, volume.db)) refused(jfs(args), pattern);
  refused(jfs(["format", volume.db, "testvol", "--trash-days", "4"]), pattern);
}

/** `status` may show it; everything that would change or use it is refused. */
function useRefused(volume: Volume, pattern: RegExp): void {
  jfsOk(["status", volume.db]);
  for (const args of eachCommand(volume.dir, volume.db).slice(1)) refused(jfs(args), pattern);
  refused(jfs(["format", volume.db, "testvol", "--trash-days", "4"]), pattern);
}

const damages: readonly (readonly [string, (db: string) => void, RegExp])[] = [
  [
    "metadata of a later version",
    (db) => set(db, { MetaVersion: 2 }),
    /metadata version 2: a newer jfs is needed/,
  ],
  [
    "a setting that is no JSON",
    (db) => storeSetting(db, '{"Name": "testvol", '),
    /setting of the volume is not JSON: restore/,
  ],
  [
    "a setting that is JSON of another kind",
    (db) => storeSetting(db, "[]"),
    /setting of the volume is not a JSON object: restore/,
  ],
  [
    "a setting with a word for a number",
    (db) => set(db, { TrashDays: "many" }),
    /no usable TrashDays: restore/,
  ],
  [
    "no root directory",
    (db) => change(db, "DELETE FROM jfs_node WHERE inode=1"),
    /the root directory is missing: restore/,
  ],
  [
    "no counters, so that new files would take the numbers of old ones",
    (db) => change(db, "DELETE FROM jfs_counter"),
    /a counter of numbers in use is missing: restore/,
  ],
];

for (const [title, damage, pattern] of damages) {
  test(title, () =>
    withVolume(async (volume) => {
      damage(volume.db);
      await untouched(volume.dir, () => {
        // Making the tables and rows of a volume anew is what format is for.
        if (/missing/.test(pattern.source)) {
          for (const args of eachCommand(volume.dir, volume.db)) refused(jfs(args), pattern);
        } else allRefused(volume, pattern);
      });
    }),
  );
}

const foreign: readonly (readonly [Readonly<Record<string, unknown>>, RegExp])[] = [
  [{ Compression: "lz4" }, /uses --compress lz4, which jfs does not support yet: use it with/],
  [{ Compression: "zstd" }, /uses --compress zstd, which jfs does not support yet/],
  [{ EncryptKey: "-----BEGIN ENCRYPTED" }, /uses encryption, which jfs does not support yet/],
  [{ Storage: "s3" }, /uses --storage s3, which jfs does not support yet/],
  [{ Shards: 4 }, /uses --shards, which jfs does not support yet/],
  [{ BlockSize: 0 }, /no usable BlockSize: restore/],
  [{ BlockSize: 77 }, /no usable BlockSize: restore/],
  [{ BlockSize: -4096 }, /no usable BlockSize: restore/],
  [{ Name: "../elsewhere" }, /no usable Name: restore/],
];

for (const [fields, pattern] of foreign) {
  test(`a volume with ${JSON.stringify(fields)}`, () =>
    withVolume(async (volume) => {
      set(volume.db, fields);
      await untouched(volume.dir, () => useRefused(volume, pattern));
    }));
}

test("a volume that wants newer clients, or older ones", () =>
  withVolume(async (volume) => {
    const { dir, db, log, mnt } = volume;
    const mount = ["mount", "-d", "--log", log, db, mnt];
    set(db, { MinClientVersion: "99.0.0" });
    await untouched(dir, () => {
      refused(jfs(mount), /version 99\.0\.0 to any, this jfs counts as 1\.4\.1.*: use a newer one/);
      refused(jfs(["format", db, "testvol", "--trash-days", "4"]), /use a newer one/);
    });
    set(db, { MinClientVersion: "", MaxClientVersion: "0.9.0" });
    await untouched(dir, () =>
      refused(jfs(mount), /version any to 0\.9\.0.*: raise it with jfs config --max-client/),
    );
    jfsOk(["config", db, "--max-client-version", "9.0.0"]);
    jfsOk(mount);
  }));

test("a question that nobody answers changes nothing", () =>
  withVolume(({ dir, db }) =>
    untouched(dir, () => {
      refused(jfs(["config", db, "--trash-days", "0"]), /nothing was changed: answer y, or give/);
    }),
  ));

test("bytes flipped in the database", () =>
  withVolume(async ({ dir, db, log, mnt }) => {
    const bytes = readFileSync(db);
    // The first page after the header: where the list of tables is.
    bytes.fill(0xff, 100, 1000);
    writeFileSync(db, bytes);
    await untouched(dir, () => {
      const pattern = /meta\.db is damaged .*: restore it from a backup, or try sqlite3 \.recover/;
      refused(jfs(["status", db]), pattern);
      refused(jfs(["mount", "-d", "--log", log, db, mnt]), pattern);
      refused(jfs(["format", db, "testvol"]), pattern);
    });
  }));

test("a truncated database", () =>
  withVolume(async ({ dir, db, log, mnt }) => {
    truncateSync(db, 8192);
    await untouched(dir, () => {
      const pattern = /meta\.db is damaged .*: restore it from a backup, or try sqlite3 \.recover/;
      refused(jfs(["status", db]), pattern);
      refused(jfs(["mount", "-d", "--log", log, db, mnt]), pattern);
    });
  }));

test("the WAL of another database beside it changes nothing of the volume", () =>
  withVolume(async (volume) => {
    const before = jfsOk(["status", volume.db]);
    const other = join(volume.dir, "other.db");
    const database = new Database(other);
    database.pragma("journal_mode=WAL");
    database.exec("CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob(20000))");
    copyFileSync(`${other}-wal`, `${volume.db}-wal`);
    database.close();
    const outcome = jfs(["status", volume.db]);
    // SQLite takes a WAL by its salt only: it may fit, and then the tables of the other appear in the place of ours.
    if (outcome.code === 0) assert.is(outcome.stdout, before);
    else refused(outcome, /meta\.db (is damaged|is not formatted)/);
  }));

test.run();
