// Slices become part of a file: the commit of what the writer has stored, and the records that a reader needs.
import type { Time } from "../../util/clock.ts";
import { compareTime } from "../../util/clock.ts";
import { EFBIG, EIO, fault } from "../../util/errno.ts";
import type { SliceWrite } from "../api.ts";
import { setCtime, setMtime, withAttr } from "../attr.ts";
import { decodeSlices, encodeSlices } from "../slices.ts";
import type { MetaRead, MetaTxn } from "../txn.ts";
import type { Attr, Ino, Slice } from "../types.ts";
import { CHUNK_BYTES, FILE_BYTES_MAX, TYPE_FILE, spaceOf } from "../types.ts";
import type { Volume } from "../volume.ts";
import { fileAttr, nodeAttr } from "./nodes.ts";
import { countGrowth, judgeRoom, parentsForGrowth } from "./usage.ts";

const noSlices: readonly Slice[] = [];

/** Records in this order; length grows, mtime = ctime = `time` unless they are later already. ENOSPC, EFBIG. */
export function writeSlices(
  tx: MetaTxn,
  v: Volume,
  ino: Ino,
  writes: readonly SliceWrite[],
  time: Time,
): Attr {
  const old = fileAttr(tx, ino);
  let length = old.length;
  for (const { index, slice } of writes) {
    length = Math.max(length, index * CHUNK_BYTES + slice.pos + slice.len);
  }
  if (length > FILE_BYTES_MAX) throw EFBIG;
  judgeRoom(tx, v, spaceOf(TYPE_FILE, length) - spaceOf(TYPE_FILE, old.length), 0);
  const parents = length === old.length ? undefined : parentsForGrowth(tx, v, ino, old);

  const attr = withAttr(old);
  attr.length = length;
  if (compareTime(time, { sec: old.mtime, nsec: old.mtimensec }) > 0) setMtime(attr, time);
  if (compareTime(time, { sec: old.ctime, nsec: old.ctimensec }) > 0) setCtime(attr, time);
  if (writes.length === 1) appendOne(tx, ino, writes[0] as SliceWrite);
  else appendAll(tx, ino, writes);
  tx.putAttr(ino, attr);
  countGrowth(tx, v, old, length, parents);
  return attr;
}

// A slice without bytes has no blocks and no meaning: it gets no record (formats 16.12).

function appendOne(tx: MetaTxn, ino: Ino, { index, slice }: SliceWrite): void {
  if (slice.len === 0) return;
  tx.appendSlices(ino, index, encodeSlices([slice]));
  if (slice.id > 0) tx.addSliceRef(slice.id, slice.size, 1);
}

/** Small writes share slices and chunks by the hundred: each chunk and each reference is changed once. */
function appendAll(tx: MetaTxn, ino: Ino, writes: readonly SliceWrite[]): void {
  const chunks = new Map<number, Slice[]>();
  const refs = new Map<number, { readonly size: number; count: number }>();
  for (const { index, slice } of writes) {
    if (slice.len === 0) continue;
    const records = chunks.get(index);
    if (records === undefined) chunks.set(index, [slice]);
    else records.push(slice);
    if (slice.id === 0) continue;
    const known = refs.get(slice.id);
    if (known === undefined) refs.set(slice.id, { size: slice.size, count: 1 });
    else known.count++;
  }
  for (const [index, slices] of chunks) tx.appendSlices(ino, index, encodeSlices(slices));
  for (const [id, { size, count }] of refs) tx.addSliceRef(id, size, count);
}

/** The records of a chunk, oldest first. EIO when they cannot be parsed. */
export function readChunk(tx: MetaRead, ino: Ino, index: number): readonly Slice[] {
  const records = tx.chunk(ino, index);
  if (records === undefined) {
    nodeAttr(tx, ino);
    return noSlices;
  }
  return parseRecords(ino, index, records);
}

export function parseRecords(ino: Ino, index: number, records: Uint8Array): readonly Slice[] {
  const slices = decodeSlices(records);
  if (slices !== undefined) return slices;
  throw fault(EIO, "read chunk", {
    ino,
    key: `chunk ${index}`,
    hint: `its ${records.byteLength} bytes are not a whole number of slice records; restore the metadata from a dump`,
  });
}
