// What a journal that was left behind still has to say: changes that were acknowledged and not committed are applied
// when the database is opened, bytes that were fsynced and not stored wait for a mount that can store them.
import { renameSync } from "node:fs";
import type Database from "better-sqlite3";
import { decodeData } from "../journal/data-frame.ts";
import { FRAME_DATA, FRAME_MUTATIONS } from "../journal/journal.ts";
import type { DataFrame } from "../journal/journal.ts";
import { type JournalFound, type JournalReader, openJournal } from "../journal/journal-reader.ts";
import type { Mutation } from "../mutation.ts";
import { decodeMutations } from "../mutation-codec.ts";
import { decodeSlices } from "../slices.ts";
import { SqliteOpenError } from "./connection.ts";
import { type JournalRow, dropJournalRow, readJournalRow, sessionsOf } from "./journal-row.ts";

/** "look" only tells what is there; "discard" gives up what the journal says. */
export type RecoveryMode = "look" | "replay" | "discard";

export interface Found {
  readonly row: JournalRow;
  readonly reader: JournalReader;
  /** Mutation frames that the database has not seen. */
  readonly unapplied: number;
  /** Of the last whole frame. */
  readonly lastSequence: number;
  /** Data frames, by sequence number, with bytes of slices that were never committed. */
  readonly data: ReadonlySet<number>;
  /** Slices that were committed. */
  readonly committed: ReadonlySet<number>;
}

/** Undefined when there is nothing to recover, or a living process keeps the journal. Throws SqliteOpenError. */
export function findJournal(
  db: Database.Database,
  prefix: string,
  volume: string,
  mode: RecoveryMode,
): Found | undefined {
  const row = readJournalRow(db, prefix);
  if (row === undefined) return undefined;
  const reader = openLeft(row.path);
  if (reader === "busy") return undefined;
  if (reader === "none") {
    if (mode === "replay") throw new SqliteOpenError(missing(row.path));
    if (mode === "discard") dropJournalRow(db, prefix);
    return undefined;
  }
  try {
    const { identity } = reader;
    if (identity.volume !== volume || identity.journal !== row.journal) {
      throw new SqliteOpenError(
        `${row.path} is not the journal that this volume was left with: bring that one back, or mount with --journal=discard to go on without it`,
      );
    }
    return examine(reader, row);
  } catch (cause) {
    reader.close();
    throw cause;
  }
}

function openLeft(path: string): JournalFound {
  try {
    return openJournal(path);
  } catch (cause) {
    throw new SqliteOpenError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

function missing(path: string): string {
  return `the journal ${path} is missing, and may hold changes that were acknowledged: bring it back, or mount with --journal=discard to go on without it`;
}

function examine(reader: JournalReader, row: JournalRow): Found {
  const committed = new Set<number>(row.covered);
  const dataFrames: { readonly sequence: number; readonly ids: readonly number[] }[] = [];
  let unapplied = 0;
  let lastSequence = row.applied;
  for (const { sequence, kind, payload } of reader.frames()) {
    lastSequence = Math.max(lastSequence, sequence);
    if (kind === FRAME_MUTATIONS) {
      if (sequence > row.applied) unapplied++;
      for (const id of slicesOf(decodeMutations(payload))) committed.add(id);
    } else if (kind === FRAME_DATA && sequence >= row.dataFrom) {
      const ids = decodeData(payload).extents.map(({ sliceId }) => sliceId);
      dataFrames.push({ sequence, ids });
    }
  }
  const data = new Set<number>();
  for (const { sequence, ids } of dataFrames) {
    if (ids.some((id) => !committed.has(id))) data.add(sequence);
  }
  return { row, reader, unapplied, lastSequence, data, committed };
}

function* slicesOf(mutations: readonly Mutation[]): Iterable<number> {
  for (const m of mutations) {
    if (m.kind === "appendSlices") for (const { id } of decodeSlices(m.records) ?? []) yield id;
  }
}

/** True when somebody else has mounted the volume since: then the journal tells another history. */
export function isStale(db: Database.Database, prefix: string, { row }: Found): boolean {
  return sessionsOf(db, prefix) !== row.sessions;
}

/** Keeps a journal that cannot be replayed, under another name. Answers where. */
export function setAside(db: Database.Database, prefix: string, { row, reader }: Found): string {
  const aside = `${row.path}.aside-${row.journal.slice(0, 8)}`;
  renameSync(row.path, aside);
  reader.close();
  dropJournalRow(db, prefix);
  return aside;
}

/** The frames that the database has not seen, oldest first. */
export function* unappliedFrames({ reader, row }: Found): Iterable<readonly [number, Mutation[]]> {
  for (const { sequence, kind, payload } of reader.frames()) {
    if (kind === FRAME_MUTATIONS && sequence > row.applied) {
      yield [sequence, decodeMutations(payload)];
    }
  }
}

/** The bytes that have to be stored, in the order in which they were written. */
export function* uncommittedData({ reader, data, committed }: Found): Iterable<DataFrame> {
  for (const { sequence, payload } of reader.frames()) {
    if (!data.has(sequence)) continue;
    const frame = decodeData(payload);
    const extents = frame.extents.filter(({ sliceId }) => !committed.has(sliceId));
    yield { ...frame, extents };
  }
}
