// What a volume holds, counted over the store: for `status`.
import type { DentryRow, MetaStore } from "../meta/store.ts";
import { TRASH_INO, TYPE_FILE, type Ino } from "../meta/types.ts";

const PAGE = 1000;
/** Far beyond any date: all of them. */
const EVER = 2 ** 40;

export interface Pair {
  readonly count: number;
  readonly bytes: number;
}

/** What the hourly directories of .trash hold, from their own counters where the volume keeps them. */
export async function trashUsage(store: MetaStore, hasDirStats: boolean): Promise<Pair> {
  let count = 0;
  let bytes = 0;
  for (const { ino } of await allDentries(store, TRASH_INO, false)) {
    const stat = hasDirStats ? await store.read((tx) => tx.dirStat(ino)) : undefined;
    if (stat !== undefined) {
      count += stat.inodes;
      bytes += stat.length;
      continue;
    }
    const files = (await allDentries(store, ino, true)).filter(({ type }) => type === TYPE_FILE);
    count += files.length;
    bytes += files.reduce((sum, { attr }) => sum + (attr?.length ?? 0), 0);
  }
  return { count, bytes };
}

async function allDentries(store: MetaStore, dir: Ino, withAttrs: boolean): Promise<DentryRow[]> {
  const rows: DentryRow[] = [];
  for (;;) {
    const page = await store.scanDentries(dir, rows.at(-1)?.name, PAGE, withAttrs);
    rows.push(...page);
    if (page.length < PAGE) return rows;
  }
}

/** Deleted files whose data is still there. */
export async function delfileUsage(store: MetaStore): Promise<Pair> {
  const files = await store.scanDelfiles(EVER, Number.MAX_SAFE_INTEGER);
  return { count: files.length, bytes: files.reduce((sum, file) => sum + file.length, 0) };
}

/** Slices that a compaction replaced and the trash still holds. */
export async function delsliceUsage(store: MetaStore): Promise<Pair> {
  const lists = await store.scanDelslices(EVER, Number.MAX_SAFE_INTEGER);
  const slices = lists.flatMap((list) => list.slices);
  return { count: slices.length, bytes: slices.reduce((sum, slice) => sum + slice.size, 0) };
}

/** Slices that nothing refers to any more. */
export async function deadSliceUsage(store: MetaStore): Promise<Pair> {
  const slices = await store.scanDeadSlices(Number.MAX_SAFE_INTEGER);
  return { count: slices.length, bytes: slices.reduce((sum, slice) => sum + slice.size, 0) };
}

export interface VolumeUsage {
  readonly usedSpace: number;
  readonly usedInodes: number;
}

/** The counters of the volume; never below 0, as a crash may leave them. */
export async function usageOf(store: MetaStore): Promise<VolumeUsage> {
  return store.read((tx) => ({
    usedSpace: Math.max(0, tx.counter("usedSpace")),
    usedInodes: Math.max(0, tx.counter("totalInodes")),
  }));
}

const PEBI = 2 ** 50;

/** statfs of the whole volume as JuiceFS computes it: a volume without limits offers 1 PiB and 10 Mi inodes more. */
export function availability(
  usage: VolumeUsage,
  limits: { readonly Capacity?: number; readonly Inodes?: number },
): { readonly space: number; readonly inodes: number } {
  const { usedSpace, usedInodes } = usage;
  const capacity = limits.Capacity ?? 0;
  let total = capacity > 0 ? capacity : PEBI;
  if (capacity === 0) while (total * 8 < usedSpace * 10) total *= 2;
  const inodes = limits.Inodes ?? 0;
  let free = 10 * 2 ** 20;
  if (inodes > 0) free = Math.max(0, inodes - usedInodes);
  else while (usedInodes > free * 4) free *= 2;
  return { space: Math.max(0, total - usedSpace), inodes: free };
}
