// Every kind of record of the engine: what is put comes back, in the bytes that JuiceFS would have stored.
import Database from "better-sqlite3";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openSqlite } from "../../src/meta/engines/sqlite.ts";
import { TRASH_INO, TYPE_DIRECTORY, TYPE_FILE } from "../../src/meta/types.ts";
import { fileAttr, inPlace, newVolume, openNewVolume } from "../support/sqlite-volume.ts";

test("attributes come back as they were put, whatever the time", async () => {
  const path = await newVolume();
  await using store = openSqlite(path);
  await using reader = openSqlite(path);
  const times: readonly (readonly [number, number])[] = [
    [1700000000, 123456789],
    [0, 0],
    [0, 1],
    [-1, 999999999],
    [-1, 0],
    [-5, 500],
    [-5, 1000],
    [-2, 123456789],
    [2 ** 31, 5],
    [2 ** 34, 999],
    [253402300799, 999999999],
    [-(2 ** 34), 1],
    [-62135596800, 999999999],
  ];
  for (const [index, [sec, nsec]] of times.entries()) {
    const put = fileAttr({
      atime: sec,
      atimensec: nsec,
      ctime: sec,
      ctimensec: nsec,
      length: 2 ** 40 + index,
      rdev: 0xffffffff,
      tier: 3,
    });
    inPlace(store.write((tx) => tx.putAttr(100 + index, put)));
    assert.equal(inPlace(reader.read((tx) => tx.attr(100 + index))), put, `${sec} s ${nsec} ns`);
    inPlace(
      store.write((tx) => tx.putDentry(1, `t${index}`, { ino: 100 + index, type: TYPE_FILE })),
    );
  }
  const rows = inPlace(store.scanDentries(1, undefined, 100, true));
  for (const row of rows) assert.equal(row.attr, inPlace(store.read((tx) => tx.attr(row.ino))));
  assert.is(rows.length, times.length);
});

test("a time beyond 64 bits of microseconds is kept at the edge", async () => {
  const path = await newVolume();
  await using store = openSqlite(path);
  await using reader = openSqlite(path);
  for (const sec of [2 ** 52, -(2 ** 52)]) {
    inPlace(store.write((tx) => tx.putAttr(9, fileAttr({ mtime: sec }))));
    assert.is(Math.sign(inPlace(reader.read((tx) => tx.attr(9)))?.mtime as number), Math.sign(sec));
  }
});

test("names are bytes, in the order of bytes", async () => {
  await using store = await openNewVolume();
  const names = [
    "a",
    "b\xff\xfe",
    "\xc3\xa9",
    "\x01",
    "\xef\xbf\xbd",
    "z".repeat(255),
    "B",
    "\xed\xa0\x80",
    "\xf0\x9f\x98\x80",
  ];
  inPlace(
    store.write((tx) =>
      names.forEach((name, i) => tx.putDentry(1, name, { ino: 10 + i, type: TYPE_FILE })),
    ),
  );
  const listed: string[] = [];
  for (;;) {
    const page = inPlace(store.scanDentries(1, listed.at(-1), 2, false));
    listed.push(...page.map(({ name }) => name));
    if (page.length < 2) break;
  }
  assert.equal(
    listed,
    names.toSorted((a, b) => Buffer.compare(Buffer.from(a, "latin1"), Buffer.from(b, "latin1"))),
  );
  for (const [i, name] of names.entries()) {
    assert.equal(inPlace(store.read((tx) => tx.dentry(1, name))), { ino: 10 + i, type: TYPE_FILE });
  }
});

test("inodes beyond 2^53 are folded in every column", async () => {
  const path = await newVolume();
  {
    await using store = openSqlite(path);
    await using reader = openSqlite(path);
    inPlace(
      store.write((tx) => {
        tx.putAttr(TRASH_INO + 1, fileAttr({ type: TYPE_DIRECTORY, parent: TRASH_INO }));
        tx.putDentry(TRASH_INO, "2026-01-01-00", { ino: TRASH_INO + 1, type: TYPE_DIRECTORY });
        tx.putDentry(TRASH_INO + 1, "1-5-x", { ino: 5, type: TYPE_FILE });
        tx.putDirStat(TRASH_INO + 1, { length: 1, space: 2, inodes: 3 });
      }),
    );
    assert.is(inPlace(reader.read((tx) => tx.attr(TRASH_INO + 1)))?.parent, TRASH_INO);
    assert.equal(inPlace(store.read((tx) => tx.dentry(TRASH_INO, "2026-01-01-00"))), {
      ino: TRASH_INO + 1,
      type: TYPE_DIRECTORY,
    });
    assert.equal([...inPlace(store.read((tx) => tx.parents(5)))], [[TRASH_INO + 1, 1]]);
    assert.is(
      inPlace(store.scanDentries(TRASH_INO, undefined, 9, true))[0]?.attr?.parent,
      TRASH_INO,
    );
    assert.is(inPlace(store.read((tx) => tx.dirStat(TRASH_INO + 1)))?.inodes, 3);
  }
  const db = new Database(path);
  const exact = 0x7fffffff10000001n;
  assert.is(
    db
      .prepare("SELECT inode FROM jfs_edge WHERE parent=9223372032828243968")
      .pluck()
      .safeIntegers()
      .get(),
    exact,
  );
  db.close();
});

test("every record can be put, read and deleted", async () => {
  await using store = await openNewVolume();
  const rule = {
    owner: 6,
    group: 4,
    mask: 6,
    other: 0,
    namedUsers: [{ id: 1001, perm: 6 }],
    namedGroups: [],
  };
  inPlace(
    store.write((tx) => {
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
      tx.putDelslices(
        11,
        1000,
        Buffer.from("0000000000000008000000640000000000000009000000ff", "hex"),
      );
      tx.putAcl(1, rule);
      tx.putSession(3, 99, '{"HostName":"h\u00e9"}');
      tx.putCounter("nextTrash", 4);
    }),
  );
  store.beginTurn();
  inPlace(
    store.read((tx) => {
      assert.is(tx.symlink(5), "target\xff");
      assert.equal(tx.xattrNames(5), ["user.a", "user.\xc3\xa9"]);
      assert.is((tx.xattr(5, "user.\xc3\xa9") as Uint8Array).length, 0);
      assert.equal([...(tx.xattr(5, "user.a") as Uint8Array)], [0, 1]);
      assert.equal(
        [...(tx.chunk(5, 3) as Uint8Array)],
        [...Buffer.alloc(24, 1), ...Buffer.alloc(24, 0)],
      );
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
    }),
  );
  assert.equal(inPlace(store.scanDelfiles(1001, 9)), [{ ino: 6, length: 10, expire: 1000 }]);
  assert.equal(inPlace(store.scanDelfiles(1000, 9)), []);
  assert.equal(inPlace(store.scanDelslices(1001, 9)), [
    {
      id: 11,
      deleted: 1000,
      slices: [
        { id: 8, size: 100 },
        { id: 9, size: 255 },
      ],
    },
  ]);
  assert.equal(inPlace(store.scanDeadSlices(9)), [{ id: 9, size: 50 }]);
  assert.equal(
    inPlace(store.scanChunks(5, 4, 9)).map(({ index }) => index),
    [7],
  );
  store.endTurn();
  inPlace(
    store.write((tx) => {
      tx.deleteSymlink(5);
      tx.deleteXattr(5, "user.\xc3\xa9");
      tx.deleteChunk(5, 3);
      tx.deleteSliceRef(9, 50);
      tx.deleteSustained(1, 5);
      tx.deleteDelfile(6, 10);
      tx.deleteDelslices(11, 1000);
      tx.deleteSession(3);
    }),
  );
  assert.is(inPlace(store.read((tx) => tx.symlink(5))), undefined);
  assert.equal(inPlace(store.read((tx) => tx.xattrNames(5))), ["user.a"]);
  assert.equal(inPlace(store.read((tx) => tx.chunkIndexes(5, 0, 9))), [7]);
  assert.equal(inPlace(store.scanSessions()), []);
  assert.equal(
    [
      ...inPlace(store.scanDelfiles(9999, 9)),
      ...inPlace(store.scanDeadSlices(9)),
      ...inPlace(store.scanDelslices(9999, 9)),
    ],
    [],
  );
});

test("slices stay BLOBs, names are BLOBs, xattr names are TEXT", async () => {
  const path = await newVolume();
  {
    await using store = openSqlite(path);
    inPlace(
      store.write((tx) => {
        tx.appendSlices(5, 0, new Uint8Array(24));
        tx.appendSlices(5, 0, new Uint8Array(24));
        tx.putDentry(1, "n", { ino: 5, type: 1 });
        tx.putXattr(5, "user.\xff", new Uint8Array(1));
        tx.putSession(1, 1, "{}");
        tx.putAttr(5, fileAttr());
      }),
    );
  }
  const db = new Database(path);
  const types = (sql: string): unknown => db.prepare(sql).raw().get();
  assert.equal(types("SELECT typeof(slices),length(slices) FROM jfs_chunk"), ["blob", 48]);
  assert.equal(types("SELECT typeof(name),typeof(inode) FROM jfs_edge"), ["blob", "integer"]);
  assert.equal(types("SELECT typeof(name),hex(name) FROM jfs_xattr"), ["text", "757365722EFF"]);
  assert.equal(types("SELECT typeof(info) FROM jfs_session2"), ["blob"]);
  assert.equal(types("SELECT typeof(atime),atime,atimensec FROM jfs_node WHERE inode=5"), [
    "integer",
    1700000000123456,
    789,
  ]);
  db.close();
});

test("counters and directory statistics are summed up and exact", async () => {
  await using store = await openNewVolume();
  inPlace(store.write((tx) => tx.putDirStat(1, { length: 1, space: 2, inodes: 3 })));
  store.beginTurn();
  for (let i = 0; i < 3; i++) {
    inPlace(
      store.write((tx) => {
        tx.addCounter("usedSpace", 4096);
        tx.addDirStat(1, { length: 10, space: 4096, inodes: 1 });
        tx.addDirStat(99, { length: 10, space: 4096, inodes: 1 });
        assert.is(tx.counter("usedSpace"), 4096 * (i + 1));
        assert.is(tx.dirStat(1)?.inodes, 4 + i);
        assert.is(tx.dirStat(99), undefined);
      }),
    );
  }
  inPlace(store.write((tx) => tx.putCounter("totalInodes", 5)));
  inPlace(store.write((tx) => tx.addCounter("totalInodes", -2)));
  store.endTurn();
  assert.is(inPlace(store.read((tx) => tx.counter("usedSpace"))), 3 * 4096);
  assert.is(inPlace(store.read((tx) => tx.counter("totalInodes"))), 3);
  assert.equal(inPlace(store.read((tx) => tx.dirStat(1))), {
    length: 31,
    space: 2 + 3 * 4096,
    inodes: 6,
  });
  assert.is(
    inPlace(store.read((tx) => tx.dirStat(99))),
    undefined,
    "a missing record stays missing",
  );
  store.beginTurn();
  inPlace(store.write((tx) => tx.addDirStat(1, { length: 1, space: 1, inodes: 1 })));
  inPlace(store.write((tx) => tx.deleteDirStat(1)));
  inPlace(store.write((tx) => tx.putDirStat(1, { length: 0, space: 0, inodes: 0 })));
  store.endTurn();
  assert.equal(inPlace(store.read((tx) => tx.dirStat(1))), { length: 0, space: 0, inodes: 0 });
});

test("a directory of 100,000 names is listed in pages", async () => {
  await using store = await openNewVolume();
  for (let from = 0; from < 100_000; from += 10_000) {
    inPlace(
      store.write((tx) => {
        for (let i = from; i < from + 10_000; i++)
          tx.putDentry(1, `file-${i}`, { ino: i + 2, type: TYPE_FILE });
      }),
    );
  }
  let [count, after] = [0, undefined as string | undefined];
  for (;;) {
    const page = inPlace(store.scanDentries(1, after, 4096, true));
    count += page.length;
    after = page.at(-1)?.name;
    if (page.length < 4096) break;
  }
  assert.is(count, 100_000);
});

test.run();
