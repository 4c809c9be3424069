// The structs of the protocol, from byte arrays as Linux writes them.
import { test } from "uvu";
import * as assert from "uvu/assert";
import * as decode from "../../src/fuse/decode.ts";
import * as files from "../../src/fuse/decode-files.ts";
import { Input } from "../../src/fuse/input.ts";
import { FOLDED_TRASH } from "../../src/util/ino64.ts";
import { request } from "./wire.ts";
import type { Field, Header } from "./wire.ts";

function input(header: Header, ...fields: readonly Field[]): Input {
  const bytes = request(header, ...fields);
  const buffer = Buffer.alloc(bytes.length + 64, 0xee);
  bytes.copy(buffer);
  const cursor = new Input(buffer);
  assert.is(cursor.start(bytes.length), true);
  return cursor;
}

function throwsEinval(run: () => unknown): void {
  assert.throws(run, (e: { code?: string }) => e.code === "EINVAL");
}

test("the header", () => {
  const q = input({
    opcode: 3,
    unique: 2 ** 40 + 6,
    nodeid: 0x123456789an,
    uid: 5,
    gid: 0xfffffffe,
    pid: 9,
  });
  assert.equal(
    [q.opcode, q.unique, q.nodeid, q.uid, q.gid, q.pid, q.groups.length],
    [3, 2 ** 40 + 6, 0x123456789a, 5, 0xfffffffe, 9, 0],
  );
});

test("trash inodes are folded", () => {
  assert.is(input({ opcode: 3, nodeid: 0x7fffffff10000000n }).nodeid, FOLDED_TRASH);
  assert.is(input({ opcode: 12 }, [8, 0x7fffffff10000003n], "a", "b").ino(), FOLDED_TRASH + 3);
});

test("a header whose length lies is torn", () => {
  const bytes = request({ opcode: 1 }, "name");
  const cursor = new Input(bytes);
  assert.is(cursor.start(bytes.length - 1), false);
  assert.is(cursor.start(39), false);
  assert.is(cursor.start(bytes.length + 1), false);
});

test("the group extension is not part of the arguments", () => {
  const q = input(
    { opcode: 9, extension: 3 },
    [4, 0o755],
    [4, 0o22],
    "dir",
    new Uint8Array(4),
    [4, 24],
    [4, 32],
    [4, 2],
    [4, 44],
    [4, 55],
    [4, 0],
  );
  assert.equal(q.groups, [44, 55]);
  assert.equal(decode.mkdir(q), { mode: 0o755, umask: 0o22, name: "dir" });
  assert.is(q.left, 4);
});

test("an extension that lies is dropped", () => {
  assert.equal(input({ opcode: 9, extension: 200 }, [4, 1], [4, 2], "d").groups, []);
  assert.equal(input({ opcode: 9, extension: 2 }, [4, 99], [4, 32], [4, 1000], [4, 1]).groups, []);
  assert.equal(input({ opcode: 9, extension: 2 }, [4, 16], [4, 32], [4, 1000], [4, 1]).groups, [1]);
});

test("names are bytes", () => {
  const name = String.fromCharCode(...Array.from({ length: 255 }, (_, i) => i + 1));
  assert.is(decode.name(input({ opcode: 1 }, name)), name);
  throwsEinval(() => decode.name(input({ opcode: 1 }, "")));
  throwsEinval(() => decode.name(input({ opcode: 1 }, Buffer.from("no end"))));
  assert.throws(
    () => decode.name(input({ opcode: 1 }, "x".repeat(256))),
    (e: { code: string }) => e.code === "ENAMETOOLONG",
  );
});

test("SETATTR has what its bits say", () => {
  const fields: Field[] = [
    [8, 7],
    [8, 2 ** 40],
    [8, 0],
    [8, -5n],
    [8, 1_700_000_000],
    [8, 3],
    [4, 11],
    [4, 22],
    [4, 33],
    [4, 0o100644],
    [4, 0],
    [4, 10],
    [4, 20],
    [4, 0],
  ];
  const full = decode.setattr(
    input({ opcode: 4 }, [4, 1 | 2 | 4 | 8 | 16 | 32 | 64 | 1024 | 2048], [4, 0], ...fields),
  );
  assert.equal(full, {
    fh: 7,
    size: 2 ** 40,
    mode: 0o100644,
    uid: 10,
    gid: 20,
    killSuidgid: true,
    atime: { sec: -5, nsec: 11 },
    mtime: { sec: 1_700_000_000, nsec: 22 },
    ctime: { sec: 3, nsec: 33 },
  });
  const now = decode.setattr(input({ opcode: 4 }, [4, 16 | 32 | 128 | 256], [4, 0], ...fields));
  assert.equal(now, { killSuidgid: false, atime: "now", mtime: "now" });
  throwsEinval(() => decode.setattr(input({ opcode: 4 }, [4, 1], [4, 0])));
});

test("GETATTR tells the handle only with its flag", () => {
  assert.is(decode.getattr(input({ opcode: 3 }, [4, 1], [4, 0], [8, 42])), 42);
  assert.is(decode.getattr(input({ opcode: 3 }, [4, 0], [4, 0], [8, 42])), undefined);
});

test("making, linking and renaming", () => {
  assert.equal(
    decode.mknod(input({ opcode: 8 }, [4, 0o60644], [4, 0x801], [4, 0o27], [4, 0], "sda1")),
    { mode: 0o60644, rdev: 0x801, umask: 0o27, name: "sda1" },
  );
  assert.equal(decode.symlink(input({ opcode: 6 }, "l", "../t")), { name: "l", target: "../t" });
  assert.equal(decode.link(input({ opcode: 13 }, [8, 99], "n")), { ino: 99, name: "n" });
  assert.equal(decode.rename(input({ opcode: 12 }, [8, 5], "a", "b")), {
    newParent: 5,
    flags: 0,
    name: "a",
    newName: "b",
  });
  assert.equal(decode.rename2(input({ opcode: 45 }, [8, 5], [4, 2], [4, 0], "a", "b")), {
    newParent: 5,
    flags: 2,
    name: "a",
    newName: "b",
  });
  assert.equal(
    decode.create(input({ opcode: 35 }, [4, 0o102], [4, 0o644], [4, 0o22], [4, 1], "f")),
    { flags: 0o102, mode: 0o644, umask: 0o22, name: "f" },
  );
  throwsEinval(() => decode.rename(input({ opcode: 12 }, [8, 5], "only")));
});

test("READ and WRITE", () => {
  const q = input(
    { opcode: 15 },
    [8, 3],
    [8, 2 ** 45],
    [4, 1 << 20],
    [4, 0],
    [8, 0],
    [4, 0o100000],
    [4, 0],
  );
  assert.equal(files.read(q), { fh: 3, offset: 2 ** 45, size: 1 << 20, flags: 0o100000 });
  const data = Buffer.from([1, 2, 3]);
  const w = files.write(
    input({ opcode: 16 }, [8, 3], [8, 10], [4, 3], [4, 5], [8, 1], [4, 1], [4, 0], data),
  );
  assert.equal([w.fh, w.offset, w.writeFlags, w.flags, ...w.data], [3, 10, 5, 1, 1, 2, 3]);
  throwsEinval(() =>
    files.write(
      input({ opcode: 16 }, [8, 3], [8, 10], [4, 4], [4, 5], [8, 1], [4, 1], [4, 0], data),
    ),
  );
  throwsEinval(() =>
    files.write(
      input({ opcode: 16 }, [8, 3], [8, 10], [4, 0xffffffff], [4, 5], [8, 1], [4, 1], [4, 0], data),
    ),
  );
});

test("extended attributes, with and without the extension", () => {
  const value = Buffer.from("v");
  const long = decode.setxattr(
    input({ opcode: 21 }, [4, 1], [4, 2], [4, 1], [4, 0], "user.a", value),
    true,
  );
  assert.equal([long.flags, long.killSgid, long.name, ...long.value], [2, true, "user.a", 118]);
  const short = decode.setxattr(input({ opcode: 21 }, [4, 1], [4, 2], "user.a", value), false);
  assert.equal(
    [short.flags, short.killSgid, short.name, ...short.value],
    [2, false, "user.a", 118],
  );
  assert.equal(decode.getxattr(input({ opcode: 22 }, [4, 100], [4, 0], "user.a")), {
    size: 100,
    name: "user.a",
  });
});

test("locks keep all 64 bits", () => {
  const owner = 0xfedcba9876543210n;
  const end = 0x7fffffffffffffffn;
  assert.equal(
    files.lock(
      input({ opcode: 32 }, [8, 3], [8, owner], [8, 1], [8, end], [4, 1], [4, 99], [4, 1], [4, 0]),
    ),
    { fh: 3, owner, range: { type: 1, pid: 99, start: 1n, end }, isFlock: true },
  );
});

test("COPY_FILE_RANGE, FALLOCATE, LSEEK", () => {
  assert.equal(
    files.copyFileRange(
      input({ opcode: 47 }, [8, 1], [8, 2], [8, 3], [8, 4], [8, 5], [8, 6], [8, 0]),
    ),
    { fh: 1, offset: 2, toIno: 3, toFh: 4, toOffset: 5, length: 6, flags: 0 },
  );
  assert.equal(files.fallocate(input({ opcode: 43 }, [8, 1], [8, 2], [8, 3], [4, 4], [4, 0])), {
    fh: 1,
    offset: 2,
    length: 3,
    mode: 4,
  });
  assert.equal(files.lseek(input({ opcode: 46 }, [8, 1], [8, 2], [4, 4], [4, 0])), {
    fh: 1,
    offset: 2,
    whence: 4,
  });
});

test("BATCH_FORGET does not believe its count", () => {
  const seen: number[][] = [];
  decode.batchForget(
    input({ opcode: 42 }, [4, 2], [4, 0], [8, 5], [8, 1], [8, 6], [8, 2]),
    (ino, n) => seen.push([ino, n]),
  );
  assert.equal(seen, [
    [5, 1],
    [6, 2],
  ]);
  throwsEinval(() =>
    decode.batchForget(input({ opcode: 42 }, [4, 3], [4, 0], [8, 5], [8, 1], [8, 6], [8, 2]), () =>
      seen.push([]),
    ),
  );
  assert.is(seen.length, 2);
});

test.run();
