// Takes the journal that a dead mount left. Others may come at the same time: one recovers it, and who wants to write waits
// until that is done; who only looks is in nobody's way.
import type Database from "better-sqlite3";
import { type JournalFound, type JournalReader, openJournal } from "../journal/journal-reader.ts";
import { SqliteOpenError } from "./connection.ts";
import { type JournalRow, markRecovering, readJournalRow } from "./journal-row.ts";

/** "look" only tells what is there; "discard" gives up what the journal says. */
export type RecoveryMode = "look" | "replay" | "discard";

export interface Left {
  readonly row: JournalRow;
  /** Holds the lock, unless for a look; undefined when the file is missing. */
  readonly reader: JournalReader | undefined;
}

/** Between two looks at a journal that somebody has. */
const PAUSE_MS = 20;
/** So often a journal is found locked by a process that serves the volume: others have it for less, or say so in the row. */
const LOOKS = 4;
const WAIT_MS_MAX = 60_000;

/** Undefined when the volume has no journal, or a living process keeps it. Blocks while another recovers it. Throws
 *  SqliteOpenError. */
export function takeJournal(
  db: Database.Database,
  prefix: string,
  mode: RecoveryMode,
): Left | undefined {
  const end = performance.now() + WAIT_MS_MAX;
  let last: JournalRow | undefined;
  for (let looks = 1; ; looks++) {
    const row = readJournalRow(db, prefix);
    if (row === undefined) return undefined;
    const reader = openLeft(row.path, mode !== "look");
    // Missing twice: it was not removed just now by somebody who has recovered it.
    if (reader === "none" && last?.journal === row.journal) return { row, reader: undefined };
    last = row;
    if (reader === "none") continue;
    if (reader !== "busy") return taken(db, prefix, row, reader, mode);
    if (mode === "look" || (looks >= LOOKS && !row.isRecovering)) return undefined;
    if (performance.now() > end) {
      throw new SqliteOpenError(
        `another process recovers the journal ${row.path}: try again when it is done`,
      );
    }
    pause(PAUSE_MS);
  }
}

/** From here on others wait, or know by the row that has gone. */
function taken(
  db: Database.Database,
  prefix: string,
  row: JournalRow,
  reader: JournalReader,
  mode: RecoveryMode,
): Left {
  if (mode === "look") return { row, reader };
  try {
    markRecovering(db, prefix);
  } catch (cause) {
    reader.close();
    throw cause;
  }
  return { row, reader };
}

function openLeft(path: string, holds: boolean): JournalFound {
  try {
    return openJournal(path, undefined, holds);
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new SqliteOpenError(`${text}, or mount with --journal=discard to go on without it`, {
      cause,
    });
  }
}

/** Nothing is served yet. */
function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
