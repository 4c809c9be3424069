// The replay runner: round trips that a body costs, re-runs, conflicts, effects.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ReplayMemoryStore } from "../../src/meta/engines/replay-memory.ts";
import { openMeta } from "../../src/meta/meta.ts";
import { initVolume } from "../../src/meta/init-volume.ts";
import { ENOENT } from "../../src/util/errno.ts";
import { testFormat } from "../model/subject.ts";
import { directory, file, root } from "./open-memory.ts";

async function fresh(refuses: () => boolean = () => false): Promise<ReplayMemoryStore> {
  const store = new ReplayMemoryStore({ refuses });
  const format = testFormat(0, false);
  await store.write((tx) => initVolume(tx, format, JSON.stringify(format)));
  return store;
}

test("the round trips of common operations", async () => {
  const store = await fresh();
  const meta = await openMeta(store, { sessionInfo: "{}", heartbeatSeconds: 0 });
  const caller = { ...root, trusted: true };
  const trips = async (run: () => unknown): Promise<number> => {
    const before = store.server.trips;
    await run();
    return store.server.trips - before;
  };
  await meta.mknod(caller, 1, "warm", file());
  const costs: Record<string, number> = {};
  costs["mknod"] = await trips(() => meta.mknod(caller, 1, "a", file()));
  costs["lookup"] = await trips(() => meta.lookup(caller, 1, "a"));
  costs["rename"] = await trips(() =>
    meta.rename(caller, { parent: 1, name: "a" }, { parent: 1, name: "b" }, 0),
  );
  costs["unlink"] = await trips(() => meta.unlink(caller, 1, "b"));
  costs["mkdir"] = await trips(() => meta.mknod(caller, 1, "d", directory()));
  costs["rmdir"] = await trips(() => meta.rmdir(caller, 1, "d"));
  // One fetch for what is named at once, one for what depends on it, one commit.
  assert.equal(costs, { mknod: 2, lookup: 2, rename: 3, unlink: 3, mkdir: 2, rmdir: 4 });
  await meta.shutdown();
});

test("a refused commit runs the body again; effects happen once", async () => {
  let refusals = 3;
  const store = await fresh();
  const again = new ReplayMemoryStore({ refuses: () => refusals-- > 0 });
  let [runs, effects] = [0, 0];
  const answer = await again.write((tx) => {
    runs++;
    tx.putCounter("nextTrash", 5);
    tx.onCommit(() => effects++);
    return "done";
  });
  assert.equal([answer, runs, effects], ["done", 4, 1]);
  assert.is(again.server.records.counters.get("nextTrash"), 5);
  await store[Symbol.asyncDispose]();
});

test("somebody who changes what was read makes the commit fail and the body see the change", async () => {
  const store = await fresh();
  const seen: (string | undefined)[] = [];
  await store.write((tx) => {
    const target = tx.symlink(5);
    // Another client, between our fetch and our commit.
    if (seen.length === 0)
      void store.server.commit([], [{ kind: "putSymlink", ino: 5, target: "theirs" }]);
    seen.push(target);
    tx.putSymlink(5, `${target ?? "nothing"}+ours`);
  });
  assert.equal(seen, [undefined, "theirs"]);
  assert.is(store.server.records.symlinks.get(5), "theirs+ours");
});

test("an errno that rests on one moment needs no check, one pieced together does", async () => {
  const store = await fresh();
  let trips = store.server.trips;
  const wait = (body: Parameters<typeof store.write>[0]): Promise<unknown> =>
    store.write(body).catch((e: unknown) => assert.is(e, ENOENT));
  await wait((tx) => {
    if (tx.dentry(1, "x") === undefined) throw ENOENT;
  });
  assert.is(store.server.trips - trips, 1);
  trips = store.server.trips;
  await wait((tx) => {
    tx.attr(1);
    if (tx.dentry(1, "x") === undefined) throw ENOENT;
  });
  assert.is(store.server.trips - trips, 3);
});

test("a body sees its own writes, and reading after a blind one is a bug", async () => {
  const store = await fresh();
  await store.write((tx) => {
    tx.putDentry(1, "x", { ino: 9, type: 1 });
    assert.equal(tx.dentry(1, "x"), { ino: 9, type: 1 });
    assert.ok(tx.hasDentries(1));
    tx.deleteDentry(1, "x");
    assert.is(tx.dentry(1, "x"), undefined);
  });
  await store
    .write((tx) => {
      tx.addSliceRef(1, 1, 1);
      return tx.sliceRefs(1);
    })
    .then(
      () => assert.unreachable(),
      (e: Error) => assert.match(e.message, /read after a blind write/),
    );
});

test("a body that nobody lets through ends with EAGAIN", async () => {
  const store = await fresh();
  const never = new ReplayMemoryStore({ refuses: () => true, attemptsMax: 5 });
  await never
    .write((tx) => tx.putSetting("x"))
    .then(
      () => assert.unreachable(),
      (e: { code?: string }) => assert.is(e.code, "EAGAIN"),
    );
  await store[Symbol.asyncDispose]();
});

test.run();
