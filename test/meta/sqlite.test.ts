// The engine's transactions and turns on a volume of its own.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openSqlite } from "../../src/meta/engines/sqlite.ts";
import { TYPE_FILE } from "../../src/meta/types.ts";
import { AssertionError } from "../../src/util/assert.ts";
import { EEXIST, ENOENT } from "../../src/util/errno.ts";
import {
  fileAttr,
  inPlace,
  isCommitted,
  newVolume,
  openNewVolume,
} from "../support/sqlite-volume.ts";

test("a turn is one transaction that others see at its end", async () => {
  const path = await newVolume();
  await using store = openSqlite(path);
  const effects: string[] = [];
  store.beginTurn();
  assert.is(inPlace(store.read((tx) => tx.attr(50))), undefined);
  assert.not(store.turnIsDirty);
  inPlace(
    store.write((tx) => {
      tx.putAttr(50, fileAttr());
      tx.onCommit(() => effects.push("50"));
    }),
  );
  assert.ok(store.turnIsDirty);
  assert.ok(inPlace(store.read((tx) => tx.attr(50))), "the turn reads its own writes");
  assert.throws(
    () =>
      store.write((tx) => {
        tx.onCommit(() => effects.push("never"));
        throw tx.attr(50) === undefined ? ENOENT : EEXIST;
      }),
    (e: unknown) => e === EEXIST,
  );
  inPlace(
    store.write((tx) => {
      tx.putAttr(51, fileAttr());
      tx.onCommit(() => effects.push("51"));
    }),
  );
  assert.not(isCommitted(path, 50));
  assert.equal(effects, []);
  store.endTurn();
  assert.not(store.turnIsDirty);
  assert.ok(isCommitted(path, 50) && isCommitted(path, 51));
  assert.equal(effects, ["50", "51"]);
});

test("a turn sees its own changes in reads and scans, and loses them whole", async () => {
  const path = await newVolume();
  await using store = openSqlite(path);
  inPlace(
    store.write((tx) => {
      for (const [name, ino] of [
        ["a", 50],
        ["b", 51],
      ] as const) {
        tx.putDentry(1, name, { ino, type: TYPE_FILE });
        tx.putAttr(ino, fileAttr());
      }
    }),
  );
  const listed = (): unknown =>
    inPlace(store.scanDentries(1, undefined, 9, true)).map((row) => [row.name, row.attr?.mode]);
  store.beginTurn();
  inPlace(
    store.write((tx) => {
      tx.putAttr(50, fileAttr({ mode: 0o600 }));
      tx.deleteAttr(51);
      tx.putDentry(1, "c", { ino: 52, type: TYPE_FILE });
      tx.putAttr(52, fileAttr({ mode: 1 }));
      tx.putAttr(52, fileAttr({ mode: 2 }));
    }),
  );
  assert.equal(listed(), [
    ["a", 0o600],
    ["b", undefined],
    ["c", 2],
  ]);
  assert.is(inPlace(store.read((tx) => tx.attr(51))), undefined);
  assert.throws(() =>
    store.write((tx) => {
      tx.putAttr(50, fileAttr({ mode: 7 }));
      throw ENOENT;
    }),
  );
  assert.throws(() => store.endTurn());
  assert.equal(listed(), [
    ["a", 0o644],
    ["b", 0o644],
  ]);
  assert.is(inPlace(store.read((tx) => tx.attr(50)))?.mode, 0o644);
  assert.is(inPlace(store.read((tx) => tx.attr(52))), undefined);
});

test("a turn of more inodes than are kept in memory", async () => {
  const path = await newVolume();
  await using store = openSqlite(path);
  store.beginTurn();
  inPlace(
    store.write((tx) => {
      for (let i = 0; i < 40_000; i++) tx.putAttr(100 + i, fileAttr({ mode: i % 512 }));
      for (let i = 0; i < 40_000; i += 999) assert.is(tx.attr(100 + i)?.mode, i % 512);
      tx.deleteAttr(100);
      assert.is(tx.attr(100), undefined);
    }),
  );
  store.endTurn();
  assert.is(inPlace(store.read((tx) => tx.attr(100))), undefined);
  for (let i = 1; i < 40_000; i += 999)
    assert.is(inPlace(store.read((tx) => tx.attr(100 + i)))?.mode, i % 512);
  assert.ok(isCommitted(path, 39_000));
});

test("an effect may write", async () => {
  await using store = await openNewVolume();
  store.beginTurn();
  inPlace(
    store.write((tx) => {
      tx.putAttr(60, fileAttr());
      tx.onCommit(() => void store.write((next) => next.putAttr(61, fileAttr())));
    }),
  );
  store.endTurn();
  assert.ok(inPlace(store.read((tx) => tx.attr(61))));
});

test("a body that throws after it has written takes its turn with it", async () => {
  const path = await newVolume();
  await using store = openSqlite(path);
  const effects: string[] = [];
  store.beginTurn();
  inPlace(
    store.write((tx) => {
      tx.putAttr(70, fileAttr());
      tx.onCommit(() => effects.push("70"));
    }),
  );
  const wrong = (): void =>
    inPlace(
      store.write((tx) => {
        tx.putAttr(71, fileAttr());
        throw ENOENT;
      }),
    );
  assert.throws(wrong, /this is a bug/);
  assert.throws(() => store.write((tx) => tx.putAttr(72, fileAttr())), /this is a bug/);
  assert.throws(() => store.endTurn(), /this is a bug/);
  assert.equal(effects, []);
  for (const ino of [70, 71, 72]) assert.not(isCommitted(path, ino));
  inPlace(store.write((tx) => tx.putAttr(73, fileAttr())));
  assert.ok(isCommitted(path, 73), "the next turn is sound again");
});

test("a body alone that throws leaves nothing", async () => {
  await using store = await openNewVolume();
  assert.throws(
    () =>
      store.write((tx) => {
        tx.putAttr(80, fileAttr());
        throw new AssertionError("broken");
      }),
    /broken/,
  );
  assert.is(inPlace(store.read((tx) => tx.attr(80))), undefined);
});

test("ids are never handed out twice, even when their turn is lost", async () => {
  const path = await newVolume();
  await using store = openSqlite(path);
  assert.is(inPlace(store.allocate("nextInode", 1024)), 2);
  assert.is(inPlace(store.allocate("nextInode", 1024)), 1026);
  assert.is(inPlace(store.allocate("nextChunk", 4096)), 1);
  assert.is(inPlace(store.allocate("nextSession", 1)), 1);
  assert.is(inPlace(store.allocate("nextSession", 1)), 2);
  assert.is(inPlace(store.allocate("nextTrash", 1)), 1);
  store.beginTurn();
  inPlace(store.write((tx) => tx.putAttr(90, fileAttr())));
  assert.is(inPlace(store.allocate("nextInode", 10)), 2050);
  assert.ok(isCommitted(path, 90), "what came before the ids is committed with them");
  assert.throws(() =>
    store.write((tx) => {
      tx.putAttr(91, fileAttr());
      throw ENOENT;
    }),
  );
  assert.throws(() => store.endTurn());
  assert.is(inPlace(store.allocate("nextInode", 10)), 2060);
  assert.is(inPlace(store.read((tx) => tx.counter("nextInode"))), 2070);
});

test.run();
