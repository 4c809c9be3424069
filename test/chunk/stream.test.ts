// Reading in sequence through the memory cache: each block is loaded once, in little memory, whatever was read before.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { BlockChunkStore } from "../../src/chunk/chunk-store.ts";
import type { ChunkStore } from "../../src/chunk/store.ts";
import { MemStorage } from "../../src/object/mem.ts";
import type { ObjectStorage } from "../../src/object/storage.ts";

const MIB = 2 ** 20;
const BLOCK = 256 * 1024;
const REQUEST = 64 * 1024;
const SLICE = 16 * MIB;

/** Answers in a later turn, and counts. */
function slowly(storage: MemStorage, loads: Map<string, number>): ObjectStorage {
  const get = storage.get.bind(storage);
  return Object.assign(storage, {
    get: async (key: string) => {
      loads.set(key, (loads.get(key) ?? 0) + 1);
      await new Promise<void>((done) => setImmediate(done));
      return get(key);
    },
  });
}

async function writeSlice(chunks: ChunkStore, id: number): Promise<void> {
  const writer = chunks.newWriter(id);
  const data = new Uint8Array(BLOCK);
  for (let at = 0; at < SLICE; at += BLOCK) {
    writer.writeAt(data.fill(at / BLOCK), at);
    writer.flushBlocks();
  }
  await writer.finish(false);
}

/** As the kernel and our readahead do: requests in order, `ahead` bytes loaded before them. */
async function stream(chunks: ChunkStore, id: number, ahead: number): Promise<void> {
  for (let at = 0; at < SLICE; at += REQUEST) {
    if (at % BLOCK === 0) chunks.prefetch(id, SLICE, at, Math.min(ahead, SLICE - at));
    const [piece] = await chunks.read(id, SLICE, at, REQUEST);
    assert.is(piece?.[0], Math.floor(at / BLOCK));
    assert.is(piece?.length, REQUEST);
  }
}

async function withSlices(body: (chunks: ChunkStore) => Promise<void>): Promise<number[]> {
  const loads = new Map<string, number>();
  const storage = slowly(new MemStorage(), loads);
  const chunks = new BlockChunkStore(storage, {
    blockBytes: BLOCK,
    cacheBytes: 8 * MIB,
    cacheWrites: false,
  });
  for (const id of [1, 2]) await writeSlice(chunks, id);
  await body(chunks);
  await chunks.close();
  return [...loads.values()];
}

test("what is loaded ahead is still there when its reader comes", async () => {
  const loads = await withSlices(async (chunks) => {
    // Most of the cache is full of blocks that were in use.
    for (let again = 0; again < 2; again++) {
      for (let at = 0; at < 5 * MIB; at += BLOCK) await chunks.read(1, SLICE, at, BLOCK);
    }
    chunks.prefetch(2, SLICE, 0, 8 * BLOCK);
    await chunks.read(2, SLICE, 7 * BLOCK, BLOCK);
    for (let at = 0; at < 7 * BLOCK; at += BLOCK) await chunks.read(2, SLICE, at, BLOCK);
  });
  assert.is(Math.max(...loads), 1);
  assert.is(loads.length, (5 * MIB) / BLOCK + 8);
});

test("a stream reuses its memory and leaves the rest of the cache alone", async () => {
  const loads = await withSlices(async (chunks) => {
    // Not in sequence, and more than once.
    const readSome = async (): Promise<void> => {
      for (let at = 8 * BLOCK; at >= 0; at -= BLOCK) await chunks.read(1, SLICE, at, BLOCK);
    };
    for (let again = 0; again < 2; again++) await readSome();
    await stream(chunks, 2, 8 * BLOCK);
    await readSome();
  });
  assert.is(Math.max(...loads), 1);
});

test.run();
