// The usage of a directory's children: from its record, or by listing where the record is missing (formats 16.10).
import type { MaybePromise } from "../util/maybe.ts";
import { isPromise, then } from "../util/maybe.ts";
import type { MetaStore } from "./store.ts";
import { dataLength, usageOf } from "./attr.ts";
import type { DirStat, Ino, Name } from "./types.ts";
import type { Volume } from "./volume.ts";

const PAGE = 4096;
/** Listings of a large directory that changes meanwhile, before it is listed in one go. */
const TRIES = 3;
const NONE: DirStat = { length: 0, space: 0, inodes: 0 };

const isTrue = (s: DirStat): boolean => s.length >= 0 && s.space >= 0 && s.inodes >= 0;
const same = (a: DirStat | undefined, b: DirStat): boolean =>
  a?.length === b.length && a.space === b.space && a.inodes === b.inodes;

export function readDirStat(store: MetaStore, volume: Volume, dir: Ino): MaybePromise<DirStat> {
  return then(
    store.read((tx) => tx.dirStat(dir)),
    (known) => (known !== undefined && isTrue(known) ? known : computeDirStat(store, volume, dir)),
  );
}

/** Lists the directory and keeps the result. A page is listed in place on engines that answer in place: then nothing can come
 *  between. Requests are let in between the pages of a larger one. */
export function computeDirStat(store: MetaStore, volume: Volume, dir: Ino): MaybePromise<DirStat> {
  return then(store.scanDentries(dir, undefined, PAGE, true), (rows) => {
    if (rows.length < PAGE) return keep(store, volume, dir, add(NONE, rows));
    return volume.dirStats ? computeInTurns(store, volume, dir) : list(store, dir, true);
  });
}

/** What changes meanwhile is added to a mark that stands in the place of the record, and shows that the sum is not true. */
async function computeInTurns(store: MetaStore, volume: Volume, dir: Ino): Promise<DirStat> {
  for (let left = TRIES; left > 0; left--) {
    // Negative: everybody takes it for a record that cannot be true. Random: two who list do not take it for theirs.
    const mark = { ...NONE, inodes: -(2 ** 40) - Math.floor(Math.random() * 2 ** 40) };
    await keep(store, volume, dir, mark);
    const stat = await list(store, dir, true);
    const isKept = await store.write((tx) => {
      if (!same(tx.dirStat(dir), mark)) return false;
      tx.putDirStat(dir, stat);
      return true;
    });
    if (isKept) return stat;
  }
  return then(list(store, dir, false), (stat) => keep(store, volume, dir, stat));
}

function keep(store: MetaStore, volume: Volume, dir: Ino, stat: DirStat): MaybePromise<DirStat> {
  if (!volume.dirStats) return stat;
  return store.write((tx) => {
    if (tx.attr(dir) !== undefined) tx.putDirStat(dir, stat);
    return stat;
  });
}

/** The sum over all pages. In turns, or in place as far as the engine answers in place. */
function list(store: MetaStore, dir: Ino, inTurns: boolean): MaybePromise<DirStat> {
  let sum = NONE;
  let after: Name | undefined;
  const addPage = (rows: Awaited<ReturnType<MetaStore["scanDentries"]>>): boolean => {
    sum = add(sum, rows);
    after = rows.at(-1)?.name;
    return rows.length === PAGE;
  };
  const goOn = async (): Promise<DirStat> => {
    while (addPage(await store.scanDentries(dir, after, PAGE, true))) {
      if (inTurns) await new Promise((resume) => setImmediate(resume));
    }
    return sum;
  };
  if (inTurns) return goOn();
  for (;;) {
    const rows = store.scanDentries(dir, after, PAGE, true);
    if (isPromise(rows)) return rows.then((page) => (addPage(page) ? goOn() : sum));
    if (!addPage(rows)) return sum;
  }
}

function add(sum: DirStat, rows: Awaited<ReturnType<MetaStore["scanDentries"]>>): DirStat {
  let { length, space, inodes } = sum;
  for (const { attr } of rows) {
    inodes++;
    // A name without a node counts as the empty node it may have been.
    length += attr === undefined ? 0 : dataLength(attr);
    space += attr === undefined ? 4096 : usageOf(attr);
  }
  return { length, space, inodes };
}
