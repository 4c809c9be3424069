// Small fsynced data in the journal: what frames hold, that a crash loses nothing, and how few slices are left.
import { openSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { setLogDescriptor } from "../../src/util/log.ts";
import { Calls } from "./calls.ts";
import { crashed, start, until } from "./journal-volume.ts";
import type { JournalVolume } from "./journal-volume.ts";
import { BLOCK, O_RDWR, O_TRUNC, ROOT, codeOf, req } from "./volume.ts";

// The log says that a volume is full; here that is the plan.
setLogDescriptor(openSync("/dev/null", "w"));

const MIB = 2 ** 20;

function bytesOf(volume: JournalVolume): number {
  let bytes = 0;
  for (const { extents } of volume.frames) for (const e of extents) bytes += e.bytes.length;
  return bytes;
}

test("fsync writes one frame and stores nothing; it survives", async () => {
  const { volume, calls } = await start();
  await using _ = volume;
  const { ino, fh } = await calls.create("file");
  await calls.write(fh, 0, "hello");
  await calls.fsync(fh);
  assert.is(volume.frames.length, 1);
  assert.is(volume.synced, volume.log.length, "the frame was synced");
  assert.is(volume.storage.calls("put"), 0);
  assert.is((await calls.read(fh, 0, 10)).toString(), "hello");
  assert.is((await crashed(volume, ino)).toString(), "hello");
});

test("a second fsync needs no second frame, and only what changed is in the next", async () => {
  const { volume, calls } = await start();
  await using _ = volume;
  const { ino, fh } = await calls.create("file");
  await calls.write(fh, 0, Buffer.alloc(10_000, 1));
  await calls.fsync(fh);
  await calls.fsync(fh);
  assert.is(volume.frames.length, 1);
  await calls.write(fh, 10_000, "tail");
  await calls.write(fh, 100, "middle");
  await calls.fsync(fh);
  assert.is(volume.frames.length, 2);
  assert.is(bytesOf(volume), 10_000 + 4 + 6);
  const expected = Buffer.concat([Buffer.alloc(10_000, 1), Buffer.from("tail")]);
  expected.write("middle", 100);
  assert.ok((await crashed(volume, ino)).equals(expected));
});

test("older bytes of a slice are not put over newer ones of another", async () => {
  const { volume, calls } = await start({ chunks: { blockBytes: 4 * MIB } });
  await using _ = volume;
  const { ino, fh } = await calls.create("file");
  const write = async (byte: number, at: number, length: number): Promise<void> => {
    await calls.write(fh, at, Buffer.alloc(length, byte));
    expected.fill(byte, at, at + length);
  };
  const expected = Buffer.alloc(300_100);
  await write(1, 0, 100_000);
  await write(1, 300_000, 100);
  await calls.fsync(fh);
  // Neither within what is there nor small: a slice of its own.
  await write(2, 50_000, 100_000);
  await calls.fsync(fh);
  // On both sides of it, in the older slice.
  await write(3, 0, 100);
  await write(4, 300_000, 100);
  await calls.fsync(fh);
  assert.is(volume.frames.length, 3);
  const slices = new Set(volume.pending().flatMap(({ extents }) => extents.map((e) => e.sliceId)));
  assert.is(slices.size, 2);
  assert.ok((await calls.read(fh, 0, 100)).equals(expected.subarray(0, 100)));
  assert.ok((await crashed(volume, ino)).equals(expected));
});

test("10,000 fsynced appends leave a dozen slices", async () => {
  const { volume, calls } = await start({ chunks: { blockBytes: 4 * MIB } });
  await using _ = volume;
  const { ino, fh } = await calls.create("log");
  for (let i = 0; i < 10_000; i++) {
    await calls.write(fh, i * 4096, Buffer.alloc(4096, i % 251));
    await calls.fsync(fh);
  }
  assert.is(volume.frames.length, 10_000);
  assert.is(bytesOf(volume), 10_000 * 4096, "each byte once");
  assert.ok(volume.pending().length <= 1024, "the journal gets its room back on the way");
  const content = await crashed(volume, ino);
  assert.is(content.length, 10_000 * 4096);
  for (let i = 0; i < 10_000; i++) assert.is(content[i * 4096 + 4095], i % 251);
  await calls.close(fh);
  await volume.vfs.close();
  assert.ok((await volume.records(ino)) <= 12, `${await volume.records(ino)} slices`);
  assert.is(volume.pending().length, 0);
});

test("more than 256 KiB goes where it belongs", async () => {
  const { volume, calls } = await start({ chunks: { blockBytes: 4 * MIB } });
  await using _ = volume;
  const { fh } = await calls.create("file");
  await calls.write(fh, 0, Buffer.alloc(256 * 1024 + 1, 1));
  await calls.fsync(fh);
  assert.is(volume.frames.length, 0);
  assert.ok(volume.storage.calls("put") > 0);
  // And what has left already cannot be put into a frame.
  await calls.write(fh, 0, Buffer.alloc(4 * MIB + 10, 1));
  await calls.fsync(fh);
  assert.is(volume.frames.length, 0);
});

test("an fsync that the journal does not take stores the slices", async () => {
  const { volume, calls } = await start();
  await using _ = volume;
  const { ino, fh } = await calls.create("file");
  await calls.write(fh, 0, "one");
  await calls.fsync(fh);
  volume.isOn = false;
  await calls.write(fh, 3, "two");
  await calls.fsync(fh);
  assert.is(volume.frames.length, 1);
  assert.is(volume.pending().length, 0);
  assert.is((await crashed(volume, ino)).toString(), "onetwo");
});

test("bytes far apart in a file, holes between them", async () => {
  const { volume, calls } = await start();
  await using _ = volume;
  const { ino, fh } = await calls.create("file");
  const expected = Buffer.alloc(100 * 30_000 + 10);
  for (let i = 100; i >= 0; i--) {
    expected.fill(i + 1, i * 30_000, i * 30_000 + 10);
    await calls.write(fh, i * 30_000, Buffer.alloc(10, i + 1));
    if (i % 10 === 0) await calls.fsync(fh);
  }
  assert.is(volume.storage.calls("put"), 0);
  assert.ok((await crashed(volume, ino)).equals(expected));
  await calls.close(fh);
});

test("bytes in very many pieces are stored instead", async () => {
  const { volume, calls } = await start();
  await using _ = volume;
  const { ino, fh } = await calls.create("file");
  await calls.write(fh, 0, Buffer.alloc(BLOCK / 2, 1));
  await calls.fsync(fh);
  for (let i = 0; i < 300; i++) await calls.write(fh, i * 100, "x");
  await calls.fsync(fh);
  assert.is(volume.frames.length, 1);
  assert.is(volume.pending().length, 0);
  const content = await crashed(volume, ino);
  for (let i = 0; i < 300; i++) assert.is(content[i * 100], 120);
});

test("close of a journaled file stores nothing, and everybody sees the file all the same", async () => {
  const { volume, calls } = await start();
  await using _ = volume;
  const { ino, fh } = await calls.create("file");
  await calls.write(fh, 0, "hello");
  await calls.fsync(fh);
  await calls.close(fh);
  assert.is(volume.storage.calls("put"), 0);
  assert.is(volume.vfs.dirtyFiles, 1);
  assert.is(await calls.size(ino), 5);
  await volume.vfs.rename(req, ROOT, "file", ROOT, "other", 0);
  assert.is((await volume.vfs.lookup(req, ROOT, "other")).attr.size, 5);
  assert.is((await calls.content(ino)).toString(), "hello");
  const again = await calls.open(ino);
  await calls.write(again, 5, " world");
  assert.is((await calls.content(ino)).toString(), "hello world");
  await calls.close(again);
  assert.is((await crashed(volume, ino)).toString(), "hello world");
});

test("close of a file with bytes that no frame has stores them", async () => {
  const { volume, calls } = await start();
  await using _ = volume;
  const { ino, fh } = await calls.create("file");
  await calls.write(fh, 0, "one");
  await calls.fsync(fh);
  await calls.write(fh, 3, "two");
  await calls.close(fh);
  assert.is((await crashed(volume, ino)).toString(), "onetwo");
});

test("the journal gets its room back when it asks", async () => {
  const { volume, calls } = await start();
  await using _ = volume;
  for (let i = 0; i < 50; i++) {
    const { fh } = await calls.create(`file-${i}`);
    await calls.write(fh, 0, `content ${i}`);
    await calls.fsync(fh);
    await calls.close(fh);
  }
  const { fh } = await calls.create("not in the journal");
  await calls.write(fh, 0, "x");
  assert.is(volume.pending().length, 50);
  volume.press();
  await until(() => volume.pending().length === 0);
  assert.is(volume.vfs.dirtyFiles, 1);
  await calls.close(fh);
});

test("very many closed files are not kept in memory", async () => {
  const { volume, calls } = await start();
  await using _ = volume;
  for (let i = 0; i < 3000; i++) {
    const { fh } = await calls.create(`file-${i}`);
    await calls.write(fh, 0, `content ${i}`);
    await calls.fsync(fh);
    await calls.close(fh);
    if (i % 16 === 0) await new Promise((resume) => setImmediate(resume));
  }
  assert.ok(volume.vfs.dirtyFiles < 1200, `${volume.vfs.dirtyFiles} dirty files`);
});

test("an idle journaled file is stored", async () => {
  const { volume, calls } = await start({ vfs: { idleMs: 20 } });
  await using _ = volume;
  const { ino, fh } = await calls.create("file");
  await calls.write(fh, 0, "hello");
  await calls.fsync(fh);
  while (volume.vfs.dirtyFiles > 0) await new Promise((resume) => setTimeout(resume, 5));
  assert.is(volume.pending().length, 0);
  assert.is((await crashed(volume, ino)).toString(), "hello");
});

test("syncfs puts little into the journal and stores the rest", async () => {
  const { volume, calls } = await start();
  await using _ = volume;
  const small = await calls.create("small");
  const large = await calls.create("large");
  await calls.write(small.fh, 0, "small");
  await calls.write(large.fh, 0, Buffer.alloc(300_000, 1));
  await volume.vfs.syncfs();
  assert.is(volume.frames.length, 1);
  const { vfs } = await volume.crash(volume.synced);
  const after = new Calls(vfs);
  assert.is((await after.content(small.ino)).toString(), "small");
  assert.is((await after.content(large.ino)).length, 300_000);
});

test("changes that are no writes settle what the journal has first", async () => {
  const { volume, calls } = await start();
  await using _ = volume;
  const { vfs } = volume;
  const other = await calls.create("other");
  await calls.write(other.fh, 0, Buffer.alloc(100, 9));
  const changes: Record<string, (ino: number, fh: number) => Promise<unknown>> = {
    truncate: (ino) => calls.setattr(ino, { size: 10 }),
    utimes: (ino) => calls.setattr(ino, { mtime: { sec: 1000, nsec: 5 } }),
    punch: async (ino, fh) => vfs.fallocate(req, ino, fh, 0, 50, 3),
    copy: async (ino, fh) => vfs.copyFileRange(req, other.ino, other.fh, 0, ino, fh, 20, 50, 0),
    "open with O_TRUNC": async (ino) => calls.close(await calls.open(ino, O_RDWR | O_TRUNC)),
  };
  for (const [name, change] of Object.entries(changes)) {
    const { ino, fh } = await calls.create(name);
    await calls.write(fh, 0, Buffer.alloc(100, 1));
    await calls.fsync(fh);
    await calls.write(fh, 100, Buffer.alloc(100, 2));
    await change(ino, fh);
    assert.is(volume.pending().filter((frame) => frame.ino === ino).length, 0, name);
    const expected = await calls.content(ino);
    const { attr } = await vfs.getattr(req, ino);
    const left = await volume.crash();
    assert.ok((await new Calls(left.vfs).content(ino)).equals(expected), name);
    const { attr: after } = await left.vfs.getattr(req, ino);
    assert.is(after.mtime, attr.mtime, name);
    assert.is(after.mtimensec, attr.mtimensec, name);
  }
});

test("times after a recovery are those of the last write, not of the recovery", async () => {
  const { volume, calls } = await start();
  await using _ = volume;
  const { ino, fh } = await calls.create("file");
  await calls.write(fh, 0, "hello");
  await calls.fsync(fh);
  const { attr } = await volume.vfs.getattr(req, ino);
  await calls.setattr(ino, { mode: 0o600 });
  await new Promise((resume) => setTimeout(resume, 5));
  const { vfs } = await volume.crash();
  const { attr: after } = await vfs.getattr(req, ino);
  assert.is(after.mtimensec, attr.mtimensec);
  assert.is(after.mode & 0o777, 0o600);
  assert.ok(after.ctimensec !== attr.ctimensec, "the chmod came later");
});

test("a removed file leaves nothing behind", async () => {
  const { volume, calls } = await start();
  await using _ = volume;
  for (const name of ["closed", "open", "replaced"]) {
    const { ino, fh } = await calls.create(name);
    await calls.write(fh, 0, "hello");
    await calls.fsync(fh);
    if (name === "closed") await calls.close(fh);
    if (name === "replaced") {
      await calls.close(fh);
      const by = await calls.create("by");
      await calls.close(by.fh);
      await volume.vfs.rename(req, ROOT, "by", ROOT, name, 0);
    } else await volume.vfs.unlink(req, ROOT, name);
    if (name === "open") {
      assert.is((await calls.read(fh, 0, 10)).toString(), "hello");
      await calls.write(fh, 5, " more");
      await calls.fsync(fh);
      await calls.close(fh);
    }
    assert.is(volume.vfs.dirtyFiles, 0, name);
    assert.is(volume.pending().length, 0, name);
    const { data } = await volume.crash();
    assert.is(data.bytes, 0);
    assert.is(await codeOf(() => calls.size(ino)), "ENOENT");
  }
  assert.is(volume.storage.calls("put"), 0);
  assert.is(volume.chunks.bufferedBytes, 0);
});

test("an unlink whose turn is not committed takes no data with it", async () => {
  const { volume, calls } = await start();
  await using _ = volume;
  const { ino, fh } = await calls.create("file");
  await calls.write(fh, 0, "hello");
  await calls.fsync(fh);
  await calls.close(fh);
  const { vfs } = volume;
  vfs.beginTurn();
  await vfs.unlink(req, ROOT, "file");
  assert.is(volume.vfs.dirtyFiles, 1, "until the turn has ended");
  vfs.endTurn();
  await until(() => volume.vfs.dirtyFiles === 0);
  assert.is(await codeOf(() => calls.size(ino)), "ENOENT");
});

test("frames of files that are gone are skipped", async () => {
  const { volume, calls } = await start();
  await using _ = volume;
  const { ino, fh } = await calls.create("file");
  await calls.write(fh, 0, "hello");
  await calls.fsync(fh);
  const frames = volume.pending();
  await calls.close(fh);
  await volume.vfs.unlink(req, ROOT, "file");
  volume.log.push(...frames.map((frame) => ({ frame: { ...frame, ino: ino + 100 } })));
  const { data } = await volume.crash();
  assert.equal(data, { files: 0, bytes: 0, skipped: 1 });
});

test("a full volume says so at fsync, not later", async () => {
  const { volume, calls } = await start({ capacity: 64 * 1024 });
  await using _ = volume;
  const { ino, fh } = await calls.create("file");
  await calls.write(fh, 0, Buffer.alloc(4096, 1));
  await calls.fsync(fh);
  assert.is(volume.frames.length, 1);
  await calls.write(fh, 4096, Buffer.alloc(80 * 1024, 1));
  assert.is(await codeOf(() => calls.fsync(fh)), "ENOSPC");
  assert.is((await crashed(volume, ino)).length, 4096);
});

test.run();
