// The rows of a volume right after format, and what changes when it is formatted again (formats 4.5). Which fields may
// change is judged by the caller.
import type Database from "better-sqlite3";
import { formatText, parseFormat } from "../format-text.ts";
import type { Format } from "../format.ts";
import type { MetaTxn } from "../txn.ts";
import { type Attr, type CounterName, ROOT_INO, TRASH_INO, TYPE_DIRECTORY } from "../types.ts";

const FIRST_COUNTERS: readonly (readonly [CounterName, number])[] = [
  ["nextInode", 2],
  ["nextChunk", 1],
  ["nextSession", 0],
  ["usedSpace", 0],
  ["totalInodes", 0],
  ["nextCleanupSlices", 0],
];

/** Runs inside a transaction: `tx` of this `db`. */
export function writeFormat(
  db: Database.Database,
  prefix: string,
  tx: MetaTxn,
  format: Format,
): void {
  const stored = tx.setting();
  const old = stored === undefined ? undefined : parseFormat(stored);
  if (format.TrashDays > 0 && tx.attr(TRASH_INO) === undefined) {
    tx.putAttr(TRASH_INO, directory(tx, 0o555));
  }
  tx.putSetting(formatText(format));
  if (old === undefined) {
    tx.putAttr(ROOT_INO, directory(tx, 0o777));
    for (const [name, value] of FIRST_COUNTERS) tx.putCounter(name, value);
    return;
  }
  // Statistics that nobody kept up are worse than none. Not a change of one record, so not a mutation.
  if (format.DirStats === true && old.DirStats !== true)
    db.prepare(`DELETE FROM ${prefix}dir_stats`).run();
  if (format.UserGroupQuota === true && old.UserGroupQuota !== true) {
    db.prepare(`DELETE FROM ${prefix}user_group_quota`).run();
  }
}

function directory({ now }: MetaTxn, mode: number): Attr {
  return {
    type: TYPE_DIRECTORY,
    flags: 0,
    mode,
    uid: 0,
    gid: 0,
    rdev: 0,
    atime: now.sec,
    mtime: now.sec,
    ctime: now.sec,
    atimensec: now.nsec,
    mtimensec: now.nsec,
    ctimensec: now.nsec,
    nlink: 2,
    length: 4096,
    parent: ROOT_INO,
    accessAcl: 0,
    defaultAcl: 0,
    tier: 0,
  };
}
