// Syncs, checkpoints and full disks.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { formatVolume, openSqlite, type SqliteStore } from "../../src/meta/engines/sqlite.ts";
import { FsFault } from "../../src/util/errno.ts";
import { skip } from "../support/skip.ts";
import { newVolume, sampleAttr as attr, scratchDir, testFormat } from "../support/sqlite-volume.ts";

function put(store: SqliteStore, ino: number, bytes = 0): void {
  const answer = store.write((tx) => {
    tx.putAttr(ino, attr);
    if (bytes > 0) tx.putXattr(ino, "user.fill", Buffer.alloc(bytes, ino));
  });
  assert.not(answer instanceof Promise);
}

test("a sync covers what was committed, is shared, and costs nothing when nothing is new", async () => {
  await using store = openSqlite(await newVolume());
  const first = store.sync();
  assert.is(store.sync(), first, "one sync for all who wait");
  await first;
  assert.is(store.sync(), store.sync(), "nothing new: answered at once");
  const settled = await Promise.race([
    store.sync().then(() => "at once"),
    Promise.resolve()
      .then(() => undefined)
      .then(() => "later"),
  ]);
  assert.is(settled, "at once");
  put(store, 10);
  const running = store.sync();
  put(store, 11);
  const next = store.sync();
  assert.is.not(next, running, "the sync that runs began before this commit");
  assert.is(store.sync(), next, "one waits, shared");
  await Promise.all([running, next]);
});

test("a sync asked for in a turn waits for its commit", async () => {
  await using store = openSqlite(await newVolume());
  await store.sync();
  store.beginTurn();
  put(store, 10);
  let done = false;
  const syncing = store.sync().then(() => (done = true));
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.not(done);
  store.endTurn();
  await syncing;
  store.beginTurn();
  assert.throws(() =>
    store.write((tx) => {
      tx.putAttr(11, attr);
      throw new Error("wrong");
    }),
  );
  assert.throws(() => store.endTurn());
});

test("the worker keeps the WAL short and the data is in the database", async () => {
  const path = await newVolume();
  let rounds = 0;
  const store = openSqlite(path, {
    checkpoint: {
      startBytes: 256 << 10,
      limitBytes: 2 << 20,
      durably: (work) => {
        rounds++;
        return work();
      },
    },
  });
  const value = Buffer.alloc(1000, 7);
  let [longest, waited] = [0, 0];
  for (let i = 0; i < 6000; i++) {
    const answer = store.write((tx) => {
      tx.putAttr(1000 + i, attr);
      tx.putXattr(1000 + i, "user.fill", value);
    });
    if (answer instanceof Promise) waited++;
    await answer;
    longest = Math.max(longest, fs.statSync(`${path}-wal`).size);
  }
  assert.ok(rounds > 0, "checkpoints ran inside the hook");
  // 6000 commits of about 30 KiB. The loop never turns unless a write waits, so the limit was met by waiting.
  assert.ok(waited > 0);
  assert.ok(longest < 8 << 20, `${longest} bytes of WAL`);
  await store[Symbol.asyncDispose]();
  assert.not(fs.existsSync(`${path}-wal`));
  const db = new Database(path);
  assert.is(db.pragma("integrity_check", { simple: true }), "ok");
  assert.is(db.prepare("SELECT count(*) FROM jfs_xattr").pluck().get(), 6000);
  db.close();
});

test("a WAL at its limit is checkpointed even when little of it is new", async () => {
  const path = await newVolume();
  const store = openSqlite(path, { checkpoint: { startBytes: 1 << 30, limitBytes: 256 << 10 } });
  for (let i = 0; i < 300; i++) await store.write((tx) => tx.putAttr(1000 + i, attr));
  assert.ok(fs.statSync(`${path}-wal`).size < 4 << 20);
  await store[Symbol.asyncDispose]();
});

test("without its thread the WAL stays bounded all the same", async () => {
  const path = await newVolume();
  const store = openSqlite(path, { checkpoint: { startBytes: 64 << 10, limitBytes: 1 << 20 } });
  // The thread cannot open what has no name any more; this connection still can use it.
  fs.unlinkSync(path);
  const value = Buffer.alloc(2000, 7);
  for (let i = 0; i < 1500; i++) {
    await store.write((tx) => tx.putXattr(1000 + i, "user.fill", value));
    if (i % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const { size } = fs.statSync(`${path}-wal`);
  assert.ok(size < 6 << 20, `${size} bytes of WAL`);
  await store[Symbol.asyncDispose]();
});

test("a failing hook stops the checkpoint, not the commits", async () => {
  const path = await newVolume();
  const store = openSqlite(path, {
    checkpoint: {
      startBytes: 4096,
      durably: () => Promise.reject(new Error("blocks are not safe")),
    },
  });
  for (let i = 0; i < 200; i++) put(store, 1000 + i);
  await new Promise((resolve) => setTimeout(resolve, 20));
  const db = new Database(path, { readonly: true });
  const [, frames, moved] = db.prepare("PRAGMA wal_checkpoint(NOOP)").raw().get() as number[];
  db.close();
  assert.ok((frames ?? 0) > 0);
  assert.is(moved, 0);
  const failed = await store.sync().then(
    () => "synced",
    (e: Error) => e.message,
  );
  assert.is(failed, "blocks are not safe", "a sync goes through it, too");
  await store[Symbol.asyncDispose]();
});

test("closing while another process has the volume open leaves it alone", async () => {
  const path = await newVolume();
  const other = new Database(path);
  other.prepare("SELECT count(*) FROM jfs_node").get();
  const store = openSqlite(path);
  put(store, 10);
  await store[Symbol.asyncDispose]();
  assert.ok(other.prepare("SELECT 1 FROM jfs_node WHERE inode=10").get());
  other.close();
});

test("a full disk gives ENOSPC, and what was acknowledged stays", async () => {
  const dir = scratchDir();
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=3m", "tmpfs", dir], { stdio: "ignore" });
  } catch {
    return skip(
      "a full disk gives ENOSPC, and what was acknowledged stays",
      "cannot mount a tmpfs",
    );
  }
  try {
    await fillDisk(join(dir, "meta.db"));
  } finally {
    execFileSync("umount", [dir]);
  }
});

test("on a full disk the WAL is used again instead of growing", async () => {
  const dir = scratchDir();
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", dir], { stdio: "ignore" });
  } catch {
    return skip("on a full disk the WAL is used again", "cannot mount a tmpfs");
  }
  const path = join(dir, "meta.db");
  try {
    await formatVolume(path, testFormat());
    // No round begins by itself.
    await using store = openSqlite(path, { checkpoint: { startBytes: 64 << 20 } });
    let [done, failed, failedSince] = [0, 0, 0];
    for (let i = 0; i < 1500; i++) {
      try {
        await store.write((tx) => tx.putXattr(10, "user.fill", Buffer.alloc(2000, i)));
        done++;
        failedSince = 0;
      } catch (cause) {
        assert.is((cause as FsFault).code, "ENOSPC");
        failed++;
        failedSince++;
      }
    }
    assert.ok(failed > 0, "the disk was full");
    assert.is(failedSince, 0);
    assert.ok(failed * 10 < done, `${failed} of ${done + failed} failed`);
  } finally {
    execFileSync("umount", [dir]);
  }
});

async function fillDisk(path: string): Promise<void> {
  await formatVolume(path, testFormat());
  const store = openSqlite(path, { checkpoint: { startBytes: 64 << 20 } });
  const effects = new Set<number>();
  let [acknowledged, failures] = [0, 0];
  for (let ino = 10; failures < 20; ino++) {
    let failure: unknown;
    const attempt = (step: () => unknown): void => {
      try {
        step();
      } catch (cause) {
        failure ??= cause;
      }
    };
    store.beginTurn();
    let answer: unknown;
    // The disk may already be full while a body runs, or only at the commit.
    attempt(() => {
      answer = store.write((tx) => {
        tx.putAttr(ino, attr);
        tx.putXattr(ino, "user.fill", createHash("sha512").update(String(ino)).digest());
        tx.addCounter("totalInodes", 1);
        tx.onCommit(() => effects.add(ino));
      });
    });
    attempt(() => store.endTurn());
    try {
      // While room is made in the WAL, writers wait.
      await answer;
    } catch (cause) {
      failure ??= cause;
    }
    if (failure === undefined) acknowledged++;
    else {
      assert.instance(failure, FsFault);
      assert.is((failure as FsFault).code, "ENOSPC");
      failures++;
    }
  }
  assert.ok(acknowledged > 20, `${acknowledged} acknowledged`);
  assert.is(effects.size, acknowledged);
  for (const ino of effects) assert.ok(store.read((tx) => tx.attr(ino)));
  assert.is(
    store.read((tx) => tx.counter("totalInodes")),
    acknowledged,
  );
  await store[Symbol.asyncDispose]();
  const again = openSqlite(path);
  assert.is(
    again.read((tx) => tx.counter("totalInodes")),
    acknowledged,
  );
  for (const ino of effects) assert.ok(again.read((tx) => tx.attr(ino)));
  await again[Symbol.asyncDispose]();
}

test.run();
