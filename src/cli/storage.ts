// Opens the object store that a setting names, and proves at format time that it works and is nobody else's.
import { randomBytes } from "node:crypto";
import type { Format } from "../meta/format.ts";
import { FileStorage } from "../object/file.ts";
import { PrefixStorage } from "../object/prefix.ts";
import type { ObjectStorage } from "../object/storage.ts";
import { FsFault } from "../util/errno.ts";
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

/** Undoes `claimStorage` when the volume could not be made after all. */
export async function unclaimStorage(storage: ObjectStorage): Promise<void> {
  await storage.delete(UUID_KEY);
}
