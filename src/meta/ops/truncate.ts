// A change of a file's length: hole records hide what lies between the old and the new end, in both directions
// (formats 3.4). Used by setattr; the records of chunks beyond the end stay, hidden.
import { EFBIG, EINVAL, EPERM } from "../../util/errno.ts";
import { FLAG_APPEND, FILE_BYTES_MAX, TYPE_FILE, spaceOf } from "../types.ts";
import type { Attr, Ino } from "../types.ts";
import { isImmutable } from "../access.ts";
import { chunkIndexOf, encodeSlices, truncateHoles } from "../slices.ts";
import type { ChunkRecord } from "../slices.ts";
import type { MetaRead, MetaTxn } from "../txn.ts";
import type { Volume } from "../volume.ts";
import { fileAttr } from "./nodes.ts";
import { countGrowth, judgeRoom, parentsForGrowth } from "./usage.ts";

export interface TruncatePlan {
  readonly length: number;
  readonly records: readonly ChunkRecord[];
  readonly parents: ReadonlyMap<Ino, number> | undefined;
}

/** Judges a change of length (EISDIR, EINVAL, EFBIG, EPERM, ENOSPC) and says what it takes. Writes nothing. */
export function planTruncate(
  tx: MetaRead,
  v: Volume,
  ino: Ino,
  attr: Attr,
  length: number,
): TruncatePlan {
  if (attr.type !== TYPE_FILE) fileAttr(tx, ino);
  if (!Number.isSafeInteger(length) || length < 0) throw length > 0 ? EFBIG : EINVAL;
  if (length > FILE_BYTES_MAX) throw EFBIG;
  if (isImmutable(attr) || (attr.flags & FLAG_APPEND) !== 0) throw EPERM;
  if (length === attr.length) return { length, records: [], parents: undefined };
  judgeRoom(tx, v, spaceOf(TYPE_FILE, length) - spaceOf(TYPE_FILE, attr.length), 0);
  const shorter = Math.min(length, attr.length);
  const longer = Math.max(length, attr.length);
  const first = chunkIndexOf(shorter) + 1;
  const last = chunkIndexOf(longer) - 1;
  const between = first <= last ? tx.chunkIndexes(ino, first, last) : [];
  return {
    length,
    records: truncateHoles(shorter, longer, between),
    parents: parentsForGrowth(tx, v, ino, attr),
  };
}

/** The writing half; the caller puts the attributes. */
export function applyTruncate(
  tx: MetaTxn,
  v: Volume,
  ino: Ino,
  before: Attr,
  plan: TruncatePlan,
): void {
  appendRecords(tx, ino, plan.records);
  countGrowth(tx, v, before, plan.length, plan.parents);
}

/** Appends hole or copied records to their chunks. */
export function appendRecords(tx: MetaTxn, ino: Ino, records: readonly ChunkRecord[]): void {
  for (const { index, slice } of records) tx.appendSlices(ino, index, encodeSlices([slice]));
}
