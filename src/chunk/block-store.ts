// Single blocks: puts them (encoded, a few at a time), loads them whole or in part (checked, each block once for all who
// ask), and keeps them in memory. Slices are put together above.
import { EIO, ENOENT, fault, isFsError } from "../util/errno.ts";
import type { FsError } from "../util/errno.ts";
import { isPromise, then } from "../util/maybe.ts";
import type { MaybePromise } from "../util/maybe.ts";
import type { ObjectStorage } from "../object/storage.ts";
import type { BlockId } from "./block-key.ts";
import { blockId, blockKey, blockSize } from "./block-key.ts";
import { BufferPool } from "./buffer-pool.ts";
import type { HeldBlock } from "./cache.ts";
import { BlockCache, holdBlock } from "./cache.ts";
import type { Codec } from "./codec.ts";
import { Limiter } from "./limiter.ts";

/** Blocks up to this size are loaded whole whatever is asked for: it costs no more than a part. */
const SMALL_BLOCK_BYTES = 128 * 1024;
const DELETES_MAX = 10;

export interface BlockStoreOptions {
  readonly blockBytes: number;
  readonly hashPrefix: boolean;
  readonly cacheBytes: number;
  readonly maxUploads: number;
  readonly maxDownloads: number;
  readonly codec: Codec;
}

interface Flight {
  readonly promise: Promise<HeldBlock>;
  /** How many will hold the block when it lands. */
  waiters: number;
}

export class BlockStore {
  readonly options: BlockStoreOptions;
  readonly storage: ObjectStorage;
  readonly pool: BufferPool;
  readonly cache: BlockCache;
  readonly #uploads: Limiter;
  readonly #downloads: Limiter;
  readonly #deletes = new Limiter(DELETES_MAX);
  readonly #flights = new Map<BlockId, Flight>();
  #flightBytes = 0;

  constructor(storage: ObjectStorage, pool: BufferPool, options: BlockStoreOptions) {
    this.options = options;
    this.storage = storage;
    this.pool = pool;
    this.cache = new BlockCache(options.cacheBytes, pool);
    this.#uploads = new Limiter(options.maxUploads);
    this.#downloads = new Limiter(options.maxDownloads);
  }

  /** Stores a block. In place when it is small, the storage local and `durable` not asked for. */
  put(
    id: number,
    index: number,
    block: readonly Uint8Array[],
    durable: boolean,
  ): MaybePromise<void> {
    let size = 0;
    for (const piece of block) size += piece.length;
    const key = blockKey(id, index, size, this.options.hashPrefix);
    const { codec } = this.options;
    return this.#uploads.run(() =>
      then(codec.encode(block), (object) => this.storage.put(key, object, { durable })),
    );
  }

  /** Deletes block `index` of a slice of `size` bytes; a missing one is no error. */
  remove(id: number, index: number, size: number): MaybePromise<void> {
    this.cache.drop(blockId(id, index));
    const bytes = blockSize(size, index, this.options.blockBytes);
    const key = blockKey(id, index, bytes, this.options.hashPrefix);
    return this.#deletes.run(() => this.storage.delete(key));
  }

  /**
   * Bytes `from`..`from + length` of block `index` of a slice of `size` bytes, or more of it, pinned: the caller unpins.
   * `whole` loads all of the block for those who come next.
   */
  hold(
    id: number,
    size: number,
    index: number,
    from: number,
    length: number,
    whole: boolean,
  ): MaybePromise<HeldBlock> {
    const key = blockId(id, index);
    const cached = this.cache.get(key);
    if (cached !== undefined) {
      cached.pins++;
      return cached;
    }
    const flight = this.#flights.get(key);
    if (flight !== undefined) {
      flight.waiters++;
      return flight.promise;
    }
    const bytes = blockSize(size, index, this.options.blockBytes);
    const all = whole || bytes <= SMALL_BLOCK_BYTES || !this.options.codec.isIdentity;
    return all
      ? this.#loadShared(key, id, index, bytes)
      : this.#load(id, index, bytes, from, length);
  }

  /** Loads a block into the cache in the background, unless there is no room or too much else to do. */
  prefetch(id: number, size: number, index: number): void {
    const key = blockId(id, index);
    const bytes = blockSize(size, index, this.options.blockBytes);
    // Half of the cache at most: what was fetched ahead must not push out what has not been read yet.
    const tooMuch =
      (this.#flightBytes + BufferPool.capacityFor(bytes)) * 2 > this.cache.largeBytesMax;
    if (tooMuch || !this.#downloads.hasRoom || this.cache.has(key) || this.#flights.has(key))
      return;
    try {
      const loaded = this.#loadShared(key, id, index, bytes);
      // The reader that comes for the block meets the error itself.
      if (isPromise(loaded))
        loaded.then(
          (block) => this.#keepForReader(block),
          () => undefined,
        );
      else this.#keepForReader(loaded);
    } catch {
      // As above.
    }
  }

  /** Blocks that were read already must not push it out before its reader has come. */
  #keepForReader(block: HeldBlock): void {
    block.isUsed = true;
    this.cache.unpin(block);
  }

  #loadShared(key: BlockId, id: number, index: number, bytes: number): MaybePromise<HeldBlock> {
    const loading = this.#load(id, index, bytes, 0, bytes);
    if (!isPromise(loading)) {
      this.cache.add(key, loading);
      return loading;
    }
    const capacity = BufferPool.capacityFor(bytes);
    this.#flightBytes += capacity;
    const land = (): void => {
      this.#flights.delete(key);
      this.#flightBytes -= capacity;
    };
    const promise = loading.then(
      (block) => {
        land();
        block.pins = flight.waiters;
        this.cache.add(key, block);
        return block;
      },
      (e: unknown) => {
        land();
        throw e;
      },
    );
    const flight: Flight = { promise, waiters: 1 };
    this.#flights.set(key, flight);
    return promise;
  }

  #load(
    id: number,
    index: number,
    bytes: number,
    from: number,
    length: number,
  ): MaybePromise<HeldBlock> {
    const key = blockKey(id, index, bytes, this.options.hashPrefix);
    const { codec } = this.options;
    try {
      const loaded = this.#downloads.run(() =>
        codec.isIdentity && this.storage.getInto !== undefined
          ? this.#loadInto(key, bytes, from, length)
          : this.#loadObject(key, bytes, from, length),
      );
      if (!isPromise(loaded)) return loaded;
      return loaded.catch((e: unknown) => {
        throw this.#readError(key, e);
      });
    } catch (e) {
      throw this.#readError(key, e);
    }
  }

  #loadInto(key: string, bytes: number, from: number, length: number): MaybePromise<HeldBlock> {
    const buffer = this.pool.take(length);
    const landed = (size: number): HeldBlock => {
      if (size === bytes) return holdBlock(buffer, from, length, true);
      throw this.#wrongSize(key, size, bytes);
    };
    const failed = (e: unknown): never => {
      this.pool.give(buffer);
      throw e;
    };
    try {
      const size = this.storage.getInto?.(key, buffer.subarray(0, length), from) ?? 0;
      return isPromise(size) ? size.then(landed).catch(failed) : landed(size);
    } catch (e) {
      return failed(e);
    }
  }

  #loadObject(key: string, bytes: number, from: number, length: number): MaybePromise<HeldBlock> {
    const { codec } = this.options;
    if (codec.isIdentity && length < bytes) {
      return then(this.storage.get(key, { offset: from, length }), (part) => {
        if (part.length === length) return holdBlock(part, from, length, false);
        throw this.#wrongSize(key, from + part.length, bytes);
      });
    }
    return then(this.storage.get(key), (object) => {
      if (codec.isIdentity && object.length !== bytes)
        throw this.#wrongSize(key, object.length, bytes);
      return then(codec.decode(object, bytes), (plain) => holdBlock(plain, 0, bytes, false));
    });
  }

  #wrongSize(key: string, size: number, bytes: number): FsError {
    const hint = `the block has ${size} bytes instead of ${bytes}: restore it from a backup, the file it belongs to is damaged`;
    return fault(EIO, "read block", { key: this.storage.name + key, hint });
  }

  /** Whoever reads must never take a lost block for zeros or for a missing file. */
  #readError(key: string, e: unknown): FsError {
    if (e === ENOENT) {
      const hint =
        "the block is missing: restore it from a backup, the file it belongs to is damaged";
      return fault(EIO, "read block", { key: this.storage.name + key, hint });
    }
    if (isFsError(e)) return e;
    const hint = "the block is damaged: restore it from a backup";
    return fault(EIO, "read block", { key: this.storage.name + key, cause: e, hint });
  }
}
