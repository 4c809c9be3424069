// A volume whose metadata keeps a journal in memory: every mutation and every data frame in one list, so that a crash after
// any of them can be played. Blocks are never deleted: those of a state that a crash brings back are still there.
import { BlockChunkStore } from "../../src/chunk/chunk-store.ts";
import type { ChunkStoreOptions } from "../../src/chunk/chunk-store.ts";
import type { MetaApi } from "../../src/meta/api.ts";
import { MemoryStore } from "../../src/meta/engines/memory.ts";
import { formatText } from "../../src/meta/format-text.ts";
import type { Format } from "../../src/meta/format.ts";
import { initVolume } from "../../src/meta/init-volume.ts";
import type { DataExtent, DataFrame } from "../../src/meta/journal/journal.ts";
import { openMeta } from "../../src/meta/meta.ts";
import type { Meta } from "../../src/meta/meta.ts";
import type { Mutation } from "../../src/meta/mutation.ts";
import { decodeSlices } from "../../src/meta/slices.ts";
import type { Ino } from "../../src/meta/types.ts";
import { FaultStorage } from "../../src/object/fault.ts";
import { MemStorage } from "../../src/object/mem.ts";
import type { Time } from "../../src/util/clock.ts";
import type { FsError } from "../../src/util/errno.ts";
import { recoverData } from "../../src/vfs/recover-data.ts";
import type { RecoveredData } from "../../src/vfs/recover-data.ts";
import type { VfsOptions } from "../../src/vfs/options.ts";
import { Vfs } from "../../src/vfs/vfs.ts";
import * as assert from "uvu/assert";
import { Calls } from "./calls.ts";
import { BLOCK } from "./volume.ts";

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

type Logged =
  | { readonly mutations: readonly Mutation[] }
  | { readonly frame: DataFrame }
  | { readonly gone: Ino };

export interface JournalVolumeOptions {
  readonly vfs?: VfsOptions;
  readonly chunks?: Partial<ChunkStoreOptions>;
  /** Bytes of the volume; 0 = no limit. */
  readonly capacity?: number;
}

/** What a crash left, recovered. */
export interface Recovered {
  readonly vfs: Vfs;
  readonly meta: Meta;
  readonly data: RecoveredData;
}

export class JournalVolume implements AsyncDisposable {
  readonly storage: FaultStorage = new FaultStorage(withoutDelete(new MemStorage()));
  readonly chunks: BlockChunkStore;
  readonly vfs: Vfs;
  readonly log: Logged[];
  /** So many entries of the log survive a power cut. */
  synced: number;
  /** Frames are taken. */
  isOn = true;
  /** The journal asks for its room. */
  press: () => void = () => {};
  readonly #store: MemoryStore;
  readonly #meta: Meta;
  readonly #options: JournalVolumeOptions;

  private constructor(
    store: MemoryStore,
    meta: Meta,
    log: Logged[],
    options: JournalVolumeOptions,
  ) {
    this.log = log;
    this.synced = log.length;
    this.#store = store;
    this.#meta = meta;
    this.#options = options;
    this.chunks = new BlockChunkStore(this.storage, { blockBytes: BLOCK, ...options.chunks });
    this.vfs = new Vfs(this.#journaled(meta), this.chunks, { idleMs: 60_000, ...options.vfs });
  }

  static async open(options: JournalVolumeOptions = {}): Promise<JournalVolume> {
    const log: Logged[] = [];
    let mutations: Mutation[] = [];
    const store = new MemoryStore({ recorder: (mutation) => mutations.push(mutation) });
    const write = store.write.bind(store);
    // What one body changed is one entry: a crash keeps all of it or nothing.
    store.write = (body) => {
      const result = write(body);
      if (mutations.length > 0) log.push({ mutations });
      mutations = [];
      return result;
    };
    const own = { ...format, Capacity: options.capacity ?? 0 };
    store.write((tx) => initVolume(tx, own, formatText(own)));
    const meta = await openMeta(store, { sessionInfo: "{}", heartbeatSeconds: 0, noBgJob: true });
    return new JournalVolume(store, meta, log, options);
  }

  get frames(): readonly DataFrame[] {
    return this.log.flatMap((entry) => ("frame" in entry ? [entry.frame] : []));
  }

  #journaled(meta: Meta): MetaApi {
    const own: Record<string, unknown> = {
      journalData: (ino: Ino, time: Time, extents: readonly DataExtent[]) => {
        if (!this.isOn) return false;
        // The bytes are the writer's: copied now or never.
        const copies = extents.map((e) => ({ ...e, bytes: Uint8Array.from(e.bytes) }));
        this.log.push({ frame: { ino, time, extents: copies } });
        return true;
      },
      forgetData: (ino: Ino) => void this.log.push({ gone: ino }),
      onJournalPressure: (listener: () => void) => void (this.press = listener),
      sync: async () => {
        const { length } = this.log;
        await meta.sync();
        this.synced = length;
      },
    };
    return new Proxy<MetaApi>(meta, {
      get: (target, key) => {
        if (key === "journalsData") return this.isOn;
        if (key in own) return own[String(key)];
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  }

  /** Slices are not committed until the function that comes back is called. */
  refuseCommits(error: FsError): () => void {
    this.#meta.writeSlices = () => {
      throw error;
    };
    return () => void Reflect.deleteProperty(this.#meta, "writeSlices");
  }

  /** The frames that a crash after `length` entries leaves to recover: extents whose slices are not committed. */
  pending(length: number = this.log.length): DataFrame[] {
    const frames: DataFrame[] = [];
    const covered = new Set<number>();
    const gone = new Set<Ino>();
    for (const entry of this.log.slice(0, length)) {
      if ("frame" in entry) frames.push(entry.frame);
      else if ("gone" in entry) gone.add(entry.gone);
      else for (const id of slicesOf(entry.mutations)) covered.add(id);
    }
    const needed = frames
      .filter(({ ino }) => !gone.has(ino))
      .map((f) => ({ ...f, extents: f.extents.filter((e) => !covered.has(e.sliceId)) }));
    return needed.filter(({ extents }) => extents.length > 0);
  }

  /** The process ends after `length` entries, and another one recovers. `tries` of its attempts end before their
   *  first, second... commit. */
  async crash(length: number = this.log.length, tries: number = 0): Promise<Recovered> {
    const store = new MemoryStore();
    store.write(() => {
      for (const entry of this.log.slice(0, length)) {
        if ("mutations" in entry) for (const m of entry.mutations) store.records.apply(m);
      }
    });
    for (const [name, value] of this.#store.records.counters) {
      if (name.startsWith("next")) store.records.counters.set(name, value);
    }
    const chunks = new BlockChunkStore(this.storage, {
      blockBytes: BLOCK,
      ...this.#options.chunks,
    });
    const frames = this.pending(length);
    for (let n = 1; n <= tries; n++) await this.#recoverInPart(store, frames, n);
    const meta = await openMeta(store, { sessionInfo: "{}", heartbeatSeconds: 0, noBgJob: true });
    const data = await recoverData(frames, meta, chunks);
    return { vfs: new Vfs(meta, chunks), meta, data };
  }

  /** An attempt that ends before its `n`-th commit. */
  async #recoverInPart(store: MemoryStore, frames: readonly DataFrame[], n: number): Promise<void> {
    const chunks = new BlockChunkStore(this.storage, {
      blockBytes: BLOCK,
      ...this.#options.chunks,
    });
    const meta = await openMeta(store, { heartbeatSeconds: 0, noBgJob: true });
    const writeSlices = meta.writeSlices.bind(meta);
    let left = n;
    meta.writeSlices = (ino, writes, time) => {
      if (--left <= 0) throw new Error("killed");
      return writeSlices(ino, writes, time);
    };
    await recoverData(frames, meta, chunks).catch(() => {});
  }

  /** Slice records of a file's first chunk. */
  async records(ino: Ino): Promise<number> {
    return (await this.#meta.readChunk(ino, 0)).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.vfs.close();
    await this.#meta.shutdown();
    await this.chunks.close();
  }
}

function* slicesOf(mutations: readonly Mutation[]): Iterable<number> {
  for (const m of mutations) {
    if (m.kind !== "appendSlices") continue;
    for (const { id } of decodeSlices(m.records) ?? []) yield id;
  }
}

function withoutDelete(storage: MemStorage): MemStorage {
  storage.delete = () => {};
  return storage;
}

export async function start(
  options: JournalVolumeOptions = {},
): Promise<{ volume: JournalVolume; calls: Calls }> {
  const volume = await JournalVolume.open(options);
  return { volume, calls: new Calls(volume.vfs) };
}

/** What the file holds after a crash now. */
export async function crashed(
  volume: JournalVolume,
  ino: number,
  length?: number,
): Promise<Buffer> {
  const { vfs } = await volume.crash(length);
  return new Calls(vfs).content(ino);
}

/** Lets the loop turn until it is so. */
export async function until(isTrue: () => boolean): Promise<void> {
  for (let i = 0; i < 10_000 && !isTrue(); i++) await new Promise((resume) => setImmediate(resume));
  assert.ok(isTrue());
}
