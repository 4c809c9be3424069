// What happens in the background: data of deleted files, merges, old trash, delayed slices.
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Entry } from "../../src/meta/api.ts";
import type { Meta } from "../../src/meta/meta.ts";
import { openMeta } from "../../src/meta/meta.ts";
import { trashHourName, trashHourTime } from "../../src/meta/names.ts";
import { setIfSmall } from "../../src/meta/ops/session.ts";
import type { DentryRow } from "../../src/meta/store.ts";
import type { Ino, Slice } from "../../src/meta/types.ts";
import { TRASH_INO } from "../../src/meta/types.ts";
import { fsck } from "../model/invariants.ts";
import { FakeData } from "../model/subject.ts";
import { directory, file, openMemory, root } from "./open-memory.ts";

function write(meta: Meta, data: FakeData, ino: Ino, pos: number, len: number): number {
  const id = meta.newSliceId() as number;
  data.slices.set(
    id,
    Array.from({ length: len }, (_, i) => `${id}:${i}`),
  );
  void meta.writeSlices(ino, [{ index: 0, slice: { pos, id, size: len, off: 0, len } }], {
    sec: 1,
    nsec: 0,
  });
  return id;
}
const show = (data: FakeData, slices: readonly Slice[]): (string | undefined)[] => {
  const bytes: (string | undefined)[] = [];
  for (const s of slices) for (let i = 0; i < s.len; i++) bytes[s.pos + i] = data.token(s, i);
  return Array.from(bytes);
};

test("a removed file's slices are deleted, shared ones when the last file goes", async () => {
  const data = new FakeData();
  const { meta, store } = await openMemory({}, { worker: data });
  const { ino: a } = meta.mknod(root, 1, "a", file()) as Entry;
  const { ino: b } = meta.mknod(root, 1, "b", file()) as Entry;
  const [own, shared] = [write(meta, data, a, 0, 10), write(meta, data, a, 10, 10)];
  await meta.copyFileRange(root, a, 10, b, 0, 10);
  await meta.unlink(root, 1, "a");
  await meta.runJobsNow();
  assert.equal([...data.removed], [own]);
  await meta.unlink(root, 1, "b");
  await meta.runJobsNow();
  assert.equal([...data.removed], [own, shared]);
  assert.is(store.records.sliceRefs.size, 0);
  assert.is(store.records.delfiles.size, 0);
  assert.is(store.records.chunks.size, 0);
  await meta.shutdown();
});

test("many files and a file of many chunks", async () => {
  const data = new FakeData();
  const { meta, store } = await openMemory({}, { worker: data });
  for (let n = 0; n < 300; n++) {
    const { ino } = meta.mknod(root, 1, `f${n}`, file()) as Entry;
    write(meta, data, ino, 0, 3);
    await meta.unlink(root, 1, `f${n}`);
  }
  const { ino } = meta.mknod(root, 1, "long", file()) as Entry;
  for (let index = 0; index < 700; index++) {
    const slice = { pos: 0, id: meta.newSliceId() as number, size: 1, off: 0, len: 1 };
    await meta.writeSlices(ino, [{ index, slice }], { sec: 1, nsec: 0 });
  }
  await meta.unlink(root, 1, "long");
  await meta.runJobsNow();
  assert.is(data.removed.size, 1000);
  assert.is(store.records.chunks.size, 0);
  assert.is(store.records.sliceRefs.size, 0);
  assert.is(store.records.delfiles.size, 0);
  await meta.shutdown();
});

test("with no deletions allowed the records stay for others", async () => {
  const data = new FakeData();
  const { meta, store } = await openMemory({}, { worker: data, maxDeletes: 0 });
  const { ino } = meta.mknod(root, 1, "a", file()) as Entry;
  const id = write(meta, data, ino, 0, 10);
  await meta.unlink(root, 1, "a");
  await meta.runJobsNow();
  assert.is(data.removed.size, 0);
  assert.is(store.records.sliceRefs.get(id)?.refs, 0);
  await meta.shutdown();
});

test("a slice whose objects cannot be deleted is tried again", async () => {
  const data = new FakeData();
  const remove = data.remove.bind(data);
  let fails = true;
  data.remove = (id: number) => (fails ? Promise.reject(new Error("disk")) : remove(id));
  const { meta, store } = await openMemory({}, { worker: data });
  const { ino } = meta.mknod(root, 1, "a", file()) as Entry;
  const id = write(meta, data, ino, 0, 10);
  await meta.unlink(root, 1, "a");
  await meta.runJobsNow();
  assert.is(store.records.sliceRefs.get(id)?.refs, 0);
  fails = false;
  await meta.runJobsNow();
  assert.is(store.records.sliceRefs.size, 0);
  await meta.shutdown();
});

test("reading a chunk of many slices merges it, and the bytes are the same", async () => {
  const data = new FakeData();
  const { meta, store } = await openMemory({}, { worker: data });
  const { ino } = meta.mknod(root, 1, "a", file()) as Entry;
  for (let n = 0; n < 6; n++) write(meta, data, ino, n * 7, 10);
  const before = show(data, meta.readChunk(ino, 0) as Slice[]);
  await meta.runJobsNow();
  const after = meta.readChunk(ino, 0) as Slice[];
  assert.is(after.length, 1);
  assert.equal(show(data, after), before);
  assert.is(data.removed.size, 6);
  assert.is(store.records.sliceRefs.size, 1);
  assert.equal(await fsck(store, meta.sid), []);
  await meta.shutdown();
});

test("with a trash the replaced slices wait for their day", async () => {
  const data = new FakeData();
  const { meta, store } = await openMemory({ TrashDays: 2 }, { worker: data });
  const { ino } = meta.mknod(root, 1, "a", file()) as Entry;
  for (let n = 0; n < 6; n++) write(meta, data, ino, n * 7, 10);
  await meta.readChunk(ino, 0);
  // The test's clock stands in 1970: their day has long come when the job runs.
  await meta.runJobsNow();
  assert.is(store.records.delslices.size, 1);
  assert.is(data.removed.size, 0);
  await meta.runJobsNow();
  assert.is(store.records.delslices.size, 0);
  assert.is(data.removed.size, 6);
  assert.is(store.records.sliceRefs.size, 1);
  await meta.shutdown();
});

test("a merge that a truncate has overtaken is given up", async () => {
  const data = new FakeData();
  const { meta, store } = await openMemory({}, { worker: data });
  const { ino } = meta.mknod(root, 1, "a", file()) as Entry;
  for (let n = 0; n < 6; n++) write(meta, data, ino, n * 7, 10);
  const merge = data.merge.bind(data);
  let merged = 0;
  data.merge = async (id, size, pieces) => {
    merged = id;
    // Somebody deletes and writes anew while the slices are read.
    store.write((tx) => tx.deleteChunk(ino, 0));
    await merge(id, size, pieces);
  };
  await meta.readChunk(ino, 0);
  await meta.runJobsNow();
  assert.ok(merged > 0);
  assert.ok(data.removed.has(merged), "the merged slice is garbage");
  assert.not(store.records.sliceRefs.has(merged));
  await meta.shutdown();
});

test("old hours of the trash are emptied, trees in them too, young ones stay", async () => {
  const data = new FakeData();
  const { meta, store } = await openMemory({ TrashDays: 1 }, { worker: data });
  const { ino: dir } = meta.mknod(root, 1, "d", directory()) as Entry;
  for (const name of ["x", "y"]) {
    const { ino } = meta.mknod(root, dir, name, file()) as Entry;
    write(meta, data, ino, 0, 5);
  }
  await meta.unlink(root, dir, "x");
  const [hour] = meta.readdir(TRASH_INO, undefined, 10, false) as readonly DentryRow[];
  // Make it an hour of two days ago, with a tree in it as a restore leaves one.
  const old = trashHourName(Math.floor(Date.now() / 1000) - 48 * 3600);
  store.write((tx) => {
    tx.deleteDentry(TRASH_INO, hour?.name ?? "");
    tx.putDentry(TRASH_INO, old, { ino: hour?.ino ?? 0, type: 2 });
    tx.deleteDentry(1, "d");
    tx.putDentry(hour?.ino ?? 0, `1-${dir}-d`, { ino: dir, type: 2 });
  });
  const young = trashHourName(Math.floor(Date.now() / 1000) - 3600);
  store.write((tx) => tx.putDentry(TRASH_INO, young, { ino: TRASH_INO + 5, type: 2 }));
  store.write((tx) => tx.putDentry(TRASH_INO, "not an hour", { ino: TRASH_INO + 6, type: 2 }));
  await meta.runJobsNow();
  const left = (meta.readdir(TRASH_INO, undefined, 10, false) as readonly DentryRow[]).map(
    ({ name }) => name,
  );
  assert.equal(left, [young, "not an hour"]);
  assert.is(data.removed.size, 2);
  assert.is(store.records.attrs.has(dir), false);
  await meta.shutdown();
});

test("hours have names and times", () => {
  assert.is(trashHourName(1_638_436_000), "2021-12-02-09");
  assert.is(trashHourTime("2021-12-02-09"), 1_638_435_600);
  assert.is(trashHourTime("2021-12-02"), undefined);
  assert.is(trashHourTime("2021-99-02-09"), undefined);
});

test("one client in a period does a job", async () => {
  const { store, meta } = await openMemory();
  const claim = (now: number): boolean =>
    store.write((tx) => setIfSmall(tx, "lastCleanupFiles", now, 3240));
  assert.equal(
    [claim(100_000), claim(100_001), claim(103_239), claim(103_240)],
    [true, false, false, true],
  );
  await meta.shutdown();
});

test("statistics that are missing are computed by listing", async () => {
  const { meta, store } = await openMemory();
  await meta.mknod(root, 1, "a", file());
  const { ino } = meta.mknod(root, 1, "b", file()) as Entry;
  await meta.setattr(root, ino, { length: 5000 });
  assert.is(store.records.dirStats.has(1), false);
  assert.equal(meta.dirStat(1), { length: 5000, space: 12288, inodes: 2 });
  await meta.mknod(root, 1, "c", file());
  assert.equal(meta.dirStat(1), { length: 5000, space: 16384, inodes: 3 });
  store.write((tx) => tx.putDirStat(1, { length: -1, space: 0, inodes: 0 }));
  assert.equal(meta.dirStat(1), { length: 5000, space: 16384, inodes: 3 });
  await meta.shutdown();
});

test("several clients share one store", async () => {
  const { meta, store } = await openMemory();
  const other = await openMeta(store, { sessionInfo: "{}", heartbeatSeconds: 0 });
  const a = meta.mknod(root, 1, "a", file()) as Entry;
  const b = other.mknod(root, 1, "b", file()) as Entry;
  assert.equal([a.ino, b.ino], [2, 1026], "each has a batch of its own");
  assert.ok(other.isShared);
  await other.shutdown();
  await meta.shutdown();
});

test.run();
