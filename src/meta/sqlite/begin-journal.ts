// A new journal for a volume: its identity, its size, and the place where it lies.
import { randomBytes } from "node:crypto";
import { existsSync, renameSync, statfsSync } from "node:fs";
import { dirname } from "node:path";
import { log } from "../../util/log.ts";
import type { Journal } from "../journal/journal.ts";
import { JOURNAL_BYTES, JournalFile } from "../journal/journal-file.ts";
import { JournalReader, openJournal } from "../journal/journal-reader.ts";
import type { JournalHost, JournalOptions } from "./journal-host.ts";
import { syncDirectoryNow } from "../../util/sync-directory.ts";

/** On a small disk the journal takes no more than this part of what is free. */
const PART_OF_FREE = 16;
const BYTES_MIN = 4 << 20;
const STEP_BYTES = 1 << 20;

/** Throws a sentence when it cannot be made. */
export function beginJournal({ path, bytes }: JournalOptions, host: JournalHost): Journal {
  if (existsSync(path)) {
    if (isKept(path)) throw new Error(`another process keeps ${path}: unmount it there`);
    const aside = `${path}.aside-${Date.now()}`;
    renameSync(path, aside);
    log("warn", `${path} belonged to no journal that this volume knows: it is kept as ${aside}`);
  }
  const identity = { volume: host.volume(), journal: randomBytes(16).toString("hex") };
  const journal = JournalFile.create(path, identity, {
    firstSequence: 1,
    bytes: bytes ?? fittingBytes(path),
    durably: (sync) => host.durably(sync),
  });
  // Before the row that names it: a row whose journal is missing is refused.
  syncDirectoryNow(dirname(path));
  return journal;
}

/** By a session that was thought to be dead. */
function isKept(path: string): boolean {
  try {
    const found = openJournal(path, undefined, false);
    if (found instanceof JournalReader) found.close();
    return found === "busy";
  } catch {
    return false;
  }
}

function fittingBytes(path: string): number {
  const { bavail, bsize } = statfsSync(dirname(path));
  const part = Math.floor((bavail * bsize) / PART_OF_FREE / STEP_BYTES) * STEP_BYTES;
  return Math.min(JOURNAL_BYTES, Math.max(BYTES_MIN, part));
}
