// What storing and loading blocks costs on this disk, beside the bare system calls: `build/node build/bench/blocks.ts [folder]`.
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BlockChunkStore } from "../../src/chunk/chunk-store.ts";
import { FileStorage } from "../../src/object/file.ts";

const KIB4 = 4096;
const MIB = 2 ** 20;
const folder = mkdtempSync(join(process.argv[2] ?? tmpdir(), "jfs-bench-"));
const storage = new FileStorage(`${folder}/`);
const small = Buffer.alloc(KIB4, 7);
const block = Buffer.alloc(4 * MIB, 9);

function report(name: string, value: number, unit: string): void {
  console.log(`${name.padEnd(44)} ${value.toFixed(1).padStart(10)} ${unit}`);
}

/** Median microseconds of a step that may be asynchronous. */
async function median(count: number, step: (n: number) => unknown): Promise<number> {
  const times: number[] = [];
  for (let n = 0; n < count; n++) {
    const start = performance.now();
    const result = step(n);
    if (result instanceof Promise) await result;
    times.push((performance.now() - start) * 1000);
  }
  times.sort((a, b) => a - b);
  return times[count >> 1] ?? 0;
}

async function smallPuts(): Promise<void> {
  report(
    "4 KiB put, in place",
    await median(3000, (n) => storage.put(`a/${n >> 9}/${n}`, [small])),
    "us",
  );
  const bare = await median(300, (n) => {
    const fd = openSync(join(folder, `bare-${n}`), "wx");
    writeSync(fd, small);
    fdatasyncSync(fd);
    closeSync(fd);
  });
  report("4 KiB new file + fdatasync, bare, in place", bare, "us");
  report(
    "4 KiB put, durable",
    await median(300, (n) => storage.put(`d/${n}`, [small], { durable: true })),
    "us",
  );
  report(
    "4 KiB put 64, then sync",
    await median(10, async (n) => {
      for (let i = 0; i < 64; i++) await storage.put(`s/${n}-${i}`, [small]);
      await storage.sync();
    }),
    "us",
  );
}

/** A virtual machine is slow to get memory it has never used: let the page cache have it before anything is timed. */
async function warmPageCache(): Promise<void> {
  for (let n = 0; n < 300; n++) await storage.put(`warm/${n}`, [block]);
  for (let n = 0; n < 300; n++) await storage.delete(`warm/${n}`);
}

async function largePuts(inFlight: number, count: number): Promise<void> {
  let next = 0;
  const start = performance.now();
  const worker = async (): Promise<void> => {
    for (let n = next++; n < count; n = next++) await storage.put(`l/${n}`, [block]);
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  const seconds = (performance.now() - start) / 1000;
  report(`4 MiB put, ${inFlight} in flight`, (count * block.length) / 1e6 / seconds, "MB/s");
}

async function slices(): Promise<void> {
  const store = new BlockChunkStore(storage, { blockBytes: 4 * MIB });
  const piece = Buffer.alloc(MIB, 5);
  report(
    "4 KiB slice written and finished, in place",
    await median(3000, (n) => {
      const writer = store.newWriter(1000 + n);
      writer.writeAt(small, 0);
      return writer.finish(false);
    }),
    "us",
  );
  report(
    "4 KiB slice, durable",
    await median(300, (n) => {
      const writer = store.newWriter(5000 + n);
      writer.writeAt(small, 0);
      return writer.finish(true);
    }),
    "us",
  );
  await warmPageCache();
  const start = performance.now();
  const count = 16;
  for (let id = 1; id <= count; id++) {
    const writer = store.newWriter(id);
    for (let n = 0; n < 64; n++) {
      await store.waitForRoom();
      writer.writeAt(piece, n * MIB);
      writer.flushBlocks();
    }
    await writer.finish(false);
  }
  report(
    "64 MiB slices in 1 MiB writes",
    (count * 64 * MIB) / 1e3 / (performance.now() - start),
    "MB/s",
  );
  const cold = new BlockChunkStore(storage, { blockBytes: 4 * MIB });
  report(
    "4 KiB read, not cached by us",
    await median(3000, (n) => cold.read(1000 + n, KIB4, 0, KIB4)),
    "us",
  );
  report(
    "4 KiB read, cached",
    await median(3000, (n) => cold.read(1000 + (n % 100) + 2900, KIB4, 0, KIB4)),
    "us",
  );
  report(
    "4 KiB read in a 4 MiB block, not cached",
    await median(1000, (n) => cold.read((n % 16) + 1, 64 * MIB, ((n * 7919) % 16000) * KIB4, KIB4)),
    "us",
  );
  const reading = performance.now();
  for (let at = 0; at < 64 * 8; at++) {
    await cold.read(1 + (at >> 6), 64 * MIB, (at % 64) * MIB, MIB);
  }
  report(
    "64 MiB slices in 1 MiB reads",
    (64 * 8 * MIB) / 1e3 / (performance.now() - reading),
    "MB/s",
  );
  report("memory of the store", store.memoryBytes / MIB, "MiB");
}

try {
  await smallPuts();
  await warmPageCache();
  await largePuts(1, 128);
  await largePuts(4, 128);
  await slices();
  await storage.close();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
