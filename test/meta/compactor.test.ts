// Who asks for compactions and who waits for them.
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Entry, SliceWrite, SliceWorker } from "../../src/meta/api.ts";
import { RECORDS_PER_CHUNK_MAX } from "../../src/meta/compaction.ts";
import type { Meta } from "../../src/meta/meta.ts";
import { writeSlices } from "../../src/meta/ops/write.ts";
import type { MetaTxn } from "../../src/meta/txn.ts";
import type { Ino, Slice } from "../../src/meta/types.ts";
import { CHUNK_BYTES } from "../../src/meta/types.ts";
import { isPromise } from "../../src/util/maybe.ts";
import { file, openMemory, root } from "./open-memory.ts";

const PIECE = 4096;
const TIME = { sec: 2000, nsec: 0 };

/** Merges nothing until `gate` opens. */
function gatedWorker(): { worker: SliceWorker; merged: number[]; open: () => void } {
  const gate = Promise.withResolvers<void>();
  const merged: number[] = [];
  const worker: SliceWorker = {
    remove: async () => {},
    merge: async (_id, size) => {
      merged.push(size);
      await gate.promise;
    },
  };
  return { worker, merged, open: gate.resolve };
}

/** One slice of `count` pieces, every second one of the chunk's. */
function pieces(id: number, count: number, index: number): SliceWrite[] {
  return Array.from({ length: count }, (_, i) => ({
    index,
    slice: {
      pos: (2 * i * PIECE) % CHUNK_BYTES,
      id,
      size: count * PIECE,
      off: i * PIECE,
      len: PIECE,
    },
  }));
}

const newFile = (meta: Meta): Ino => (meta.mknod(root, 1, "f", file()) as Entry).ino;
const count = (meta: Meta, ino: Ino): number => (meta.readChunk(ino, 0) as readonly Slice[]).length;

test("thousands of records are merged behind the writer's back, in one pass", async () => {
  const { worker, merged, open } = gatedWorker();
  const { meta } = await openMemory({}, { worker });
  const ino = newFile(meta);
  for (let id = 1; id <= 20; id++) {
    assert.not(isPromise(meta.writeSlices(ino, pieces(id, 256, 0), TIME)));
  }
  assert.is(count(meta, ino), 5120);
  const changed: string[] = [];
  meta.onChunkChanged((of, index) => changed.push(`${of}/${index} ${count(meta, ino)}`));
  open();
  await meta.runJobsNow();
  assert.equal(merged, [511 * PIECE]);
  // The listener sees the chunk as it is now.
  assert.equal(changed, [`${ino}/0 1`]);
  await meta.shutdown();
});

test("a chunk that is written slowly is compacted when it rests, nobody asking", async () => {
  const { worker, merged, open } = gatedWorker();
  open();
  const { meta } = await openMemory({}, { worker });
  const ino = newFile(meta);
  const compacted = new Promise<void>((done) => meta.onChunkChanged(() => done()));
  // Longer than the first look at what waits, which finds the chunk still being written.
  const start = performance.now();
  for (let id = 1; performance.now() - start < 1500; id++) {
    void meta.writeSlices(ino, pieces(id, 50, 0), TIME);
    await new Promise((resume) => setTimeout(resume, 50));
  }
  // The limit only ends a failed test; it also keeps the process alive, which the compactor's timer does not.
  const limit = setTimeout(() => assert.unreachable("nothing was compacted in a minute"), 60_000);
  await compacted;
  clearTimeout(limit);
  assert.ok(merged.length > 0);
  await meta.shutdown();
});

test("a writer waits when there are far too many", async () => {
  const { worker, merged, open } = gatedWorker();
  const { meta } = await openMemory({}, { worker });
  const ino = newFile(meta);
  let waits: unknown;
  for (let id = 1; id * 256 < RECORDS_PER_CHUNK_MAX + 256; id++) {
    assert.not(isPromise(waits));
    waits = meta.writeSlices(ino, pieces(id, 256, 0), TIME);
  }
  assert.ok(isPromise(waits));
  open();
  await waits;
  assert.is(merged.length, 1);
  assert.is(count(meta, ino), 1);
  await meta.shutdown();
});

test("one who writes over the same place again and again waits before he fills the disk", async () => {
  const { worker, merged, open } = gatedWorker();
  const { meta } = await openMemory({}, { worker });
  const ino = newFile(meta);
  const len = 4 << 20;
  let waits: unknown;
  for (let id = 1; id <= 256; id++) {
    assert.not(isPromise(waits));
    const slice = { pos: 0, id, size: len, off: 0, len };
    waits = meta.writeSlices(ino, [{ index: 0, slice }], TIME);
  }
  assert.ok(isPromise(waits));
  open();
  await waits;
  assert.equal(merged, [len]);
  assert.is(count(meta, ino), 1);
  await meta.shutdown();
});

test("a batch changes each chunk and each reference once, in order", async () => {
  const { meta, store } = await openMemory();
  const ino = newFile(meta);
  const writes = [...pieces(1, 3, 0), ...pieces(2, 2, 1), ...pieces(1, 3, 0).slice(1)];
  const calls: string[] = [];
  store.write((tx) => writeSlices(counting(tx, calls), meta.volume, ino, writes, TIME));
  assert.equal(calls.toSorted(), ["addSliceRef", "addSliceRef", "appendSlices", "appendSlices"]);
  const [first, second] = [meta.readChunk(ino, 0), meta.readChunk(ino, 1)];
  assert.equal(
    first,
    writes.filter(({ index }) => index === 0).map(({ slice }) => slice),
  );
  assert.equal(
    second,
    writes.filter(({ index }) => index === 1).map(({ slice }) => slice),
  );
  assert.equal(
    store.read((tx) => [tx.sliceRefs(1), tx.sliceRefs(2)]),
    [5, 2],
  );
});

/** Notes the calls that change chunks and references. */
function counting(tx: MetaTxn, calls: string[]): MetaTxn {
  return new Proxy(tx, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (key === "appendSlices" || key === "addSliceRef") calls.push(key);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

test.run();
