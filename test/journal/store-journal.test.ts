// The journal of a SQLite volume beside other sessions, full disks, bugs, and journals that do not belong to it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import Database from "better-sqlite3";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openSqlite } from "../../src/meta/engines/sqlite.ts";
import { JournalReader, openJournal } from "../../src/meta/journal/journal-reader.ts";
import { openMeta } from "../../src/meta/meta.ts";
import { markRecovering } from "../../src/meta/sqlite/journal-row.ts";
import { setLogLevel } from "../../src/util/log.ts";
import { newVolume, sampleAttr } from "../support/sqlite-volume.ts";
import {
  close,
  crashed,
  folderOf,
  newJournaled,
  openJournaled,
  optionsFor,
  put,
  seen,
  totalInodes,
  touch,
  until,
} from "./journal-volume.ts";

setLogLevel("error");
const tables = (path: string): unknown[] => {
  const db = new Database(path, { readonly: true });
  const found = db.prepare("SELECT type,name,sql FROM sqlite_master ORDER BY name").all();
  db.close();
  return found;
};
const messageOf = (run: () => unknown): string => {
  try {
    run();
    return "";
  } catch (e) {
    return e instanceof Error ? e.message : String(e);
  }
};

test("a change is acknowledged before its commit, which others see soon", async () => {
  const volume = await newJournaled();
  void put(volume.store, 100);
  assert.equal(seen(volume.path), []);
  await until(() => seen(volume.path).length === 1);
  assert.ok(volume.store.journal?.isOn, "a reader is no session");
  await close(volume);
});

test("a clean end leaves an ordinary volume", async () => {
  const path = await newVolume({ TrashDays: 0 });
  const before = tables(path);
  const volume = await openJournaled(path);
  assert.is(tables(path).length, before.length + 1);
  void put(volume.store, 100);
  await close(volume);
  assert.equal(tables(path), before);
  assert.not(readdirSync(folderOf(path)).some((name) => name.includes("journal")));
  assert.equal(seen(path), [100]);
});

test("with a second session nothing is acknowledged before its commit, and again when it is gone", async () => {
  const volume = await newJournaled();
  void put(volume.store, 100);
  const other = openSqlite(volume.path, optionsFor(volume.path));
  // Its registration waits for our commit.
  const meta = await openMeta(other, { sessionInfo: "{}", heartbeatSeconds: 0, noBgJob: true });
  assert.equal(seen(volume.path), [100]);
  await put(volume.store, 101);
  assert.equal(seen(volume.path), [100, 101], "committed before it is acknowledged");
  assert.not(volume.store.journal?.isOn);
  await put(other, 102);
  assert.ok((await volume.store.read((tx) => tx.attr(102))) !== undefined);
  assert.not(other.journal?.isOn);
  await meta.shutdown();
  await other[Symbol.asyncDispose]();
  await until(() => volume.store.journal?.isOn === true);
  await put(volume.store, 103);
  assert.equal(seen(volume.path), [100, 101, 102]);
  await close(volume);
  assert.equal(seen(volume.path), [100, 101, 102, 103]);
  assert.is(totalInodes(volume.path), 4);
});

test("with a full disk what was acknowledged waits in the journal", async () => {
  const volume = await newJournaled(1 << 20);
  const { db, store } = volume;
  const pages = db.pragma("page_count", { simple: true }) as number;
  db.pragma(`max_page_count=${pages + 20}`);
  let acknowledged = 0;
  for (; acknowledged < 14; acknowledged++) void put(store, 100 + acknowledged, 3500);
  db.pragma(`max_page_count=${pages + 1}`);
  let refused = 0;
  for (let ino = 200; ino < 210; ino++) {
    try {
      await put(store, ino, 9000);
      acknowledged++;
    } catch (e) {
      assert.is((e as { code?: string }).code, "ENOSPC");
      refused++;
    }
    await new Promise((done) => setTimeout(done, 10));
  }
  assert.ok(refused > 0, "the disk was full");
  const there = (ino: number): boolean => store.read((tx) => tx.attr(ino)) !== undefined;
  const left = crashed(volume);
  db.pragma("max_page_count=100000");
  for (let ino = 100; ino < 114; ino++) assert.ok(there(ino), `${ino} is there`);
  await put(store, 300);
  await close(volume);
  const found = seen(volume.path);
  assert.is(found.length, acknowledged + 1);
  assert.is(totalInodes(volume.path), found.length);
  await touch(left, { recovery: "replay" });
  assert.equal(
    seen(left),
    found.filter((ino) => ino !== 300),
    "a crash loses nothing either",
  );
});

test("a body that throws after it has written takes nothing with it that was acknowledged", async () => {
  const volume = await newJournaled();
  const { store } = volume;
  void put(store, 100);
  assert.throws(() =>
    store.write((tx) => {
      tx.putAttr(101, sampleAttr);
      tx.addCounter("totalInodes", 1);
      throw new Error("wrong");
    }),
  );
  store.beginTurn();
  void put(store, 102);
  assert.throws(() =>
    store.write((tx) => {
      tx.deleteAttr(100);
      throw new Error("wrong");
    }),
  );
  assert.throws(() => store.endTurn());
  void put(store, 103);
  assert.ok(store.read((tx) => tx.attr(100)) !== undefined);
  assert.is(
    store.read((tx) => tx.attr(101)),
    undefined,
  );
  const left = crashed(volume);
  await close(volume);
  await touch(left, { recovery: "replay" });
  for (const path of [volume.path, left]) {
    assert.equal(seen(path), [100, 103]);
    assert.is(totalInodes(path), 2);
  }
});

test("a full journal makes changes wait for their commit, and takes them again later", async () => {
  const volume = await newJournaled(16_384);
  let plain = 0;
  for (let ino = 100; ino < 400; ino++) {
    await put(volume.store, ino);
    if (seen(volume.path).includes(ino)) plain++;
  }
  assert.ok(plain > 0, "it was full");
  await until(() => volume.store.journal?.isOn === true);
  await close(volume);
  assert.is(totalInodes(volume.path), 300);
});

test("what was acknowledged is there after a kill; looking changes nothing", async () => {
  const volume = await newJournaled();
  for (let ino = 100; ino < 150; ino++) void put(volume.store, ino);
  const left = crashed(volume);
  await close(volume);
  const journal = readFileSync(`${left}.journal`);
  await touch(left, {});
  assert.equal(seen(left), []);
  assert.equal(readFileSync(`${left}.journal`), journal);
  await touch(left, { recovery: "replay" });
  assert.is(totalInodes(left), 50);
  await touch(left, { recovery: "replay" });
  assert.is(totalInodes(left), 50);
  assert.not(readdirSync(folderOf(left)).some((name) => name.includes("journal")));
});

test("after somebody else's session a journal is kept aside", async () => {
  const volume = await newJournaled();
  void put(volume.store, 100);
  const left = crashed(volume);
  await close(volume);
  const db = new Database(left);
  db.exec("UPDATE jfs_counter SET value=value+1 WHERE name='nextSession'");
  db.close();
  await touch(left, { recovery: "replay" });
  assert.equal(seen(left), []);
  const files = readdirSync(folderOf(left));
  assert.is(files.filter((name) => name.includes(".aside-")).length, 1);
  assert.not(existsSync(`${left}.journal`));
  assert.equal(tables(left).length, tables(volume.path).length);
});

test("a missing journal, or another volume's, is refused until it is given up", async () => {
  const volume = await newJournaled();
  const other = await newJournaled();
  void put(volume.store, 100);
  void put(other.store, 200);
  const [left, strange] = [crashed(volume), crashed(other)];
  await close(volume);
  await close(other);
  renameSync(`${left}.journal`, `${left}.kept`);
  assert.match(
    messageOf(() => openSqlite(left, { recovery: "replay" })),
    "is missing",
  );
  writeFileSync(`${left}.journal`, readFileSync(`${strange}.journal`));
  assert.match(
    messageOf(() => openSqlite(left, { recovery: "replay" })),
    "is not the journal",
  );
  rmSync(`${left}.journal`);
  renameSync(`${left}.kept`, `${left}.journal`);
  await touch(left, { recovery: "replay" });
  assert.equal(seen(left), [100]);
  rmSync(`${strange}.journal`);
  await touch(strange, { recovery: "discard" });
  await touch(strange, { recovery: "replay" });
  assert.equal(seen(strange), []);
});

test("who opens a volume that is being recovered waits until it is", async () => {
  const volume = await newJournaled();
  for (let ino = 100; ino < 150; ino++) void put(volume.store, ino);
  const left = crashed(volume);
  await close(volume);
  const reader = openJournal(`${left}.journal`);
  assert.instance(reader, JournalReader);
  const db = new Database(left);
  markRecovering(db, "jfs_");
  db.close();
  // The other one dies of it after a while.
  const program = `
    import { openSqlite } from "./src/meta/engines/sqlite.ts";
    const store = openSqlite(process.argv[1], { recovery: "replay" });
    await store[Symbol.asyncDispose]();`;
  const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", program, left], {
    stdio: "inherit",
  });
  const ended = once(child, "exit");
  const first = await Promise.race([
    ended.then(() => "opened"),
    new Promise((done) => setTimeout(() => done("waits"), 1000)),
  ]);
  assert.is(first, "waits");
  (reader as JournalReader).close();
  assert.equal(await ended, [0, null]);
  assert.is(totalInodes(left), 50);
});

test("who looks is in nobody's way", async () => {
  const volume = await newJournaled();
  void put(volume.store, 100);
  const left = crashed(volume);
  await close(volume);
  const looking = openJournal(`${left}.journal`, undefined, false);
  await touch(left, { recovery: "replay" });
  assert.equal(seen(left), [100]);
  (looking as JournalReader).close();
});

test("bytes whose slice is committed are not recovered, though the frame that says so is lost", async () => {
  const volume = await newJournaled();
  const { store, meta } = volume;
  const { ino } = await meta.create(
    { uid: 0, gid: 0, pid: 1, groups: [], trusted: true },
    1,
    "x",
    0o644,
    0,
  );
  const frame = (sliceId: number, fill: number) => ({
    ino,
    time: { sec: 1, nsec: 0 },
    extents: [{ sliceId, offset: 0, bytes: Buffer.alloc(8, fill) }],
  });
  assert.ok(store.journal?.appendData(frame(7001, 1)));
  assert.ok(store.journal?.appendData(frame(7002, 2)));
  await store.sync();
  const synced = readFileSync(volume.journal);
  await meta.writeSlices(
    ino,
    [{ index: 0, slice: { pos: 0, id: 7002, size: 8, off: 0, len: 8 } }],
    { sec: 2, nsec: 0 },
  );
  await until(() => {
    const db = new Database(volume.path, { readonly: true });
    const row = db.prepare("SELECT 1 FROM jfs_chunk_ref WHERE chunkid=7002").get();
    db.close();
    return row !== undefined;
  });
  const left = crashed(volume);
  writeFileSync(`${left}.journal`, synced);
  await using found = openSqlite(left, { recovery: "replay" });
  const ids = [...(found.recovered?.frames() ?? [])].flatMap((f) =>
    f.extents.map((e) => e.sliceId),
  );
  assert.equal(ids, [7001]);
  store.journal?.forgetData(ino);
  await close(volume);
});

test.run();
