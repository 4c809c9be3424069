// Open files as processes see them: attributes while writing, opening and closing, appends, flags, limits.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { isPromise } from "../../src/util/maybe.ts";
import {
  BLOCK,
  CHUNK,
  O_APPEND,
  O_EXCL,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  O_WRONLY,
  ROOT,
  codeOf,
  openVolume,
  req,
  request,
} from "./volume.ts";
import type { TestVolume } from "./volume.ts";

const FOPEN_KEEP_CACHE = 2;
const FOPEN_NOFLUSH = 32;
const FOPEN_CACHE_DIR = 8;

async function stat(volume: TestVolume, ino: number) {
  return (await volume.vfs.getattr(req, ino)).attr;
}

test("attributes include writes that are not committed", async () => {
  await using volume = await openVolume();
  const { ino, fh } = await volume.create("file");
  const before = await stat(volume, ino);
  await volume.write(fh, 1000, "hello");
  const during = await stat(volume, ino);
  assert.is(during.size, 1005);
  assert.is(during.blocks, 2);
  assert.ok(during.mtime > before.mtime || during.mtimensec >= before.mtimensec);
  assert.is((await volume.meta.getattr(ino)).length, 0, "nothing is committed yet");
  assert.is((await volume.vfs.lookup(req, ROOT, "file")).attr.size, 1005);
  await volume.flush(fh);
  const after = await stat(volume, ino);
  assert.equal(after, during, "the commit moves nothing");
  await volume.close(fh);
});

test("times set after a write are not moved by its commit", async () => {
  await using volume = await openVolume();
  const { ino, fh } = await volume.create("file");
  await volume.write(fh, 0, "data");
  await volume.setattr(ino, { mtime: { sec: 1_000_000, nsec: 5 } });
  await volume.close(fh);
  assert.is((await stat(volume, ino)).mtime, 1_000_000);
  assert.is((await stat(volume, ino)).mtimensec, 5);
});

test("a file without a name works until its last close", async () => {
  await using volume = await openVolume();
  const { ino, fh } = await volume.create("file");
  await volume.write(fh, 0, "first ");
  await volume.vfs.unlink(req, ROOT, "file");
  await volume.write(fh, 6, "second");
  assert.is((await volume.read(fh, 0, 100)).toString(), "first second");
  await volume.fsync(fh);
  assert.is((await volume.read(fh, 0, 100)).toString(), "first second");
  assert.is((await stat(volume, ino)).nlink, 0);
  await volume.close(fh);
  assert.is(await codeOf(() => volume.vfs.getattr(req, ino)), "ENOENT");
});

test("a temporary file gets a name by link", async () => {
  await using volume = await openVolume();
  const { entry, open } = await volume.vfs.tmpfile(req, ROOT, O_RDWR, 0o600, 0);
  await volume.write(open.fh, 0, "kept");
  await volume.vfs.link(req, entry.ino, ROOT, "named");
  await volume.close(open.fh);
  const fh = await volume.open(entry.ino);
  assert.is((await volume.read(fh, 0, 10)).toString(), "kept");
  await volume.close(fh);
});

test("O_TRUNC empties the file, dirty or not, and takes setuid from the writer who is not root", async () => {
  await using volume = await openVolume();
  const { ino, fh } = await volume.create("file", O_RDWR, 0o4755);
  await volume.write(fh, 0, "old");
  const again = await volume.vfs.open(request(7), ino, O_WRONLY | O_TRUNC, true);
  const attr = await stat(volume, ino);
  assert.is(attr.size, 0);
  assert.is(attr.mode, 0o100755);
  assert.is((await volume.read(fh, 0, 10)).length, 0);
  await volume.close(again.fh);
  await volume.close(fh);
  assert.is((await stat(volume, ino)).size, 0, "the old write does not come back");
});

test("a write that says so clears setuid and setgid, once", async () => {
  await using volume = await openVolume();
  const { ino, fh } = await volume.create("file", O_RDWR, 0o6755);
  await volume.write(fh, 0, "root's");
  assert.is((await stat(volume, ino)).mode, 0o106755);
  await volume.vfs.write(req, ino, fh, 0, Buffer.from("other's"), 4, O_RDWR);
  assert.is((await stat(volume, ino)).mode, 0o100755);
  await volume.setattr(ino, { mode: 0o4755 });
  await volume.vfs.write(req, ino, fh, 0, Buffer.from("again"), 4, O_RDWR);
  assert.is((await stat(volume, ino)).mode, 0o100755);
  await volume.close(fh);
});

test("reads stop at the end, holes are zeros", async () => {
  await using volume = await openVolume();
  const { fh } = await volume.create("file");
  await volume.write(fh, 2 * CHUNK + 10, "end");
  const tail = await volume.read(fh, 2 * CHUNK, 100);
  assert.equal(tail, Buffer.concat([Buffer.alloc(10), Buffer.from("end")]));
  assert.is((await volume.read(fh, 2 * CHUNK + 13, 100)).length, 0);
  await volume.flush(fh);
  assert.equal(await volume.read(fh, CHUNK - 5, 3_000_000), Buffer.alloc(3_000_000));
  assert.equal(await volume.read(fh, 2 * CHUNK, 100), tail);
  assert.is(await volume.vfs.lseek(req, 2, fh, 0, 4), 0);
  await volume.close(fh);
});

test("copy_file_range and SEEK_DATA see writes that are not committed", async () => {
  await using volume = await openVolume();
  const from = await volume.create("from");
  const to = await volume.create("to");
  await volume.write(from.fh, 100_000, "data");
  assert.is(await volume.vfs.lseek(req, from.ino, from.fh, 0, 3), 100_000);
  await volume.write(to.fh, 0, "old!");
  const n = await volume.vfs.copyFileRange(
    req,
    from.ino,
    from.fh,
    100_000,
    to.ino,
    to.fh,
    0,
    10,
    0,
  );
  assert.is(n, 4);
  assert.is((await volume.read(to.fh, 0, 10)).toString(), "data");
  await volume.close(from.fh);
  await volume.close(to.fh);
});

test("create opens a file that another client made first, unless O_EXCL", async () => {
  await using volume = await openVolume();
  const { ino, fh } = await volume.create("file");
  await volume.write(fh, 0, "theirs");
  const second = await volume.create("file", O_RDWR);
  assert.is(second.ino, ino);
  assert.is((await volume.read(second.fh, 0, 10)).toString(), "theirs");
  assert.is(await codeOf(() => volume.create("file", O_RDWR | O_EXCL)), "EEXIST");
  await volume.close(fh);
  await volume.close(second.fh);
});

test("appends of a shared volume go to the end as it is now", async () => {
  await using volume = await openVolume();
  const { ino, fh } = await volume.create("file");
  await volume.write(fh, 0, "ours.");
  await volume.flush(fh);
  Object.defineProperty(volume.meta, "isShared", { value: true });
  await volume.meta.setattr(req, ino, { length: 8 });
  // The kernel still believes that the file has 5 bytes.
  await volume.write(fh, 5, "more", O_WRONLY | O_APPEND);
  await volume.write(fh, 9, "!", O_WRONLY | O_APPEND);
  assert.is((await volume.read(fh, 0, 100)).toString(), "ours.\0\0\0more!");
  await volume.close(fh);
});

test("timeouts: one second, long while alone and heard, and as told", async () => {
  await using volume = await openVolume();
  const { vfs } = volume;
  const { ino } = await volume.create("file");
  const told: string[] = [];
  const notifier = {
    canForgetAll: true,
    forgetAll: () => void told.push("all"),
    invalidateInode: (i: number) => void told.push(String(i)),
  };
  assert.is((await vfs.getattr(req, ino)).attrTimeoutMs, 1000);
  assert.is(await codeOf(() => vfs.lookup(req, ROOT, "missing")), "ENOENT");
  assert.is((await vfs.opendir(req, ROOT)).flags, 0);
  vfs.attach(notifier);
  assert.is((await vfs.getattr(req, ino)).attrTimeoutMs, 3_600_000);
  assert.is((await vfs.lookup(req, ROOT, "missing")).ino, 0);
  assert.is((await vfs.opendir(req, ROOT)).flags, FOPEN_CACHE_DIR | FOPEN_KEEP_CACHE);
  vfs.invalidateAll();
  assert.equal(told, ["all", String(ino)]);
  Object.defineProperty(volume.meta, "isShared", { value: true });
  assert.is((await vfs.lookup(req, ROOT, "file")).entryTimeoutMs, 1000);
  assert.is(await codeOf(() => vfs.lookup(req, ROOT, "missing")), "ENOENT");

  await using other = await openVolume({
    vfs: { attrTimeoutMs: 7, entryTimeoutMs: 8, dirEntryTimeoutMs: 9, negativeTimeoutMs: 10 },
  });
  const file = await other.vfs.mknod(req, ROOT, "file", 0o100644, 0, 0);
  assert.is(file.attrTimeoutMs, 7);
  assert.is(file.entryTimeoutMs, 8);
  assert.is((await other.vfs.mkdir(req, ROOT, "dir", 0o755, 0)).entryTimeoutMs, 9);
  assert.is((await other.vfs.lookup(req, ROOT, "missing")).entryTimeoutMs, 10);
});

test("pages stay in the kernel while nobody else writes, and while the file is as we left it", async () => {
  await using volume = await openVolume();
  const { vfs, meta } = volume;
  const { ino, fh } = await volume.create("file");
  await volume.close(fh);
  const flags = async (): Promise<number> => {
    const open = await vfs.open(req, ino, O_RDONLY);
    await vfs.release(req, ino, open.fh);
    return open.flags;
  };
  assert.is(await flags(), FOPEN_KEEP_CACHE | FOPEN_NOFLUSH);
  vfs.invalidateAll();
  assert.is(await flags(), FOPEN_NOFLUSH, "unknown what happened meanwhile");
  assert.is(await flags(), FOPEN_KEEP_CACHE | FOPEN_NOFLUSH, "the same as at the last open");
  await meta.setattr(req, ino, { length: 10 });
  assert.is(await flags(), FOPEN_NOFLUSH, "changed by others");
  const own = await vfs.open(req, ino, O_WRONLY);
  await volume.write(own.fh, 0, "ours");
  await volume.close(own.fh);
  assert.is(await flags(), FOPEN_KEEP_CACHE | FOPEN_NOFLUSH, "changed by us");
});

test("a read-only mount refuses every change", async () => {
  await using volume = await openVolume({ vfs: { readOnly: true } });
  const { vfs } = volume;
  for (const change of [
    () => vfs.create(req, ROOT, "f", O_RDWR, 0o644, 0),
    () => vfs.mkdir(req, ROOT, "d", 0o755, 0),
    () => vfs.unlink(req, ROOT, "f"),
    () => vfs.rename(req, ROOT, "f", ROOT, "g", 0),
    () => vfs.open(req, ROOT, O_WRONLY),
    () => vfs.setattr(req, ROOT, { mode: 0o700, killSuidgid: false }),
    () => vfs.setxattr(req, ROOT, "user.a", new Uint8Array(1), 0),
    () => vfs.link(req, 2, ROOT, "l"),
  ]) {
    assert.is(await codeOf(change), "EROFS");
  }
});

test("extended attributes and inode flags, on and off", async () => {
  await using volume = await openVolume({ vfs: { ioctl: true } });
  const { ino } = await volume.create("file");
  const { vfs } = volume;
  await vfs.setxattr(req, ino, "user.a", Buffer.from("1"), 0);
  assert.equal(await vfs.listxattr(req, ino), ["user.a"]);
  const set = Buffer.alloc(8);
  set.writeUInt32LE(0x10);
  await vfs.ioctl(req, ino, 0, 0x40086602, 0n, set, 0);
  const { data } = await vfs.ioctl(req, ino, 0, 0x80086601, 0n, new Uint8Array(0), 8);
  assert.is(Buffer.from(data).readUInt32LE(), 0x10);
  assert.is(await codeOf(() => volume.open(ino, O_WRONLY)), "EPERM");
  set.writeUInt32LE(0x4000);
  assert.is(await codeOf(() => vfs.ioctl(req, ino, 0, 0x40086602, 0n, set, 0)), "EOPNOTSUPP");

  await using plain = await openVolume({ vfs: { xattr: false } });
  assert.is(await codeOf(() => plain.vfs.listxattr(req, ROOT)), "EOPNOTSUPP");
  assert.is(
    await codeOf(() => plain.vfs.ioctl(req, ROOT, 0, 0x80086601, 0n, new Uint8Array(0), 8)),
    "ENOTTY",
  );
});

test("too far away is EFBIG, a foreign handle EBADF", async () => {
  await using volume = await openVolume();
  const { ino, fh } = await volume.create("file");
  assert.is(await codeOf(() => volume.write(fh, Number.MAX_SAFE_INTEGER - 1, "abc")), "EFBIG");
  assert.is(await codeOf(() => volume.setattr(ino, { size: 2 ** 60 })), "EFBIG");
  assert.is(await codeOf(() => volume.read(99, 0, 1)), "EBADF");
  const { fh: dir } = await volume.vfs.opendir(req, ROOT);
  assert.is(await codeOf(() => volume.read(dir, 0, 1)), "EBADF");
  await volume.close(fh);
});

test("handles are cheap and their numbers are used again", async () => {
  await using volume = await openVolume();
  const { ino, fh } = await volume.create("file");
  const handles: number[] = [];
  for (let i = 0; i < 50_000; i++) handles.push(await volume.open(ino));
  assert.is(volume.vfs.openHandles, 50_001);
  for (const each of handles) await volume.release(each);
  assert.is(volume.vfs.openHandles, 1);
  assert.is(await volume.open(ino), handles.at(-1));
  await volume.close(fh);
});

test("small writes all over a file become few objects", async () => {
  await using volume = await openVolume({ chunks: { blockBytes: 4 * 1024 * 1024 } });
  const { fh } = await volume.create("file");
  const page = Buffer.alloc(4096, 7);
  for (let i = 0; i < 1000; i++) await volume.write(fh, ((i * 7919) % 20_000) * 8192, page);
  await volume.flush(fh);
  assert.ok(volume.storage.calls("put") <= 5, `${volume.storage.calls("put")} objects`);
  assert.equal(await volume.read(fh, ((999 * 7919) % 20_000) * 8192, 4096), page);
  await volume.close(fh);
});

test("two streams in one chunk stay two slices", async () => {
  await using volume = await openVolume();
  const { ino, fh } = await volume.create("file");
  const page = Buffer.alloc(4096, 7);
  for (let i = 0; i < 64; i++) {
    await volume.write(fh, i * 4096, page);
    await volume.write(fh, CHUNK / 2 + i * 4096, page);
  }
  await volume.flush(fh);
  const records = await volume.meta.readChunk(ino, 0);
  assert.ok(records.length <= 4, `${records.length} records`);
  await volume.close(fh);
});

test("a page that is written again and again between syncs is stored once", async () => {
  await using volume = await openVolume();
  const { ino, fh } = await volume.create("file");
  for (let i = 0; i < 100; i++) {
    await volume.write(fh, 0, Buffer.alloc(4096, i));
    await volume.write(fh, 8192, Buffer.alloc(4096, i));
  }
  await volume.fsync(fh);
  assert.is((await volume.meta.readChunk(ino, 0)).length, 2);
  assert.equal(await volume.read(fh, 8192, 1), Buffer.of(99));
  await volume.close(fh);
});

test("idle writes are committed without being asked for, and the timer stops", async () => {
  await using volume = await openVolume({ vfs: { idleMs: 1 } });
  const { ino, fh } = await volume.create("file");
  await volume.write(fh, 0, "idle");
  while (volume.vfs.dirtyFiles > 0) await new Promise((resume) => setTimeout(resume, 1));
  assert.is((await volume.meta.getattr(ino)).length, 4);
  await volume.close(fh);
});

test("create, write 4 KiB, flush and release make no promise", async () => {
  await using volume = await openVolume();
  const { vfs } = volume;
  vfs.beginTurn();
  const created = vfs.create(req, ROOT, "file", O_RDWR, 0o644, 0);
  if (isPromise(created)) throw new Error("create made a promise");
  const { ino } = created.entry;
  const { fh } = created.open;
  for (const [what, answer] of [
    ["write", vfs.write(req, ino, fh, 0, Buffer.alloc(4096, 1), 0, O_RDWR)],
    ["read of dirty bytes", vfs.read(req, ino, fh, 0, 4096)],
    ["flush", vfs.flush(req, ino, fh)],
    ["getattr", vfs.getattr(req, ino)],
    ["cached read", vfs.read(req, ino, fh, 0, 4096)],
    ["release", vfs.release(req, ino, fh)],
    ["lookup", vfs.lookup(req, ROOT, "file")],
    ["setattr", vfs.setattr(req, ino, { mode: 0o600, killSuidgid: false })],
    ["unlink", vfs.unlink(req, ROOT, "file")],
  ] as const) {
    assert.not.ok(isPromise<unknown>(answer), `${what} made a promise`);
  }
  vfs.endTurn();
});

test("a cached read hands out memory of the cache, not a copy", async () => {
  await using volume = await openVolume();
  const { fh, ino } = await volume.create("file");
  await volume.write(fh, 0, Buffer.alloc(BLOCK, 5));
  await volume.flush(fh);
  const first = await volume.vfs.read(req, ino, fh, 0, BLOCK);
  const second = await volume.vfs.read(req, ino, fh, 0, BLOCK);
  assert.ok(!(first instanceof Uint8Array) && !(second instanceof Uint8Array));
  const [a] = first as readonly Uint8Array[];
  const [b] = second as readonly Uint8Array[];
  assert.is(a?.buffer, b?.buffer);
  await volume.close(fh);
});

test.run();
