// copy_file_range: the target gets records that share the source's slices; no data moves (formats 16.11).
import { EFBIG, EINVAL, EISDIR, EPERM } from "../../util/errno.ts";
import { isPinned, isTrashed } from "../access.ts";
import { touch, withAttr } from "../attr.ts";
import { chunkIndexOf, chunkPosOf, encodeSlices, resolve, sliceRange } from "../slices.ts";
import type { MetaRead, MetaTxn } from "../txn.ts";
import type { Attr, Ino, Slice } from "../types.ts";
import { CHUNK_BYTES, FILE_BYTES_MAX, TYPE_DIRECTORY, TYPE_FILE, spaceOf } from "../types.ts";
import type { Volume } from "../volume.ts";
import { nodeAttr } from "./nodes.ts";
import { countGrowth, judgeRoom, parentsForGrowth } from "./usage.ts";
import { parseRecords } from "./write.ts";

export interface CopyArgs {
  readonly from: Ino;
  readonly fromOffset: number;
  readonly to: Ino;
  readonly toOffset: number;
  readonly length: number;
}

export interface Copied {
  readonly bytes: number;
  /** The target's attributes. */
  readonly attr: Attr;
}

/** Rights were judged when the files were opened. EINVAL when source and target overlap. */
export function copyFileRange(tx: MetaTxn, v: Volume, args: CopyArgs): Copied {
  const { from, fromOffset, to, toOffset } = args;
  if (fromOffset < 0 || toOffset < 0 || args.length < 0) throw EINVAL;
  const source = regular(tx, from);
  const old = regular(tx, to);
  if (isPinned(old) || isTrashed(old)) throw EPERM;
  const bytes = Math.min(args.length, source.length - fromOffset);
  if (bytes <= 0) return { bytes: 0, attr: old };
  if (from === to && Math.abs(fromOffset - toOffset) < bytes) throw EINVAL;
  if (toOffset + bytes > FILE_BYTES_MAX) throw EFBIG;
  const length = Math.max(old.length, toOffset + bytes);
  judgeRoom(tx, v, spaceOf(TYPE_FILE, length) - spaceOf(TYPE_FILE, old.length), 0);
  const parents = length === old.length ? undefined : parentsForGrowth(tx, v, to, old);
  const records = placeAt(toOffset, sourceSlices(tx, from, fromOffset, fromOffset + bytes));

  for (const [index, slices] of records) {
    tx.appendSlices(to, index, encodeSlices(slices));
    for (const { id, size } of slices) if (id > 0) tx.addSliceRef(id, size, 1);
  }
  const attr = withAttr(old);
  attr.length = length;
  touch(attr, tx.now);
  tx.putAttr(to, attr);
  countGrowth(tx, v, old, length, parents);
  return { bytes, attr };
}

function regular(tx: MetaRead, ino: Ino): Attr {
  const attr = nodeAttr(tx, ino);
  if (attr.type === TYPE_DIRECTORY) throw EISDIR;
  if (attr.type !== TYPE_FILE) throw EINVAL;
  return attr;
}

/** What lies in `start`..`end` of a file, without gaps, in order. */
function sourceSlices(tx: MetaRead, ino: Ino, start: number, end: number): Slice[] {
  const out: Slice[] = [];
  for (let index = chunkIndexOf(start); index * CHUNK_BYTES < end; index++) {
    const base = index * CHUNK_BYTES;
    const stored = tx.chunk(ino, index);
    const view = stored === undefined ? [] : resolve(parseRecords(ino, index, stored));
    const first = Math.max(start - base, 0);
    for (const s of sliceRange(view, first, Math.min(end - base, CHUNK_BYTES))) out.push(s);
  }
  return out;
}

/** The pieces as records of the target's chunks, cut where a chunk ends. */
function placeAt(offset: number, pieces: readonly Slice[]): Map<number, Slice[]> {
  const out = new Map<number, Slice[]>();
  let at = offset;
  for (const piece of pieces) {
    for (let done = 0; done < piece.len;) {
      const pos = chunkPosOf(at);
      const len = Math.min(piece.len - done, CHUNK_BYTES - pos);
      const isHole = piece.id === 0;
      const size = isHole ? 0 : piece.size;
      const off = isHole ? 0 : piece.off + done;
      const index = chunkIndexOf(at);
      const slices = out.get(index) ?? [];
      slices.push({ pos, id: piece.id, size, off, len });
      out.set(index, slices);
      done += len;
      at += len;
    }
  }
  return out;
}
