// Which records of a chunk a compaction merges, and what takes their place (formats 3.5). Pure arithmetic: who reads,
// writes and commits is in compactor.ts and ops/compact.ts.
import type { Slice } from "./types.ts";
import { visible } from "./slices.ts";

/** At most this many records are looked at; the rest stays as it is. */
export const COMPACTION_RECORDS_MAX = 1000;
/** From here on a writer waits for the compaction. */
export const SLICES_PER_CHUNK_MAX = 2500;
const LARGE_BYTES = 1 << 20;

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

/**
 * Does a writer call for a compaction whose commits took a chunk from `before` to `count` records? At every hundredth
 * record, and at each look beyond 350.
 */
export function writerWantsCompaction(before: number, count: number): boolean {
  return count > 350 || Math.floor((count + 1) / 100) > Math.floor((before + 1) / 100);
}
/** Does a reader that sees these records call for one? `pieces` = length of the visible view. */
export function readerWantsCompaction(count: number, pieces: number): boolean {
  return count >= 5 || pieces >= 5;
}
