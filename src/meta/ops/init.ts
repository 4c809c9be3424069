// The rows of a new volume, and what changing the setting of an existing one does (formats 4.5).
import { newAttr } from "../attr.ts";
import type { Format } from "../format.ts";
import type { MetaTxn } from "../txn.ts";
import { ROOT_INO, TRASH_INO, TYPE_DIRECTORY } from "../types.ts";

/** Makes the store a volume. `text` = the setting as it is stored. */
export function initVolume(tx: MetaTxn, format: Format, text: string): void {
  if (tx.setting() === undefined) {
    tx.putCounter("nextInode", 2);
    tx.putCounter("nextChunk", 1);
    tx.putCounter("nextSession", 0);
    tx.putCounter("usedSpace", 0);
    tx.putCounter("totalInodes", 0);
    tx.putCounter("nextCleanupSlices", 0);
    putRoot(tx, ROOT_INO, 0o777);
    if (format.TrashDays > 0) putRoot(tx, TRASH_INO, 0o555);
  } else if (format.TrashDays > 0 && tx.attr(TRASH_INO) === undefined) {
    putRoot(tx, TRASH_INO, 0o555);
  }
  tx.putSetting(text);
}

function putRoot(tx: MetaTxn, ino: number, mode: number): void {
  const attr = newAttr(TYPE_DIRECTORY, ROOT_INO, tx.now);
  attr.mode = mode;
  tx.putAttr(ino, attr);
}
