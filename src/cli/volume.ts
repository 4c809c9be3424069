// Opens the metadata of a volume, and reads or changes its setting.
import type { Durably } from "../meta/sqlite/checkpointer.ts";
import type { RecoveryMode } from "../meta/sqlite/left-journal.ts";
import type { JournalOptions } from "../meta/sqlite/journal-host.ts";
import { openSqlite, type SqliteStore } from "../meta/engines/sqlite.ts";
import { formatText, parseFormat } from "../meta/format-text.ts";
import type { Format } from "../meta/format.ts";
import type { MetaStore } from "../meta/store.ts";
import { checkUsable } from "./format-settings.ts";
import type { MetaAddress } from "./meta-address.ts";
import { UserError } from "./user-error.ts";
import { sessionVersion } from "./version.ts";

export interface OpenOptions {
  /** Make the database when it is missing. */
  readonly create?: boolean;
  /** Runs what makes metadata durable, when all that it names is. */
  readonly durably?: Durably;
  /** What becomes of the journal of a mount that died; commands that may write have it replayed. */
  readonly recovery?: RecoveryMode;
  readonly journal?: JournalOptions | undefined;
}

/** Throws a sentence when there is no such database, or it is none of ours. */
export function openStore(address: MetaAddress, options: OpenOptions = {}): SqliteStore {
  return openSqlite(address.path, {
    tablePrefix: address.tablePrefix,
    create: options.create ?? false,
    recovery: options.recovery ?? "look",
    ...(options.journal === undefined ? {} : { journal: options.journal }),
    ...(options.durably === undefined ? {} : { checkpoint: { durably: options.durably } }),
  });
}

/** Undefined when the database holds no volume. */
export async function readFormat(store: MetaStore): Promise<Format | undefined> {
  const text = await store.read((tx) => tx.setting());
  return text === undefined ? undefined : parseFormat(text);
}

/** Throws UserError when the database holds no volume. */
export async function existingFormat(store: MetaStore): Promise<Format> {
  const format = await readFormat(store);
  if (format !== undefined) return format;
  throw new UserError("database is not formatted, please run `jfs format META-URL NAME` first");
}

/** The setting of a volume that this jfs can read and write. Throws UserError. */
export async function usableFormat(store: MetaStore): Promise<Format> {
  const format = await existingFormat(store);
  checkUsable(format, sessionVersion());
  return format;
}

/** True when the volume has blocks, or had some once. */
export async function hasSlices(store: MetaStore): Promise<boolean> {
  return (await store.read((tx) => tx.counter("nextChunk"))) > 1;
}

/** The setting as it may be shown: in JuiceFS's order, without what opens the object store. */
export function shownFormat(format: Format): Readonly<Record<string, unknown>> {
  const shown = JSON.parse(formatText(format)) as Record<string, unknown>;
  for (const name of ["SecretKey", "SessionToken", "EncryptKey"]) {
    if (shown[name] !== undefined) shown[name] = "removed";
  }
  return shown;
}
