// What the model test drives: a fresh volume on one of the engines, with a clock that the test sets where the engine
// has one, and a data layer that only remembers what each slice holds.
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { SliceWorker } from "../../src/meta/api.ts";
import { MemoryStore } from "../../src/meta/engines/memory.ts";
import { ReplayMemoryStore } from "../../src/meta/engines/replay-memory.ts";
import type { Format } from "../../src/meta/format.ts";
import type { Meta, MetaOptions } from "../../src/meta/meta.ts";
import { openMeta } from "../../src/meta/meta.ts";
import { initVolume } from "../../src/meta/init-volume.ts";
import type { MetaStore } from "../../src/meta/store.ts";
import type { Slice } from "../../src/meta/types.ts";
import type { Time } from "../../src/util/clock.ts";

export type EngineName = "memory" | "replay" | "sqlite";

/** Slices by id: what each byte is, undefined for zeros. */
export class FakeData implements SliceWorker {
  readonly slices: Map<number, readonly (string | undefined)[]> = new Map();
  readonly removed: Set<number> = new Set();

  remove(id: number): Promise<void> {
    this.slices.delete(id);
    this.removed.add(id);
    return Promise.resolve();
  }
  merge(id: number, _size: number, pieces: readonly Slice[]): Promise<void> {
    const merged = pieces.flatMap((piece) =>
      Array.from({ length: piece.len }, (_, i) => this.token(piece, i)),
    );
    this.slices.set(id, merged);
    return Promise.resolve();
  }
  /** Byte `i` of a piece. */
  token(piece: Slice, i: number): string | undefined {
    return piece.id === 0 ? undefined : this.slices.get(piece.id)?.[piece.off + i];
  }
}

export interface Subject {
  readonly store: MetaStore;
  readonly meta: Meta;
  readonly data: FakeData;
  /** True when `setNow` decides the times that the volume gets. */
  readonly hasClock: boolean;
  setNow(now: Time): void;
  close(): Promise<void>;
}

export interface SubjectOptions {
  readonly trashDays?: number;
  /** Deletes and merges data in the background. */
  readonly withWorker?: boolean;
  readonly acls?: boolean;
  /** For the replay engine: random numbers that decide on delays and refusals. */
  readonly random?: () => number;
  /** Share of commits that the replay engine's server refuses for nothing; 0.2 unless told. */
  readonly refusals?: number;
  readonly meta?: MetaOptions;
}

export function testFormat(trashDays: number, acls: boolean): Format {
  return {
    Name: "model",
    UUID: "00000000-0000-4000-8000-000000000000",
    Storage: "file",
    Tiers: { "0": { ID: 0, StorageClass: "", Tag: "" } },
    Bucket: "/",
    BlockSize: 4096,
    Compression: "none",
    TrashDays: trashDays,
    MetaVersion: 1,
    DirStats: true,
    EnableACL: acls,
  };
}

interface Opened {
  readonly store: MetaStore;
  readonly hasClock: boolean;
  readonly close: () => Promise<void>;
}

async function openStore(
  engine: EngineName,
  format: Format,
  clock: () => Time,
  random: () => number,
  refusals: number,
): Promise<Opened> {
  if (engine === "sqlite") return openSqliteStore(format);
  const turn = (): Promise<void> => new Promise((done) => setImmediate(done));
  const store =
    engine === "memory"
      ? new MemoryStore({ clock })
      : new ReplayMemoryStore({
          clock,
          delay: () => (random() < 0.02 ? turn() : Promise.resolve()),
          refuses: () => random() < refusals,
        });
  await store.write((tx) => initVolume(tx, format, JSON.stringify(format)));
  return { store, hasClock: true, close: () => store[Symbol.asyncDispose]() };
}

const sqliteFile = join(import.meta.dirname, "../../src/meta/engines/sqlite.ts");
export const hasSqlite = (): boolean => existsSync(sqliteFile);

interface SqliteModule {
  readonly openSqlite: (path: string) => MetaStore;
  readonly formatVolume: (path: string, format: Format) => Promise<void>;
}

async function openSqliteStore(format: Format): Promise<Opened> {
  const { openSqlite, formatVolume } = (await import(
    pathToFileURL(sqliteFile).href
  )) as SqliteModule;
  const folder = mkdtempSync(join(tmpdir(), "jfs-model-"));
  const path = join(folder, "meta.db");
  await formatVolume(path, format);
  const store = openSqlite(path);
  const close = async (): Promise<void> => {
    await store[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  };
  return { store, hasClock: false, close };
}

export async function openSubject(
  engine: EngineName,
  options: SubjectOptions = {},
): Promise<Subject> {
  let now: Time = { sec: 1_700_000_000, nsec: 0 };
  const format = testFormat(options.trashDays ?? 0, options.acls ?? false);
  const random = options.random ?? ((): number => 0.5);
  const { store, hasClock, close } = await openStore(
    engine,
    format,
    () => now,
    random,
    options.refusals ?? 0.2,
  );
  const data = new FakeData();
  const meta = await openMeta(store, {
    sessionInfo: "{}",
    heartbeatSeconds: 0,
    ...(options.withWorker === true ? { worker: data } : {}),
    ...options.meta,
  });
  return {
    store,
    meta,
    data,
    hasClock,
    setNow: (time) => (now = time),
    close: async () => {
      await meta.shutdown();
      await close();
    },
  };
}
