// What a journal that was left behind still has to say: changes that were acknowledged and not committed are applied
// when the database is opened, bytes that were fsynced and not stored wait for a mount that can store them.
import { existsSync, renameSync } from "node:fs";
import type Database from "better-sqlite3";
import { log } from "../../util/log.ts";
import { decodeData } from "../journal/data-frame.ts";
import { FRAME_DATA, FRAME_MUTATIONS } from "../journal/journal.ts";
import type { DataFrame } from "../journal/journal.ts";
import type { JournalReader } from "../journal/journal-reader.ts";
import type { Mutation } from "../mutation.ts";
import { decodeMutations } from "../mutation-codec.ts";
import { decodeSlices } from "../slices.ts";
import { SqliteOpenError } from "./connection.ts";
import { type JournalRow, dropJournalRow, readJournalRow, sessionsOf } from "./journal-row.ts";
import { type RecoveryMode, takeJournal } from "./left-journal.ts";

export interface Found {
  readonly row: JournalRow;
  readonly reader: JournalReader;
  /** Mutation frames that the database has not seen. */
  readonly unapplied: number;
  /** Data frames, by sequence number, with bytes of slices that were never committed. */
  readonly data: ReadonlySet<number>;
  /** Slices that were committed. */
  readonly committed: ReadonlySet<number>;
}

/** Undefined when there is nothing to recover, or a living process keeps the journal. Throws SqliteOpenError when it cannot
 *  be used and `mode` is to replay it; only looking says so, discarding keeps it aside. */
export function findJournal(
  db: Database.Database,
  prefix: string,
  volume: string,
  mode: RecoveryMode,
): Found | undefined {
  try {
    return openFound(db, prefix, volume, mode);
  } catch (cause) {
    if (!(cause instanceof SqliteOpenError) || mode === "replay") throw cause;
    log("warn", cause.message);
    const row = readJournalRow(db, prefix);
    if (mode === "discard" && row !== undefined) giveUp(db, prefix, row);
    return undefined;
  }
}

/** Throws SqliteOpenError, whose message says what to do. */
function openFound(
  db: Database.Database,
  prefix: string,
  volume: string,
  mode: RecoveryMode,
): Found | undefined {
  const left = takeJournal(db, prefix, mode);
  if (left === undefined) return undefined;
  const { row, reader } = left;
  const { path } = row;
  if (reader === undefined) throw new SqliteOpenError(`the journal ${path} is missing, ${ADVICE}`);
  try {
    const { identity } = reader;
    if (identity.volume !== volume || identity.journal !== row.journal) {
      throw new SqliteOpenError(
        `${path} is not the journal that this volume was left with, ${ADVICE}`,
      );
    }
    if (reader.firstSequence > Math.min(row.applied + 1, row.dataFrom)) {
      throw new SqliteOpenError(`the older half of the journal ${path} is damaged, ${ADVICE}`);
    }
    return examine(reader, row, storedSlices(db, prefix));
  } catch (cause) {
    reader.close();
    throw cause;
  }
}

const ADVICE =
  "and it may hold changes that were acknowledged: bring it back, or mount with --journal=discard to go on without it";

/** Keeps what is there under another name. The row goes first: a journal without its row is kept as well, but a row without
 *  its journal would have the next mount refused. */
function giveUp(db: Database.Database, prefix: string, row: JournalRow): string {
  const aside = asideOf(row);
  dropJournalRow(db, prefix);
  if (existsSync(row.path)) renameSync(row.path, aside);
  return aside;
}

function asideOf({ path, journal }: JournalRow): string {
  return `${path}.aside-${journal.slice(0, 8)}`;
}

/** Tells whether the database knows a slice. A power cut may take the frame that says so from the journal and leave the
 *  COMMIT that came later; a slice that the database has forgotten again was told by a frame that was synced before. */
function storedSlices(db: Database.Database, prefix: string): (id: number) => boolean {
  const statement = db.prepare<[number]>(`SELECT 1 FROM ${prefix}chunk_ref WHERE chunkid=?`);
  return (id) => statement.get(id) !== undefined;
}

function examine(reader: JournalReader, row: JournalRow, isStored: (id: number) => boolean): Found {
  const committed = new Set<number>(row.covered);
  const dataFrames: { readonly sequence: number; readonly ids: readonly number[] }[] = [];
  let unapplied = 0;
  for (const { sequence, kind, payload } of reader.frames()) {
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
    for (const id of ids) if (!committed.has(id) && isStored(id)) committed.add(id);
    if (ids.some((id) => !committed.has(id))) data.add(sequence);
  }
  return { row, reader, unapplied, data, committed };
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
  const aside = giveUp(db, prefix, row);
  reader.close();
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
