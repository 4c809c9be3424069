// Random slices against plain byte arrays: any order of writes, flushes and reads, several block sizes, every cache.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { BlockChunkStore } from "../../src/chunk/chunk-store.ts";
import { FileStorage } from "../../src/object/file.ts";
import { MemStorage } from "../../src/object/mem.ts";
import type { ObjectStorage } from "../../src/object/storage.ts";

const KIB = 1024;
const scratch = mkdtempSync(join(tmpdir(), "jfs-model-"));
test.after(() => rmSync(scratch, { recursive: true, force: true }));

/** mulberry32: the same run for the same seed. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * below);
  };
}

interface Slice {
  readonly id: number;
  readonly bytes: Buffer;
}

async function writeSlice(
  store: BlockChunkStore,
  id: number,
  pick: (below: number) => number,
): Promise<Slice> {
  const writer = store.newWriter(id);
  const model = Buffer.alloc(1200 * KIB);
  const steps = 1 + pick(12);
  for (let step = 0; step < steps; step++) {
    const length = [1 + pick(100), 4096, 1 + pick(70_000), 1 + pick(300_000)][pick(4)] ?? 1;
    // Mostly at the end, sometimes over what was written, sometimes beyond.
    const gap = [0, 0, 0, pick(5000), pick(200_000)][pick(5)] ?? 0;
    const back = pick(4) === 0 ? pick(writer.length - writer.frozenBytes + 1) : 0;
    const offset = back > 0 ? writer.length - back : writer.length + gap;
    if (offset + length > model.length) continue;
    const data = Buffer.alloc(length, 1 + pick(255));
    data[0] = pick(256);
    writer.writeAt(data, offset);
    data.copy(model, offset);
    data.fill(0xee);
    assert.is(writer.length >= offset + length, true);
    const at = pick(writer.length);
    const target = Buffer.alloc(1 + pick(Math.min(writer.length - at, 100_000)), 0x55);
    if (writer.readBuffered(target, at)) {
      assert.is(
        Buffer.compare(target, model.subarray(at, at + target.length)),
        0,
        `slice ${id}: buffered`,
      );
    } else {
      assert.ok(at < writer.frozenBytes, `slice ${id}: all from ${at} on is buffered`);
    }
    if (pick(3) === 0) writer.flushBlocks();
  }
  const size = writer.length;
  await writer.finish(pick(8) === 0);
  return { id, bytes: model.subarray(0, size) };
}

async function readSlices(
  store: BlockChunkStore,
  slices: readonly Slice[],
  pick: (below: number) => number,
): Promise<void> {
  const one = async (): Promise<void> => {
    const { id, bytes } = slices[pick(slices.length)] as Slice;
    if (bytes.length === 0) return;
    const offset = pick(bytes.length);
    const length =
      1 + pick(pick(2) === 0 ? Math.min(5000, bytes.length - offset) : bytes.length - offset);
    if (pick(5) === 0) store.prefetch(id, bytes.length, offset, length);
    const pieces = await store.read(id, bytes.length, offset, length);
    const found = Buffer.concat(pieces);
    assert.is(
      Buffer.compare(found, bytes.subarray(offset, offset + length)),
      0,
      `slice ${id}: ${offset}+${length}`,
    );
  };
  for (let round = 0; round < 12; round++) await Promise.all(Array.from({ length: 4 }, one));
}

async function run(storage: ObjectStorage, seed: number): Promise<void> {
  const pick = random(seed);
  for (const blockBytes of [64 * KIB, 256 * KIB, 1024 * KIB]) {
    for (const cacheBytes of [0, 300 * KIB, 8192 * KIB]) {
      const options = {
        blockBytes,
        cacheBytes,
        bufferBytes: 4096 * KIB,
        maxUploads: 3,
        hashPrefix: pick(2) === 0,
      };
      const store = new BlockChunkStore(storage, options);
      const slices: Slice[] = [];
      const first = 1 + pick(2 ** 31);
      for (let n = 0; n < 8; n++) {
        slices.push(await writeSlice(store, first + n, pick));
        await readSlices(store, slices, pick);
      }
      await readSlices(new BlockChunkStore(storage, options), slices, pick);
      for (const { id, bytes } of slices) await store.remove(id, bytes.length);
      assert.is(store.bufferedBytes, 0);
      await store.close();
      assert.is(store.memoryBytes, 0, "every buffer was given back");
    }
  }
  for await (const { key } of storage.list("")) assert.unreachable(`left behind: ${key}`);
}

for (const seed of [1, 2, 3]) {
  test(`slices in a folder agree with the model, seed ${seed}`, async () => {
    const storage = new FileStorage(`${scratch}/${seed}/`, { create: true });
    await run(storage, seed);
    await storage.close();
  });
  test(`slices in memory agree with the model, seed ${seed}`, () =>
    run(new MemStorage(), seed + 100));
}

test.run();
