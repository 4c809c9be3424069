// What format and mount check before they trust a storage, and the kinds that are refused by name.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { StorageSetting } from "../../src/object/create.ts";
import { createStorage } from "../../src/object/create.ts";
import { FaultStorage } from "../../src/object/fault.ts";
import {
  checkUuid,
  putUuid,
  refuseUsedStorage,
  testStorage,
} from "../../src/object/format-time.ts";
import { MemStorage } from "../../src/object/mem.ts";
import { EACCES, EIO, FsFault } from "../../src/util/errno.ts";

const scratch = mkdtempSync(join(tmpdir(), "jfs-format-"));
test.after(() => rmSync(scratch, { recursive: true, force: true }));

const UUID = "2d2e5b6c-8a3f-4c43-9d3e-0d7a8a3b9c11";
const setting: StorageSetting = {
  Name: "vol",
  UUID,
  Storage: "file",
  Bucket: `${scratch}/bucket/`,
};

async function failure(run: () => unknown): Promise<FsFault> {
  try {
    await run();
  } catch (e) {
    assert.instance(e, FsFault);
    return e as FsFault;
  }
  throw new Error("expected a fault");
}

test("a new bucket is made, tested, named, and then opens", async () => {
  const storage = createStorage(setting, { create: true });
  await refuseUsedStorage(storage);
  await testStorage(storage);
  await refuseUsedStorage(storage);
  assert.equal(readdirSync(join(scratch, "bucket/vol")), [], "the self-test leaves nothing");
  await putUuid(storage, UUID);
  assert.is(readFileSync(join(scratch, "bucket/vol/juicefs_uuid"), "latin1"), UUID);
  await storage.close();
  const again = createStorage(setting);
  await checkUuid(again, UUID);
  assert.is(again.name, `file://${scratch}/bucket/vol/`);
  await again.close();
});

test("a folder with objects is no place for a new volume", async () => {
  mkdirSync(join(scratch, "used/vol/chunks/0/0"), { recursive: true });
  const storage = createStorage({ ...setting, Bucket: `${scratch}/used/` });
  mkdirSync(join(scratch, "used/vol/testing"));
  writeFileSync(join(scratch, "used/vol/testing/abc"), "x");
  writeFileSync(join(scratch, "used/vol/empty"), "");
  await refuseUsedStorage(storage);
  writeFileSync(join(scratch, "used/vol/chunks/0/0/1_0_1"), "x");
  const e = await failure(() => refuseUsedStorage(storage));
  assert.match(e.message, /not empty/);
  await storage.close();
});

test("the wrong folder, or one whose disk is not mounted, is refused at mount", async () => {
  mkdirSync(join(scratch, "empty"));
  const empty = createStorage({ ...setting, Bucket: `${scratch}/empty/` });
  const missing = await failure(() => checkUuid(empty, UUID));
  assert.is(missing.errno, EIO.errno);
  assert.match(missing.hint ?? "", /mount its disk/);
  assert.equal(readdirSync(join(scratch, "empty")), []);
  await putUuid(empty, "other");
  assert.match((await failure(() => checkUuid(empty, UUID))).hint ?? "", /belongs to volume other/);
  await empty.close();
  const gone = await failure(() => createStorage({ ...setting, Bucket: `${scratch}/none/` }));
  assert.match(gone.hint ?? "", /vanished/);
});

test("kinds that are not there yet are refused by name", async () => {
  for (const [change, word] of [
    [{ Storage: "s3" }, /storage "s3"/],
    [{ Shards: 4 }, /shards/],
    [{ EncryptKey: "-----BEGIN" }, /encryption/],
  ] as const) {
    const e = await failure(() => createStorage({ ...setting, ...change }));
    assert.match(e.message, word);
  }
});

test("the self-test tries three times, then gives the storage's error", async () => {
  const storage = new FaultStorage(new MemStorage());
  storage.fail("put", 1, EIO);
  storage.fail("put:after", 1, EIO);
  await testStorage(storage);
  assert.is(storage.calls("put"), 3);
  for (const n of [1, 2, 3]) storage.fail("put", n, EACCES);
  try {
    await testStorage(storage);
    assert.unreachable();
  } catch (e) {
    assert.is(e, EACCES);
  }
});

test.run();
