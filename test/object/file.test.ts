// What only a folder can do wrong: half-written files, kills, a full disk, a folder that is not there, syncs.
import { spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  statfsSync,
} from "node:fs";
import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { FileStorage } from "../../src/object/file.ts";
import { isTemporary } from "../../src/object/file-list.ts";
import { UnsyncedFiles } from "../../src/object/unsynced.ts";
import { allocatePages } from "../../src/util/pages.ts";
import { EACCES, EIO, ENOSPC, EROFS, FsFault } from "../../src/util/errno.ts";
import { hasCommand, skip, skipMissing } from "../support/skip.ts";

const scratch = mkdtempSync(join(tmpdir(), "jfs-file-"));
let folders = 0;
function newFolder(): string {
  const folder = join(scratch, String(folders++));
  mkdirSync(folder);
  return folder;
}
test.after(() => rmSync(scratch, { recursive: true, force: true }));

async function failure(run: () => unknown): Promise<unknown> {
  try {
    await run();
  } catch (e) {
    return e;
  }
  return undefined;
}

function allFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name);
}

test("an object is the file bucket + key, in folders made on demand", async () => {
  const folder = newFolder();
  const storage = new FileStorage(`${folder}/`);
  await storage.put("vol/chunks/0/0/1_0_11", [Buffer.from("hello world")]);
  await storage.put("vol/chunks/0/1/1000_0_3", [Buffer.from("abc")], { durable: true });
  assert.is(readFileSync(join(folder, "vol/chunks/0/0/1_0_11"), "utf8"), "hello world");
  assert.is(readFileSync(join(folder, "vol/chunks/0/1/1000_0_3"), "utf8"), "abc");
  assert.is(allFiles(folder).filter(isTemporary).length, 0);
  assert.is(storage.name, `file://${folder}/`);
  await storage.close();
});

test("temporary files have JuiceFS's name and are not objects", async () => {
  const folder = newFolder();
  const storage = new FileStorage(`${folder}/`);
  assert.ok(isTemporary(".jfs.1_0_11.tmp.1804289383"));
  assert.not.ok(isTemporary("1_0_11"));
  await storage.put("c/1_0_3", [Buffer.from("abc")]);
  writeFileSync(join(folder, "c/.jfs.2_0_3.tmp.77"), "ab");
  const keys: string[] = [];
  for await (const { key } of storage.list("")) keys.push(key);
  assert.equal(keys, ["c/1_0_3"]);
  await storage.close();
});

test("a folder that is missing is refused with a sentence and not made", async () => {
  const folder = join(scratch, "not-mounted");
  const e = await failure(() => new FileStorage(`${folder}/`));
  assert.instance(e, FsFault);
  assert.match((e as FsFault).hint ?? "", /mount its disk/);
  assert.is(existsSync(folder), false);
});

test("a folder that vanishes is never made again", async () => {
  const folder = newFolder();
  const storage = new FileStorage(`${folder}/`);
  await storage.put("a/1", [Buffer.from("x")]);
  await storage.sync();
  // As a disk that is unmounted: the open folder is elsewhere, an empty one has its name.
  renameSync(folder, `${folder}-moved`);
  await storage.put("b/2", [Buffer.from("y")]);
  assert.is(existsSync(folder), false);
  assert.ok(existsSync(`${folder}-moved/b/2`));
  rmSync(`${folder}-moved`, { recursive: true });
  const e = await failure(() => storage.put("c/3", [Buffer.from("z")]));
  assert.is((e as FsFault).errno, EIO.errno);
  assert.match((e as FsFault).hint ?? "", /vanished/);
  await storage.sync();
  await storage.close();
});

test("a folder without permission is refused with a sentence", async () => {
  const folder = newFolder();
  const storage = new FileStorage(`${folder}/`);
  chmodSync(folder, 0o555);
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(65_534);
  try {
    const inPlace = await failure(() => storage.put("a/1", [Buffer.from("x")]));
    const large = await failure(() => storage.put("2", [Buffer.alloc(1 << 20)]));
    for (const e of [inPlace, large]) {
      assert.is((e as FsFault).errno, EACCES.errno);
      assert.match((e as FsFault).hint ?? "", /permission on file:/);
    }
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
  assert.equal(allFiles(folder), []);
  await storage.close();
});

test("a read-only disk is refused with a sentence", async () => {
  const folder = newFolder();
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "ro", "tmpfs", folder]).status === 0;
  if (!mounted) return skip("a read-only disk is refused", "mounting a tmpfs needs root");
  try {
    const storage = new FileStorage(`${folder}/`);
    const e = await failure(() => storage.put("a", [Buffer.from("x")]));
    assert.is((e as FsFault).errno, EROFS.errno);
    assert.match((e as FsFault).hint ?? "", /read-only: remount/);
    await storage.close();
  } finally {
    spawnSync("umount", [folder]);
  }
});

test("a file is no bucket", async () => {
  const folder = newFolder();
  writeFileSync(join(folder, "file"), "x");
  const e = await failure(() => new FileStorage(`${folder}/file/`));
  assert.match((e as FsFault).hint ?? "", /not a folder/);
});

test("a full disk is ENOSPC, leaves no temporary file and keeps what was there", async () => {
  const folder = newFolder();
  const mounted =
    spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]).status === 0;
  if (!mounted) return skip("a full disk is ENOSPC", "mounting a tmpfs needs root");
  try {
    const storage = new FileStorage(`${folder}/`);
    await storage.put("keep", [Buffer.alloc(100_000, 1)]);
    assert.is(await failure(() => storage.put("big", [Buffer.alloc(2_000_000)])), ENOSPC);
    assert.is(
      await failure(() => storage.put("big", [Buffer.alloc(2_000_000)], { durable: true })),
      ENOSPC,
    );
    const small = [Buffer.alloc(100_000, 2)];
    let stored = 0;
    let e: unknown;
    while (e === undefined && stored < 20) {
      e = await failure(() => storage.put(`small-${stored}`, small));
      if (e === undefined) stored++;
    }
    assert.is(e, ENOSPC);
    const { bfree, blocks } = statfsSync(folder);
    assert.ok(bfree >= blocks / 20, "blocks leave room for the metadata of deletions");
    await storage.delete("small-0");
    assert.is(await failure(() => storage.put("small-0", small)), undefined);
    assert.is(allFiles(folder).filter(isTemporary).length, 0);
    assert.is(allFiles(folder).length, stored + 1);
    assert.is(Buffer.compare(Buffer.from(await storage.get("keep")), Buffer.alloc(100_000, 1)), 0);
    await storage.close();
  } finally {
    spawnSync("umount", [folder]);
  }
});

test("after a kill every object is whole", async () => {
  const folder = newFolder();
  const body = `
    const { FileStorage } = await import(${JSON.stringify(join(import.meta.dirname, "../../src/object/file.ts"))});
    const storage = new FileStorage(${JSON.stringify(`${folder}/`)});
    for (let n = 0; ; n++) {
      const size = n % 2 === 0 ? 100_000 : 700_000;
      await Promise.all([0, 1, 2].map((k) => storage.put("c/" + (n % 5) + "_" + k, [Buffer.alloc(size, n % 251), Buffer.alloc(1, n % 251)])));
      if (n === 10) process.stdout.write("running");
    }`;
  for (let round = 0; round < 5; round++) {
    const child = spawn(process.execPath, ["--input-type=module", "-e", body], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await new Promise((done) => child.stdout.once("data", done));
    await new Promise((done) => setTimeout(done, 10 + round * 7));
    child.kill("SIGKILL");
    await new Promise((done) => child.once("exit", done));
    const storage = new FileStorage(`${folder}/`);
    let objects = 0;
    for await (const { key } of storage.list("")) {
      const object = Buffer.from(await storage.get(key));
      assert.ok(
        object.length === 100_001 || object.length === 700_001,
        `${key}: ${object.length} bytes`,
      );
      assert.ok(
        object.every((byte) => byte === object[0]),
        `${key} is torn`,
      );
      objects++;
    }
    assert.ok(objects > 0);
    await storage.close();
  }
});

test("a durable put leaves nothing to sync, another does until sync", async () => {
  const storage = new FileStorage(`${newFolder()}/`);
  await storage.put("a", [Buffer.from("x")], { durable: true });
  assert.is(storage.hasUnsynced, false);
  await storage.put("b", [Buffer.from("x")]);
  assert.is(storage.hasUnsynced, true);
  const first = storage.sync();
  assert.is(storage.hasUnsynced, true, "until it is done");
  assert.is(storage.sync(), first, "shared by all who wait");
  await storage.put("c", [Buffer.from("x")]);
  const second = storage.sync();
  assert.is.not(second, first, "the running one may have missed c");
  await Promise.all([first, second]);
  assert.is(storage.hasUnsynced, false);
  assert.is(storage.sync(), undefined);
  await storage.put("d", [Buffer.from("x")]);
  await storage.delete("d");
  assert.is(storage.hasUnsynced, false, "what is deleted needs no sync");
  await storage.close();
});

test("what is unsynced is remembered in bounded memory", async () => {
  const unsynced = new UnsyncedFiles(100);
  for (let n = 0; n < 100_000; n++) unsynced.add(`chunks/${n}`);
  assert.ok(unsynced.count <= 101);
  assert.is(unsynced.isEmpty, false);
  assert.equal(unsynced.take(), { files: [], whole: true });
  assert.is(unsynced.isEmpty, true);
  const storage = new FileStorage(`${newFolder()}/`);
  for (let n = 0; n < 300; n++) await storage.put(`many/${n}`, [Buffer.from("x")]);
  await storage.sync();
  assert.is(storage.hasUnsynced, false);
  await storage.close();
});

const EXT4_MAGIC = 0xef53;
test("ext4 is asked to spread the directories of blocks over its block groups", async () => {
  const folder = newFolder();
  if (statfsSync(folder).type !== EXT4_MAGIC) return skip("directories are spread", "no ext4 here");
  const storage = new FileStorage(`${folder}/`);
  await storage.put("vol/chunks/0/1/1_0_4", [Buffer.from("abcd")]);
  const { stdout } = spawnSync("lsattr", ["-d", join(folder, "vol/chunks/0")], {
    encoding: "utf8",
  });
  assert.match(stdout, /^\S*T/);
  await storage.close();
});

test("a small put answers in place, a large one does not block", async () => {
  const folder = newFolder();
  const storage = new FileStorage(`${folder}/`);
  assert.is(storage.put("small", [Buffer.alloc(4096)]), undefined);
  const large = storage.put("large", [Buffer.alloc(4 << 20)]);
  assert.instance(large, Promise);
  await large;
  assert.is(statSync(join(folder, "large")).size, 4 << 20);
  await storage.close();
});

/** Bytes of the file in the page cache. */
const cachedBytes = (file: string): number =>
  Number(spawnSync("fincore", ["-b", "-n", "-o", "RES", file], { encoding: "utf8" }).stdout);
const forgetPages = (file: string): unknown =>
  spawnSync("dd", [`of=${file}`, "oflag=nocache", "conv=notrunc,fdatasync", "count=0"]);

if (!hasCommand("fincore")) skipMissing("large blocks and the page cache", "util-linux (fincore)");
else {
  test("a large block is read past the page cache, or from it when it is there", async () => {
    const folder = newFolder();
    const storage = new FileStorage(`${folder}/`);
    const body = Buffer.alloc(4 * 2 ** 20, "block");
    const file = join(folder, "block");
    writeFileSync(file, body);
    forgetPages(file);
    const target = allocatePages(body.length);
    if (cachedBytes(file) > 0) return skip("large blocks and the page cache", "the disk is memory");
    assert.is(await storage.getInto("block", target, 0), body.length);
    assert.ok(body.equals(target));
    assert.is(cachedBytes(file), 0, "the disk was asked once");
    readFileSync(file);
    assert.is(await storage.getInto("block", target.fill(0), 0), body.length);
    assert.ok(body.equals(target));
    return storage.close();
  });
}

test.run();
