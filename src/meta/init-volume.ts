// The rows of a new volume, and what formatting an existing one again does to every engine's (formats 4.5).
import { newAttr } from "./attr.ts";
import type { Format } from "./format.ts";
import type { MetaTxn } from "./txn.ts";
import type { CounterName, Ino } from "./types.ts";
import { ROOT_INO, TRASH_INO, TYPE_DIRECTORY } from "./types.ts";

const FIRST_COUNTERS: readonly (readonly [CounterName, number])[] = [
  ["nextInode", 2],
  ["nextChunk", 1],
  ["nextSession", 0],
  ["usedSpace", 0],
  ["totalInodes", 0],
  ["nextCleanupSlices", 0],
];

/** Makes the store a volume. `text` = the setting as it is stored. */
export function initVolume(tx: MetaTxn, format: Format, text: string): void {
  const isNew = tx.setting() === undefined;
  if (format.TrashDays > 0 && tx.attr(TRASH_INO) === undefined) putRoot(tx, TRASH_INO, 0o555);
  tx.putSetting(text);
  if (!isNew) return;
  putRoot(tx, ROOT_INO, 0o777);
  for (const [name, value] of FIRST_COUNTERS) tx.putCounter(name, value);
}

function putRoot(tx: MetaTxn, ino: Ino, mode: number): void {
  const attr = newAttr(TYPE_DIRECTORY, ROOT_INO, tx.now);
  attr.mode = mode;
  tx.putAttr(ino, attr);
}
