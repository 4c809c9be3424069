// Every kind of mutation goes through its bytes and comes back; what was recorded makes the same volume again.
import * as fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { MemoryRecords } from "../../src/meta/engines/memory-records.ts";
import { MemoryStore } from "../../src/meta/engines/memory.ts";
import { openMeta } from "../../src/meta/meta.ts";
import type { Mutation } from "../../src/meta/mutation.ts";
import { decodeMutations, encodeMutations } from "../../src/meta/mutation-codec.ts";
import { initVolume } from "../../src/meta/init-volume.ts";
import { TRASH_INO } from "../../src/meta/types.ts";
import { Driver } from "../model/driver.ts";
import { runModel } from "../model/operations.ts";
import { FakeData, testFormat } from "../model/subject.ts";

const plain = { noNullPrototype: true } as const;
const ino = fc.oneof(fc.integer({ min: 1, max: 2 ** 40 }), fc.constant(TRASH_INO + 3));
const id = fc.integer({ min: 0, max: 2 ** 50 });
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const delta = fc.integer({ min: -(2 ** 45), max: 2 ** 45 });
const name = fc
  .uint8Array({ minLength: 1, maxLength: 255 })
  .map((bytes) => Buffer.from(bytes).toString("latin1"));
const bytes = fc.uint8Array({ maxLength: 300 }).map((b) => Uint8Array.from(b));
const nsec = fc.integer({ min: 0, max: 999_999_999 });
const attr = fc.record(
  {
    type: fc.integer({ min: 1, max: 7 }),
    flags: fc.integer({ min: 0, max: 255 }),
    mode: fc.integer({ min: 0, max: 0xfff }),
    uid: u32,
    gid: u32,
    rdev: u32,
    atime: delta.map((t) => t % 2 ** 40),
    mtime: delta.map((t) => t % 2 ** 40),
    ctime: delta.map((t) => t % 2 ** 40),
    atimensec: nsec,
    mtimensec: nsec,
    ctimensec: nsec,
    nlink: u32,
    length: fc.maxSafeNat(),
    parent: ino,
    accessAcl: u32,
    defaultAcl: u32,
    tier: fc.integer({ min: 0, max: 3 }),
  },
  plain,
);
const perm = fc.integer({ min: 0, max: 0xffff });
const entries = fc.array(fc.record({ id: u32, perm }, plain), { maxLength: 4 });
const rule = fc.record(
  {
    owner: perm,
    group: perm,
    mask: perm,
    other: perm,
    namedUsers: entries,
    namedGroups: entries,
  },
  plain,
);
const of = <T extends object>(
  kind: string,
  members: { [K in keyof T]: fc.Arbitrary<T[K]> },
): fc.Arbitrary<Mutation> =>
  fc.record(members, { noNullPrototype: true }).map((m) => ({ kind, ...m }) as unknown as Mutation);
const counterName = fc.constantFrom("nextInode", "usedSpace", "totalInodes", "lastCleanupTrash");

const byName = (a: readonly [string, number], b: readonly [string, number]): number =>
  a[0] < b[0] ? -1 : 1;

const anyMutation = fc.oneof(
  of("putAttr", { ino, attr }),
  of("deleteAttr", { ino }),
  of("putDentry", {
    parent: ino,
    name,
    dentry: fc.record({ ino, type: fc.integer({ min: 1, max: 7 }) }, plain),
  }),
  of("deleteDentry", { parent: ino, name }),
  of("addParent", { ino, parent: ino, delta }),
  of("putSymlink", { ino, target: name }),
  of("deleteSymlink", { ino }),
  of("putXattr", { ino, name, value: bytes }),
  of("deleteXattr", { ino, name }),
  of("deleteXattrs", { ino }),
  of("appendSlices", { ino, index: u32, records: bytes }),
  of("putChunk", { ino, index: u32, records: bytes }),
  of("deleteChunk", { ino, index: u32 }),
  of("addSliceRef", { id, size: u32, delta }),
  of("deleteSliceRef", { id, size: u32 }),
  of("putSustained", { sid: id, ino }),
  of("deleteSustained", { sid: id, ino }),
  of("putDelfile", { ino, length: id, expire: u32 }),
  of("deleteDelfile", { ino, length: id }),
  of("putDelslices", { id, deleted: u32, items: bytes }),
  of("deleteDelslices", { id, deleted: u32 }),
  of("addDirStat", { ino, length: delta, space: delta, inodes: delta }),
  of("putDirStat", { ino, length: delta, space: delta, inodes: delta }),
  of("deleteDirStat", { ino }),
  of("deleteDirQuota", { ino }),
  of("addCounter", { name: counterName, delta }),
  of("putCounter", { name: counterName, value: delta }),
  of("putAcl", { id, rule }),
  of("putSession", { sid: id, expire: u32, info: fc.string() }),
  of("deleteSession", { sid: id }),
  of("deleteLocks", { sid: id }),
  of("putSetting", { value: fc.string() }),
);

test("a list of mutations survives its bytes", () => {
  fc.assert(
    fc.property(fc.array(anyMutation, { maxLength: 20 }), (mutations) => {
      assert.equal(decodeMutations(encodeMutations(mutations)), mutations);
    }),
    { numRuns: 1000, seed: 11 },
  );
});

test("torn bytes, other versions and unknown kinds are refused", () => {
  const encoded = encodeMutations([{ kind: "putSymlink", ino: 300, target: "somewhere" }]);
  for (let end = 2; end < encoded.length; end++) {
    assert.throws(
      () => decodeMutations(encoded.subarray(0, end)),
      (e: unknown) => e instanceof RangeError,
    );
  }
  assert.throws(() => decodeMutations(Buffer.from([9])), /version 9/);
  assert.throws(() => decodeMutations(Buffer.from([1, 200])), /unknown kind/);
});

test("a create takes less than 300 bytes", () => {
  const base = {
    flags: 0,
    mode: 0o644,
    uid: 1000,
    gid: 1000,
    rdev: 0,
    atime: 1.7e9,
    mtime: 1.7e9,
    ctime: 1.7e9,
  };
  const rest = {
    atimensec: 1,
    mtimensec: 1,
    ctimensec: 1,
    accessAcl: 0,
    defaultAcl: 0,
    tier: 0,
    parent: 1,
  };
  const file = { type: 1, ...base, ...rest, nlink: 1, length: 0 };
  const encoded = encodeMutations([
    { kind: "putAttr", ino: 1000, attr: file },
    { kind: "putDentry", parent: 1, name: "file-1000", dentry: { ino: 1000, type: 1 } },
    { kind: "putAttr", ino: 1, attr: { ...file, type: 2 } },
    { kind: "addDirStat", ino: 1, length: 0, space: 4096, inodes: 1 },
    { kind: "addCounter", name: "usedSpace", delta: 4096 },
    { kind: "addCounter", name: "totalInodes", delta: 1 },
  ]);
  assert.ok(encoded.length < 300, `${encoded.length} bytes`);
});

test("what was recorded, decoded and applied again makes the same volume", async () => {
  const copy = new MemoryRecords();
  let now = { sec: 1_700_000_000, nsec: 0 };
  const store = new MemoryStore({
    clock: () => now,
    recorder: (mutation) => {
      for (const decoded of decodeMutations(encodeMutations([mutation]))) copy.apply(decoded);
    },
  });
  const format = testFormat(1, false);
  store.write((tx) => initVolume(tx, format, JSON.stringify(format)));
  const meta = await openMeta(store, { sessionInfo: "{}", heartbeatSeconds: 0 });
  const subject = {
    store,
    meta,
    data: new FakeData(),
    hasClock: true,
    setNow: (time: typeof now) => (now = time),
    close: () => meta.shutdown(),
  };
  await runModel(new Driver(subject, 5, true), { steps: 3000, every: 3000, seeks: true });
  // Ids are allocated outside of transactions of bodies.
  for (const counter of ["nextInode", "nextChunk", "nextSession", "nextTrash"] as const) {
    copy.counters.set(counter, store.records.counters.get(counter) ?? 0);
    if (!store.records.counters.has(counter)) copy.counters.delete(counter);
  }
  for (const member of [
    "attrs",
    "dentries",
    "parents",
    "symlinks",
    "xattrs",
    "chunks",
    "sliceRefs",
  ] as const) {
    assert.equal(copy[member], store.records[member], member);
  }
  for (const member of ["sustained", "delfiles", "dirStats", "sessions", "acls"] as const) {
    assert.equal(copy[member], store.records[member], member);
  }
  assert.equal(
    new Map([...copy.counters].sort(byName)),
    new Map([...store.records.counters].sort(byName)),
  );
  assert.is(copy.setting, store.records.setting);
  await subject.close();
});

test.run();
