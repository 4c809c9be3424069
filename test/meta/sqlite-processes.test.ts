// Several processes on one database, and processes killed in the middle of their commits.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import Database from "better-sqlite3";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openSqlite, type SqliteStore } from "../../src/meta/engines/sqlite.ts";
import { newVolume, sampleAttr as sample } from "../support/sqlite-volume.ts";

const writer = join(import.meta.dirname, "..", "support", "sqlite-writer.ts");

interface Run {
  readonly code: number | null;
  readonly lines: readonly string[];
  readonly errors: string;
}

/** Runs a writer; with `killAfter` it is killed when it has printed that many lines. */
async function runWriter(
  path: string,
  first: number,
  count: number,
  perTurn: number,
  killAfter = Infinity,
): Promise<Run> {
  const child = spawn(process.execPath, [
    writer,
    path,
    String(first),
    String(count),
    String(perTurn),
  ]);
  let [output, errors] = ["", ""];
  child.stdout.on("data", (data: Buffer) => {
    output += data.toString();
    if (output.split("\n").length > killAfter) child.kill("SIGKILL");
  });
  child.stderr.on("data", (data: Buffer) => (errors += data.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, lines: output.split("\n").filter((line) => line !== ""), errors };
}

function counted(
  path: string,
): readonly [edges: number, nodes: number, inodes: number, space: number] {
  const db = new Database(path);
  try {
    const one = (sql: string): number => db.prepare(sql).pluck().get() as number;
    assert.is(one("PRAGMA integrity_check"), "ok");
    return [
      one("SELECT count(*) FROM jfs_edge"),
      one("SELECT count(*) FROM jfs_node WHERE inode>1 AND inode<1000000000"),
      one("SELECT value FROM jfs_counter WHERE name='totalInodes'"),
      one("SELECT value FROM jfs_counter WHERE name='usedSpace'"),
    ];
  } finally {
    db.close();
  }
}

test("three processes write at once: nothing fails and nothing is lost", async () => {
  const path = await newVolume();
  const runs = await Promise.all([
    runWriter(path, 1000, 600, 1),
    runWriter(path, 2000, 600, 7),
    runWriter(path, 3000, 600, 16),
  ]);
  for (const { code, errors, lines } of runs) {
    assert.is(code, 0, errors);
    assert.match(lines.at(-1) ?? "", /^done/);
  }
  assert.equal(counted(path), [1800, 1800, 1800, 1800 * 4096]);
});

test("a process killed in the middle loses nothing that was committed, and tears nothing", async () => {
  const path = await newVolume();
  let expected = 0;
  for (let round = 1; round <= 6; round++) {
    const first = round * 100_000;
    const { lines } = await runWriter(path, first, 50_000, 5, 10 * round);
    const acknowledged = Number(lines.at(-1)) - first + 1;
    assert.ok(acknowledged >= 50 * round, `${acknowledged} acknowledged`);
    const [edges, nodes, inodes, space] = counted(path);
    // One turn more may have been committed than its process could tell.
    assert.ok(
      edges - expected >= acknowledged && edges - expected <= acknowledged + 5,
      `${edges - expected} of ${acknowledged}`,
    );
    assert.equal([nodes, inodes, space], [edges, edges, edges * 4096]);
    expected = edges;
    await using store = openSqlite(path);
    for (let ino = first; ino < first + acknowledged; ino += 7)
      assert.ok(store.read((tx) => tx.attr(ino)));
  }
});

test("while another connection writes, bodies wait in their order without blocking", async () => {
  const path = await newVolume();
  await using store = openSqlite(path);
  const other = new Database(path, { timeout: 0 });
  other.exec("BEGIN IMMEDIATE");
  const order: string[] = [];
  const put = (name: string): void | Promise<void> =>
    store.write((tx) => {
      order.push(name);
      tx.putSymlink(order.length, name);
    });
  const alone = put("a");
  store.beginTurn();
  const inTurn = put("b");
  assert.not(store.turnIsDirty);
  store.endTurn();
  const id = store.allocate("nextInode", 10);
  const thrown = store.write(() => {
    throw new Error("judged");
  });
  assert.ok(alone instanceof Promise && inTurn instanceof Promise && id instanceof Promise);
  assert.ok(
    store.read((tx) => tx.attr(1)),
    "reads go on",
  );
  await new Promise((done) => setTimeout(done, 30));
  assert.equal(order, []);
  other.exec("COMMIT");
  await Promise.all([alone, inTurn]);
  assert.is(await id, 2);
  await assertRejects(thrown, /^judged$/);
  assert.equal(order, ["a", "b"]);
  assert.not(put("c") instanceof Promise, "in place again");
  other.close();
});

test("a turn whose snapshot is old can still write", async () => {
  const path = await newVolume();
  await using store = openSqlite(path);
  const other = new Database(path, { timeout: 0 });
  store.beginTurn();
  assert.is(value(store.read((tx) => tx.counter("usedSpace"))), 0);
  other.exec("UPDATE jfs_counter SET value=5 WHERE name='usedSpace'");
  const answer = store.write((tx) => {
    tx.putCounter("usedSpace", tx.counter("usedSpace") + 1);
    return tx.counter("usedSpace");
  });
  store.endTurn();
  assert.is(value(answer), 6);
  other.close();
});

test("changes of others are told before they are read, our own and our checkpoints are not", async () => {
  const path = await newVolume();
  await using store = openSqlite(path, { checkpoint: { startBytes: 4096 } });
  let told = 0;
  store.onForeignChange(() => told++);
  for (let i = 0; i < 300; i++) value(store.write((tx) => tx.putAttr(100 + i, sample)));
  await checkpointed(path, store);
  value(store.read((tx) => tx.attr(100)));
  assert.is(told, 0);
  const other = new Database(path, { timeout: 0 });
  other.exec("UPDATE jfs_node SET mode=1 WHERE inode=100");
  assert.is(told, 0);
  assert.is(value(store.read((tx) => (assert.is(told, 1), tx.attr(100))))?.mode, 1);
  other.exec("UPDATE jfs_node SET mode=2 WHERE inode=100");
  store.beginTurn();
  assert.is(value(store.write((tx) => tx.attr(100)))?.mode, 2);
  store.endTurn();
  assert.is(told, 2);
  other.close();
});

async function assertRejects(answer: unknown, message: RegExp): Promise<void> {
  const outcome = await Promise.resolve(answer).then(
    () => "resolved",
    (cause: Error) => cause.message,
  );
  assert.match(outcome, message);
}

function value<T>(answer: T | Promise<T>): T {
  if (answer instanceof Promise) throw new Error("expected an answer in place");
  return answer;
}

/** Waits until the worker has moved pages: the database file by itself has the last inode. */
async function checkpointed(path: string, store: SqliteStore): Promise<void> {
  const db = new Database(path, { readonly: true });
  const look = db.prepare("PRAGMA wal_checkpoint(NOOP)").raw();
  for (let tries = 0; tries < 500; tries++) {
    const [, , moved] = look.get() as [number, number, number];
    if (moved > 0) break;
    value(store.write((tx) => tx.putAttr(99, sample)));
    await new Promise((done) => setTimeout(done, 10));
  }
  db.close();
}

test.run();
