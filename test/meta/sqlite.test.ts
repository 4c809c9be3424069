// The engine's transactions, turns and records on a volume of its own.
import Database from "better-sqlite3";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openSqlite, type SqliteStore } from "../../src/meta/engines/sqlite.ts";
import { type Attr, type Ino, TRASH_INO, TYPE_DIRECTORY, TYPE_FILE } from "../../src/meta/types.ts";
import { AssertionError } from "../../src/util/assert.ts";
import { EEXIST, ENOENT } from "../../src/util/errno.ts";
import { newVolume } from "../support/sqlite-volume.ts";

const attr = (changed: Partial<Attr> = {}): Attr => ({
  type: TYPE_FILE, flags: 0, mode: 0o644, uid: 1, gid: 2, rdev: 0, atime: 1700000000, mtime: 1700000000,
  ctime: 1700000000, atimensec: 123456789, mtimensec: 0, ctimensec: 999999999, nlink: 1, length: 0, parent: 1,
  accessAcl: 0, defaultAcl: 0, tier: 0, ...changed,
});

function got<T>(value: T | Promise<T>): T {
  if (value instanceof Promise) throw new Error("expected an answer in place");
  return value;
}

async function open(): Promise<SqliteStore> {
  return openSqlite(await newVolume());
}

/** What another connection sees: committed rows only. */
function committed(store: SqliteStore, path: string, ino: Ino): boolean {
  assert.ok(store);
  const db = new Database(path, { readonly: true });
  try {
    return db.prepare("SELECT 1 FROM jfs_node WHERE inode=?").get(ino) !== undefined;
  } finally {
    db.close();
  }
}

test("attributes come back as they were put, whatever the time", async () => {
  const path = await newVolume();
  await using store = openSqlite(path);
  await using reader = openSqlite(path);
  const times: readonly (readonly [number, number])[] = [
    [1700000000, 123456789], [0, 0], [0, 1], [-1, 999999999], [-1, 0], [-5, 500], [-5, 1000], [-2, 123456789],
    [2 ** 31, 5], [2 ** 34, 999], [253402300799, 999999999], [-(2 ** 34), 1], [-62135596800, 999999999],
  ];
  for (const [index, [sec, nsec]] of times.entries()) {
    const put = attr({ atime: sec, atimensec: nsec, ctime: sec, ctimensec: nsec, length: 2 ** 40 + index, rdev: 0xffffffff, tier: 3 });
    got(store.write((tx) => tx.putAttr(100 + index, put)));
    assert.equal(got(reader.read((tx) => tx.attr(100 + index))), put, `${sec} s ${nsec} ns`);
    got(store.write((tx) => tx.putDentry(1, `t${index}`, { ino: 100 + index, type: TYPE_FILE })));
  }
  const rows = got(store.scanDentries(1, undefined, 100, true));
  for (const row of rows) assert.equal(row.attr, got(store.read((tx) => tx.attr(row.ino))));
  assert.is(rows.length, times.length);
});

test("a time beyond 64 bits of microseconds is kept at the edge", async () => {
  const path = await newVolume();
  await using store = openSqlite(path);
  await using reader = openSqlite(path);
  for (const sec of [2 ** 52, -(2 ** 52)]) {
    got(store.write((tx) => tx.putAttr(9, attr({ mtime: sec }))));
    assert.is(Math.sign(got(reader.read((tx) => tx.attr(9)))?.mtime as number), Math.sign(sec));
  }
});

test("names are bytes, in the order of bytes", async () => {
  await using store = await open();
  const names = ["a", "b\xff\xfe", "\xc3\xa9", "\x01", "\xef\xbf\xbd", "z".repeat(255), "B", "\xed\xa0\x80", "\xf0\x9f\x98\x80"];
  got(store.write((tx) => names.forEach((name, i) => tx.putDentry(1, name, { ino: 10 + i, type: TYPE_FILE }))));
  const listed: string[] = [];
  for (;;) {
    const page = got(store.scanDentries(1, listed.at(-1), 2, false));
    listed.push(...page.map(({ name }) => name));
    if (page.length < 2) break;
  }
  assert.equal(listed, names.toSorted((a, b) => Buffer.compare(Buffer.from(a, "latin1"), Buffer.from(b, "latin1"))));
  for (const [i, name] of names.entries()) {
    assert.equal(got(store.read((tx) => tx.dentry(1, name))), { ino: 10 + i, type: TYPE_FILE });
  }
});

test("inodes beyond 2^53 are folded in every column", async () => {
  const path = await newVolume();
  {
    await using store = openSqlite(path);
    await using reader = openSqlite(path);
    got(store.write((tx) => {
      tx.putAttr(TRASH_INO + 1, attr({ type: TYPE_DIRECTORY, parent: TRASH_INO }));
      tx.putDentry(TRASH_INO, "2026-01-01-00", { ino: TRASH_INO + 1, type: TYPE_DIRECTORY });
      tx.putDentry(TRASH_INO + 1, "1-5-x", { ino: 5, type: TYPE_FILE });
      tx.putDirStat(TRASH_INO + 1, { length: 1, space: 2, inodes: 3 });
    }));
    assert.is(got(reader.read((tx) => tx.attr(TRASH_INO + 1)))?.parent, TRASH_INO);
    assert.equal(got(store.read((tx) => tx.dentry(TRASH_INO, "2026-01-01-00"))), { ino: TRASH_INO + 1, type: TYPE_DIRECTORY });
    assert.equal([...got(store.read((tx) => tx.parents(5)))], [[TRASH_INO + 1, 1]]);
    assert.is(got(store.scanDentries(TRASH_INO, undefined, 9, true))[0]?.attr?.parent, TRASH_INO);
    assert.is(got(store.read((tx) => tx.dirStat(TRASH_INO + 1)))?.inodes, 3);
  }
  const db = new Database(path);
  const exact = 0x7fffffff10000001n;
  assert.is(db.prepare("SELECT inode FROM jfs_edge WHERE parent=9223372032828243968").pluck().safeIntegers().get(), exact);
  db.close();
});

test("every record can be put, read and deleted", async () => {
  await using store = await open();
  const rule = { owner: 6, group: 4, mask: 6, other: 0, namedUsers: [{ id: 1001, perm: 6 }], namedGroups: [] };
  got(store.write((tx) => {
    tx.putSymlink(5, "target\xff");
    tx.putXattr(5, "user.a", Buffer.from([0, 1]));
    tx.putXattr(5, "user.\xc3\xa9", new Uint8Array(0));
    tx.appendSlices(5, 3, new Uint8Array(24).fill(1));
    tx.appendSlices(5, 3, new Uint8Array(24).fill(0));
    tx.appendSlices(5, 7, new Uint8Array(24));
    tx.addSliceRef(8, 100, 1);
    tx.addSliceRef(8, 100, 2);
    tx.addSliceRef(9, 50, 0);
    tx.putSustained(1, 5);
    tx.putSustained(1, 5);
    tx.putDelfile(6, 10, 1000);
    tx.putDelslices(11, 1000, Buffer.from("0000000000000008000000640000000000000009000000ff", "hex"));
    tx.putAcl(1, rule);
    tx.putSession(3, 99, '{"HostName":"h\u00e9"}');
    tx.putCounter("nextTrash", 4);
  }));
  store.beginTurn();
  got(store.read((tx) => {
    assert.is(tx.symlink(5), "target\xff");
    assert.equal(tx.xattrNames(5), ["user.a", "user.\xc3\xa9"]);
    assert.is((tx.xattr(5, "user.\xc3\xa9") as Uint8Array).length, 0);
    assert.equal([...(tx.xattr(5, "user.a") as Uint8Array)], [0, 1]);
    assert.equal([...(tx.chunk(5, 3) as Uint8Array)], [...new Array(24).fill(1), ...new Array(24).fill(0)]);
    assert.equal(tx.chunkIndexes(5, 0, 100), [3, 7]);
    assert.equal(tx.chunkIndexes(5, 4, 6), []);
    assert.is(tx.sliceRefs(8), 3);
    assert.is(tx.sliceRefs(77), undefined);
    assert.ok(tx.isSustained(1, 5) && !tx.isSustained(2, 5));
    assert.equal(tx.acl(1), rule);
    assert.is(tx.aclId(rule), 1);
    assert.is(tx.aclId({ ...rule, mask: 7 }), undefined);
    assert.equal(tx.session(3), { sid: 3, expire: 99, info: '{"HostName":"h\u00e9"}' });
    assert.is(tx.counter("nextTrash"), 4);
  }));
  assert.equal(got(store.scanDelfiles(1001, 9)), [{ ino: 6, length: 10, expire: 1000 }]);
  assert.equal(got(store.scanDelfiles(1000, 9)), []);
  assert.equal(got(store.scanDelslices(1001, 9)), [
    { id: 11, deleted: 1000, slices: [{ id: 8, size: 100 }, { id: 9, size: 255 }] },
  ]);
  assert.equal(got(store.scanDeadSlices(9)), [{ id: 9, size: 50 }]);
  assert.equal(got(store.scanChunks(5, 4, 9)).map(({ index }) => index), [7]);
  store.endTurn();
  got(store.write((tx) => {
    tx.deleteSymlink(5);
    tx.deleteXattr(5, "user.\xc3\xa9");
    tx.deleteChunk(5, 3);
    tx.deleteSliceRef(9, 50);
    tx.deleteSustained(1, 5);
    tx.deleteDelfile(6, 10);
    tx.deleteDelslices(11, 1000);
    tx.deleteSession(3);
  }));
  assert.is(got(store.read((tx) => tx.symlink(5))), undefined);
  assert.equal(got(store.read((tx) => tx.xattrNames(5))), ["user.a"]);
  assert.equal(got(store.read((tx) => tx.chunkIndexes(5, 0, 9))), [7]);
  assert.equal(got(store.scanSessions()), []);
  assert.equal([...got(store.scanDelfiles(9999, 9)), ...got(store.scanDeadSlices(9)), ...got(store.scanDelslices(9999, 9))], []);
});

test("slices stay BLOBs, names are BLOBs, xattr names are TEXT", async () => {
  const path = await newVolume();
  {
    await using store = openSqlite(path);
    got(store.write((tx) => {
      tx.appendSlices(5, 0, new Uint8Array(24));
      tx.appendSlices(5, 0, new Uint8Array(24));
      tx.putDentry(1, "n", { ino: 5, type: 1 });
      tx.putXattr(5, "user.\xff", new Uint8Array(1));
      tx.putSession(1, 1, "{}");
      tx.putAttr(5, attr());
    }));
  }
  const db = new Database(path);
  const types = (sql: string): unknown => db.prepare(sql).raw().get();
  assert.equal(types("SELECT typeof(slices),length(slices) FROM jfs_chunk"), ["blob", 48]);
  assert.equal(types("SELECT typeof(name),typeof(inode) FROM jfs_edge"), ["blob", "integer"]);
  assert.equal(types("SELECT typeof(name),hex(name) FROM jfs_xattr"), ["text", "757365722EFF"]);
  assert.equal(types("SELECT typeof(info) FROM jfs_session2"), ["blob"]);
  assert.equal(types("SELECT typeof(atime),atime,atimensec FROM jfs_node WHERE inode=5"), ["integer", 1700000000123456, 789]);
  db.close();
});

test("a turn is one transaction that others see at its end", async () => {
  const path = await newVolume();
  await using store = openSqlite(path);
  const effects: string[] = [];
  store.beginTurn();
  assert.is(got(store.read((tx) => tx.attr(50))), undefined);
  assert.not(store.turnIsDirty);
  got(store.write((tx) => {
    tx.putAttr(50, attr());
    tx.onCommit(() => effects.push("50"));
  }));
  assert.ok(store.turnIsDirty);
  assert.ok(got(store.read((tx) => tx.attr(50))), "the turn reads its own writes");
  assert.throws(() => store.write((tx) => {
    tx.onCommit(() => effects.push("never"));
    throw tx.attr(50) === undefined ? ENOENT : EEXIST;
  }), (e: unknown) => e === EEXIST);
  got(store.write((tx) => {
    tx.putAttr(51, attr());
    tx.onCommit(() => effects.push("51"));
  }));
  assert.not(committed(store, path, 50));
  assert.equal(effects, []);
  store.endTurn();
  assert.not(store.turnIsDirty);
  assert.ok(committed(store, path, 50) && committed(store, path, 51));
  assert.equal(effects, ["50", "51"]);
});

test("a turn sees its own changes in reads and scans, and loses them whole", async () => {
  const path = await newVolume();
  await using store = openSqlite(path);
  got(store.write((tx) => {
    for (const [name, ino] of [["a", 50], ["b", 51]] as const) {
      tx.putDentry(1, name, { ino, type: TYPE_FILE });
      tx.putAttr(ino, attr());
    }
  }));
  const listed = (): unknown => got(store.scanDentries(1, undefined, 9, true)).map((row) => [row.name, row.attr?.mode]);
  store.beginTurn();
  got(store.write((tx) => {
    tx.putAttr(50, attr({ mode: 0o600 }));
    tx.deleteAttr(51);
    tx.putDentry(1, "c", { ino: 52, type: TYPE_FILE });
    tx.putAttr(52, attr({ mode: 1 }));
    tx.putAttr(52, attr({ mode: 2 }));
  }));
  assert.equal(listed(), [["a", 0o600], ["b", undefined], ["c", 2]]);
  assert.is(got(store.read((tx) => tx.attr(51))), undefined);
  assert.throws(() => store.write((tx) => {
    tx.putAttr(50, attr({ mode: 7 }));
    throw ENOENT;
  }));
  assert.throws(() => store.endTurn());
  assert.equal(listed(), [["a", 0o644], ["b", 0o644]]);
  assert.is(got(store.read((tx) => tx.attr(50)))?.mode, 0o644);
  assert.is(got(store.read((tx) => tx.attr(52))), undefined);
});

test("a turn of more inodes than are kept in memory", async () => {
  const path = await newVolume();
  await using store = openSqlite(path);
  store.beginTurn();
  got(store.write((tx) => {
    for (let i = 0; i < 40_000; i++) tx.putAttr(100 + i, attr({ mode: i % 512 }));
    for (let i = 0; i < 40_000; i += 999) assert.is(tx.attr(100 + i)?.mode, i % 512);
    tx.deleteAttr(100);
    assert.is(tx.attr(100), undefined);
  }));
  store.endTurn();
  assert.is(got(store.read((tx) => tx.attr(100))), undefined);
  for (let i = 1; i < 40_000; i += 999) assert.is(got(store.read((tx) => tx.attr(100 + i)))?.mode, i % 512);
  assert.ok(committed(store, path, 39_000));
});

test("an effect may write", async () => {
  await using store = await open();
  store.beginTurn();
  got(store.write((tx) => {
    tx.putAttr(60, attr());
    tx.onCommit(() => void store.write((next) => next.putAttr(61, attr())));
  }));
  store.endTurn();
  assert.ok(got(store.read((tx) => tx.attr(61))));
});

test("a body that throws after it has written takes its turn with it", async () => {
  const path = await newVolume();
  await using store = openSqlite(path);
  const effects: string[] = [];
  store.beginTurn();
  got(store.write((tx) => {
    tx.putAttr(70, attr());
    tx.onCommit(() => effects.push("70"));
  }));
  const wrong = (): void => got(store.write((tx) => {
    tx.putAttr(71, attr());
    throw ENOENT;
  }));
  assert.throws(wrong, /this is a bug/);
  assert.throws(() => store.write((tx) => tx.putAttr(72, attr())), /this is a bug/);
  assert.throws(() => store.endTurn(), /this is a bug/);
  assert.equal(effects, []);
  for (const ino of [70, 71, 72]) assert.not(committed(store, path, ino));
  got(store.write((tx) => tx.putAttr(73, attr())));
  assert.ok(committed(store, path, 73), "the next turn is sound again");
});

test("a body alone that throws leaves nothing", async () => {
  await using store = await open();
  assert.throws(() => store.write((tx) => {
    tx.putAttr(80, attr());
    throw new AssertionError("broken");
  }), /broken/);
  assert.is(got(store.read((tx) => tx.attr(80))), undefined);
});

test("counters and directory statistics are summed up and exact", async () => {
  await using store = await open();
  got(store.write((tx) => tx.putDirStat(1, { length: 1, space: 2, inodes: 3 })));
  store.beginTurn();
  for (let i = 0; i < 3; i++) {
    got(store.write((tx) => {
      tx.addCounter("usedSpace", 4096);
      tx.addDirStat(1, { length: 10, space: 4096, inodes: 1 });
      tx.addDirStat(99, { length: 10, space: 4096, inodes: 1 });
      assert.is(tx.counter("usedSpace"), 4096 * (i + 1));
      assert.is(tx.dirStat(1)?.inodes, 4 + i);
      assert.is(tx.dirStat(99), undefined);
    }));
  }
  got(store.write((tx) => tx.putCounter("totalInodes", 5)));
  got(store.write((tx) => tx.addCounter("totalInodes", -2)));
  store.endTurn();
  assert.is(got(store.read((tx) => tx.counter("usedSpace"))), 3 * 4096);
  assert.is(got(store.read((tx) => tx.counter("totalInodes"))), 3);
  assert.equal(got(store.read((tx) => tx.dirStat(1))), { length: 31, space: 2 + 3 * 4096, inodes: 6 });
  assert.is(got(store.read((tx) => tx.dirStat(99))), undefined, "a missing record stays missing");
  store.beginTurn();
  got(store.write((tx) => tx.addDirStat(1, { length: 1, space: 1, inodes: 1 })));
  got(store.write((tx) => tx.deleteDirStat(1)));
  got(store.write((tx) => tx.putDirStat(1, { length: 0, space: 0, inodes: 0 })));
  store.endTurn();
  assert.equal(got(store.read((tx) => tx.dirStat(1))), { length: 0, space: 0, inodes: 0 });
});

test("ids are never handed out twice, even when their turn is lost", async () => {
  const path = await newVolume();
  await using store = openSqlite(path);
  assert.is(got(store.allocate("nextInode", 1024)), 2);
  assert.is(got(store.allocate("nextInode", 1024)), 1026);
  assert.is(got(store.allocate("nextChunk", 4096)), 1);
  assert.is(got(store.allocate("nextSession", 1)), 1);
  assert.is(got(store.allocate("nextSession", 1)), 2);
  assert.is(got(store.allocate("nextTrash", 1)), 1);
  store.beginTurn();
  got(store.write((tx) => tx.putAttr(90, attr())));
  assert.is(got(store.allocate("nextInode", 10)), 2050);
  assert.ok(committed(store, path, 90), "what came before the ids is committed with them");
  assert.throws(() => store.write((tx) => {
    tx.putAttr(91, attr());
    throw ENOENT;
  }));
  assert.throws(() => store.endTurn());
  assert.is(got(store.allocate("nextInode", 10)), 2060);
  assert.is(got(store.read((tx) => tx.counter("nextInode"))), 2070);
});

test("a directory of 100,000 names is listed in pages", async () => {
  await using store = await open();
  for (let from = 0; from < 100_000; from += 10_000) {
    got(store.write((tx) => {
      for (let i = from; i < from + 10_000; i++) tx.putDentry(1, `file-${i}`, { ino: i + 2, type: TYPE_FILE });
    }));
  }
  let [count, after] = [0, undefined as string | undefined];
  for (;;) {
    const page = got(store.scanDentries(1, after, 4096, true));
    count += page.length;
    after = page.at(-1)?.name;
    if (page.length < 4096) break;
  }
  assert.is(count, 100_000);
});

test.run();
