// Names of blocks as JuiceFS makes them: the vectors of the format, and objects that JuiceFS 1.4.1 wrote.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { blockCount, blockId, blockKey, blockSize } from "../../src/chunk/block-key.ts";
import { BlockChunkStore } from "../../src/chunk/chunk-store.ts";
import { codecFor } from "../../src/chunk/codec.ts";
import { MemStorage } from "../../src/object/mem.ts";
import { PrefixStorage } from "../../src/object/prefix.ts";

const MIB = 2 ** 20;

interface Vector {
  readonly name: string;
  readonly key: string;
  readonly slice: string;
  readonly plain_len: number;
  readonly plain_sha256: string;
  readonly object_base64: string;
}

const file = join(import.meta.dirname, "../golden/codec/none.jsonl.gz");
const vectors = gunzipSync(readFileSync(file)).toString().trim().split("\n");
const golden = vectors.map((line) => JSON.parse(line) as Vector);

test("keys are those of the format", () => {
  assert.is(blockKey(1234567, 2, 4 * MIB, false), "chunks/1/1234/1234567_2_4194304");
  assert.is(blockKey(1234567, 2, 4 * MIB, true), "chunks/87/1/1234567_2_4194304");
  assert.is(blockKey(1, 0, 11, false), "chunks/0/0/1_0_11");
  assert.is(blockKey(10, 0, 11, true), "chunks/0A/0/10_0_11");
  assert.is(blockKey(999_999_999_999, 0, 1, false), "chunks/999999/999999999/999999999999_0_1");
});

test("a slice is cut into full blocks and a rest", () => {
  const size = 10_485_761;
  const keys = Array.from({ length: blockCount(size, 4 * MIB) }, (_, index) =>
    blockKey(4097, index, blockSize(size, index, 4 * MIB), false),
  );
  assert.equal(keys, [
    "chunks/0/4/4097_0_4194304",
    "chunks/0/4/4097_1_4194304",
    "chunks/0/4/4097_2_2097153",
  ]);
  assert.is(blockCount(0, 4 * MIB), 0);
  assert.is(blockCount(4 * MIB, 4 * MIB), 1);
  assert.is(blockSize(4 * MIB, 0, 4 * MIB), 4 * MIB);
});

test("identities in memory differ, also for huge ids", () => {
  const ids = new Set<number | string>();
  const slices = [1, 2, 3, 2 ** 43 - 1, 2 ** 43, 2 ** 43 + 1, 2 ** 52, 2 ** 53 - 1];
  for (const id of slices) for (const index of [0, 1, 1023]) ids.add(blockId(id, index));
  assert.is(ids.size, slices.length * 3);
});

test("objects of JuiceFS are read, and ours are the same", async () => {
  assert.ok(golden.length > 10);
  const theirs = new MemStorage();
  const ours = new MemStorage();
  const reader = new BlockChunkStore(new PrefixStorage(theirs, "codec-none/"), {
    blockBytes: 4 * MIB,
  });
  const writer = new BlockChunkStore(new PrefixStorage(ours, "codec-none/"), {
    blockBytes: 4 * MIB,
  });
  for (const { name, key, slice, plain_len, plain_sha256, object_base64 } of golden) {
    const object = Buffer.from(object_base64, "base64");
    theirs.put(key, [object]);
    const record = Buffer.from(slice, "hex");
    const id = Number(record.readBigUInt64BE(4));
    const size = record.readUInt32BE(12);
    const plain = Buffer.concat(await reader.read(id, size, 0, plain_len));
    assert.is(createHash("sha256").update(plain).digest("hex"), plain_sha256, name);
    const slot = writer.newWriter(id);
    slot.writeAt(plain, 0);
    await slot.finish(false);
    assert.is(Buffer.compare(Buffer.from(ours.get(key)), object), 0, name);
  }
});

test("a compression that is not there yet is refused by name", () => {
  assert.is(codecFor("").name, "none");
  assert.is(codecFor("NONE").name, "none");
  assert.throws(() => codecFor("zstd"), /compression "zstd"/);
});

test.run();
