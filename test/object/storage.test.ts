// The storage contract, the same for every kind: what is put is got back, in parts too, listed in order, and gone when deleted.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FaultStorage } from "../../src/object/fault.ts";
import { FileStorage } from "../../src/object/file.ts";
import { MemStorage } from "../../src/object/mem.ts";
import { PrefixStorage } from "../../src/object/prefix.ts";
import type { ObjectStorage } from "../../src/object/storage.ts";
import { ENOENT } from "../../src/util/errno.ts";

const folder = mkdtempSync(join(tmpdir(), "jfs-storage-"));
const kinds: Readonly<Record<string, () => ObjectStorage>> = {
  file: () => new FileStorage(`${folder}/file/`, { create: true }),
  "file with a stem": () => new FileStorage(`${folder}/stem/vol-`, { create: true }),
  mem: () => new MemStorage(),
  "prefix of file": () =>
    new PrefixStorage(new FileStorage(`${folder}/prefix/`, { create: true }), "vol/"),
  "fault over mem": () => new FaultStorage(new MemStorage()),
};

const bytes = (text: string): Buffer => Buffer.from(text, "latin1");

async function keys(storage: ObjectStorage, prefix: string, after?: string): Promise<string[]> {
  const found: string[] = [];
  const options = after === undefined ? undefined : { after };
  for await (const { key } of storage.list(prefix, options)) found.push(key);
  return found;
}

async function failure(run: () => unknown): Promise<unknown> {
  try {
    await run();
  } catch (e) {
    return e;
  }
  return undefined;
}

for (const [name, make] of Object.entries(kinds)) {
  const test = suite(name);
  let storage: ObjectStorage;
  test.before(() => {
    storage = make();
  });
  test.after(() => storage.close());

  test("returns what was put, whole and in parts", async () => {
    await storage.put("a/b/one", [bytes("hello "), bytes(""), bytes("world")]);
    assert.is(Buffer.from(await storage.get("a/b/one")).toString(), "hello world");
    const part = await storage.get("a/b/one", { offset: 6, length: 3 });
    assert.is(Buffer.from(part).toString(), "wor");
    const cut = await storage.get("a/b/one", { offset: 9, length: 100 });
    assert.is(Buffer.from(cut).toString(), "ld");
    assert.is((await storage.get("a/b/one", { offset: 50, length: 1 })).length, 0);
    const { key, size, modifiedMs } = await storage.head("a/b/one");
    assert.equal({ key, size }, { key: "a/b/one", size: 11 });
    assert.ok(Math.abs(Date.now() - modifiedMs) < 3_600_000);
  });

  test("a put replaces an object, also with a shorter or an empty one", async () => {
    await storage.put("replace", [bytes("a long object")], { durable: true });
    await storage.put("replace", [bytes("short")]);
    assert.is(Buffer.from(await storage.get("replace")).toString(), "short");
    await storage.put("replace", []);
    assert.is((await storage.get("replace")).length, 0);
  });

  test("large objects come back as they were", async () => {
    const body = Buffer.alloc(3_000_001, 1).map((_, i) => (i * 7919) >> 5);
    await storage.put("large", [body.subarray(0, 1000), body.subarray(1000)]);
    assert.is(Buffer.compare(Buffer.from(await storage.get("large")), body), 0);
    const part = await storage.get("large", { offset: 999_999, length: 1_500_000 });
    assert.is(Buffer.compare(Buffer.from(part), body.subarray(999_999, 2_499_999)), 0);
  });

  test("a missing object is ENOENT, and deleting it is no error", async () => {
    assert.is(await failure(() => storage.get("none")), ENOENT);
    assert.is(await failure(() => storage.get("no/folder/none", { offset: 0, length: 1 })), ENOENT);
    assert.is(await failure(() => storage.head("none")), ENOENT);
    await storage.delete("none");
    await storage.delete("no/folder/none");
    await storage.put("gone", [bytes("x")]);
    await storage.delete("gone");
    assert.is(await failure(() => storage.get("gone")), ENOENT);
  });

  test("lists keys in order, below a prefix, after a key", async () => {
    const all = ["l/a-b", "l/a.x", "l/a/1", "l/a/2", "l/a0", "l/b/c/d", "l/z"];
    for (const key of all.toReversed()) await storage.put(key, [bytes(key)]);
    assert.equal(await keys(storage, "l/"), all.toSorted());
    assert.equal(await keys(storage, "l/a"), all.slice(0, 5).toSorted());
    assert.equal(await keys(storage, "l/a/"), ["l/a/1", "l/a/2"]);
    assert.equal(await keys(storage, "l/b/c"), ["l/b/c/d"]);
    assert.equal(await keys(storage, "nothing/"), []);
    for (const after of all) {
      assert.equal(
        await keys(storage, "l/", after),
        all.filter((key) => key > after).toSorted(),
        after,
      );
    }
  });

  test("after sync nothing is unsynced", async () => {
    await storage.put("unsynced", [bytes("x")]);
    await storage.sync();
    assert.is(storage.hasUnsynced, false);
  });
  test.run();
}
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
