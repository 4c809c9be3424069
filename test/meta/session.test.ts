// Sessions: their record, the heartbeat, what is heard of others, and what the dead leave behind.
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Entry } from "../../src/meta/api.ts";
import { openMeta } from "../../src/meta/meta.ts";
import { SessionKeeper } from "../../src/meta/session.ts";
import { LocalVolume } from "../../src/meta/local-volume.ts";
import { FakeData, testFormat } from "../model/subject.ts";
import { fsck } from "../model/invariants.ts";
import * as errno from "../../src/util/errno.ts";
import { file, memoryStore, openMemory, refused, root } from "./open-memory.ts";

const clock = { now: { sec: 1000, nsec: 0 } };
const format = testFormat(0, false);

test("a session has a record while it lives", async () => {
  const { meta, store } = await openMemory({}, { sessionInfo: '{"Version":"1"}' });
  const record = store.records.sessions.get(meta.sid);
  assert.is(meta.sid, 1);
  assert.is(record?.info, '{"Version":"1"}');
  assert.ok(
    (record?.expire ?? 0) > Date.now() / 1000 + 364 * 86400,
    "without heartbeat it lasts a year",
  );
  await meta.shutdown();
  assert.is(store.records.sessions.size, 0);
});

test("a sid that is taken is left alone", async () => {
  const store = memoryStore(format, clock);
  store.write((tx) => tx.putSession(1, 2 ** 33, "loaded"));
  const meta = await openMeta(store, { sessionInfo: "{}", heartbeatSeconds: 0 });
  assert.is(meta.sid, 2);
  assert.ok(meta.isShared);
  assert.is(store.records.sessions.get(1)?.info, "loaded");
  await meta.shutdown();
});

test("a heartbeat brings back a record that somebody has cleaned, and hears of others", async () => {
  const { meta, store } = await openMemory({}, { sessionInfo: "mine" });
  store.write((tx) => tx.deleteSession(meta.sid));
  assert.not(meta.isShared);
  store.write((tx) => tx.putSession(7, Math.floor(Date.now() / 1000) + 60, "other"));
  await meta.runJobsNow();
  assert.is(store.records.sessions.get(meta.sid)?.info, "mine");
  assert.ok(meta.isShared);
  store.write((tx) => tx.deleteSession(7));
  await meta.runJobsNow();
  assert.not(meta.isShared);
  await meta.shutdown();
});

test("the setting is read again; another volume or a newer layout ends the service", async () => {
  const store = memoryStore(format, clock);
  const changes: [object, RegExp | undefined][] = [
    [{ Capacity: 5 * 2 ** 30 }, undefined],
    [{ UUID: "another" }, /another volume/],
    [{ MetaVersion: 2 }, /metadata version 2/],
  ];
  for (const [change, expected] of changes) {
    const reasons: string[] = [];
    const volume = new LocalVolume(format);
    const keeper = new SessionKeeper(store, volume, {
      heartbeatSeconds: 0,
      info: "{}",
      cleansStale: true,
      terminate: (reason) => void reasons.push(reason),
    });
    await keeper.start();
    store.write((tx) => tx.putSetting(JSON.stringify({ ...format, ...change })));
    await keeper.beat();
    await keeper.beat();
    if (expected === undefined) assert.is(volume.capacity, 5 * 2 ** 30);
    else assert.match(reasons[0] ?? "", expected);
    assert.is(reasons.length, expected === undefined ? 0 : 1);
    await keeper.stop();
  }
});

test("a store without a volume or with a newer one is refused in a sentence", async () => {
  const store = memoryStore({ ...format, MetaVersion: 2 }, clock);
  await openMeta(store).then(
    () => assert.unreachable(),
    (e: Error) => assert.match(e.message, /metadata version 2/),
  );
  store.records.setting = undefined;
  await openMeta(store).then(
    () => assert.unreachable(),
    (e: Error) => assert.match(e.message, /holds no volume/),
  );
});

test("files of a dead session go with it", async () => {
  const { meta, store } = await openMemory();
  const { ino } = meta.create(root, 1, "f", 0o644, 0) as Entry;
  await meta.mknod(root, 1, "g", file());
  await meta.unlink(root, 1, "f");
  assert.ok(store.records.isSustained(meta.sid, ino));
  // The process dies: its record expires, nobody closes the file.
  store.write((tx) => tx.putSession(meta.sid, 1, "{}"));
  const data = new FakeData();
  const other = await openMeta(store, { sessionInfo: "{}", heartbeatSeconds: 0, worker: data });
  await other.runJobsNow();
  assert.equal([...store.records.sessions.keys()], [other.sid]);
  assert.is(store.records.sustained.size, 0);
  refused(() => other.getattr(ino), errno.ENOENT);
  assert.is(store.records.delfiles.size, 0, "the data went too");
  assert.equal(await fsck(store, other.sid), []);
  await other.shutdown();
});

test("one that comes back to a cleaned session does no harm by closing", async () => {
  const { meta, store } = await openMemory();
  const { ino } = meta.create(root, 1, "f", 0o644, 0) as Entry;
  await meta.unlink(root, 1, "f");
  store.write((tx) => tx.deleteSustained(meta.sid, ino));
  store.write((tx) => tx.deleteAttr(ino));
  await meta.close(ino);
  assert.is(store.records.delfiles.size, 0);
});

test.run();
