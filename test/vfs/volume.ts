// A Vfs over real layers for tests: metadata on the memory engine or SQLite, blocks in memory behind fault injection.
import type { DirentSink, EntryReply, Request, SetattrArgs } from "../../src/fuse/operations.ts";
import { MemStorage } from "../../src/object/mem.ts";
import { FaultStorage } from "../../src/object/fault.ts";
import { BlockChunkStore } from "../../src/chunk/chunk-store.ts";
import type { ChunkStoreOptions } from "../../src/chunk/chunk-store.ts";
import type { MetaApi } from "../../src/meta/api.ts";
import { Vfs } from "../../src/vfs/vfs.ts";
import type { VfsOptions } from "../../src/vfs/options.ts";
import type { ObjectStorage } from "../../src/object/storage.ts";
import { IN_PLACE_META, IN_PLACE_STORAGE, slowed } from "./slowed.ts";
import type { Meta } from "../../src/meta/meta.ts";
import { openTestMeta } from "./open-meta.ts";
import type { EngineName } from "./open-meta.ts";

export const ROOT = 1;
export const O_RDONLY = 0;
export const O_WRONLY = 1;
export const O_RDWR = 2;
export const O_EXCL = 0o200;
export const O_TRUNC = 0o1000;
export const O_APPEND = 0o2000;

export const BLOCK = 65_536;
export const CHUNK: number = 64 * 1024 * 1024;

export function request(uid: number = 0): Request {
  return { uid, gid: uid, pid: 1, groups: [], trusted: true, unique: 1, onInterrupt: () => {} };
}
export const req: Request = request();

export interface Entered {
  readonly name: string;
  readonly ino: number;
  readonly type: number;
  readonly offset: number;
  readonly entry: EntryReply | undefined;
}

/** A reply buffer that takes so many entries. */
export class Listing implements DirentSink {
  readonly entries: Entered[] = [];
  readonly #max: number;
  constructor(max: number = Infinity) {
    this.#max = max;
  }
  add(name: string, ino: number, type: number, offset: number): boolean {
    return this.addPlus(name, ino, type, offset, undefined);
  }
  addPlus(
    name: string,
    ino: number,
    type: number,
    offset: number,
    entry: EntryReply | undefined,
  ): boolean {
    if (this.entries.length >= this.#max) return false;
    this.entries.push({ name, ino, type, offset, entry });
    return true;
  }
  get names(): string[] {
    return this.entries.map((e) => e.name);
  }
}

export interface VolumeOptions {
  readonly engine?: EngineName;
  readonly vfs?: VfsOptions;
  readonly chunks?: Partial<ChunkStoreOptions>;
  /** Metadata and storage answer in a later turn of the loop. */
  readonly slow?: boolean;
}

/** The operations of a mount as a process would use them. */
export class TestVolume implements AsyncDisposable {
  readonly meta: MetaApi;
  readonly storage: FaultStorage;
  readonly chunks: BlockChunkStore;
  readonly vfs: Vfs;
  readonly #layers: AsyncDisposableStack;
  readonly #compact: () => Promise<void>;

  private constructor(
    meta: Meta,
    storage: FaultStorage,
    chunks: BlockChunkStore,
    layers: AsyncDisposableStack,
    options: VolumeOptions,
  ) {
    this.meta = options.slow === true ? slowed(meta, IN_PLACE_META) : meta;
    this.storage = storage;
    this.chunks = chunks;
    this.vfs = new Vfs(this.meta, chunks, options.vfs);
    this.#compact = () => meta.runJobsNow();
    this.#layers = layers;
    layers.defer(() => this.vfs.close());
  }

  static async open(options: VolumeOptions): Promise<TestVolume> {
    await using layers = new AsyncDisposableStack();
    const inner: ObjectStorage = new MemStorage();
    const storage = new FaultStorage(
      options.slow === true ? slowed(inner, IN_PLACE_STORAGE) : inner,
    );
    const chunks = new BlockChunkStore(storage, { blockBytes: BLOCK, ...options.chunks });
    layers.defer(() => chunks.close());
    const { meta, close } = await openTestMeta(options.engine ?? "memory", chunks);
    layers.defer(close);
    return new TestVolume(meta, storage, chunks, layers.move(), options);
  }

  /** Merges slices where there are many, and deletes what nobody needs any more. */
  async compact(): Promise<void> {
    await this.#compact();
  }

  async create(
    name: string,
    flags: number = O_RDWR,
    mode: number = 0o644,
  ): Promise<{ ino: number; fh: number }> {
    const { entry, open } = await this.vfs.create(req, ROOT, name, flags, mode, 0);
    return { ino: entry.ino, fh: open.fh };
  }
  async open(ino: number, flags: number = O_RDWR): Promise<number> {
    return (await this.vfs.open(req, ino, flags)).fh;
  }
  async write(
    fh: number,
    offset: number,
    data: Uint8Array | string,
    openFlags: number = O_RDWR,
  ): Promise<number> {
    const bytes = typeof data === "string" ? Buffer.from(data) : data;
    return this.vfs.write(req, 0, fh, offset, bytes, 0, openFlags);
  }
  async read(fh: number, offset: number, size: number): Promise<Buffer> {
    const reply = await this.vfs.read(req, 0, fh, offset, size);
    // Copied at once: the pieces are the cache's.
    return Buffer.concat(reply instanceof Uint8Array ? [reply] : reply);
  }
  async flush(fh: number): Promise<void> {
    await this.vfs.flush(req, 0, fh);
  }
  async fsync(fh: number): Promise<void> {
    await this.vfs.fsync(req, 0, fh);
  }
  async release(fh: number): Promise<void> {
    await this.vfs.release(req, 0, fh);
  }
  async close(fh: number): Promise<void> {
    try {
      await this.flush(fh);
    } finally {
      await this.release(fh);
    }
  }
  async setattr(ino: number, args: Partial<SetattrArgs>): Promise<void> {
    await this.vfs.setattr(req, ino, { killSuidgid: false, ...args });
  }
  async size(ino: number): Promise<number> {
    return (await this.vfs.getattr(req, ino)).attr.size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#layers.disposeAsync();
  }
}

export function openVolume(options: VolumeOptions = {}): Promise<TestVolume> {
  return TestVolume.open(options);
}

/** The error code that a call ends with; undefined when it succeeds. */
export async function codeOf(call: () => unknown): Promise<string | undefined> {
  try {
    await call();
    return undefined;
  } catch (e) {
    return (e as { code?: string }).code ?? String(e);
  }
}

/** Random numbers that a seed repeats (mulberry32). */
export function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * below);
  };
}
