// The bounds: buffers are reused and given back, the cache keeps to its bytes, tasks to their number.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { BufferPool } from "../../src/chunk/buffer-pool.ts";
import { BlockCache, holdBlock } from "../../src/chunk/cache.ts";
import { BlockChunkStore } from "../../src/chunk/chunk-store.ts";
import { Limiter } from "../../src/chunk/limiter.ts";
import { FaultStorage } from "../../src/object/fault.ts";
import { MemStorage } from "../../src/object/mem.ts";
import type { ObjectStorage } from "../../src/object/storage.ts";

const MIB = 2 ** 20;
const nextTurn = (): Promise<void> => new Promise((done) => setImmediate(done));

/** Takes everything, keeps nothing, as slowly as it is told. */
function sink(): ObjectStorage {
  const storage = new MemStorage();
  return Object.assign(storage, { put: () => new Promise<void>((done) => setImmediate(done)) });
}

test("the pool reuses buffers of one size and keeps to its bound", () => {
  const pool = new BufferPool(8 * MIB);
  const first = pool.take(100_000);
  assert.is(first.length, 131_072);
  pool.give(first);
  assert.is(pool.take(70_000), first);
  pool.give(first);
  const taken = Array.from({ length: 10 }, () => pool.take(MIB));
  assert.is(pool.usedBytes, 10 * MIB);
  assert.is(pool.freeBytes, 0, "free buffers of other sizes made room");
  for (const buffer of taken) pool.give(buffer);
  assert.is(pool.usedBytes, 0);
  assert.is(pool.freeBytes, 8 * MIB);
  pool.close();
  assert.is(pool.freeBytes, 0);
});

test("sizes at the edges", () => {
  const pool = new BufferPool(MIB);
  for (const bytes of [1, 4095, 4096, 4097, 65_536, 65_537])
    assert.ok(pool.take(bytes).length >= bytes);
  assert.is(BufferPool.capacityFor(1), 4096);
  assert.is(BufferPool.capacityFor(4097), 8192);
});

test("views stay untouched until the loop turns", async () => {
  const pool = new BufferPool(MIB);
  const cache = new BlockCache(4096, pool);
  const first = holdBlock(pool.take(4096), 0, 4096, true);
  first.buffer.fill(1);
  cache.add(1, first);
  cache.unpin(first);
  const second = holdBlock(pool.take(4096), 0, 4096, true);
  cache.add(2, second);
  assert.is(cache.has(1), false, "evicted");
  assert.is.not(pool.take(4096), first.buffer, "not used again in this turn");
  assert.ok(first.buffer.every((byte) => byte === 1));
  await nextTurn();
  assert.is(pool.take(4096), first.buffer);
});

test("a pinned block outlives its eviction", async () => {
  const pool = new BufferPool(MIB);
  const cache = new BlockCache(4096, pool);
  const first = holdBlock(pool.take(4096), 0, 4096, true);
  cache.add(1, first);
  cache.drop(1);
  await nextTurn();
  assert.is(pool.usedBytes, 4096);
  cache.unpin(first);
  await nextTurn();
  assert.is(pool.usedBytes, 0);
});

test("the cache keeps to its bytes and keeps what is used", async () => {
  const pool = new BufferPool(MIB);
  const cache = new BlockCache(16 * 4096, pool);
  for (let key = 0; key < 1000; key++) {
    const block = holdBlock(pool.take(4096), 0, 4096, true);
    cache.add(key, block);
    cache.unpin(block);
    assert.ok(key === 0 || cache.get(0) !== undefined, "used between any two additions");
    assert.ok(cache.bytes <= 16 * 4096);
    if (key % 50 === 0) await nextTurn();
  }
  cache.clear();
  assert.is(cache.bytes, 0);
});

test("the limiter runs at most so many, in order, and survives errors", async () => {
  const limiter = new Limiter(2);
  let active = 0;
  let most = 0;
  const order: number[] = [];
  const task = (n: number) => async (): Promise<number> => {
    most = Math.max(most, ++active);
    await nextTurn();
    active--;
    order.push(n);
    if (n % 3 === 0) throw new Error("no");
    return n;
  };
  const results = await Promise.allSettled(
    Array.from({ length: 9 }, async (_, n) => limiter.run(task(n))),
  );
  assert.is(most, 2);
  assert.equal(order, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
  assert.is(results.filter((result) => result.status === "rejected").length, 3);
  assert.is(
    limiter.run(() => 5),
    5,
    "in place when there is room",
  );
  assert.throws(
    () =>
      limiter.run(() => {
        throw new Error("in place");
      }),
    /in place/,
  );
  assert.is(limiter.hasRoom, true);
});

test("a stream through a small buffer holds no more than was asked for", async () => {
  const bufferBytes = 16 * MIB;
  const cacheBytes = 8 * MIB;
  const store = new BlockChunkStore(sink(), { blockBytes: 4 * MIB, bufferBytes, cacheBytes });
  const data = Buffer.alloc(MIB, 3);
  let most = 0;
  for (let id = 1; id <= 6; id++) {
    const writer = store.newWriter(id);
    for (let n = 0; n < 64; n++) {
      await store.waitForRoom();
      writer.writeAt(data, n * MIB);
      writer.flushBlocks();
      most = Math.max(most, store.memoryBytes);
      assert.ok(store.bufferedBytes <= bufferBytes + 4 * MIB);
    }
    await writer.finish(false);
  }
  assert.is(store.bufferedBytes, 0);
  // Blocks that left the cache are only used again in the next turn: a few of them come on top.
  assert.ok(most <= bufferBytes + cacheBytes + 4 * 4 * MIB, `${most} bytes`);
  await store.close();
  assert.is(store.memoryBytes, 0);
});

test("a small slice takes a small buffer", async () => {
  const store = new BlockChunkStore(sink(), { blockBytes: 4 * MIB });
  const writers = Array.from({ length: 100 }, (_, n) => store.newWriter(n + 1));
  for (const writer of writers) writer.writeAt(Buffer.alloc(4096), 0);
  assert.is(store.bufferedBytes, 100 * 4096);
  for (const writer of writers) writer.abort();
  assert.is(store.bufferedBytes, 0);
});

test("prefetch takes no more than its share", async () => {
  const storage = new FaultStorage(sink());
  const store = new BlockChunkStore(storage, { blockBytes: 4 * MIB, cacheBytes: 22 * MIB });
  const { promise, resolve } = Promise.withResolvers<void>();
  for (let n = 1; n <= 100; n++) storage.delay("get", n, promise);
  store.prefetch(1, 64 * MIB, 0, 64 * MIB);
  assert.is(storage.calls("get"), 2, "half of what large blocks may take of the cache");
  store.prefetch(1, 64 * MIB, 0, 64 * MIB);
  assert.is(storage.calls("get"), 2, "not twice");
  resolve();
});

test.run();
