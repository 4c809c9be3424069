// What format writes, to the byte of JuiceFS, and what opening refuses.
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import Database from "better-sqlite3";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { formatVolume, openSqlite } from "../../src/meta/engines/sqlite.ts";
import { formatText, parseFormat } from "../../src/meta/format-text.ts";
import { goldenFile } from "../support/golden.ts";
import { skip } from "../support/skip.ts";
import {
  goldenRecords,
  newVolume,
  restoreDatabase,
  scratchDir,
  testFormat,
} from "../support/sqlite-volume.ts";

function rows(path: string, sql: string): unknown[] {
  const db = new Database(path, { readonly: true });
  try {
    return db.prepare(sql).raw().safeIntegers().all();
  } finally {
    db.close();
  }
}

function schemaOf(path: string): string[] {
  const sql = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name<>'sqlite_sequence'";
  return (rows(path, sql) as [string][]).map(([text]) => text).toSorted();
}

test("the tables and indexes are JuiceFS's to the byte", async () => {
  const golden = readFileSync(goldenFile("sqlite-plain", "schema.sql"), "utf8");
  const expected = golden
    .split(";\n")
    .filter((line) => line !== "" && !line.includes("sqlite_sequence"));
  assert.equal(schemaOf(await newVolume()), expected.toSorted());
});

test("a table prefix is in every table and index name", async () => {
  const path = join(scratchDir(), "meta.db");
  await formatVolume(path, testFormat(), { tablePrefix: "jfs_pre_" });
  const plain = schemaOf(await newVolume());
  assert.equal(schemaOf(path), plain.map((line) => line.replaceAll("jfs_", "jfs_pre_")).toSorted());
  assert.throws(() => openSqlite(path), /not formatted/);
  await using store = openSqlite(path, { tablePrefix: "jfs_pre_" });
  assert.ok(store.read((tx) => tx.attr(1)));
});

test("the rows right after format", async () => {
  const path = await newVolume();
  assert.not(existsSync(`${path}-wal`), "a clean close leaves one file");
  assert.equal(rows(path, "SELECT name,value FROM jfs_counter ORDER BY name"), [
    ["nextChunk", 1n],
    ["nextCleanupSlices", 0n],
    ["nextInode", 2n],
    ["nextSession", 0n],
    ["totalInodes", 0n],
    ["usedSpace", 0n],
  ]);
  const fixed =
    "inode,type,flags,mode,uid,gid,nlink,length,rdev,parent,access_acl_id,default_acl_id,tier_id";
  assert.equal(rows(path, `SELECT ${fixed} FROM jfs_node ORDER BY inode`), [
    [1n, 2n, 0n, 511n, 0n, 0n, 2n, 4096n, 0n, 1n, 0n, 0n, 0n],
    [9223372032828243968n, 2n, 0n, 365n, 0n, 0n, 2n, 4096n, 0n, 1n, 0n, 0n, 0n],
  ]);
  const [[time = 0n, rest = 0n] = []] = rows(
    path,
    "SELECT atime,atimensec FROM jfs_node WHERE inode=1",
  ) as bigint[][];
  assert.ok(Math.abs(Number(time) / 1000 - Date.now()) < 600_000);
  assert.ok(rest >= 0n && rest < 1000n);
  assert.equal(rows(path, "SELECT name,value,typeof(value) FROM jfs_setting"), [
    ["format", formatText(testFormat()), "text"],
  ]);
  for (const table of ["edge", "dir_stats", "session2"])
    assert.equal(rows(path, `SELECT * FROM jfs_${table}`), []);
});

test("no trash, no trash node; formatting again adds it and keeps the rest", async () => {
  const path = await newVolume({ TrashDays: 0, DirStats: false });
  assert.is(rows(path, "SELECT 1 FROM jfs_node").length, 1);
  const db = new Database(path);
  db.exec(
    "INSERT INTO jfs_dir_stats VALUES(1,1,1,1); UPDATE jfs_counter SET value=77 WHERE name='nextInode'",
  );
  db.close();
  await formatVolume(path, testFormat({ Capacity: 5 << 20 }));
  assert.is(rows(path, "SELECT 1 FROM jfs_node").length, 2);
  assert.equal(rows(path, "SELECT * FROM jfs_dir_stats"), []);
  assert.equal(rows(path, "SELECT value FROM jfs_counter WHERE name='nextInode'"), [[77n]]);
  assert.is(
    parseFormat((rows(path, "SELECT value FROM jfs_setting")[0] as [string])[0]).Capacity,
    5 << 20,
  );
});

test("every golden setting is parsed and written back to the byte", () => {
  const settings = goldenRecords<{ volume: string; setting_base64: string }>(
    "codec",
    "settings.jsonl",
  );
  for (const { volume, setting_base64: base64 } of settings) {
    const text = Buffer.from(base64, "base64").toString("utf8");
    assert.is(formatText(parseFormat(text)), text, volume);
  }
  assert.ok(settings.length > 10);
});

test("settings are read in any case and written with Go's escapes", () => {
  const odd = parseFormat(
    '{"name":"a","UUID":"u","bUCKET":"<&>\\u2028/","Tiers":null,"KerbConf":null,"unknown":[1]}',
  );
  assert.equal(odd, {
    Name: "a",
    UUID: "u",
    Storage: "",
    Tiers: null,
    Bucket: "<&>\u2028/",
    BlockSize: 0,
    TrashDays: 0,
    EnableACL: false,
  });
  const text = formatText(odd);
  assert.ok(text.includes('"Bucket": "\\u003c\\u0026\\u003e\\u2028/",\n'));
  assert.ok(text.includes('"Tiers": null,\n'));
  assert.throws(() => parseFormat("{"), /not JSON/);
  assert.throws(() => parseFormat('{"BlockSize":"4096"}'), /BlockSize/);
  assert.throws(() => parseFormat("[]"), /not a JSON object/);
});

test("what opening refuses, in a sentence", async () => {
  const dir = scratchDir();
  const file = (name: string, content: string | Buffer): string => {
    writeFileSync(join(dir, name), content);
    return join(dir, name);
  };
  assert.throws(
    () => openSqlite(join(dir, "none.db")),
    /none\.db: no such file: make a volume there with jfs format/,
  );
  assert.not(existsSync(join(dir, "none.db")));
  assert.throws(() => openSqlite(dir), /is a directory/);
  assert.throws(() => openSqlite(file("empty.db", "")), /is empty/);
  assert.throws(
    () => openSqlite(file("text.db", "hello\n".repeat(1000))),
    /is not a SQLite database/,
  );
  assert.throws(() => openSqlite(join(dir, "no/dir/x.db"), { create: true }), /does not exist/);
  const other = new Database(join(dir, "other.db"));
  other.exec("CREATE TABLE t(x)");
  other.close();
  assert.throws(() => openSqlite(join(dir, "other.db")), /other\.db is not formatted/);
  assert.throws(() => openSqlite("/dev/null"), /not a regular file/);
});

test("a newer or older layout is refused and left alone", async () => {
  const newer = await newVolume({ MetaVersion: 2 });
  assert.throws(() => openSqlite(newer), /metadata version 2: a newer jfs is needed/);
  const older = await newVolume();
  const db = new Database(older);
  db.exec("ALTER TABLE jfs_node DROP COLUMN tier_id");
  db.close();
  assert.throws(() => openSqlite(older), /jfs_node\.tier_id is missing/);
  assert.is(
    rows(older, "SELECT 1 FROM pragma_table_info('jfs_node') WHERE name='tier_id'").length,
    0,
  );
});

test("a damaged database says so", async () => {
  const path = await newVolume();
  const bytes = readFileSync(path);
  bytes.fill(0xff, 100, 4096);
  writeFileSync(path, bytes);
  assert.throws(() => openSqlite(path), /meta\.db is damaged/);
});

const unwritable = "a database that cannot be written";
if (process.getuid?.() === 0) skip(unwritable, "root may write everywhere");
else {
  test(unwritable, async () => {
    const path = await newVolume();
    chmodSync(path, 0o444);
    assert.throws(() => openSqlite(path), /check the rights of the file/);
    chmodSync(path, 0o644);
    chmodSync(dirname(path), 0o555);
    assert.throws(() => openSqlite(path), /check the rights/);
    chmodSync(dirname(path), 0o755);
  });
}

test("opening a golden volume changes nothing in it but the journal", async () => {
  const dir = scratchDir();
  mkdirSync(join(dir, "x"));
  const path = restoreDatabase("sqlite-plain", "", join(dir, "x"));
  const before = rows(path, "SELECT * FROM jfs_node");
  const schema = schemaOf(path);
  await openSqlite(path)[Symbol.asyncDispose]();
  assert.equal(rows(path, "SELECT * FROM jfs_node"), before);
  assert.equal(schemaOf(path), schema);
});

test.run();
