// Empties hourly trash directories whose time has come (formats 15.4), a bounded batch at a time.
import { SYSTEM } from "../util/caller.ts";
import { ENOENT, ENOTEMPTY } from "../util/errno.ts";
import { trashHourTime } from "./names.ts";
import { removeTrashHour, rmdir, unlink } from "./ops/unlink.ts";
import type { DentryRow, MetaStore } from "./store.ts";
import type { MetaTxn } from "./txn.ts";
import type { Ino } from "./types.ts";
import { TRASH_INO, TYPE_DIRECTORY } from "./types.ts";
import type { Volume } from "./volume.ts";

const ENTRIES_PER_BODY = 100;
const HOURS_MAX = 10_000;

export interface ExpiryLimits {
  /** Unix seconds. */
  readonly now: number;
  /** True when the job must stop and go on another time. */
  mustStop(): boolean;
}

/** Removes everything older than the setting allows; answers the number of entries that went. */
export async function expireTrash(
  store: MetaStore,
  volume: Volume,
  limits: ExpiryLimits,
): Promise<number> {
  const hours = [...(await store.scanDentries(TRASH_INO, undefined, HOURS_MAX, false))];
  const oldest = limits.now - (24 * volume.trashDays + 2) * 3600;
  let removed = 0;
  for (const { name, ino } of hours.sort((a, b) => a.ino - b.ino)) {
    const begun = trashHourTime(name);
    if (begun === undefined) continue;
    // Made in the order of time: the first that is too young ends the search.
    if (begun >= oldest || limits.mustStop()) break;
    removed += await emptyDirectory(store, volume, ino, limits);
    await store.write((tx) => removeTrashHour(tx, volume, SYSTEM, name));
  }
  return removed;
}

async function emptyDirectory(
  store: MetaStore,
  volume: Volume,
  dir: Ino,
  limits: ExpiryLimits,
): Promise<number> {
  let removed = 0;
  for (let after: string | undefined; !limits.mustStop();) {
    const rows = await store.scanDentries(dir, after, ENTRIES_PER_BODY, false);
    const last = rows.at(-1);
    if (last === undefined) break;
    after = last.name;
    for (const row of rows) {
      // A tree put back together inside the trash.
      if (row.type === TYPE_DIRECTORY)
        removed += await emptyDirectory(store, volume, row.ino, limits);
    }
    removed += await store.write((tx) => removeAll(tx, volume, dir, rows));
    await new Promise((done) => setImmediate(done));
  }
  return removed;
}

/** One body for many entries. Each is judged as it is removed: what another client took or filled is skipped. */
function removeAll(tx: MetaTxn, volume: Volume, parent: Ino, rows: readonly DentryRow[]): number {
  let removed = 0;
  for (const { name, type } of rows) {
    try {
      const remove = type === TYPE_DIRECTORY ? rmdir : unlink;
      remove(tx, volume, SYSTEM, { parent, name, trash: 0 });
      removed++;
    } catch (e) {
      if (e !== ENOENT && e !== ENOTEMPTY) throw e;
    }
  }
  return removed;
}
