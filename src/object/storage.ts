// Where blocks live. Five verbs; stores and middlewares (prefix, shards, retry, encryption ...) implement them alike.
import type { MaybePromise } from "../util/maybe.ts";

export interface ObjectInfo {
  readonly key: string;
  /** Bytes as stored. */
  readonly size: number;
  /** Unix milliseconds. */
  readonly modifiedMs: number;
}

export interface PutOptions {
  /** The object survives a power cut when `put` resolves. Otherwise it survives a crash of the process, and a power cut after the next `sync`. */
  readonly durable?: boolean;
}

/** Errors: ENOENT when the key is missing, ENOSPC, EACCES, else EIO faults with the key and a hint. */
export interface ObjectStorage {
  /** For people, e.g. `file:///var/jfs/myvol/`. Never holds a secret. */
  readonly name: string;
  /** The whole object, or `length` bytes from `offset`; a range that reaches beyond the object is cut. */
  get(
    key: string,
    range?: { readonly offset: number; readonly length: number },
  ): MaybePromise<Uint8Array>;
  /** Only where objects are local: fills `target` from `offset` of the object and answers the size of the whole object, by
   *  which the caller sees whether all bytes were there. In place when `target` is small and the bytes are in memory. */
  getInto?(key: string, target: Uint8Array, offset: number): MaybePromise<number>;
  /** Atomic: readers see the whole new object or none. `body` pieces are written one after the other and must not change until this resolves. */
  put(key: string, body: readonly Uint8Array[], options?: PutOptions): MaybePromise<void>;
  /** Missing objects are no error. */
  delete(key: string): MaybePromise<void>;
  head(key: string): MaybePromise<ObjectInfo>;
  /** In key order. */
  list(prefix: string, options?: { readonly after?: string }): AsyncIterable<ObjectInfo>;
  /** Everything put before the call survives a power cut when this resolves. Shared by all who wait; a no-op for remote stores. */
  sync(): MaybePromise<void>;
  /** True while objects have been put that `sync` would have to write. */
  readonly hasUnsynced: boolean;
  close(): MaybePromise<void>;
}
