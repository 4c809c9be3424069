// fallocate: allocate (which reserves nothing), punch hole, zero range. Holes are id-0 records (formats 3.4).
import { EFBIG, EINVAL, EOPNOTSUPP, EPERM } from "../../util/errno.ts";
import { isImmutable, isTrashed } from "../access.ts";
import { FALLOC_KEEP_SIZE, FALLOC_PUNCH_HOLE, FALLOC_ZERO_RANGE } from "../api.ts";
import { touch, withAttr } from "../attr.ts";
import { rangeHoles } from "../slices.ts";
import type { MetaTxn } from "../txn.ts";
import type { Attr, Ino } from "../types.ts";
import { FILE_BYTES_MAX, FLAG_APPEND, TYPE_FILE, spaceOf } from "../types.ts";
import type { Volume } from "../volume.ts";
import { fileAttr } from "./nodes.ts";
import { appendRecords } from "./truncate.ts";
import { countGrowth, judgeRoom, parentsForGrowth } from "./usage.ts";

const FALLOC_COLLAPSE = 8;
const FALLOC_INSERT = 32;

export interface FallocateArgs {
  readonly ino: Ino;
  readonly mode: number;
  readonly offset: number;
  readonly length: number;
}

/** The right to write was judged when the file was opened. Every mode sets mtime and ctime. */
export function fallocate(tx: MetaTxn, v: Volume, args: FallocateArgs): Attr {
  const { ino, mode, offset, length } = args;
  judgeMode(mode);
  if (length <= 0 || offset < 0) throw EINVAL;
  const end = offset + length;
  if (end > FILE_BYTES_MAX) throw EFBIG;
  const old = fileAttr(tx, ino);
  if (isImmutable(old) || isTrashed(old)) throw EPERM;
  if ((old.flags & FLAG_APPEND) !== 0 && (mode & ~FALLOC_KEEP_SIZE) !== 0) throw EPERM;
  const grows = (mode & FALLOC_KEEP_SIZE) === 0 && end > old.length;
  const newLength = grows ? end : old.length;
  judgeRoom(tx, v, spaceOf(TYPE_FILE, newLength) - spaceOf(TYPE_FILE, old.length), 0);
  const parents = grows ? parentsForGrowth(tx, v, ino, old) : undefined;

  const attr = withAttr(old);
  attr.length = newLength;
  touch(attr, tx.now);
  // Beyond the old end there is nothing to hide.
  const makesHoles = (mode & (FALLOC_PUNCH_HOLE | FALLOC_ZERO_RANGE)) !== 0;
  if (makesHoles) appendRecords(tx, ino, rangeHoles(offset, Math.min(end, old.length)));
  countGrowth(tx, v, old, newLength, parents);
  tx.putAttr(ino, attr);
  return attr;
}

function judgeMode(mode: number): void {
  if (mode === FALLOC_COLLAPSE || mode === FALLOC_INSERT) throw EOPNOTSUPP;
  if ((mode & (FALLOC_COLLAPSE | FALLOC_INSERT)) !== 0) throw EINVAL;
  const known = FALLOC_KEEP_SIZE | FALLOC_PUNCH_HOLE | FALLOC_ZERO_RANGE;
  if ((mode & ~known) !== 0) throw EOPNOTSUPP;
  const punches = (mode & FALLOC_PUNCH_HOLE) !== 0;
  if (punches && (mode & FALLOC_ZERO_RANGE) !== 0) throw EOPNOTSUPP;
  if (punches && (mode & FALLOC_KEEP_SIZE) === 0) throw EINVAL;
}
