// Making, changing and removing nodes where the model test does not look: flags, ACLs, limits, times, the trash.
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Entry } from "../../../src/meta/api.ts";
import type { DentryRow } from "../../../src/meta/store.ts";
import type { Attr } from "../../../src/meta/types.ts";
import {
  FLAG_APPEND,
  FLAG_IMMUTABLE,
  FLAG_SKIP_TRASH,
  TRASH_INO,
} from "../../../src/meta/types.ts";
import * as errno from "../../../src/util/errno.ts";
import { alice, bob, directory, file, openMemory, refused, root } from "../open-memory.ts";

test("names are judged before anything else", async () => {
  const { meta } = await openMemory();
  refused(() => meta.mknod(root, 1, "n".repeat(256), file()), errno.ENAMETOOLONG);
  refused(() => meta.mknod(root, 1, "", file()), errno.ENOENT);
  refused(() => meta.mknod(root, 1, "a/b", file()), errno.EINVAL);
  refused(() => meta.mknod(root, 1, "..", file()), errno.EEXIST);
  refused(() => meta.rmdir(root, 1, "."), errno.EINVAL);
  refused(() => meta.rmdir(root, 1, ".."), errno.ENOTEMPTY);
  refused(
    () => meta.rename(root, { parent: 1, name: ".." }, { parent: 1, name: "x" }, 0),
    errno.EBUSY,
  );
  await meta.mknod(root, 1, "n".repeat(255), file());
});

test("symlinks: the target is there and not too long", async () => {
  const { meta } = await openMemory();
  const link = (target: string) => ({ type: 3, mode: 0o777, umask: 0o022, rdev: 0, target });
  refused(() => meta.mknod(root, 1, "l", link("")), errno.ENOENT);
  refused(() => meta.mknod(root, 1, "l", link("x".repeat(4096))), errno.ENAMETOOLONG);
  const { ino, attr } = meta.mknod(root, 1, "l", link("x".repeat(4095))) as Entry;
  assert.is(attr.mode, 0o777, "the umask has no say");
  assert.is(attr.length, 4095);
  assert.is((meta.readlink(root, ino) as string).length, 4095);
  refused(() => meta.readlink(root, 1), errno.EINVAL);
});

test("permission is judged before existence is told", async () => {
  const { meta } = await openMemory();
  const { ino: dir } = meta.mknod(root, 1, "private", directory(0o700)) as Entry;
  await meta.mknod(root, dir, "there", file());
  for (const name of ["there", "missing"]) {
    refused(() => meta.lookup(alice, dir, name), errno.EACCES);
    refused(() => meta.unlink(alice, dir, name), errno.EACCES);
    refused(() => meta.mknod(alice, dir, name, file()), errno.EACCES);
    refused(
      () => meta.rename(alice, { parent: dir, name }, { parent: 1, name: "x" }, 0),
      errno.EACCES,
    );
  }
  // Who is trusted was judged by the kernel.
  await meta.lookup({ ...alice, trusted: true }, dir, "there");
});

test("immutable and append-only nodes", async () => {
  const { meta } = await openMemory();
  const { ino } = meta.mknod(root, 1, "f", file(0o666)) as Entry;
  const { ino: dir } = meta.mknod(root, 1, "d", directory(0o777)) as Entry;
  await meta.mknod(root, dir, "x", file());
  await meta.setattr(root, ino, { flags: FLAG_IMMUTABLE });
  for (const run of [
    () => meta.unlink(root, 1, "f"),
    () => meta.setattr(root, ino, { mode: 0o600 }),
    () => meta.setattr(root, ino, { length: 5 }),
    () => meta.setattr(root, ino, { mtime: "now" as const }),
    () => meta.link(root, ino, 1, "g"),
    () => meta.open(root, ino, 2),
    () => meta.rename(root, { parent: 1, name: "f" }, { parent: 1, name: "g" }, 0),
    () => meta.setxattr(root, ino, "user.a", new Uint8Array(1), 0),
    () => meta.fallocate(root, ino, 0, 0, 10),
  ]) {
    refused(run, errno.EPERM);
  }
  await meta.setattr(root, ino, { flags: FLAG_APPEND });
  refused(() => meta.open(root, ino, 1), errno.EPERM);
  refused(() => meta.open(root, ino, 1 | 0o2000 | 0o1000), errno.EPERM);
  await meta.open(root, ino, 1 | 0o2000);
  await meta.setattr(root, ino, { mtime: "now" });
  refused(() => meta.setattr(root, ino, { length: 0 }), errno.EPERM);
  await meta.setattr(root, dir, { flags: FLAG_APPEND });
  await meta.mknod(root, dir, "more", file());
  refused(() => meta.unlink(root, dir, "x"), errno.EPERM);
  refused(() => meta.setattr(alice, dir, { flags: 0 }), errno.EPERM);
});

test("what a write by an ordinary user takes away, chown too", async () => {
  const { meta } = await openMemory();
  const mode = (attr: unknown): number => (attr as Attr).mode;
  const { ino } = meta.mknod(alice, 1, "f", file(0o6755)) as Entry;
  await meta.setxattr(root, ino, "security.capability", Buffer.from("caps"), 0);
  assert.is(mode(meta.setattr(alice, ino, { killSuidgid: true })), 0o755);
  refused(() => meta.getxattr(root, ino, "security.capability"), errno.ENODATA);
  assert.is(mode(meta.setattr(alice, ino, { mode: 0o2644 })), 0o2644);
  assert.is(
    mode(meta.setattr(root, ino, { killSuidgid: true })),
    0o2644,
    "setgid without x is a lock",
  );
  assert.is(mode(meta.setattr(alice, ino, { mode: 0o6755 })), 0o6755);
  assert.is(mode(meta.setattr(root, ino, { gid: 7 })), 0o755);
  assert.is(mode(meta.setattr(alice, ino, { mode: 0o2755 })), 0o755, "not a member of 7");
});

test("the limits of the volume", async () => {
  const { meta } = await openMemory({ Capacity: 16384, Inodes: 3 });
  const { ino } = meta.mknod(root, 1, "a", file()) as Entry;
  refused(() => meta.setattr(root, ino, { length: 20000 }), errno.ENOSPC);
  refused(() => meta.fallocate(root, ino, 0, 0, 20000), errno.ENOSPC);
  const slice = { pos: 0, id: 1, size: 20000, off: 0, len: 20000 };
  refused(() => meta.writeSlices(ino, [{ index: 0, slice }], { sec: 1, nsec: 0 }), errno.ENOSPC);
  await meta.setattr(root, ino, { length: 16384 });
  refused(() => meta.mknod(root, 1, "b", file()), errno.ENOSPC);
  await meta.setattr(root, ino, { length: 0 });
  await meta.mknod(root, 1, "b", file());
  await meta.mknod(root, 1, "c", file());
  refused(() => meta.mknod(root, 1, "d", file()), errno.ENOSPC);
  assert.equal(meta.statfs(1), {
    totalBytes: 16384,
    availableBytes: 4096,
    usedInodes: 3,
    availableInodes: 0,
  });
  await meta.unlink(root, 1, "b");
  await meta.mknod(root, 1, "d", file());
});

test("without limits statfs shows a lot", async () => {
  const { meta } = await openMemory();
  const shown = {
    totalBytes: 2 ** 50,
    availableBytes: 2 ** 50,
    usedInodes: 0,
    availableInodes: 10485760,
  };
  assert.equal(meta.statfs(1), shown);
});

test("an unnamed file lives until its last close, or gets a name", async () => {
  const { meta, store } = await openMemory();
  const { ino, attr } = meta.tmpfile(root, 1, 0o600, 0) as Entry;
  assert.is(attr.nlink, 0);
  const named = meta.link(root, ino, 1, "f") as Entry;
  assert.equal([named.attr.nlink, named.attr.parent], [1, 1]);
  await meta.close(ino);
  assert.is((meta.lookup(root, 1, "f") as Entry).ino, ino);
  const other = meta.tmpfile(root, 1, 0o600, 0) as Entry;
  await meta.close(other.ino);
  refused(() => meta.getattr(other.ino), errno.ENOENT);
  assert.is(store.records.counters.get("totalInodes"), 1);
});

test("a whiteout is a character device without permissions", async () => {
  const { meta } = await openMemory();
  const { ino } = meta.mknod(root, 1, "a", file()) as Entry;
  await meta.rename(root, { parent: 1, name: "a" }, { parent: 1, name: "b" }, 4);
  const { attr } = meta.lookup(root, 1, "a") as Entry;
  assert.equal([attr.type, attr.rdev, attr.mode], [6, 0, 0]);
  assert.is((meta.lookup(root, 1, "b") as Entry).ino, ino);
  refused(
    () => meta.rename(root, { parent: 1, name: "a" }, { parent: 1, name: "c" }, 6),
    errno.EINVAL,
  );
  refused(
    () => meta.rename(root, { parent: 1, name: "a" }, { parent: 1, name: "c" }, 8),
    errno.EINVAL,
  );
});

test("a directory does not move below itself", async () => {
  const { meta } = await openMemory();
  const { ino: a } = meta.mknod(root, 1, "a", directory()) as Entry;
  const { ino: b } = meta.mknod(root, a, "b", directory()) as Entry;
  const { ino: c } = meta.mknod(root, b, "c", directory()) as Entry;
  const from = { parent: 1, name: "a" };
  refused(() => meta.rename(root, from, { parent: c, name: "x" }, 0), errno.EINVAL);
  refused(() => meta.rename(root, from, { parent: a, name: "x" }, 0), errno.EINVAL);
  refused(() => meta.rename(root, { parent: b, name: "c" }, from, 2), errno.EINVAL);
});

test("deletions go to the directory of the hour, and only root takes them out", async () => {
  const { meta } = await openMemory({ TrashDays: 1 });
  const { ino } = meta.mknod(alice, 1, "f", file()) as Entry;
  await meta.unlink(alice, 1, "f");
  const hour = (meta.lookup(root, 1, ".trash") as Entry).ino;
  assert.is(hour, TRASH_INO);
  const [row] = meta.readdir(TRASH_INO, undefined, 10, true) as readonly DentryRow[];
  assert.match(row?.name ?? "", /^\d{4}-\d\d-\d\d-\d\d$/);
  const trash = row?.ino ?? 0;
  assert.is(trash, TRASH_INO + 1);
  const name = `1-${ino}-f`;
  assert.is((meta.lookup(root, trash, name) as Entry).attr.parent, trash);
  refused(() => meta.setattr(root, ino, { mode: 0 }), errno.EPERM);
  refused(() => meta.open(root, ino, 1), errno.EPERM);
  refused(() => meta.unlink(alice, trash, name), errno.EPERM);
  refused(
    () => meta.rename(alice, { parent: trash, name }, { parent: 1, name: "f" }, 1),
    errno.EPERM,
  );
  refused(() => meta.mknod(root, trash, "x", file()), errno.EPERM);
  refused(
    () => meta.rename(root, { parent: 1, name: ".trash" }, { parent: 1, name: "x" }, 0),
    errno.EPERM,
  );
  await meta.rename(root, { parent: trash, name }, { parent: 1, name: "f" }, 1);
  assert.is((meta.lookup(alice, 1, "f") as Entry).attr.parent, 1);
  await meta.setattr(root, ino, { flags: FLAG_SKIP_TRASH });
  await meta.unlink(alice, 1, "f");
  refused(() => meta.getattr(ino), errno.ENOENT);
});

test("the sticky bit", async () => {
  const { meta } = await openMemory();
  const { ino: tmp } = meta.mknod(root, 1, "tmp", directory(0o1777)) as Entry;
  await meta.mknod(alice, tmp, "a", file());
  refused(() => meta.unlink(bob, tmp, "a"), errno.EPERM);
  refused(
    () => meta.rename(bob, { parent: tmp, name: "a" }, { parent: tmp, name: "b" }, 0),
    errno.EPERM,
  );
  await meta.mknod(bob, tmp, "mine", file());
  refused(
    () => meta.rename(bob, { parent: tmp, name: "mine" }, { parent: tmp, name: "a" }, 0),
    errno.EPERM,
  );
  await meta.unlink(alice, tmp, "a");
});

test("a read-only client writes nothing", async () => {
  const { meta } = await openMemory({}, { readOnly: true });
  assert.is(meta.sid, 0);
  refused(() => meta.mknod(root, 1, "a", file()), errno.EROFS);
  refused(() => meta.unlink(root, 1, "a"), errno.EROFS);
  refused(() => meta.setattr(root, 1, { mode: 0 }), errno.EROFS);
  await meta.getattr(1);
});

test("access times follow the mode", async () => {
  for (const [atimeMode, expected] of [
    ["noatime", 1000],
    ["relatime", 5000],
    ["strictatime", 5000],
  ] as const) {
    const { meta, clock } = await openMemory({}, { atimeMode });
    const { ino } = meta.mknod(root, 1, "a", file()) as Entry;
    clock.now = { sec: 5000, nsec: 0 };
    await meta.touchAtime(ino);
    assert.is((meta.getattr(ino) as Attr).atime, expected, atimeMode);
    clock.now = { sec: 5002, nsec: 0 };
    await meta.touchAtime(ino);
    // relatime is content with one look after the last change.
    assert.is(
      (meta.getattr(ino) as Attr).atime,
      atimeMode === "strictatime" ? 5002 : expected,
      atimeMode,
    );
  }
});

test.run();
