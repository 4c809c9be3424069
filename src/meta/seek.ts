// lseek SEEK_DATA and SEEK_HOLE over the chunks of a file, page by page: a sparse file may have gaps of petabytes.
import { ENXIO } from "../util/errno.ts";
import type { MaybePromise } from "../util/maybe.ts";
import { then } from "../util/maybe.ts";
import { parseRecords } from "./ops/write.ts";
import { chunkIndexOf, resolve } from "./slices.ts";
import type { MetaStore } from "./store.ts";
import type { Ino, Slice } from "./types.ts";
import { CHUNK_BYTES } from "./types.ts";

const CHUNKS_PER_PAGE = 16;

interface Chunk {
  readonly index: number;
  readonly records: Uint8Array;
}

/** The first byte at or after `offset` that is data (or hole); ENXIO when there is none before `length`. */
export function seek(
  store: MetaStore,
  ino: Ino,
  length: number,
  offset: number,
  whence: "data" | "hole",
): MaybePromise<number> {
  if (offset < 0 || offset >= length) throw ENXIO;
  return whence === "data"
    ? seekData(store, ino, length, offset)
    : seekHole(store, ino, length, offset);
}

function page(store: MetaStore, ino: Ino, at: number): MaybePromise<readonly Chunk[]> {
  return store.scanChunks(ino, chunkIndexOf(at), CHUNKS_PER_PAGE);
}
/** The pieces of a chunk that hold data, in order. */
function dataPieces(ino: Ino, chunk: Chunk): Slice[] {
  return resolve(parseRecords(ino, chunk.index, chunk.records)).filter((s) => s.id > 0);
}

function seekData(store: MetaStore, ino: Ino, length: number, at: number): MaybePromise<number> {
  return then(page(store, ino, at), (chunks) => {
    for (const chunk of chunks) {
      const base = chunk.index * CHUNK_BYTES;
      const piece = dataPieces(ino, chunk).find((s) => base + s.pos + s.len > at);
      if (piece === undefined) continue;
      const found = Math.max(base + piece.pos, at);
      if (found >= length) throw ENXIO;
      return found;
    }
    const last = chunks.at(-1);
    if (last === undefined || chunks.length < CHUNKS_PER_PAGE) throw ENXIO;
    return seekData(store, ino, length, (last.index + 1) * CHUNK_BYTES);
  });
}

function seekHole(store: MetaStore, ino: Ino, length: number, from: number): MaybePromise<number> {
  return then(page(store, ino, from), (chunks) => {
    let at = from;
    for (const chunk of chunks) {
      const base = chunk.index * CHUNK_BYTES;
      if (base > at) return Math.min(at, length);
      for (const piece of dataPieces(ino, chunk)) {
        if (base + piece.pos > at) break;
        at = Math.max(at, base + piece.pos + piece.len);
      }
      if (at < base + CHUNK_BYTES) return Math.min(at, length);
    }
    // The end of the file is a hole too.
    if (chunks.length < CHUNKS_PER_PAGE || at >= length) return Math.min(at, length);
    return seekHole(store, ino, length, at);
  });
}
