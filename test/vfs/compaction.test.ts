// Compactions under open files: what is read before, during and after is the same, and nothing deleted is asked for.
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { EngineName } from "./open-meta.ts";
import type { TestVolume } from "./volume.ts";
import { openVolume } from "./volume.ts";

const WRITES = 6;
// Blocks of this size are not loaded whole for a small read, so that nobody waits for another's.
const BYTES = 256 * 1024;
const CHUNKS = { cacheBytes: 0, blockBytes: BYTES };

/** A file whose chunk has six records; reading it asks for a compaction. */
async function writeInParts(volume: TestVolume): Promise<{ fh: number; content: Buffer }> {
  const { fh } = await volume.create("parts");
  const parts = Array.from({ length: WRITES }, (_, i) => Buffer.alloc(BYTES, i + 1));
  for (const [i, part] of parts.entries()) {
    await volume.write(fh, i * BYTES, part);
    await volume.flush(fh);
  }
  return { fh, content: Buffer.concat(parts) };
}

for (const engine of ["memory", "sqlite"] as EngineName[]) {
  test(`${engine}: a chunk that was compacted is read from its new slice at once`, async () => {
    await using volume = await openVolume({ engine, chunks: CHUNKS });
    const { fh, content } = await writeInParts(volume);
    assert.ok((await volume.read(fh, 0, content.length)).equals(content));
    assert.is(volume.storage.calls("get"), WRITES);
    await volume.compact();
    assert.is(volume.storage.calls("delete"), WRITES);
    const merged = volume.storage.calls("get");
    assert.ok((await volume.read(fh, 0, content.length)).equals(content));
    assert.is(volume.storage.calls("get"), merged + WRITES);
  });

  test(`${engine}: a read whose slice is compacted away meanwhile finds its bytes`, async () => {
    await using volume = await openVolume({ engine, chunks: CHUNKS });
    const { fh, content } = await writeInParts(volume);
    const gate = Promise.withResolvers<void>();
    volume.storage.delay("get", 1, gate.promise);
    const reading = volume.read(fh, BYTES + 100, 1000);
    await volume.compact();
    assert.is(volume.storage.calls("delete"), WRITES);
    gate.resolve();
    assert.ok((await reading).equals(content.subarray(BYTES + 100, BYTES + 1100)));
  });
}

test.run();
