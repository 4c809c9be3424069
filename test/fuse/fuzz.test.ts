// Torn and random requests into the decoder and the dispatcher: nothing throws, no request gets two answers, none that
// may be answered gets none. JFS_FUZZ_SEED repeats a run.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Dispatcher } from "../../src/fuse/dispatch.ts";
import { DirentsPool } from "../../src/fuse/dirents.ts";
import { Input } from "../../src/fuse/input.ts";
import type { FuseOperations } from "../../src/fuse/operations.ts";
import { Output } from "../../src/fuse/output.ts";
import { ENOENT } from "../../src/util/errno.ts";
import { setLogLevel, setLogDescriptor } from "../../src/util/log.ts";
import { FakeKernel } from "./fake-kernel.ts";
import { MemoryFs } from "./memory-fs.ts";
import { parseReply, request } from "./wire.ts";

const seed = Number(process.env["JFS_FUZZ_SEED"] ?? 20240607);
const ROUNDS = 60_000;

/** mulberry32: whole numbers below `limit`. */
function generator(start: number): (limit: number) => number {
  let state = start;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % limit;
  };
}

const attr = {
  ino: 2,
  size: 2 ** 52,
  blocks: 1,
  atime: -1,
  mtime: 0,
  ctime: 2 ** 33,
  atimensec: 0,
  mtimensec: 0,
  ctimensec: 0,
  mode: 0o100644,
  nlink: 1,
  uid: 0,
  gid: 0,
  rdev: 0,
  blksize: 4096,
};
const entry = { ino: 2, generation: 0, attr, entryTimeoutMs: 0.5, attrTimeoutMs: 1e9 };
const shapes: Readonly<Record<string, unknown>> = {
  lookup: entry,
  mknod: entry,
  mkdir: entry,
  symlink: entry,
  link: entry,
  getattr: { attr, attrTimeoutMs: 0 },
  setattr: { attr, attrTimeoutMs: 0 },
  statx: { attr, attrTimeoutMs: 0 },
  readlink: "target",
  open: { fh: 1, flags: 0 },
  opendir: { fh: 1, flags: 0 },
  create: { entry, open: { fh: 1, flags: 0 } },
  tmpfile: { entry, open: { fh: 1, flags: 0 } },
  write: 1,
  lseek: 1,
  copyFileRange: 1,
  read: [new Uint8Array(3), new Uint8Array(0)],
  getxattr: new Uint8Array(7),
  listxattr: ["user.a", "user.b"],
  statfs: {
    blocks: 1,
    bfree: 1,
    bavail: 1,
    files: 1,
    ffree: 1,
    bsize: 4096,
    namelen: 255,
    frsize: 4096,
  },
  getlk: { type: 2, pid: 0, start: 0n, end: 1n },
  ioctl: { result: 0, data: new Uint8Array(4) },
};

/** Every method answers its shape, at once or later, or fails in one of three ways. */
function stub(random: (limit: number) => number): FuseOperations {
  return new Proxy(
    {},
    {
      get(_, name: string) {
        return (...args: unknown[]) => {
          const sink = args.at(-1) as
            | { add?: (n: string, i: number, t: number, o: number) => boolean }
            | undefined;
          if (name === "readdir") while (sink?.add?.("entry", 3, 8, 9) === true);
          if (name === "forget") {
            if (random(5) === 0) throw new TypeError("a bug");
            return undefined;
          }
          switch (random(10)) {
            case 0:
              throw ENOENT;
            case 1:
              throw new TypeError("a bug");
            case 2:
              return Promise.reject(new Error("later"));
            case 3:
              return Promise.resolve(shapes[name]);
            default:
              return shapes[name];
          }
        };
      },
    },
  ) as FuseOperations;
}

function mangled(random: (limit: number) => number, unique: number): Buffer {
  const opcode = random(30) === 0 ? random(2 ** 31) : random(58);
  const body = Buffer.alloc(random(3) === 0 ? random(12) : random(160));
  const style = random(4);
  for (let i = 0; i < body.length; i++)
    body[i] =
      style === 0 ? random(256) : style === 1 ? random(4) : style === 2 ? 0 : 97 + random(2);
  const extension = random(20) === 0 ? random(30) : 0;
  return request({ opcode, unique, nodeid: BigInt(random(5)), extension }, body);
}

const SILENT = new Set([2, 36, 41, 42]);

test(`random requests get exactly one answer (seed ${seed})`, async () => {
  setLogLevel("error");
  setLogDescriptor(-1);
  const random = generator(seed);
  const area = Buffer.alloc(4096);
  const input = new Input(area);
  const replyArea = Buffer.alloc(1 << 20);
  const out = new Output(replyArea);
  const answers = new Map<number, number>();
  const count = (message: Buffer): void => {
    const { unique } = parseReply(message);
    answers.set(unique, (answers.get(unique) ?? 0) + 1);
  };
  const drain = (): void => {
    const { pieces } = dispatcher;
    if (pieces !== undefined) {
      const at = dispatcher.piecesHeader;
      const parts = pieces instanceof Uint8Array ? [pieces] : pieces;
      count(Buffer.concat([replyArea.subarray(at, at + 16), ...parts]));
      dispatcher.piecesSent();
    }
    for (let at = 0; at < out.end;) {
      const length = replyArea.readUInt32LE(at);
      count(replyArea.subarray(at, at + length));
      at += (length + 7) & ~7;
    }
    out.clear();
  };
  const terms = { maxWrite: 1 << 16, setxattrExtension: true, dirents: new DirentsPool() };
  const dispatcher = new Dispatcher(stub(random), input, out, () => drain(), true, terms);
  for (let i = 0; i < ROUNDS; i++) {
    const bytes = mangled(random, 2 * i + 2);
    area.fill(0xff);
    bytes.copy(area);
    const torn = random(50) === 0 ? random(bytes.length) : bytes.length;
    if (!input.start(torn)) continue;
    answers.set(2 * i + 2, 0);
    dispatcher.serve();
    drain();
    if (SILENT.has(input.opcode)) {
      assert.is(answers.get(2 * i + 2), 0, `opcode ${input.opcode} must not be answered`);
      answers.delete(2 * i + 2);
    }
    if (i % 1000 === 0) await new Promise((resolve) => void setImmediate(resolve));
  }
  await new Promise((resolve) => void setImmediate(resolve));
  const wrong = [...answers].filter(([, n]) => n !== 1);
  assert.equal(wrong, []);
  assert.is(dispatcher.pending.size, 0);
  assert.ok(answers.size > ROUNDS / 2);
});

test(`a session survives random messages (seed ${seed})`, async () => {
  setLogDescriptor(-1);
  const random = generator(seed + 1);
  const fs = new MemoryFs();
  const kernel = new FakeKernel(fs);
  await kernel.init();
  for (let round = 0; round < 200; round++) {
    const bytes = mangled(random, 2);
    // SETLKW waits for an interrupt, which is not what is tried here.
    if (bytes.readUInt32LE(4) === 33) continue;
    kernel.send(bytes.subarray(0, random(4) === 0 ? 1 + random(bytes.length) : bytes.length));
    kernel.send(request({ opcode: 17, unique: 1_000_000 + round }));
    let reply = await kernel.reply();
    while (reply.unique !== 1_000_000 + round) reply = await kernel.reply();
    assert.is(reply.error, 0);
  }
  await kernel.end();
});

test.run();
