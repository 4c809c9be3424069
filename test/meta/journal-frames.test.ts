// The payloads of frames: mutations recorded one by one, and bytes of files; and the checksum that guards them.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { decodeData, encodeData } from "../../src/meta/journal/data-frame.ts";
import { JournalFile } from "../../src/meta/journal/journal-file.ts";
import { MutationFrame } from "../../src/meta/journal/mutation-frame.ts";
import { decodeMutations, encodeMutations } from "../../src/meta/mutation-codec.ts";
import type { Mutation } from "../../src/meta/mutation.ts";
import { TRASH_INO } from "../../src/meta/types.ts";
import { crc32c, crc32cByTable } from "../../src/util/crc32c.ts";
import { sampleAttr } from "../support/sqlite-volume.ts";
import { identity, random, randomBytes, scratchFolder } from "./journal-image.ts";

const plain = { noNullPrototype: true } as const;
const id = fc.integer({ min: 0, max: 2 ** 52 });
const bytes = fc.uint8Array({ maxLength: 400 }).map((b) => Uint8Array.from(b));
const extent = fc.record({ sliceId: id, offset: fc.maxSafeNat(), bytes }, plain);
const dataFrame = fc.record(
  {
    ino: fc.oneof(fc.integer({ min: 1, max: 2 ** 40 }), fc.constant(TRASH_INO + 3)),
    time: fc.record(
      {
        sec: fc.integer({ min: -(2 ** 40), max: 2 ** 40 }),
        nsec: fc.integer({ min: 0, max: 999_999_999 }),
      },
      plain,
    ),
    extents: fc.array(extent, { maxLength: 6 }),
  },
  plain,
);

const isRangeError = (e: unknown): boolean => e instanceof RangeError;

/** Views as plain arrays, so that they compare by content. */
function comparable(frame: ReturnType<typeof decodeData>): unknown {
  const extents = frame.extents.map((e) => ({ ...e, bytes: Uint8Array.from(e.bytes) }));
  return { ...frame, extents };
}

test("a data frame survives its bytes", () => {
  fc.assert(
    fc.property(dataFrame, (frame) => {
      assert.equal(comparable(decodeData(encodeData(frame))), frame);
    }),
    { numRuns: 2000, seed: 21 },
  );
});

test("data that ends early, goes on too long, or has another version is refused", () => {
  fc.assert(
    fc.property(dataFrame, (frame) => {
      const encoded = encodeData(frame);
      for (let end = 0; end < encoded.length; end += 1 + (end >> 4))
        assert.throws(() => decodeData(encoded.subarray(0, end)), isRangeError);
      assert.throws(() => decodeData(Buffer.concat([encoded, Buffer.alloc(1)])), isRangeError);
    }),
    { numRuns: 200, seed: 22 },
  );
  assert.throws(() => decodeData(Buffer.from([9, 1, 2, 3, 0])), /version 9/);
  // A count that no memory could hold.
  assert.throws(() => decodeData(Buffer.from([1, 1, 2, 3, 0xff, 0xff, 0xff, 0x7f])), isRangeError);
});

test("random bytes are no data frame, or one that holds no more than they do", () => {
  const next = random(23);
  for (let i = 0; i < 20_000; i++) {
    const noise = randomBytes(next, 1 + Math.floor(next() * 40));
    noise[0] = 1;
    try {
      const frame = decodeData(noise);
      const held = frame.extents.reduce((sum, e) => sum + e.bytes.length, 0);
      assert.ok(held < noise.length);
    } catch (e) {
      assert.instance(e, RangeError);
    }
  }
});

test("extents are views: large ones are copied once on the way in, never on the way out", () => {
  const large = Buffer.alloc(256 * 1024, 7);
  const time = { sec: 1, nsec: 2 };
  const extents = [{ sliceId: 5, offset: 10, bytes: large }];
  const encoded = encodeData({ ino: 3, time, extents });
  assert.ok(encoded.length < large.length + 40);
  const [extentRead] = decodeData(encoded).extents;
  assert.is(extentRead?.bytes.buffer, encoded.buffer);
  assert.ok(large.equals(extentRead?.bytes as Uint8Array));
});

test("mutations recorded one by one are the list that the codec makes", () => {
  const frame = new MutationFrame();
  const next = random(24);
  for (let round = 0; round < 300; round++) {
    frame.clear();
    assert.ok(frame.isEmpty);
    const mutations: Mutation[] = [];
    for (let i = 1 + Math.floor(next() * 12); i > 0; i--) {
      const mutation = someMutation(next);
      mutations.push(mutation);
      frame.record(mutation);
    }
    assert.not(frame.isEmpty);
    const taken = frame.take();
    assert.is(Buffer.compare(taken, encodeMutations(mutations)), 0);
    assert.equal(decodeMutations(taken), mutations);
  }
});

test("a frame that was large gives its memory back, and numbers of any size are whole", () => {
  const frame = new MutationFrame();
  const value = new Uint8Array(3 * 2 ** 20).fill(1);
  frame.record({ kind: "putXattr", ino: 1, name: "user.large", value });
  assert.ok(frame.take().length > value.length);
  frame.clear();
  const numbers = [0, 127, 128, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 38 - 1, 2 ** 45, 2 ** 53 - 1];
  for (const ino of numbers) frame.record({ kind: "deleteAttr", ino });
  assert.ok(frame.take().buffer.byteLength < 2 ** 20);
  assert.equal(
    decodeMutations(frame.take()).map((m) => (m as { ino: number }).ino),
    numbers,
  );
});

function someMutation(next: () => number): Mutation {
  const ino = 1 + Math.floor(next() * 2 ** 40);
  const name = randomBytes(next, 1 + Math.floor(next() * 254)).toString("latin1");
  const picked = Math.floor(next() * 4);
  if (picked === 0) return { kind: "putDentry", parent: ino, name, dentry: { ino, type: 1 } };
  if (picked === 1) return { kind: "addCounter", name: "usedSpace", delta: -ino };
  if (picked === 2) return { kind: "putSession", sid: 4, expire: 9, info: `{"host":"${ino}"}` };
  const value = Uint8Array.from(randomBytes(next, Math.floor(next() * 3000)));
  return { kind: "putXattr", ino, name, value };
}

test("docs/journal.md lists every mutation by its number", () => {
  const text = readFileSync(join(import.meta.dirname, "../../docs/journal.md"), "utf8");
  const rows = [...text.matchAll(/^\| (\d+) \| ((?:put|add|delete|append)\w+) \| ([^|]*) \|/gm)];
  const numbers = "ino parent index id size delta sid length expire deleted space inodes";
  const no = { owner: 0, group: 0, mask: 0, other: 0, namedUsers: [], namedGroups: [] };
  const any = {
    ...Object.fromEntries(numbers.split(" ").map((member) => [member, 1])),
    name: "n",
    target: "t",
    info: "",
    records: new Uint8Array(),
    items: new Uint8Array(),
    attr: sampleAttr,
    dentry: { ino: 1, type: 1 },
    rule: no,
  };
  const valueOf: Readonly<Record<string, unknown>> = { putXattr: any.records, putSetting: "" };
  for (const [i, [, number, kind, members]] of rows.entries()) {
    assert.is(Number(number), i);
    const values = { value: 1, ...any, kind };
    if ((kind as string) in valueOf) Object.assign(values, { value: valueOf[kind as string] });
    const read: string[] = [];
    const seen = new Proxy(values, {
      get: (target, member: string) => {
        if (member !== "kind") read.push(member);
        return target[member as keyof typeof target];
      },
    });
    assert.is(encodeMutations([seen as unknown as Mutation])[1], i, kind);
    assert.equal(
      read,
      (members as string).split(", ").map((member) => member.split(" ")[0]),
    );
  }
  assert.throws(() => decodeMutations(Buffer.from([1, rows.length])), /unknown kind/);
});

test("a journal's bytes are those of docs/journal.md", async () => {
  const folder = scratchFolder();
  const path = join(folder.path, "journal");
  const options = { firstSequence: 5, bytes: 16384 };
  const journal = JournalFile.create(path, identity, options);
  journal.append(1, Buffer.from("one"));
  for (let i = 0; i < 2; i++) journal.append(2, Buffer.alloc(2400, 9));
  await journal.close();
  const file = readFileSync(path);
  folder.remove();
  const ownId = Buffer.from(identity.journal, "hex");
  for (const [index, first] of [5, 7].entries()) {
    const page = file.subarray(index * 8192, index * 8192 + 4096);
    assert.is(page.toString("latin1", 0, 8), "jfs-jrnl");
    assert.equal(
      [8, 12, 16, 20].map((at) => page.readUInt32LE(at)),
      [1, 8192, index, 2],
    );
    assert.equal(
      [24, 32].map((at) => Number(page.readBigUInt64LE(at))),
      [index + 1, first],
    );
    assert.ok(page.subarray(40, 56).equals(ownId));
    assert.is(page.toString("utf8", 56, 120), identity.volume.padEnd(64, "\0"));
    assert.ok(page.subarray(120, 4092).every((byte) => byte === 0));
    assert.is(page.readUInt32LE(4092), crc32cByTable(page.subarray(0, 4092)));
  }
  const frames = [
    [4096, 1, 1, 5, 3],
    [4096 + 32, 1, 2, 6, 2400],
    [8192 + 4096, 2, 2, 7, 2400],
  ] as const;
  for (const [at, generation, kind, sequence, length] of frames) {
    const end = at + 24 + Math.ceil(length / 8) * 8;
    const round = Buffer.alloc(8);
    round.writeUInt32LE(generation);
    const guarded = Buffer.concat([ownId, round, file.subarray(at + 4, end)]);
    assert.is(file.readUInt32LE(at), crc32cByTable(guarded));
    assert.is(file.readUInt32LE(at + 4), length);
    assert.is(Number(file.readBigUInt64LE(at + 8)), sequence);
    assert.is(file.readUInt16LE(at + 16), kind);
    assert.ok(Math.abs(file.readUIntLE(at + 18, 6) - Date.now()) < 60_000);
  }
  assert.is(file.toString("latin1", 4096 + 24, 4096 + 32), "one\0\0\0\0\0");
});

test("CRC-32C of known bytes; by tables the same; in pieces the same", () => {
  // From RFC 3720, B.4, and the check value of the polynomial.
  assert.is(crc32c(Buffer.from("123456789")), 0xe3069283);
  assert.is(crc32c(Buffer.alloc(32)), 0x8a9136aa);
  assert.is(crc32c(Buffer.alloc(32, 0xff)), 0x62a8ab43);
  assert.is(crc32c(Buffer.from(Array.from({ length: 32 }, (_, i) => i))), 0x46dd794e);
  assert.is(crc32c(Buffer.alloc(0)), 0);
  const next = random(25);
  const large = randomBytes(next, 100_000);
  for (let i = 0; i < 500; i++) {
    const from = Math.floor(next() * large.length);
    const part = large.subarray(from, from + Math.floor(next() * 300));
    const middle = Math.floor(next() * part.length);
    const whole = crc32c(part);
    assert.is(crc32cByTable(part), whole);
    assert.is(crc32c(part.subarray(middle), crc32c(part.subarray(0, middle))), whole);
  }
  assert.is(crc32c(large), crc32cByTable(large));
});

test.run();
