// Slices over a real folder and over a storage that fails: what is in place and what is not, damaged blocks, order of syncs.
import { mkdtempSync, rmSync, truncateSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { BlockChunkStore } from "../../src/chunk/chunk-store.ts";
import { sliceWorker } from "../../src/chunk/slice-worker.ts";
import { FaultStorage } from "../../src/object/fault.ts";
import { FileStorage } from "../../src/object/file.ts";
import { MemStorage } from "../../src/object/mem.ts";
import type { ObjectStorage } from "../../src/object/storage.ts";
import { EIO, ENOSPC, FsFault } from "../../src/util/errno.ts";
import { isPromise } from "../../src/util/maybe.ts";

const KIB = 1024;
const BLOCK = 256 * KIB;
const scratch = mkdtempSync(join(tmpdir(), "jfs-chunk-"));
let folders = 0;
test.after(() => rmSync(scratch, { recursive: true, force: true }));

function localStorage(): { readonly folder: string; readonly storage: FileStorage } {
  const folder = join(scratch, String(folders++));
  return { folder, storage: new FileStorage(`${folder}/`, { create: true }) };
}
const newStore = (storage: ObjectStorage, cacheBytes = 0): BlockChunkStore =>
  new BlockChunkStore(storage, { blockBytes: BLOCK, cacheBytes, cacheWrites: cacheBytes > 0 });

function pattern(size: number, seed: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let i = 0; i < size; i++) bytes[i] = (i * 31 + (i >> 8) * 17 + seed) & 255;
  return bytes;
}
async function write(
  store: BlockChunkStore,
  id: number,
  data: Uint8Array,
  durable = false,
): Promise<void> {
  const writer = store.newWriter(id);
  writer.writeAt(data, 0);
  await writer.finish(durable);
}
async function failure(run: () => unknown): Promise<unknown> {
  try {
    await run();
  } catch (e) {
    return e;
  }
  return undefined;
}

test("a small slice is written and read in place, without a promise", async () => {
  const { storage } = localStorage();
  const store = newStore(storage);
  const writer = store.newWriter(1);
  writer.writeAt(pattern(4096, 1), 0);
  assert.is(writer.finish(false), undefined);
  const pieces = store.read(1, 4096, 100, 3000);
  assert.is(isPromise(pieces), false);
  assert.is(
    Buffer.compare(Buffer.concat(pieces as Uint8Array[]), pattern(4096, 1).subarray(100, 3100)),
    0,
  );
  await store.close();
  await storage.close();
});

test("parts, whole blocks and reads across blocks agree with what was written", async () => {
  const { storage } = localStorage();
  const data = pattern(3 * BLOCK + 1000, 2);
  for (const cacheBytes of [0, BLOCK, 16 * BLOCK]) {
    const store = newStore(storage, cacheBytes);
    await write(store, 5 + cacheBytes, data);
    for (const reader of [store, newStore(storage, cacheBytes)]) {
      for (const [from, length] of [
        [0, 10],
        [10, 50],
        [BLOCK - 5, 10],
        [BLOCK, BLOCK],
        [0, data.length],
        [3 * BLOCK, 1000],
        [BLOCK + 7, 2 * BLOCK],
      ] as const) {
        const pieces = await reader.read(5 + cacheBytes, data.length, from, length);
        assert.is(
          Buffer.compare(Buffer.concat(pieces), data.subarray(from, from + length)),
          0,
          `${from}+${length}`,
        );
      }
    }
    await store.close();
  }
  await storage.close();
});

test("a missing block is a fault that names it, never zeros", async () => {
  const { folder, storage } = localStorage();
  const data = pattern(2 * BLOCK + 4096, 3);
  await write(newStore(storage), 7, data);
  unlinkSync(join(folder, `chunks/0/0/7_1_${BLOCK}`));
  unlinkSync(join(folder, `chunks/0/0/7_2_4096`));
  const store = newStore(storage, 8 * BLOCK);
  for (const [from, length] of [
    [BLOCK, 10],
    [0, data.length],
    [2 * BLOCK, 4096],
    [2 * BLOCK + 5, 5],
  ] as const) {
    const e = await failure(() => store.read(7, data.length, from, length));
    assert.instance(e, FsFault);
    assert.is((e as FsFault).errno, EIO.errno);
    assert.match((e as FsFault).key ?? "", /chunks\/0\/0\/7_[12]_/);
    assert.match((e as FsFault).hint ?? "", /missing: restore/);
  }
  assert.is((await store.read(7, data.length, 0, 100)).length, 1, "the rest is readable");
  await store.close();
  assert.is(store.memoryBytes, 0, "nothing is held after errors");
});

test("a block of the wrong length is a fault, in part and in whole", async () => {
  const { folder, storage } = localStorage();
  const data = pattern(2 * BLOCK, 4);
  await write(newStore(storage), 8, data);
  truncateSync(join(folder, `chunks/0/0/8_0_${BLOCK}`), BLOCK - 1);
  writeFileSync(join(folder, `chunks/0/0/8_1_${BLOCK}`), Buffer.alloc(BLOCK + 1));
  for (const [from, length] of [
    [0, 10],
    [0, BLOCK],
    [BLOCK, 10],
    [BLOCK, BLOCK],
  ] as const) {
    const e = await failure(() => newStore(storage, 8 * BLOCK).read(8, data.length, from, length));
    assert.instance(e, FsFault);
    assert.match((e as FsFault).hint ?? "", /bytes instead of 262144/);
  }
});

test("a block is loaded once for all who ask", async () => {
  const storage = new FaultStorage(new MemStorage());
  await write(newStore(storage), 9, pattern(BLOCK, 5));
  const store = newStore(storage, 8 * BLOCK);
  const { promise, resolve } = Promise.withResolvers<void>();
  storage.delay("get", 1, promise);
  store.prefetch(9, BLOCK, 0, BLOCK);
  const reads = [0, 1, 2].map(async (n) => store.read(9, BLOCK, n * 100, 100));
  resolve();
  for (const [n, pieces] of (await Promise.all(reads)).entries()) {
    assert.is(
      Buffer.compare(Buffer.concat(pieces), pattern(BLOCK, 5).subarray(n * 100, n * 100 + 100)),
      0,
    );
  }
  assert.is(storage.calls("get"), 1);
  assert.is(isPromise(store.read(9, BLOCK, 0, BLOCK)), false, "cached");
});

test("sequential reads load whole blocks, scattered ones do not", async () => {
  const storage = new FaultStorage(new MemStorage());
  const data = pattern(4 * BLOCK, 6);
  await write(newStore(storage), 10, data);
  const store = newStore(storage, 16 * BLOCK);
  for (let at = 0; at < data.length; at += 16 * KIB) {
    const pieces = await store.read(10, data.length, at, 16 * KIB);
    assert.is(Buffer.compare(Buffer.concat(pieces), data.subarray(at, at + 16 * KIB)), 0);
  }
  assert.is(storage.calls("get"), 5, "one look, then each block whole");
});

test("a failed put is told by finish, and abort leaves neither memory nor objects", async () => {
  const inner = new MemStorage();
  const storage = new FaultStorage(inner);
  for (const label of ["put", "put:after"] as const) {
    const store = newStore(storage);
    const writer = store.newWriter(11);
    storage.fail(label, 2, ENOSPC);
    writer.writeAt(pattern(3 * BLOCK, 7), 0);
    writer.flushBlocks();
    assert.is(await failure(() => writer.finish(true)), ENOSPC);
    writer.abort();
    await new Promise((done) => setImmediate(done));
    assert.is(store.bufferedBytes, 0);
    for await (const { key } of inner.list("")) assert.unreachable(`left behind: ${key}`);
  }
});

test("abort deletes what is still on its way", async () => {
  const inner = new MemStorage();
  const storage = new FaultStorage(inner);
  const store = newStore(storage);
  const { promise, resolve } = Promise.withResolvers<void>();
  storage.delay("put", 2, promise);
  const writer = store.newWriter(12);
  writer.writeAt(pattern(2 * BLOCK, 8), 0);
  writer.flushBlocks();
  writer.abort();
  resolve();
  for (let n = 0; n < 5; n++) await new Promise((done) => setImmediate(done));
  for await (const { key } of inner.list("")) assert.unreachable(`left behind: ${key}`);
  assert.is(store.bufferedBytes, 0);
});

test("durable finish: blocks that left without a sync are synced once, others one by one", async () => {
  const storage = new FaultStorage(localStorage().storage);
  const store = newStore(storage);
  const small = store.newWriter(13);
  small.writeAt(pattern(4096, 9), 0);
  await small.finish(true);
  assert.is(storage.calls("sync"), 0);
  assert.is(store.hasUnsynced, false);
  const large = store.newWriter(14);
  large.writeAt(pattern(BLOCK + 5, 9), 0);
  large.flushBlocks();
  await large.finish(true);
  assert.is(storage.calls("sync"), 1);
  assert.is(store.hasUnsynced, false);
  await storage.close();
});

test("metadata made durable never names a block that is not", async () => {
  const storage = new FaultStorage(localStorage().storage);
  const store = newStore(storage);
  await write(store, 30, pattern(100, 1));
  assert.is(store.hasUnsynced, true, "nobody asked for it yet");
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  let wasUnsynced: boolean | undefined;
  const begun = new Promise<void>((begin) => {
    void store.syncBefore(() => {
      wasUnsynced = store.hasUnsynced;
      begin();
      return gate;
    });
  });
  await begun;
  assert.is(wasUnsynced, false, "the blocks of what is committed come first");
  // Their records may be committed when this is over, and the log that is being synced takes them along.
  await write(store, 31, pattern(100, 2));
  assert.is(store.hasUnsynced, false);
  await write(store, 32, pattern(3 * BLOCK + 5, 3));
  assert.is(store.hasUnsynced, false);
  const syncs = storage.calls("sync");
  await store.syncBefore(async () => undefined);
  assert.is(storage.calls("sync"), syncs, "who comes meanwhile has nothing to wait for");
  open();
  for (let n = 0; n < 3; n++) await new Promise((done) => setImmediate(done));
  await write(store, 33, pattern(100, 4));
  assert.is(store.hasUnsynced, true, "afterwards nobody waits");
  await storage.close();
});

test("a slice that finishes while others' blocks are synced waits for its own", async () => {
  const storage = new FaultStorage(localStorage().storage);
  const store = newStore(storage);
  await write(store, 36, pattern(100, 1));
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  storage.delay("sync", 1, gate);
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  const syncing = store.syncBefore(() => held);
  const late = store.newWriter(37);
  late.writeAt(pattern(100, 2), 0);
  const finished = late.finish(false);
  assert.is(isPromise(finished), true);
  open();
  await finished;
  assert.is(store.hasUnsynced, false);
  release();
  await syncing;
  await storage.close();
});

test("a failed sync of blocks keeps the metadata back, and holds nobody for ever", async () => {
  const storage = new FaultStorage(localStorage().storage);
  const store = newStore(storage);
  await write(store, 34, pattern(100, 1));
  storage.fail("sync", 1, EIO);
  let ran = 0;
  const work = async (): Promise<number> => ++ran;
  assert.is(await failure(() => store.syncBefore(work)), EIO);
  assert.is(ran, 0);
  assert.is(await store.syncBefore(work), 1);
  await write(store, 35, pattern(100, 1));
  assert.is(store.hasUnsynced, true);
  await storage.close();
});

test("an empty slice is finished without a block", () => {
  const storage = new FaultStorage(new MemStorage());
  const store = newStore(storage);
  assert.is(store.newWriter(15).finish(true), undefined);
  assert.is(storage.calls("put"), 0);
});

test("remove deletes all blocks and forgets them", async () => {
  const inner = new MemStorage();
  const store = newStore(inner, 16 * BLOCK);
  await write(store, 16, pattern(3 * BLOCK + 1, 1));
  await store.remove(16, 3 * BLOCK + 1);
  await store.remove(16, 3 * BLOCK + 1);
  for await (const { key } of inner.list("")) assert.unreachable(key);
  assert.instance(await failure(() => store.read(16, 3 * BLOCK + 1, 0, 10)), FsFault);
});

test("merge joins pieces and zeros into a durable slice; a failed one leaves nothing", async () => {
  const { storage } = localStorage();
  const store = newStore(storage);
  const worker = sliceWorker(store);
  const a = pattern(2 * BLOCK, 1);
  const b = pattern(100_000, 2);
  await write(store, 20, a);
  await write(store, 21, b);
  const pieces = [
    { id: 20, size: a.length, off: 1000, len: BLOCK + 5 },
    { id: 0, size: 0, off: 0, len: 70_000 },
    { id: 21, size: b.length, off: 99_000, len: 1000 },
  ];
  const expected = Buffer.concat([
    a.subarray(1000, BLOCK + 1005),
    Buffer.alloc(70_000),
    b.subarray(99_000),
  ]);
  await worker.merge(22, expected.length, pieces);
  const merged = Buffer.concat(await store.read(22, expected.length, 0, expected.length));
  assert.is(Buffer.compare(merged, expected), 0);
  await worker.remove(21, b.length);
  assert.instance(await failure(() => worker.merge(23, expected.length, pieces)), FsFault);
  await new Promise((done) => setTimeout(done, 20));
  for await (const { key } of storage.list("chunks/0/0/23_")) assert.unreachable(key);
  await storage.close();
});

test.run();
