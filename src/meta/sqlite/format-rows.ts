// Formatting a database, for the first time or again: the rows of every volume, and the tables that a changed setting makes
// stale (formats 4.5). Which fields may change is judged by the caller.
import type Database from "better-sqlite3";
import { formatText, parseFormat } from "../format-text.ts";
import type { Format } from "../format.ts";
import { initVolume } from "../init-volume.ts";
import type { MetaTxn } from "../txn.ts";

/** Runs inside a transaction: `tx` of this `db`. */
export function writeFormat(
  db: Database.Database,
  prefix: string,
  tx: MetaTxn,
  format: Format,
): void {
  const stored = tx.setting();
  initVolume(tx, format, formatText(format));
  if (stored === undefined) return;
  const old = parseFormat(stored);
  // Statistics that nobody kept up are worse than none. Not a change of one record, so not a mutation.
  if (format.DirStats === true && old.DirStats !== true)
    db.prepare(`DELETE FROM ${prefix}dir_stats`).run();
  if (format.UserGroupQuota === true && old.UserGroupQuota !== true) {
    db.prepare(`DELETE FROM ${prefix}user_group_quota`).run();
  }
}
