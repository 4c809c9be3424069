// Slices as blocks in an object store: what the VFS reads and writes. Knows nothing of inodes.
import type { MaybePromise } from "../util/maybe.ts";

/** Writes one slice front to back (later bytes may overwrite earlier ones that are not yet uploaded). */
export interface SliceWriter {
  readonly id: number;
  /** Bytes written so far (the highest end). */
  readonly length: number;
  /** Copies `data` to `offset` of the slice; `offset` may not lie before a block that was handed to the store already. */
  writeAt(data: Uint8Array, offset: number): void;
  /** The lowest offset that can still be written. */
  readonly frozenBytes: number;
  /** Copies out bytes that are still buffered, for reads of data not yet committed; false when some were handed over already. */
  readBuffered(target: Uint8Array, offset: number): boolean;
  /** Bytes that are still buffered, in order, without a copy: valid until the next call of this writer. Undefined when some
   *  are not. */
  views(offset: number, length: number): readonly Uint8Array[] | undefined;
  /** From now on the buffers stay until all is stored, so that `finish` may be called again when it has failed. Only while
   *  no block was handed over; `flushBlocks` does nothing then. */
  keepBuffers(): void;
  /** Hands all complete blocks to the store (in the background, bounded by maxUploads). */
  flushBlocks(): void;
  /** Stores everything; resolves when all blocks are stored (and with `durable` survive a power cut). Rejects with the
   *  first error: then call `abort`, or `finish` again after `keepBuffers`. */
  finish(durable: boolean): MaybePromise<void>;
  /** Gives the buffers back and deletes what was stored. */
  abort(): void;
}

export interface ChunkStore {
  readonly blockBytes: number;
  newWriter(id: number): SliceWriter;
  /** `length` bytes from `offset` of slice `id`, whose full size is `size`, as pieces in order. In place when cached or small and
   *  local. Pieces are views of cache memory: valid until the caller returns to the event loop. Errors: EIO fault naming the block. */
  read(
    id: number,
    size: number,
    offset: number,
    length: number,
  ): MaybePromise<readonly Uint8Array[]>;
  /** Loads blocks that cover the range into the cache, in the background, dropped when there is no room. */
  prefetch(id: number, size: number, offset: number, length: number): void;
  remove(id: number, size: number): Promise<void>;
  /** Bytes held by open writers; above the limit writers must wait. */
  readonly bufferedBytes: number;
  /** Resolves when there is room in the write buffer; undefined (at once) when there is. */
  waitForRoom(): Promise<void> | undefined;
  /** All finished slices survive a power cut when this resolves. */
  sync(): MaybePromise<void>;
  /** Runs `work`, which makes metadata durable, after the blocks that the metadata names; slices that finish before it
   *  ends are durable, too. Rejects with the error of either. */
  syncBefore<T>(work: () => Promise<T>): Promise<T>;
  readonly hasUnsynced: boolean;
  close(): Promise<void>;
}
