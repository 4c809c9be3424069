// Metadata for tests of the layers above: a fresh volume on the memory engine, or on SQLite in a folder of its own.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ChunkStore } from "../../src/chunk/store.ts";
import { sliceWorker } from "../../src/chunk/slice-worker.ts";
import { MemoryStore } from "../../src/meta/engines/memory.ts";
import { formatVolume, openSqlite } from "../../src/meta/engines/sqlite.ts";
import type { Format } from "../../src/meta/format.ts";
import { formatText } from "../../src/meta/format-text.ts";
import type { Meta } from "../../src/meta/meta.ts";
import { openMeta } from "../../src/meta/meta.ts";
import { initVolume } from "../../src/meta/init-volume.ts";
import type { MetaStore } from "../../src/meta/store.ts";

export type EngineName = "memory" | "sqlite";

export interface TestMeta {
  readonly meta: Meta;
  readonly close: () => Promise<void>;
}

const format: Format = {
  Name: "test",
  UUID: "00000000-0000-4000-8000-000000000000",
  Storage: "mem",
  Tiers: null,
  Bucket: "",
  BlockSize: 64,
  TrashDays: 0,
  MetaVersion: 1,
  DirStats: true,
  EnableACL: false,
};

/** No trash, no heartbeat, no periodic jobs; slices that nobody needs are merged and deleted in `chunks`. */
export async function openTestMeta(engine: EngineName, chunks: ChunkStore): Promise<TestMeta> {
  const { store, remove } = engine === "memory" ? memory() : await sqlite();
  const meta = await openMeta(store, {
    sessionInfo: "{}",
    heartbeatSeconds: 0,
    noBgJob: true,
    worker: sliceWorker(chunks),
  });
  return {
    meta,
    close: async () => {
      await meta.shutdown();
      await store[Symbol.asyncDispose]();
      remove();
    },
  };
}

interface Opened {
  readonly store: MetaStore;
  readonly remove: () => void;
}

function memory(): Opened {
  const store = new MemoryStore();
  store.write((tx) => initVolume(tx, format, formatText(format)));
  return { store, remove: () => {} };
}

async function sqlite(): Promise<Opened> {
  const folder = mkdtempSync(join(tmpdir(), "jfs-vfs-"));
  const path = join(folder, "meta.db");
  await formatVolume(path, format);
  return { store: openSqlite(path), remove: () => rmSync(folder, { recursive: true }) };
}
