// Where the journal of a volume lies: beside its database, or in a folder on another disk.
import { basename, join } from "node:path";
import { accessSync, constants, statSync } from "node:fs";
import type { MetaAddress } from "./meta-address.ts";
import { UserError } from "./user-error.ts";

/** Not "-journal": that name is SQLite's. Throws UserError when the folder is none that we may write to. */
export function journalPath(address: MetaAddress, folder: string | undefined): string {
  const { path, tablePrefix } = address;
  const name = `${basename(path)}-${tablePrefix.slice(0, -1)}-redo`;
  if (folder === undefined) return `${path}-${tablePrefix.slice(0, -1)}-redo`;
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new UserError(`--journal-dir ${folder} is no directory: make it first`);
  }
  try {
    accessSync(folder, constants.W_OK);
  } catch {
    throw new UserError(`--journal-dir ${folder} cannot be written to: check its rights`);
  }
  return join(folder, name);
}
