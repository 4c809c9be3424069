// INIT at old and new protocol versions, and what a session promises about turns: dirty replies wait for the commit,
// a failed commit makes errors of them, promises answer later, an interrupt finds its request.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { initFlag } from "../../src/fuse/abi.ts";
import type { InitFlagName } from "../../src/fuse/abi.ts";
import type { FuseOperations, Request } from "../../src/fuse/operations.ts";
import { EDQUOT, EIO } from "../../src/util/errno.ts";
import { setLogLevel } from "../../src/util/log.ts";
import { FakeKernel } from "./fake-kernel.ts";
import { MemoryFs } from "./memory-fs.ts";
import { initRequest, request } from "./wire.ts";
import type { Reply } from "./wire.ts";

const has = (reply: Reply, name: InitFlagName): boolean => {
  const bit = initFlag[name];
  return (
    ((bit < 32 ? reply.body.readUInt32LE(12) >>> bit : reply.body.readUInt32LE(32) >>> (bit - 32)) &
      1) ===
    1
  );
};
const mkdir = (unique: number, name: string): Buffer =>
  request({ opcode: 9, unique }, [4, 0o755], [4, 0], name);
const lookup = (unique: number, name: string): Buffer => request({ opcode: 1, unique }, name);
const setlkw = (unique: number): Buffer =>
  request({ opcode: 33, unique }, [8, 1], [8, 7], [8, 0], [8, 9], [4, 1], [4, 5], [4, 0], [4, 0]);
const interrupt = (unique: number): Buffer =>
  request({ opcode: 36, unique: unique + 1 }, [8, unique]);

test("INIT at 7.31: no flags beyond bit 31, SETXATTR is short", async () => {
  const fs = new MemoryFs();
  const kernel = new FakeKernel(fs);
  const reply = await kernel.init(31);
  assert.is(reply.error, 0);
  assert.is(reply.body.length, 64);
  assert.equal([reply.body.readUInt32LE(0), reply.body.readUInt32LE(4)], [7, 31]);
  assert.is(reply.body.readUInt32LE(20), 1 << 20);
  assert.is(reply.body.readUInt16LE(28), 256);
  assert.is(reply.body.readUInt32LE(32), 0);
  assert.is(has(reply, "INIT_EXT"), false);
  assert.is(has(reply, "DO_READDIRPLUS"), true);
  const agreed = await kernel.session.ready;
  assert.equal([agreed.minor, agreed.hasEpoch, agreed.canExpire], [31, false, false]);
  assert.is(kernel.session.notifications?.incEpoch(), false);
  await kernel.end();
});

test("INIT at 7.31 without MAX_PAGES and SETXATTR_EXT", async () => {
  const fs = new MemoryFs();
  const kernel = new FakeKernel(fs);
  kernel.send(initRequest(31, (1 << initFlag.ASYNC_READ) | (1 << initFlag.BIG_WRITES)));
  const reply = await kernel.reply();
  assert.is(reply.body.readUInt32LE(12), (1 << initFlag.ASYNC_READ) | (1 << initFlag.BIG_WRITES));
  assert.is(reply.body.readUInt32LE(20), 131072);
  kernel.send(request({ opcode: 21, unique: 4 }, [4, 3], [4, 0], "user.x", Buffer.from("abc")));
  assert.equal(await kernel.reply(), { unique: 4, error: 0, body: Buffer.alloc(0) });
  kernel.send(request({ opcode: 22, unique: 6 }, [4, 10], [4, 0], "user.x"));
  assert.is((await kernel.reply()).body.toString(), "abc");
  kernel.send(request({ opcode: 22, unique: 8 }, [4, 0], [4, 0], "user.x"));
  assert.is((await kernel.reply()).body.readUInt32LE(0), 3);
  kernel.send(request({ opcode: 22, unique: 10 }, [4, 2], [4, 0], "user.x"));
  assert.is((await kernel.reply()).error, 34);
  await kernel.end();
});

test("INIT at 7.36 and at the newest", async () => {
  for (const [minor, epoch] of [
    [36, false],
    [45, true],
  ] as const) {
    const kernel = new FakeKernel(new MemoryFs());
    const reply = await kernel.init(minor);
    assert.is(reply.body.readUInt32LE(4), minor);
    assert.is(has(reply, "INIT_EXT"), true);
    assert.is(has(reply, "CREATE_SUPP_GROUP"), true);
    assert.is(has(reply, "POSIX_LOCKS"), true);
    assert.is(has(reply, "WRITEBACK_CACHE"), false);
    assert.is(has(reply, "PASSTHROUGH"), false);
    assert.is(has(reply, "NO_OPENDIR_SUPPORT"), false);
    assert.is((await kernel.session.ready).hasEpoch, epoch);
    await kernel.end();
  }
});

test("INIT of a future kernel is answered with what we know", async () => {
  const kernel = new FakeKernel(new MemoryFs());
  assert.is((await kernel.init(99)).body.readUInt32LE(4), 45);
  await kernel.end();
  const major = new FakeKernel(new MemoryFs());
  major.send(request({ opcode: 26, unique: 1 }, [4, 8], [4, 0], [4, 0], [4, 0]));
  const reply = await major.reply();
  assert.equal([reply.error, reply.body.readUInt32LE(0)], [0, 7]);
  assert.is((await major.init()).body.readUInt32LE(4), 45);
  await major.end();
});

test("INIT of a kernel that is too old, and requests before INIT, are refused", async () => {
  const kernel = new FakeKernel(new MemoryFs());
  kernel.send(lookup(2, "early"));
  assert.is((await kernel.reply()).error, EIO.errno);
  kernel.send(initRequest(30));
  assert.is((await kernel.reply()).error, 71);
  assert.match(String(await kernel.session.ready.catch((e: unknown) => e)), "Linux 5.4");
  await kernel.end();
});

test("options ask for flags", async () => {
  const kernel = new FakeKernel(new MemoryFs(), {
    writebackCache: true,
    posixAcl: true,
    autoInvalData: true,
    readdirplus: "never",
    maxWrite: 65536,
  });
  const reply = await kernel.init();
  assert.is(has(reply, "WRITEBACK_CACHE"), true);
  assert.is(has(reply, "POSIX_ACL"), true);
  assert.is(has(reply, "AUTO_INVAL_DATA"), true);
  assert.is(has(reply, "EXPLICIT_INVAL_DATA"), false);
  assert.is(has(reply, "DO_READDIRPLUS"), false);
  assert.equal([reply.body.readUInt32LE(20), reply.body.readUInt16LE(28)], [65536, 16]);
  await kernel.end();
});

test("no lock flags without lock operations", async () => {
  const fs = Object.assign(new MemoryFs(), {
    getlk: undefined,
    setlk: undefined,
  }) as unknown as FuseOperations;
  const kernel = new FakeKernel(fs);
  const reply = await kernel.init();
  assert.equal([has(reply, "POSIX_LOCKS"), has(reply, "FLOCK_LOCKS")], [false, false]);
  kernel.send(setlkw(4));
  assert.is((await kernel.reply()).error, 38);
  await kernel.end();
});

test("one turn for a batch; its replies keep their order", async () => {
  const fs = new MemoryFs();
  const kernel = new FakeKernel(fs);
  await kernel.init();
  const before = fs.turns;
  kernel.send(
    lookup(2, "x"),
    mkdir(4, "a"),
    lookup(6, "a"),
    mkdir(8, "a"),
    request({ opcode: 99, unique: 10 }),
  );
  const replies = await kernel.replies(5);
  assert.equal(
    replies.map((r) => [r.unique, r.error]),
    [
      [2, 2],
      [4, 0],
      [6, 0],
      [8, 17],
      [10, 38],
    ],
  );
  assert.is(fs.turns, before + 1);
  await kernel.end();
});

test("replies of a dirty turn wait for the commit; a failed commit makes errors of them", async () => {
  const fs = new MemoryFs();
  const kernel = new FakeKernel(fs);
  await kernel.init();
  setLogLevel("error");
  fs.failNextTurn = EDQUOT;
  const listing = request(
    { opcode: 28, unique: 10 },
    [8, 1],
    [8, 0],
    [4, 4096],
    [4, 0],
    [8, 0],
    [4, 0],
    [4, 0],
  );
  const read = request(
    { opcode: 15, unique: 12, nodeid: 2n },
    [8, 1],
    [8, 0],
    [4, 4096],
    [4, 0],
    [8, 0],
    [4, 0],
    [4, 0],
  );
  kernel.send(lookup(2, "x"), mkdir(4, "a"), lookup(6, "a"), lookup(8, "none"), listing, read);
  const replies = await kernel.replies(6);
  // The lookup before the change is answered at once, and so are the bytes of a file.
  assert.equal(
    replies.map((r) => [r.unique, r.error]),
    [
      [2, 2],
      [12, 0],
      [4, EDQUOT.errno],
      [6, EDQUOT.errno],
      [8, EDQUOT.errno],
      [10, EDQUOT.errno],
    ],
  );
  kernel.send(lookup(14, "a"));
  assert.is((await kernel.reply()).error, 0);
  await kernel.end();
});

test("more replies than fit in one batch", async () => {
  const fs = new MemoryFs();
  const kernel = new FakeKernel(fs);
  await kernel.init();
  const uniques = Array.from({ length: 200 }, (_, i) => 2 * i + 2);
  for (const u of uniques) kernel.send(u % 4 === 0 ? mkdir(u, `d${u}`) : lookup(u, "none"));
  const replies = await kernel.replies(uniques.length);
  assert.equal(
    replies.map((r) => r.unique).toSorted((a, b) => a - b),
    uniques,
  );
  assert.ok(fs.turns >= 4);
  await kernel.end();
});

test("promises answer later, out of order", async () => {
  const kernel = new FakeKernel(new MemoryFs());
  await kernel.init();
  kernel.send(request({ opcode: 20, unique: 4 }, [8, 1], [4, 0], [4, 0]), lookup(6, "x"));
  assert.equal(
    (await kernel.replies(2)).map((r) => r.unique),
    [6, 4],
  );
  assert.is(kernel.session.pendingRequests, 0);
  await kernel.end();
});

test("INTERRUPT ends the request it names, and no other", async () => {
  const fs = new MemoryFs();
  const kernel = new FakeKernel(fs);
  await kernel.init();
  kernel.send(setlkw(4), setlkw(6), interrupt(1000), interrupt(6), interrupt(6));
  assert.equal(await kernel.reply(), { unique: 6, error: 4, body: Buffer.alloc(0) });
  kernel.send(lookup(8, "x"));
  assert.is((await kernel.reply()).unique, 8);
  assert.equal([fs.interrupts, kernel.session.pendingRequests], [1, 1]);
  await kernel.end();
  assert.is(fs.interrupts, 2);
});

test("an interrupt that comes before the callback is kept", async () => {
  const start = Promise.withResolvers<undefined>();
  const fs = Object.assign(new MemoryFs(), {
    async setlk(req: Request): Promise<void> {
      await start.promise;
      const { promise, reject } = Promise.withResolvers<undefined>();
      req.onInterrupt(() => reject(EDQUOT));
      await promise;
    },
  });
  const kernel = new FakeKernel(fs);
  await kernel.init();
  kernel.send(setlkw(4), interrupt(4), lookup(6, "x"));
  assert.is((await kernel.reply()).unique, 6);
  start.resolve(undefined);
  assert.equal(await kernel.reply(), { unique: 4, error: EDQUOT.errno, body: Buffer.alloc(0) });
  await kernel.end();
});

test("STATX is answered ENOSYS unless the file system has it", async () => {
  const statx = request({ opcode: 52, unique: 4 }, [4, 0], [4, 0], [8, 0], [4, 0], [4, 0x7ff]);
  const without = new FakeKernel(new MemoryFs());
  await without.init();
  without.send(statx);
  assert.is((await without.reply()).error, 38);
  await without.end();
  const fs = new MemoryFs();
  const kernel = new FakeKernel(Object.assign(fs, { statx: fs.getattr.bind(fs) }));
  await kernel.init();
  kernel.send(statx);
  const { body } = await kernel.reply();
  assert.is(body.length, 288);
  assert.is(body.readUInt32LE(32), 0x7ff);
  assert.equal(
    [body.readUInt32LE(48), body.readUInt16LE(60), body.readBigUInt64LE(64)],
    [2, 0o40777, 1n],
  );
  await kernel.end();
});

test("notifications have the kernel's form", async () => {
  const kernel = new FakeKernel(new MemoryFs());
  await kernel.init();
  const tell = kernel.session.notifications;
  assert.is(tell?.invalInode(5, -1, 0), true);
  assert.equal(await kernel.reply(), {
    unique: 0,
    error: -2,
    body: Buffer.from("0500000000000000ffffffffffffffff0000000000000000", "hex"),
  });
  tell?.invalEntry(1, "ab", true);
  assert.equal(await kernel.reply(), {
    unique: 0,
    error: -3,
    body: Buffer.from("01000000000000000200000001000000616200", "hex"),
  });
  tell?.delete(1, 5, "ab");
  assert.equal(await kernel.reply(), {
    unique: 0,
    error: -6,
    body: Buffer.from("010000000000000005000000000000000200000000000000616200", "hex"),
  });
  assert.is(tell?.incEpoch(), true);
  assert.equal(await kernel.reply(), { unique: 0, error: -8, body: Buffer.alloc(0) });
  await kernel.end();
});

test.run();
