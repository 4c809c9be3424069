// The commit of a compaction: the records that were merged give way to one, if nobody has changed them (formats 3.5).
import { EINVAL } from "../../util/errno.ts";
import { encodeItems } from "../delslices.ts";
import { RECORD_BYTES, decodeSlices, encodeSlice } from "../slices.ts";
import type { MetaTxn } from "../txn.ts";
import type { Ino } from "../types.ts";
import type { Volume } from "../volume.ts";
import type { DeadSlice } from "./delete-data.ts";

export interface CompactArgs {
  readonly ino: Ino;
  readonly index: number;
  /** The records as they were read, those that stay included. */
  readonly origin: Uint8Array;
  /** How many of them stay. */
  readonly skipped: number;
  readonly pos: number;
  /** The new slice and its bytes. */
  readonly id: number;
  readonly size: number;
}

/** EINVAL when the chunk does not begin with `origin` any more. Answers the slices whose objects can go. */
export function compact(tx: MetaTxn, v: Volume, args: CompactArgs): DeadSlice[] {
  const { ino, index, origin, skipped, pos, id, size } = args;
  const stored = tx.chunk(ino, index);
  if (stored === undefined || !beginsWith(stored, origin)) throw EINVAL;
  const replaced = (decodeSlices(origin) ?? []).slice(skipped).filter((s) => s.id > 0);
  const counts = new Map<number, DeadSlice & { count: number }>();
  for (const s of replaced) {
    const known = counts.get(s.id);
    if (known === undefined) counts.set(s.id, { id: s.id, size: s.size, count: 1 });
    else known.count++;
  }
  const delayed = v.trashDays > 0;
  const dead: DeadSlice[] = [];
  if (!delayed) {
    for (const c of counts.values()) if ((tx.sliceRefs(c.id) ?? 2 ** 31) <= c.count) dead.push(c);
  }

  const kept = skipped * RECORD_BYTES;
  const records = Buffer.alloc(kept + RECORD_BYTES + stored.length - origin.length);
  records.set(stored.subarray(0, kept));
  encodeSlice(records, kept, { pos, id, size, off: 0, len: size });
  records.set(stored.subarray(origin.length), kept + RECORD_BYTES);
  tx.putChunk(ino, index, records);
  tx.addSliceRef(id, size, 1);
  if (!delayed) {
    for (const c of counts.values()) tx.addSliceRef(c.id, c.size, -c.count);
  } else if (replaced.length > 0) {
    // One item per record, with repetitions: each gives back one reference when its time comes.
    tx.putDelslices(id, tx.now.sec, encodeItems(replaced));
  }
  return dead.map((c) => ({ id: c.id, size: c.size }));
}

function beginsWith(stored: Uint8Array, origin: Uint8Array): boolean {
  if (stored.length < origin.length) return false;
  return Buffer.compare(stored.subarray(0, origin.length), origin) === 0;
}
