// What an engine offers above single transactions: running bodies, id batches, cursors over unbounded sets, durability.
import type { MaybePromise } from "../util/maybe.ts";
import type { DataFrame } from "./journal/journal.ts";
import type { MetaRead, MetaTxn } from "./txn.ts";
import type { Attr, Delfile, Delslices, Ino, Name, Session } from "./types.ts";

export interface DentryRow {
  readonly name: Name;
  readonly ino: Ino;
  readonly type: number;
  /** Present when asked for and the inode record exists. */
  readonly attr?: Attr;
}

export type IdCounter = "nextInode" | "nextChunk" | "nextSession" | "nextTrash";

export interface MetaStore extends AsyncDisposable {
  readonly name: string;
  readonly capabilities: {
    /** Scans see one moment of the volume. */
    readonly snapshotScan: boolean;
    /** Whether addCounter/addDirStat are part of the transaction or added once a second. */
    readonly counters: "transactional" | "batched";
  };

  /** Runs a body that only reads. In place: answers in this call. */
  read<T>(body: (tx: MetaRead) => T): MaybePromise<T>;
  /** Runs a body and commits it. Outside a turn the change is committed when this returns (or resolves); inside a turn
   *  an in-place engine returns at once and the answer may not leave before `endTurn` succeeded. */
  write<T>(body: (tx: MetaTxn) => T): MaybePromise<T>;

  /** From here to `endTurn` reads and writes share one transaction (engines in place); else a no-op. Not nested. */
  beginTurn(): void;
  /** Commits the turn. Throws (ENOSPC, EIO) when the commit failed: then nothing of the turn has happened. */
  endTurn(): void;
  /** True when the open turn has written, so that answers must wait for its commit. */
  readonly turnIsDirty: boolean;

  /** Takes `count` ids of a counter in a transaction of its own; the first of them. Ids are 1 or more (inodes 2 or more). */
  allocate(counter: IdCounter, count: number): MaybePromise<number>;
  /** Everything committed before the call survives a power cut when this resolves. Shared by all who wait. */
  sync(): Promise<void>;
  /** Present in engines that keep a journal. */
  readonly journal?: DataJournal | undefined;
  /** Called when another client has changed the volume since our own last commit (best effort, within a second). */
  onForeignChange(listener: () => void): void;

  /** A page of a directory in an order that stays stable between pages; `after` = the last name of the page before. */
  scanDentries(
    dir: Ino,
    after: Name | undefined,
    limit: number,
    withAttrs: boolean,
  ): MaybePromise<readonly DentryRow[]>;
  scanSessions(): MaybePromise<readonly Session[]>;
  scanSustained(sid: number, limit: number): MaybePromise<readonly Ino[]>;
  /** Files deleted before `before` (unix seconds), oldest first. */
  scanDelfiles(before: number, limit: number): MaybePromise<readonly Delfile[]>;
  scanDelslices(before: number, limit: number): MaybePromise<readonly Delslices[]>;
  /** Slices whose references are gone. */
  scanDeadSlices(
    limit: number,
  ): MaybePromise<readonly { readonly id: number; readonly size: number }[]>;
  /** The chunks of a file from `first` on, with their records. */
  scanChunks(
    ino: Ino,
    first: number,
    limit: number,
  ): MaybePromise<readonly { readonly index: number; readonly records: Uint8Array }[]>;
  /** Locks held by a session, for `status`. */
  scanLocks(
    sid: number,
  ): MaybePromise<{ readonly flocks: readonly LockRow[]; readonly plocks: readonly PlockRow[] }>;
}

/** A journal of small fsynced data, and what it must know of the world. */
export interface DataJournal {
  /** True while `appendData` may take something. */
  readonly takesData: boolean;
  /** The bytes survive the death of the process now, and a power cut after the next `sync`. False = not taken. */
  appendData(frame: DataFrame): boolean;
  /** The inode is gone: its frames are not needed. */
  forgetData(ino: Ino): void;
  /** Called when slices whose bytes are in the journal should be committed soon. */
  onPressure(listener: () => void): void;
  /** Whether nobody else than session `sid`, which is ours, lives on the volume. */
  setExclusive(isExclusive: boolean, sid: number): void;
  /** The session of the process that left a journal behind and is known to be dead; 0 = none. */
  readonly deadSession: number;
}

export interface LockRow {
  readonly ino: Ino;
  readonly sid: number;
  /** Unsigned 64-bit owner. */
  readonly owner: bigint;
  readonly type: "R" | "W";
}
export interface PlockRow {
  readonly ino: Ino;
  readonly sid: number;
  readonly owner: bigint;
  /** n * 24 bytes (formats 7.2). */
  readonly records: Uint8Array;
}
