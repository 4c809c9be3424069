// fallocate, copy_file_range, lseek and the records that reads get, beyond what the model test tries.
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Entry } from "../../../src/meta/api.ts";
import type { Meta } from "../../../src/meta/meta.ts";
import { encodeSlices } from "../../../src/meta/slices.ts";
import type { Attr, Ino, Slice } from "../../../src/meta/types.ts";
import { CHUNK_BYTES } from "../../../src/meta/types.ts";
import * as errno from "../../../src/util/errno.ts";
import { directory, file, openMemory, refused, root } from "../open-memory.ts";

const whole = (pos: number, id: number, len: number): Slice => ({
  pos,
  id,
  size: len,
  off: 0,
  len,
});

function fileOf(meta: Meta, name: string, writes: readonly (readonly [number, Slice])[]): Ino {
  const { ino } = meta.mknod(root, 1, name, file()) as Entry;
  void meta.writeSlices(
    ino,
    writes.map(([index, slice]) => ({ index, slice })),
    { sec: 2000, nsec: 5 },
  );
  return ino;
}

test("a write grows the file and never turns its time back", async () => {
  const { meta } = await openMemory();
  const ino = fileOf(meta, "f", [[1, whole(10, 1, 5)]]);
  let attr = meta.getattr(ino) as Attr;
  assert.equal(
    [attr.length, attr.mtime, attr.mtimensec, attr.ctime],
    [CHUNK_BYTES + 15, 2000, 5, 2000],
  );
  attr = meta.writeSlices(ino, [{ index: 0, slice: whole(0, 2, 5) }], {
    sec: 1500,
    nsec: 0,
  }) as Attr;
  assert.equal([attr.length, attr.mtime], [CHUNK_BYTES + 15, 2000]);
  refused(() => meta.writeSlices(1, [], { sec: 1, nsec: 0 }), errno.EISDIR);
  refused(() => meta.writeSlices(99, [], { sec: 1, nsec: 0 }), errno.ENOENT);
});

test("a chunk that cannot be parsed is EIO and names the file", async () => {
  const { meta, store } = await openMemory();
  const ino = fileOf(meta, "f", [[0, whole(0, 1, 5)]]);
  store.records.chunks.get(ino)?.set(0, new Uint8Array(30));
  assert.throws(
    () => meta.readChunk(ino, 0),
    (e: errno.FsError) => e.errno === errno.EIO.errno && e.message.includes(`inode ${ino}`),
  );
  assert.equal(meta.readChunk(ino, 7), []);
  refused(() => meta.readChunk(99, 0), errno.ENOENT);
});

test("fallocate refuses what it cannot do", async () => {
  const { meta } = await openMemory();
  const ino = fileOf(meta, "f", [[0, whole(0, 1, 100)]]);
  const call =
    (mode: number, offset = 0, length = 10) =>
    () =>
      meta.fallocate(root, ino, mode, offset, length);
  refused(call(8), errno.EOPNOTSUPP);
  refused(call(32), errno.EOPNOTSUPP);
  refused(call(8 | 1), errno.EINVAL);
  refused(call(2), errno.EINVAL);
  refused(call(64), errno.EOPNOTSUPP);
  refused(call(2 | 16 | 1), errno.EOPNOTSUPP);
  refused(call(0, 0, 0), errno.EINVAL);
  refused(call(0, 2 ** 53 - 5, 10), errno.EFBIG);
  refused(() => meta.fallocate(root, 1, 0, 0, 10), errno.EISDIR);
});

test("holes of a punch stop at the old end", async () => {
  const { meta } = await openMemory();
  const ino = fileOf(meta, "f", [[0, whole(0, 1, 100)]]);
  await meta.fallocate(root, ino, 3, 50, 1000);
  assert.equal((meta.readChunk(ino, 0) as Slice[])[1], {
    pos: 50,
    id: 0,
    size: 0,
    off: 0,
    len: 50,
  });
  assert.is((meta.fallocate(root, ino, 16, 200, 100) as Attr).length, 300);
  assert.is((meta.readChunk(ino, 0) as Slice[]).length, 2, "nothing beyond the old end");
});

test("copies share slices, split where a chunk of the target ends", async () => {
  const { meta, store } = await openMemory();
  const from = fileOf(meta, "a", [[0, whole(0, 7, 100)]]);
  const to = fileOf(meta, "b", []);
  assert.is(meta.copyFileRange(root, from, 10, to, CHUNK_BYTES - 30, 80), 80);
  assert.equal(meta.readChunk(to, 0), [
    { pos: CHUNK_BYTES - 30, id: 7, size: 100, off: 10, len: 30 },
  ]);
  assert.equal(meta.readChunk(to, 1), [{ pos: 0, id: 7, size: 100, off: 40, len: 50 }]);
  assert.is(store.records.sliceRefs.get(7)?.refs, 3);
  assert.is(meta.copyFileRange(root, from, 100, to, 0, 10), 0);
  assert.is(meta.copyFileRange(root, from, 90, to, 0, 100), 10);
  refused(() => meta.copyFileRange(root, from, 0, from, 50, 60), errno.EINVAL);
  const { ino: dir } = meta.mknod(root, 1, "d", directory()) as Entry;
  refused(() => meta.copyFileRange(root, dir, 0, to, 0, 1), errno.EISDIR);
});

test("data and holes are found across chunks that are not there", async () => {
  const { meta } = await openMemory();
  const far = 40;
  const ino = fileOf(meta, "f", [
    [0, whole(100, 1, 50)],
    [far, whole(0, 2, 10)],
  ]);
  const base = far * CHUNK_BYTES;
  assert.is(meta.lseek(ino, 0, "data"), 100);
  assert.is(meta.lseek(ino, 120, "data"), 120);
  assert.is(meta.lseek(ino, 150, "data"), base);
  assert.is(meta.lseek(ino, 0, "hole"), 0);
  assert.is(meta.lseek(ino, 100, "hole"), 150);
  assert.is(meta.lseek(ino, base, "hole"), base + 10, "the end is a hole");
  refused(() => meta.lseek(ino, base + 10, "data"), errno.ENXIO);
  refused(() => meta.lseek(ino, base + 10, "hole"), errno.ENXIO);
  await meta.fallocate(root, ino, 0, 0, base + 500);
  refused(() => meta.lseek(ino, base + 10, "data"), errno.ENXIO);
});

test("data that fills many chunks has its hole at the end", async () => {
  const { meta, store } = await openMemory();
  const chunks = 40;
  const ino = fileOf(meta, "f", [[chunks - 1, whole(0, 1, CHUNK_BYTES)]]);
  for (let index = 0; index < chunks; index++) {
    store.records.chunks.get(ino)?.set(index, encodeSlices([whole(0, 1, CHUNK_BYTES)]));
  }
  assert.is(meta.lseek(ino, 5, "hole"), chunks * CHUNK_BYTES);
});

test("ACLs: set, shown in the mode, inherited, followed by chmod", async () => {
  const { meta } = await openMemory();
  const acl = (mask: number): Buffer =>
    Buffer.from(
      `0200000001000700ffffffff02000600e903000004000500ffffffff10000${mask}00ffffffff20000500ffffffff`,
      "hex",
    );
  const { ino: dir } = meta.mknod(root, 1, "d", directory(0o755)) as Entry;
  await meta.setxattr(root, dir, "system.posix_acl_access", acl(7), 0);
  assert.is((meta.getattr(dir) as Attr).mode, 0o775, "the group bits show the mask");
  await meta.setxattr(root, dir, "system.posix_acl_default", acl(7), 0);
  assert.equal(meta.listxattr(root, dir), ["system.posix_acl_access", "system.posix_acl_default"]);
  const { attr } = meta.mknod(root, dir, "f", { ...file(0o666), umask: 0o077 }) as Entry;
  assert.is(attr.mode, 0o664, "the umask has no say");
  assert.ok(attr.accessAcl > 0);
  assert.is(attr.defaultAcl, 0);
  const sub = meta.mknod(root, dir, "s", directory(0o777)) as Entry;
  assert.is(sub.attr.defaultAcl, (meta.getattr(dir) as Attr).defaultAcl);
  await meta.setattr(root, dir, { mode: 0o750 });
  assert.is(
    Buffer.from(meta.getxattr(root, dir, "system.posix_acl_access") as Uint8Array).toString("hex"),
    acl(5)
      .toString("hex")
      .replace(/20000500ffffffff$/, "20000000ffffffff"),
  );
  await meta.removexattr(root, dir, "system.posix_acl_access");
  refused(() => meta.getxattr(root, dir, "system.posix_acl_access"), errno.ENODATA);
  refused(
    () => meta.setxattr(root, sub.ino, "system.posix_acl_access", Buffer.from("x"), 0),
    errno.EINVAL,
  );
});

test("without ACLs in the setting nobody can have one", async () => {
  const { meta } = await openMemory({ EnableACL: false });
  refused(() => meta.getxattr(root, 1, "system.posix_acl_access"), errno.EOPNOTSUPP);
  refused(
    () => meta.setxattr(root, 1, "system.posix_acl_access", new Uint8Array(0), 0),
    errno.EOPNOTSUPP,
  );
});

test("extended attributes: names, sizes, flags", async () => {
  const { meta } = await openMemory();
  const one = new Uint8Array(1);
  refused(() => meta.setxattr(root, 1, "plain", one, 0), errno.EOPNOTSUPP);
  refused(() => meta.setxattr(root, 1, "system.other", one, 0), errno.EOPNOTSUPP);
  refused(() => meta.setxattr(root, 1, `user.${"n".repeat(251)}`, one, 0), errno.ERANGE);
  refused(() => meta.setxattr(root, 1, "user.a", new Uint8Array(65537), 0), errno.E2BIG);
  refused(() => meta.setxattr(root, 1, "user.a", one, 2), errno.ENODATA);
  await meta.setxattr(root, 1, "user.a", new Uint8Array(65536), 1);
  refused(() => meta.setxattr(root, 1, "user.a", one, 1), errno.EEXIST);
  await meta.setxattr(root, 1, "user.a", one, 2);
  assert.equal(meta.getxattr(root, 1, "user.a"), one);
  refused(() => meta.getxattr(root, 1, "user.b"), errno.ENODATA);
  refused(() => meta.removexattr(root, 1, "user.b"), errno.ENODATA);
});

test.run();
