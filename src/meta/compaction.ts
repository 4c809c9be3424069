// Which records of a chunk a compaction merges, and what takes their place (formats 3.5). Pure arithmetic: who reads,
// writes and commits is in compactor.ts and ops/compact.ts.
import type { Slice } from "./types.ts";
import { visible } from "./slices.ts";

/** At most this many records are merged at a time; the rest stays as it is. */
export const COMPACTION_RECORDS_MAX = 32_768;
/** From here on a writer waits for the compaction: a full chunk of 4 KiB pieces has 16,384. */
export const RECORDS_PER_CHUNK_MAX = 20_000;
/** From here on a chunk is compacted although it is still being written. */
export const RECORDS_BUSY_MAX = 2500;
/** Bytes written to a chunk since it was compacted, the same with disk space instead of records: what was written over lies
 *  in the store until then. */
export const WRITTEN_BUSY_BYTES: number = 256 << 20;
export const WRITTEN_BYTES_MAX: number = 1 << 30;
const LARGE_BYTES = 1 << 20;
/** What a record may cost: a compaction rewrites all that is visible of the chunk. */
const BYTES_PER_WRITTEN_RECORD = 192 * 1024;
const BYTES_PER_READ_RECORD = 1 << 20;

export interface CompactionPlan {
  /** Leading records that stay. */
  readonly skipped: number;
  /** Where the merged record begins in the chunk. */
  readonly pos: number;
  /** Bytes of the merged slice. */
  readonly size: number;
  /** What it consists of, one after the other. */
  readonly pieces: readonly Slice[];
}

interface Merged {
  readonly pos: number;
  readonly size: number;
  readonly pieces: readonly Slice[];
}

/** The view without zeros at either end; all zeros become one byte of them. */
function merge(records: readonly Slice[]): Merged {
  const view = visible(records);
  let first = 0;
  let last = view.length;
  let pos = 0;
  while (last - first > 1 && (view[first] as Slice).id === 0) pos += (view[first++] as Slice).len;
  while (last - first > 1 && (view[last - 1] as Slice).id === 0) last--;
  let pieces = view.slice(first, last);
  const only = pieces[0];
  if (pieces.length === 1 && only !== undefined && only.id === 0) {
    pieces = [{ pos: only.pos, id: 0, size: 0, off: 0, len: 1 }];
  }
  let size = 0;
  for (const piece of pieces) size += piece.len;
  return { pos, size, pieces };
}

const same = (a: Slice, b: Slice): boolean =>
  a.pos === b.pos && a.id === b.id && a.size === b.size && a.off === b.off && a.len === b.len;

/** True when `first` is large and nothing after it touches it: merging it would copy it for nothing. */
function staysAsItIs(first: Slice, later: readonly Slice[], merged: Merged): boolean {
  if (first.len < LARGE_BYTES || first.len * 5 < merged.size || merged.size === 0) return false;
  const head = merged.pieces[0];
  if (head === undefined || merged.pos !== first.pos) return false;
  if (head.id !== first.id || head.off !== first.off || head.len !== first.len) return false;
  return !later.some((s) => same(s, first));
}

/** What to do with a chunk that holds `records` (oldest first); undefined when there is nothing to gain. */
export function planCompaction(records: readonly Slice[]): CompactionPlan | undefined {
  let rest = records.slice(0, COMPACTION_RECORDS_MAX);
  let skipped = 0;
  let merged = merge(rest);
  for (let first = rest[0]; first !== undefined; first = rest[0]) {
    const later = rest.slice(1);
    if (!staysAsItIs(first, later, merged)) break;
    skipped++;
    rest = later;
    merged = merge(rest);
  }
  if (rest.length < 2 || merged.size === 0) return undefined;
  return { skipped, pos: merged.pos, size: merged.size, pieces: merged.pieces };
}

/** Does a writer whose commit left `count` records over `bytes` of a chunk call for a compaction? From 100 records on
 *  where it costs little, from 341 on in a full chunk (JuiceFS: at each hundredth record), or when `written` bytes went there. */
export function writerWantsCompaction(count: number, bytes: number, written: number): boolean {
  if (written >= WRITTEN_BUSY_BYTES) return true;
  return count >= 100 && count * BYTES_PER_WRITTEN_RECORD >= bytes;
}
/** Does a reader that sees these records call for one? `pieces` = length of the visible view, `bytes` = its extent. A full
 *  chunk that has been written over a few times reads well enough to be left alone. */
export function readerWantsCompaction(count: number, pieces: number, bytes: number): boolean {
  const most = Math.max(count, pieces);
  return most >= 5 && most * BYTES_PER_READ_RECORD >= bytes;
}
