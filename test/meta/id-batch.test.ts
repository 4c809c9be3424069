// Batches of ids: in place, ahead of need where the engine lets us wait, and back when unused.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { MemoryStore } from "../../src/meta/engines/memory.ts";
import { ReplayMemoryStore } from "../../src/meta/engines/replay-memory.ts";
import { IdBatch } from "../../src/meta/id-batch.ts";

test("ids come in order, a batch per transaction", () => {
  const store = new MemoryStore();
  const batch = new IdBatch(store, "nextInode", 4);
  const taken = Array.from({ length: 6 }, () => batch.take());
  assert.equal(taken, [2, 3, 4, 5, 6, 7]);
  assert.is(store.records.counters.get("nextInode"), 10);
});

test("the first slice, session and hour are 1", () => {
  const store = new MemoryStore();
  assert.is(new IdBatch(store, "nextChunk", 10).take(), 1);
  assert.is(store.allocate("nextSession", 1), 1);
  assert.is(store.allocate("nextTrash", 1), 1);
  assert.is(store.allocate("nextTrash", 1), 2);
  assert.is(store.records.counters.get("nextTrash"), 2);
});

test("an id that comes back is used again", () => {
  const batch = new IdBatch(new MemoryStore(), "nextInode", 10);
  const id = batch.take() as number;
  void batch.take();
  batch.giveBack(id);
  assert.is(batch.take(), id);
});

test("everybody who waits gets an id of his own, and the next batch is fetched before it is needed", async () => {
  const store = new ReplayMemoryStore();
  const batch = new IdBatch(store, "nextInode", 20);
  const first = await Promise.all(Array.from({ length: 15 }, async () => batch.take()));
  assert.is(new Set(first).size, 15);
  assert.is(store.server.records.counters.get("nextInode"), 22);
  for (let n = 0; n < 4; n++) void batch.take();
  // Two are left: the next batch is on its way.
  await Promise.resolve();
  await Promise.resolve();
  assert.is(store.server.records.counters.get("nextInode"), 42);
  const rest = await Promise.all(Array.from({ length: 20 }, async () => batch.take()));
  assert.is(new Set([...first, ...rest]).size, 35);
});

test("a failed allocation is tried again by the next who asks", async () => {
  const store = new ReplayMemoryStore();
  const allocate = store.allocate.bind(store);
  let fails = 1;
  store.allocate = (counter, count) =>
    fails-- > 0 ? Promise.reject(new Error("net")) : allocate(counter, count);
  const batch = new IdBatch(store, "nextInode", 20);
  await Promise.resolve(batch.take()).then(
    () => assert.unreachable(),
    (e: Error) => assert.is(e.message, "net"),
  );
  assert.is(await batch.take(), 2);
});

test.run();
