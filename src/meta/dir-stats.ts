// The usage of a directory's children: from its record, or by listing where the record is missing (formats 16.10).
import type { MaybePromise } from "../util/maybe.ts";
import { then } from "../util/maybe.ts";
import { dataLength, usageOf } from "./attr.ts";
import type { MetaStore } from "./store.ts";
import type { DirStat, Ino, Name } from "./types.ts";
import type { Volume } from "./volume.ts";

const PAGE = 4096;

const isTrue = (s: DirStat): boolean => s.length >= 0 && s.space >= 0 && s.inodes >= 0;

export function readDirStat(store: MetaStore, volume: Volume, dir: Ino): MaybePromise<DirStat> {
  return then(
    store.read((tx) => tx.dirStat(dir)),
    (known) => (known !== undefined && isTrue(known) ? known : computeDirStat(store, volume, dir)),
  );
}

/** Lists the directory and keeps the result. In place on engines that answer in place: then nothing can come between. */
export function computeDirStat(store: MetaStore, volume: Volume, dir: Ino): MaybePromise<DirStat> {
  const none: DirStat = { length: 0, space: 0, inodes: 0 };
  return then(addPage(store, dir, undefined, none), (stat) => {
    if (!volume.dirStats) return stat;
    return store.write((tx) => {
      if (tx.attr(dir) !== undefined) tx.putDirStat(dir, stat);
      return stat;
    });
  });
}

function addPage(
  store: MetaStore,
  dir: Ino,
  after: Name | undefined,
  sum: DirStat,
): MaybePromise<DirStat> {
  return then(store.scanDentries(dir, after, PAGE, true), (rows) => {
    let { length, space, inodes } = sum;
    for (const { attr } of rows) {
      inodes++;
      // A name without a node counts as the empty node it may have been.
      length += attr === undefined ? 0 : dataLength(attr);
      space += attr === undefined ? 4096 : usageOf(attr);
    }
    const last = rows.at(-1);
    const next = { length, space, inodes };
    if (last === undefined || rows.length < PAGE) return next;
    return addPage(store, dir, last.name, next);
  });
}
