// What operations add to the volume's counters and to the statistics of directories, as JuiceFS accounts them
// (formats 1.7, 16.10), and the limits of the volume.
import { ENOSPC } from "../../util/errno.ts";
import { dataLength, usageOf } from "../attr.ts";
import type { MetaRead, MetaTxn } from "../txn.ts";
import type { Attr, Ino } from "../types.ts";
import { TYPE_FILE, spaceOf } from "../types.ts";
import type { Volume } from "../volume.ts";

/** Throws ENOSPC when the volume has no room for `space` more bytes or `inodes` more nodes. */
export function judgeRoom(tx: MetaRead, v: Volume, space: number, inodes: number): void {
  if (v.capacity > 0 && space > 0 && tx.counter("usedSpace") + space > v.capacity) throw ENOSPC;
  if (v.inodes > 0 && inodes > 0 && tx.counter("totalInodes") + inodes > v.inodes) throw ENOSPC;
}

/** Adds to the usage of the volume. */
export function countVolume(tx: MetaTxn, space: number, inodes: number): void {
  if (space !== 0) tx.addCounter("usedSpace", space);
  if (inodes !== 0) tx.addCounter("totalInodes", inodes);
}

/** A name for `attr` came to (`sign` 1) or left (-1) a directory. */
export function countEntry(tx: MetaTxn, v: Volume, dir: Ino, attr: Attr, sign: 1 | -1): void {
  if (!v.dirStats) return;
  tx.addDirStat(dir, {
    length: sign * dataLength(attr),
    space: sign * usageOf(attr),
    inodes: sign,
  });
}

/** The directories that hold names of a file, to be read before the first write of the body; undefined = just attr.parent. */
export function parentsForGrowth(
  tx: MetaRead,
  v: Volume,
  ino: Ino,
  attr: Attr,
): ReadonlyMap<Ino, number> | undefined {
  return v.dirStats && attr.parent === 0 && attr.nlink > 0 ? tx.parents(ino) : undefined;
}

/** A file's length changed from `before`: the volume counts it once, each directory once per name. */
export function countGrowth(
  tx: MetaTxn,
  v: Volume,
  before: Attr,
  length: number,
  parents: ReadonlyMap<Ino, number> | undefined,
): void {
  const space = spaceOf(TYPE_FILE, length) - spaceOf(TYPE_FILE, before.length);
  const bytes = length - before.length;
  if (bytes === 0) return;
  countVolume(tx, space, 0);
  // A file without names counts in no directory.
  if (!v.dirStats || before.nlink === 0) return;
  if (before.parent > 0) tx.addDirStat(before.parent, { length: bytes, space, inodes: 0 });
  if (parents === undefined) return;
  for (const [dir, links] of parents) {
    tx.addDirStat(dir, { length: bytes * links, space: space * links, inodes: 0 });
  }
}
