// Opens the object store that a setting names, and proves at format time that it works and is nobody else's.
import { randomBytes } from "node:crypto";
import type { Format } from "../meta/format.ts";
import { FileStorage } from "../object/file.ts";
import { PrefixStorage } from "../object/prefix.ts";
import type { ObjectStorage } from "../object/storage.ts";
import { ENOENT, FsFault } from "../util/errno.ts";
import { UserError, sentenceOf } from "./user-error.ts";

/** All objects of a volume lie below its name. Throws UserError when the folder cannot be used. */
export function openStorage(
  format: Pick<Format, "Bucket" | "Name">,
  options: { readonly create?: boolean } = {},
): ObjectStorage {
  try {
    return new PrefixStorage(new FileStorage(format.Bucket, options), `${format.Name}/`);
  } catch (error) {
    throw storageError(format.Bucket, error);
  }
}

function storageError(name: string, error: unknown): UserError {
  const hint = error instanceof FsFault ? error.hint : undefined;
  return new UserError(
    `the folder for the blocks cannot be used: ${hint ?? `${name}: ${sentenceOf(error)}`}`,
  );
}

/** Puts, reads and deletes an object under `testing/`. Throws UserError. */
export async function probeStorage(storage: ObjectStorage): Promise<void> {
  const key = `testing/${randomBytes(5).toString("hex")}`;
  const data = randomBytes(100);
  try {
    await storage.put(key, [data]);
    const read = await storage.get(key);
    if (!data.equals(read)) throw new Error("it gives back other bytes than were put");
    await storage.delete(key);
  } catch (error) {
    throw storageError(storage.name, error);
  }
}

const UUID_KEY = "juicefs_uuid";

/** Refuses a place that holds somebody's objects, then marks it as this volume's. Throws UserError. */
export async function claimStorage(storage: ObjectStorage, uuid: string): Promise<void> {
  for await (const { key, size } of storage.list("")) {
    if (size === 0 || key === "testing" || key.startsWith("testing/")) continue;
    throw new UserError(
      `Storage ${storage.name} is not empty; please clean it up or pick another volume name`,
    );
  }
  await storage.put(UUID_KEY, [Buffer.from(uuid)], { durable: true });
}

/** Refuses the blocks of another volume, and a folder that lacks those of this one: its disk may not be mounted.
 *  Throws UserError. */
export async function checkOwner(
  storage: ObjectStorage,
  uuid: string,
  hasBlocks: boolean,
): Promise<void> {
  const owner = await readOwner(storage);
  if (owner === uuid) return;
  if (owner !== undefined) {
    throw new UserError(
      `${storage.name} holds the blocks of another volume (${owner}, not ${uuid}): name the right folder by --bucket`,
    );
  }
  // Volumes need no mark, but those without one still have blocks.
  if (!hasBlocks) return;
  if (await hasObject(storage, "chunks")) return;
  throw new UserError(
    `${storage.name} has no blocks of this volume: mount the disk that holds them, or name their folder by --bucket`,
  );
}

/** A folder counts too. */
async function hasObject(storage: ObjectStorage, key: string): Promise<boolean> {
  try {
    await storage.head(key);
    return true;
  } catch (error) {
    if (error === ENOENT) return false;
    throw storageError(storage.name, error);
  }
}

async function readOwner(storage: ObjectStorage): Promise<string | undefined> {
  try {
    return Buffer.from(await storage.get(UUID_KEY))
      .toString()
      .trim();
  } catch (error) {
    if (error === ENOENT) return undefined;
    throw storageError(storage.name, error);
  }
}

/** Undoes `claimStorage` when the volume could not be made after all. */
export async function unclaimStorage(storage: ObjectStorage): Promise<void> {
  await storage.delete(UUID_KEY);
}
