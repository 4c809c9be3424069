// Deletes and merges slices for the metadata layer, which knows slices but not blocks, in memory bounded by the store's own.
import { assert } from "../util/assert.ts";
import type { ChunkStore, SliceWriter } from "./store.ts";

/** A part of a slice (metadata's Slice without its place in the chunk). `id` 0 means zeros. */
export interface Piece {
  readonly id: number;
  readonly size: number;
  readonly off: number;
  readonly len: number;
}

export interface StoreSliceWorker {
  remove(id: number, size: number): Promise<void>;
  merge(id: number, size: number, pieces: readonly Piece[]): Promise<void>;
}

/** Bytes copied at a time. */
const STEP_BYTES = 2 ** 20;
/** Thousands of small pieces that are all at hand would be copied in one go: requests are let in after so long. */
const BUSY_MS_MAX = 2;
const ZEROS = new Uint8Array(64 * 1024);

export function sliceWorker(store: ChunkStore): StoreSliceWorker {
  return {
    remove: (id, size) => store.remove(id, size),
    merge: (id, size, pieces) => merge(store, id, size, pieces),
  };
}

async function merge(
  store: ChunkStore,
  id: number,
  size: number,
  pieces: readonly Piece[],
): Promise<void> {
  const writer = store.newWriter(id);
  let since = performance.now();
  try {
    for (const piece of pieces) {
      for (let done = 0; done < piece.len;) {
        const count = Math.min(STEP_BYTES, piece.len - done);
        // A merge runs behind everybody's back: it waits like a writer, but only while its own blocks are on their way.
        await store.waitForRoom();
        await append(store, writer, piece, done, count);
        done += count;
        if (performance.now() - since < BUSY_MS_MAX) continue;
        await new Promise((resume) => setImmediate(resume));
        since = performance.now();
      }
    }
    assert(writer.length === size, `merge into slice ${id}: ${writer.length} bytes, not ${size}`);
    await writer.finish(true);
  } catch (e) {
    writer.abort();
    throw e;
  }
}

async function append(
  store: ChunkStore,
  writer: SliceWriter,
  piece: Piece,
  from: number,
  count: number,
): Promise<void> {
  const parts =
    piece.id === 0 ? zeros(count) : await store.read(piece.id, piece.size, piece.off + from, count);
  for (const part of parts) writer.writeAt(part, writer.length);
  writer.flushBlocks();
}

function zeros(bytes: number): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let left = bytes; left > 0; left -= ZEROS.length) parts.push(ZEROS.subarray(0, left));
  return parts;
}
