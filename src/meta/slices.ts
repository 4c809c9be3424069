// Slice records: their 24 bytes, the view that later records leave of earlier ones, and the records that make holes
// (formats 3.1, 3.2, 3.4). Knows nothing of inodes or transactions.
import type { Slice } from "./types.ts";
import { CHUNK_BYTES } from "./types.ts";

export const RECORD_BYTES = 24;
const TWO32 = 4294967296;

/** Index of the chunk that holds the byte at `offset`. */
export function chunkIndexOf(offset: number): number {
  return Math.floor(offset / CHUNK_BYTES);
}
/** Where `offset` lies in its chunk. */
export function chunkPosOf(offset: number): number {
  return offset % CHUNK_BYTES;
}

export function encodeSlice(target: Buffer, at: number, s: Slice): void {
  target.writeUInt32BE(s.pos, at);
  target.writeUInt32BE(Math.floor(s.id / TWO32), at + 4);
  target.writeUInt32BE(s.id % TWO32, at + 8);
  target.writeUInt32BE(s.size, at + 12);
  target.writeUInt32BE(s.off, at + 16);
  target.writeUInt32BE(s.len, at + 20);
}

export function encodeSlices(slices: readonly Slice[]): Buffer {
  const out = Buffer.allocUnsafe(slices.length * RECORD_BYTES);
  for (let i = 0; i < slices.length; i++) encodeSlice(out, i * RECORD_BYTES, slices[i] as Slice);
  return out;
}

/** The records of a chunk, oldest first; undefined when the bytes cannot be records. */
export function decodeSlices(records: Uint8Array): Slice[] | undefined {
  if (records.byteLength % RECORD_BYTES !== 0) return undefined;
  const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
  const out: Slice[] = [];
  for (let at = 0; at < records.byteLength; at += RECORD_BYTES) {
    out.push({
      pos: view.getUint32(at),
      id: view.getUint32(at + 4) * TWO32 + view.getUint32(at + 8),
      size: view.getUint32(at + 12),
      off: view.getUint32(at + 16),
      len: view.getUint32(at + 20),
    });
  }
  return out;
}

/** A record that reads as zeros. */
export function hole(pos: number, len: number): Slice {
  return { pos, id: 0, size: 0, off: 0, len };
}

/** A piece `from`..`to` (positions in the chunk) of a slice that lies around it. */
function cut(s: Slice, from: number, to: number): Slice {
  if (from === s.pos && to === s.pos + s.len) return s;
  return { pos: from, id: s.id, size: s.size, off: s.off + (from - s.pos), len: to - from };
}

/**
 * What a reader sees: non-overlapping pieces in order of position, from 0 to the end of the last record. Gaps are pieces
 * with id 0, size 0 and off 0. Records of no length hide nothing and are left out.
 */
export function visible(records: readonly Slice[]): Slice[] {
  const pieces = resolve(records);
  const out: Slice[] = [];
  let end = 0;
  for (const piece of pieces) {
    if (piece.pos > end) out.push(hole(end, piece.pos - end));
    out.push(piece);
    end = piece.pos + piece.len;
  }
  return out;
}

/** As `visible`, without pieces for the gaps. */
export function resolve(records: readonly Slice[]): Slice[] {
  // Appending writes come in order and overlap nothing: then the records are the view.
  let end = 0;
  let ordered = true;
  for (const s of records) {
    if (s.pos < end || s.len === 0) {
      ordered = false;
      break;
    }
    end = s.pos + s.len;
  }
  return ordered ? [...records] : overlay(records);
}

function overlay(records: readonly Slice[]): Slice[] {
  let pieces: Slice[] = [];
  for (const s of records) {
    if (s.len === 0) continue;
    const end = s.pos + s.len;
    const first = firstEndingAfter(pieces, s.pos);
    let last = first;
    const between: Slice[] = [];
    const head = pieces[first];
    if (head !== undefined && head.pos < s.pos) between.push(cut(head, head.pos, s.pos));
    between.push(s);
    while (last < pieces.length && (pieces[last] as Slice).pos < end) last++;
    const tail = last > first ? (pieces[last - 1] as Slice) : undefined;
    if (tail !== undefined && tail.pos + tail.len > end) {
      between.push(cut(tail, end, tail.pos + tail.len));
    }
    if (last === pieces.length && first === pieces.length) pieces.push(s);
    else if (first === 0 && last === pieces.length) pieces = between;
    else pieces.splice(first, last - first, ...between);
  }
  return pieces;
}

/** Index of the first piece that ends after `pos` (binary search: a chunk may have thousands). */
function firstEndingAfter(pieces: readonly Slice[], pos: number): number {
  let low = 0;
  let high = pieces.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const piece = pieces[middle] as Slice;
    if (piece.pos + piece.len > pos) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The part of a view that lies in `from`..`to`, gaps and the rest of the chunk as holes. */
export function sliceRange(view: readonly Slice[], from: number, to: number): Slice[] {
  const out: Slice[] = [];
  let at = from;
  for (const piece of view) {
    const end = piece.pos + piece.len;
    if (end <= at) continue;
    if (piece.pos >= to) break;
    if (piece.pos > at) out.push(hole(at, piece.pos - at));
    const start = Math.max(piece.pos, at);
    const stop = Math.min(end, to);
    out.push(cut(piece, start, stop));
    at = stop;
  }
  if (at < to) out.push(hole(at, to - at));
  return out;
}

export interface ChunkRecord {
  readonly index: number;
  readonly slice: Slice;
}

/**
 * The hole records for a change of length between `shorter` and `longer` (formats 3.4; the same for shrinking and growing).
 * `existing` = the chunks strictly between the first and the last that exist: the others need no record.
 */
export function truncateHoles(
  shorter: number,
  longer: number,
  existing: readonly number[],
): ChunkRecord[] {
  const out: ChunkRecord[] = [];
  const first = chunkIndexOf(shorter);
  const last = chunkIndexOf(longer);
  const pos = chunkPosOf(shorter);
  out.push({ index: first, slice: hole(pos, Math.min(longer - shorter, CHUNK_BYTES - pos)) });
  for (const index of existing) {
    if (index > first && index < last) out.push({ index, slice: hole(0, CHUNK_BYTES) });
  }
  const rest = chunkPosOf(longer);
  if (last > first && rest > 0) out.push({ index: last, slice: hole(0, rest) });
  return out;
}

/** One hole record per chunk for the bytes `from`..`to` of a file: punch hole and zero range. */
export function rangeHoles(from: number, to: number): ChunkRecord[] {
  const out: ChunkRecord[] = [];
  for (let at = from; at < to;) {
    const pos = chunkPosOf(at);
    const len = Math.min(to - at, CHUNK_BYTES - pos);
    out.push({ index: chunkIndexOf(at), slice: hole(pos, len) });
    at += len;
  }
  return out;
}
