// What a journal is told by the person who mounts, and what it needs of the store around it.
import type Database from "better-sqlite3";
import type { Durably } from "./checkpointer.ts";
import type { WalSync } from "./wal-sync.ts";

export interface JournalOptions {
  readonly path: string;
  /** Bytes of the file; 64 MiB, or a part of a small disk, unless told. */
  readonly bytes?: number;
  /** Whether small fsynced data may stay in the journal for a while: only where blocks are on this host anyway. */
  readonly data: boolean;
}

/** What the journal needs of the store around it. */
export interface JournalHost {
  readonly db: Database.Database;
  readonly prefix: string;
  readonly wal: WalSync;
  readonly durably: Durably;
  /** UUID of the volume. */
  volume(): string;
  /** Looks whether others have changed the database, and calls `foreign` if so. */
  pollForeign(): void;
  commitEarly(): void;
  readonly isCommitted: boolean;
  readonly isIdle: boolean;
}
