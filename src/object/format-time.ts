// What `format` and `mount` do with a storage before they trust it (formats 9.4): the self-test, the empty prefix, and the
// object that names the volume. Storages are already below the volume's prefix.
import { randomBytes } from "node:crypto";
import { EEXIST, EIO, ENOENT, fault } from "../util/errno.ts";
import type { ObjectStorage } from "./storage.ts";

const UUID_KEY = "juicefs_uuid";
const TEST_BYTES = 100;
const ATTEMPTS = 3;
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/** Puts, reads back and deletes a small object. Throws the storage's own error after three attempts. */
export async function testStorage(storage: ObjectStorage): Promise<void> {
  if (process.env["JFS_NO_CHECK_OBJECT_STORAGE"] !== undefined) return;
  for (let attempt = 1; ; attempt++) {
    try {
      await testOnce(storage);
      return;
    } catch (e) {
      if (attempt === ATTEMPTS) throw e;
    }
  }
}

async function testOnce(storage: ObjectStorage): Promise<void> {
  const key = `testing/${[...randomBytes(10)].map((byte) => ALPHABET[byte % ALPHABET.length]).join("")}`;
  const body = randomBytes(TEST_BYTES);
  await storage.put(key, [body]);
  const stored = await storage.get(key);
  await storage.delete(key);
  await removeFolder(storage);
  if (Buffer.compare(body, stored) === 0) return;
  const hint = "the storage returned other bytes than were put: do not use it";
  throw fault(EIO, "test storage", { key: storage.name, hint });
}

/** A folder on a disk; elsewhere, or when somebody else tests too, there is nothing to remove. */
async function removeFolder(storage: ObjectStorage): Promise<void> {
  try {
    await storage.delete("testing/");
  } catch {
    // It disturbs nobody: an empty folder is no object.
  }
}

/** Throws EEXIST with a sentence when there is anything but self-tests below the volume's prefix. */
export async function refuseUsedStorage(storage: ObjectStorage): Promise<void> {
  for await (const { key, size } of storage.list("")) {
    if (size === 0 || key === "testing" || key.startsWith("testing/")) continue;
    const hint = `${storage.name} is not empty: choose another volume name or bucket, or empty it first`;
    throw fault(EEXIST, "format", { key, hint });
  }
}

/** Names the volume; durable, because `mount` refuses a storage without it. */
export async function putUuid(storage: ObjectStorage, uuid: string): Promise<void> {
  await storage.put(UUID_KEY, [Buffer.from(uuid, "latin1")], { durable: true });
}

/**
 * Throws a sentence when the storage is not the one the volume was formatted with, e.g. because its disk is not mounted:
 * new blocks would go to the wrong place and old ones seem lost.
 */
export async function checkUuid(storage: ObjectStorage, uuid: string): Promise<void> {
  let stored: string;
  try {
    stored = Buffer.from(await storage.get(UUID_KEY))
      .toString("latin1")
      .trim();
  } catch (e) {
    if (e !== ENOENT) throw e;
    const hint = `the folder is missing or not this volume's: mount its disk, or correct --bucket`;
    throw fault(EIO, "open storage", { key: `${storage.name}${UUID_KEY}`, hint });
  }
  if (stored === uuid) return;
  const hint = `it belongs to volume ${stored.slice(0, 36)}, not ${uuid}: correct --bucket`;
  throw fault(EIO, "open storage", { key: storage.name, hint });
}
