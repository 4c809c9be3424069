// Reading ahead, the cache of views, and the order in which things become durable.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Readahead } from "../../src/vfs/readahead.ts";
import { ViewCache } from "../../src/vfs/view-cache.ts";
import { BLOCK, CHUNK, codeOf, openVolume, req, ROOT } from "./volume.ts";

const MIB = 1024 * 1024;
const LENGTH = 1000 * MIB;

test("reading in sequence loads ever more ahead, each byte once, up to the limit", () => {
  const ahead = new Readahead();
  let loaded = 0;
  let largest = 0;
  for (let offset = 0; offset < 200 * MIB; offset += 128 * 1024) {
    if (!ahead.advance(offset, 128 * 1024, LENGTH, 4 * MIB, 32 * MIB)) continue;
    assert.ok(ahead.from >= loaded, "nothing is loaded twice");
    assert.ok(ahead.to <= offset + 128 * 1024 + 32 * MIB, "not beyond the limit");
    loaded = ahead.to;
    largest = Math.max(largest, ahead.to - ahead.from);
  }
  assert.ok(loaded >= 200 * MIB);
  assert.ok(largest >= 8 * MIB, "in large steps");
});

test("reading here and there loads nothing ahead", () => {
  const ahead = new Readahead();
  for (let i = 0; i < 1000; i++) {
    const offset = ((i * 7919) % 997) * MIB;
    assert.not.ok(ahead.advance(offset, 4096, LENGTH, 4 * MIB, 32 * MIB));
  }
});

test("requests of one stream that overtake each other stay one stream", () => {
  const ahead = new Readahead();
  let loads = 0;
  for (let i = 0; i < 100; i++) {
    for (const part of [1, 0, 3, 2]) {
      const offset = (i * 4 + part) * 128 * 1024;
      if (ahead.advance(offset, 128 * 1024, LENGTH, 4 * MIB, 32 * MIB)) loads++;
    }
  }
  assert.ok(loads > 2);
});

test("nothing is loaded from beyond the end", () => {
  const ahead = new Readahead();
  for (let offset = 0; offset < 3 * MIB; offset += 256 * 1024) {
    if (ahead.advance(offset, 256 * 1024, 3 * MIB, 4 * MIB, 32 * MIB)) assert.is(ahead.to, 3 * MIB);
  }
});

test("a sequential reader gets its blocks loaded before it asks", async () => {
  await using volume = await openVolume({
    slow: true,
    chunks: { cacheBytes: 64 * BLOCK, cacheWrites: false },
  });
  const { ino, fh } = await volume.create("file");
  for (let i = 0; i < 32; i++) await volume.write(fh, i * BLOCK, Buffer.alloc(BLOCK, i + 1));
  await volume.flush(fh);
  let waited = 0;
  for (let i = 0; i < 32; i++) {
    const reply = volume.vfs.read(req, ino, fh, i * BLOCK, BLOCK);
    if (reply instanceof Promise) waited++;
    const pieces = await reply;
    assert.is((pieces instanceof Uint8Array ? pieces : pieces[0])?.[0], i + 1);
    // The reader does something with the bytes, which takes longer than loading a block.
    for (let turns = 0; turns < 10; turns++) await new Promise((resume) => setImmediate(resume));
  }
  assert.ok(waited < 16, `waited for ${waited} of 32 blocks`);
  await volume.close(fh);
});

test("the cache of views is bounded and forgets what changed", () => {
  const views = new ViewCache();
  const piece = { pos: 0, id: 1, size: 1, off: 0, len: 1 };
  const view = Array.from({ length: 999 }, () => piece);
  for (let ino = 1; ino <= 1000; ino++) views.put(ino, 0, view);
  let kept = 0;
  for (let ino = 1; ino <= 1000; ino++) if (views.get(ino, 0) !== undefined) kept++;
  assert.ok(kept > 0 && kept <= 200, `${kept} kept`);
  assert.is(views.get(1000, 0), view, "the newest");
  for (let index = 0; index < 1000; index++) views.put(5000, index, view);
  assert.is(views.get(5000, 0), undefined, "one huge file is bounded, too");
  assert.is(views.get(5000, 999), view);
  views.invalidateChunk(5000, 999);
  assert.is(views.get(5000, 999), undefined);
  views.put(1, 1, view);
  views.invalidate(1);
  assert.is(views.get(1, 1), undefined);
});

test("fsync: blocks, then the records that name them, then the log", async () => {
  await using volume = await openVolume();
  const { meta, storage, vfs } = volume;
  const { ino, fh } = await volume.create("file");
  const order: string[] = [];
  const writeSlices = meta.writeSlices.bind(meta);
  meta.writeSlices = (...args) => {
    order.push(`commit after ${storage.calls("put")} puts`);
    return writeSlices(...args);
  };
  const sync = meta.sync.bind(meta);
  meta.sync = async () => {
    order.push(`log, blocks ${volume.chunks.hasUnsynced ? "not " : ""}synced`);
    await sync();
  };
  await volume.write(fh, 0, Buffer.alloc(2 * BLOCK + 5, 1));
  await vfs.fsync(req, ino, fh);
  assert.equal(order, ["commit after 3 puts", "log, blocks synced"]);
  await volume.write(fh, 0, "closed only");
  await volume.flush(fh);
  order.length = 0;
  await vfs.fsyncdir();
  assert.equal(order, ["log, blocks synced"]);
  await volume.close(fh);
});

test("syncfs commits the writes of all files", async () => {
  await using volume = await openVolume();
  const files = await Promise.all([1, 2, 3].map((i) => volume.create(`file-${i}`)));
  for (const { fh } of files) await volume.write(fh, 0, "data");
  assert.is(volume.vfs.dirtyFiles, 3);
  await volume.vfs.syncfs();
  assert.is(volume.vfs.dirtyFiles, 0);
  for (const { ino } of files) assert.is((await volume.meta.getattr(ino)).length, 4);
});

test("writers wait for room in the buffers and are let in again", async () => {
  await using volume = await openVolume({ slow: true, chunks: { bufferBytes: 4 * BLOCK } });
  const files = await Promise.all(Array.from({ length: 8 }, (_, i) => volume.create(`file-${i}`)));
  let most = 0;
  const writes = files.flatMap(({ fh }, i) =>
    [0, 1, 2, 3].map(async (k) => {
      await volume.write(fh, k * BLOCK, Buffer.alloc(BLOCK, i + 1));
      most = Math.max(most, volume.chunks.bufferedBytes);
    }),
  );
  await Promise.all(writes);
  assert.ok(most <= 6 * BLOCK, `${most} bytes buffered`);
  for (const [i, { fh }] of files.entries()) {
    assert.equal(await volume.read(fh, 0, 4 * BLOCK), Buffer.alloc(4 * BLOCK, i + 1));
    await volume.close(fh);
  }
});

test("a hole as large as a chunk reads as zeros without memory of its own", async () => {
  await using volume = await openVolume();
  const { ino, fh } = await volume.create("file");
  await volume.setattr(ino, { size: 3 * CHUNK });
  const reply = await volume.vfs.read(req, ino, fh, CHUNK, 4 * MIB);
  const pieces = reply instanceof Uint8Array ? [reply] : reply;
  assert.is(
    pieces.reduce((n, p) => n + p.length, 0),
    4 * MIB,
  );
  assert.is(new Set(pieces.map((p) => p.buffer)).size, 1);
  assert.is(await codeOf(() => volume.vfs.lookup(req, ROOT, "file")), undefined);
  await volume.close(fh);
});

test.run();
