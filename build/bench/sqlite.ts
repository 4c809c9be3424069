// What the SQLite engine costs by itself, without FUSE and without operations: microseconds per body, WAL bytes per
// create, and the two ways to make a commit durable. Run: build/node build/bench/sqlite.ts [folder of the database]
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { formatVolume, openSqlite, type SqliteStore } from "../../src/meta/engines/sqlite.ts";
import { type Attr, TYPE_FILE } from "../../src/meta/types.ts";
import { EEXIST } from "../../src/util/errno.ts";
import { isPromise, type MaybePromise, settle } from "../../src/util/maybe.ts";

const dir = mkdtempSync(join(process.argv[2] ?? tmpdir(), "jfs-bench-sqlite-"));
const path = join(dir, "meta.db");

await formatVolume(path, {
  Name: "bench",
  UUID: "11111111-2222-4333-8444-555555555555",
  Storage: "file",
  Tiers: null,
  Bucket: "/",
  BlockSize: 4096,
  TrashDays: 1,
  MetaVersion: 1,
  DirStats: true,
  EnableACL: false,
});

const child: Attr = {
  type: TYPE_FILE,
  flags: 0,
  mode: 0o644,
  uid: 0,
  gid: 0,
  rdev: 0,
  atime: 1700000000,
  mtime: 1700000000,
  ctime: 1700000000,
  atimensec: 123456789,
  mtimensec: 123456789,
  ctimensec: 123456789,
  nlink: 1,
  length: 0,
  parent: 1,
  accessAcl: 0,
  defaultAcl: 0,
  tier: 0,
};

/** Checkpoints are measured by `sustained` alone. */
const NEVER = { startBytes: 2 ** 40, limitBytes: 2 ** 40 };

let nextIno = 1000;
/** What an operation `create` reads and writes. */
function create(store: SqliteStore): MaybePromise<void> {
  const ino = nextIno++;
  const name = `file-${ino}`;
  return store.write((tx) => {
    const parent = tx.attr(1) as Attr;
    if (tx.dentry(1, name) !== undefined) throw EEXIST;
    tx.putDentry(1, name, { ino, type: TYPE_FILE });
    tx.putAttr(ino, child);
    tx.putAttr(1, {
      ...parent,
      mtime: tx.now.sec,
      mtimensec: tx.now.nsec,
      ctime: tx.now.sec,
      ctimensec: tx.now.nsec,
    });
    tx.addCounter("totalInodes", 1);
    tx.addCounter("usedSpace", 4096);
    tx.addDirStat(1, { length: 0, space: 4096, inodes: 1 });
  });
}

/** `unit` divides: names per page. */
function measure(
  name: string,
  count: number,
  perTurn: number,
  store: SqliteStore,
  body: (i: number) => void,
  unit = 1,
): void {
  checkpoint();
  const started = process.hrtime.bigint();
  for (let i = 0; i < count; i += perTurn) {
    if (perTurn > 1) store.beginTurn();
    for (let j = 0; j < perTurn; j++) body(i + j);
    if (perTurn > 1) store.endTurn();
  }
  const us = Number(process.hrtime.bigint() - started) / 1000 / count / unit;
  console.log(`${name.padEnd(44)} ${us.toFixed(2).padStart(8)} us`);
}

function checkpoint(): void {
  const own = new Database(path);
  own.pragma("wal_checkpoint(PASSIVE)");
  own.close();
}

function walBytesPerCreate(perTurn: number): void {
  const file = join(dir, `wal-${perTurn}.db`);
  const source = new Database(path);
  source.exec(`VACUUM INTO '${file}'`);
  source.close();
  const own = openSqlite(file, { checkpoint: NEVER });
  for (let i = 0; i < 640; i += perTurn) {
    own.beginTurn();
    for (let j = 0; j < perTurn; j++) void create(own);
    own.endTurn();
  }
  const bytes = statSync(`${file}-wal`).size / 640;
  console.log(
    `${`WAL per create, turns of ${perTurn}`.padEnd(44)} ${bytes.toFixed(0).padStart(8)} bytes`,
  );
  void own[Symbol.asyncDispose]();
}

async function sustained(startMiB: number): Promise<void> {
  const file = join(dir, `sustained-${startMiB}.db`);
  const source = new Database(path);
  source.exec(`VACUUM INTO '${file}'`);
  source.close();
  const own = openSqlite(file, { checkpoint: { startBytes: startMiB << 20 } });
  const [count, started] = [60_000, performance.now()];
  let [slowest, waited, longestWait] = [0, 0, 0];
  for (let i = 0; i < count; i += 16) {
    const before = performance.now();
    own.beginTurn();
    const answers = Array.from({ length: 16 }, () => create(own));
    own.endTurn();
    slowest = Math.max(slowest, performance.now() - before);
    if (answers.some(isPromise)) {
      for (const answer of answers) await answer;
      waited++;
      longestWait = Math.max(longestWait, performance.now() - before);
    }
    await new Promise((done) => setImmediate(done));
  }
  const ms = performance.now() - started;
  const wal = statSync(`${file}-wal`).size / 2 ** 20;
  console.log(
    `${`60,000 creates, turns of 16, worker at ${startMiB} MiB`.padEnd(44)} ${((ms * 1000) / count).toFixed(2).padStart(8)} us` +
      `  slowest turn ${slowest.toFixed(1)} ms, ${waited} waited, at most ${longestWait.toFixed(0)} ms, WAL file ${wal.toFixed(0)} MiB`,
  );
  await own[Symbol.asyncDispose]();
}

function percentile(values: number[], part: number): string {
  values.sort((a, b) => a - b);
  return (values[Math.floor((values.length - 1) * part)] as number).toFixed(0);
}

/** One waiter: commit, then durable. The loop is blocked for as long as a call does not return. */
async function durability(store: SqliteStore): Promise<void> {
  await store.sync();
  for (const way of ["fdatasync of the WAL on the thread pool", "commit under synchronous=FULL"]) {
    const isFull = way.includes("FULL");
    const own = isFull ? new Database(path, { timeout: 1000 }) : undefined;
    own?.pragma("synchronous=FULL");
    own?.pragma("wal_autocheckpoint=0");
    const update = own?.prepare("UPDATE jfs_node SET mtime=? WHERE inode=1");
    const [total, blocked]: [number[], number[]] = [[], []];
    for (let i = 0; i < 300; i++) {
      const start = performance.now();
      if (update === undefined) {
        void store.write((tx) => tx.putAttr(1, { ...child, type: 2, mtime: i }));
        const syncing = store.sync();
        blocked.push((performance.now() - start) * 1000);
        await syncing;
      } else {
        update.run(i);
        blocked.push((performance.now() - start) * 1000);
      }
      total.push((performance.now() - start) * 1000);
      await new Promise((done) => setImmediate(done));
    }
    const p = (values: number[]): string =>
      `${percentile(values, 0.5)} / ${percentile(values, 0.99)}`;
    console.log(
      `${way.padEnd(44)} ${p(total)} us until durable, ${p(blocked)} us of it blocking the loop (p50 / p99)`,
    );
    own?.close();
  }
}

async function main(): Promise<void> {
  const store = openSqlite(path, { checkpoint: NEVER });
  void store.write((tx) => tx.putDirStat(1, { length: 0, space: 0, inodes: 0 }));
  measure("(warm-up) create", 5000, 16, store, () => void create(store));
  measure("create alone", 5000, 1, store, () => void create(store));
  measure("create in turns of 16", 16_000, 16, store, () => void create(store));
  measure("create in turns of 64", 32_000, 64, store, () => void create(store));
  const made = nextIno - 1000;
  const some = (i: number): number => 1000 + ((i * 7919) % made);
  const lookup = (i: number): void =>
    void store.read((tx) => {
      tx.attr(1);
      const found = tx.dentry(1, `file-${some(i)}`);
      return found === undefined ? undefined : tx.attr(found.ino);
    });
  const getattr = (i: number): void => void store.read((tx) => tx.attr(some(i)));
  measure("lookup alone (2 attrs, 1 dentry)", 50_000, 1, store, lookup);
  measure("lookup in turns of 16", 50_000, 16, store, lookup);
  measure("getattr alone", 100_000, 1, store, getattr);
  measure("getattr in turns of 16", 100_000, 16, store, getattr);
  let after: string | undefined;
  measure(
    "readdir with attributes, per name",
    Math.floor(made / 4096),
    1,
    store,
    () => {
      settle(
        store.scanDentries(1, after, 4096, true),
        (page) => (after = page.at(-1)?.name),
        () => undefined,
      );
    },
    4096,
  );
  for (const perTurn of [1, 16, 64]) walBytesPerCreate(perTurn);
  for (const mib of [4, 8, 16, 32]) await sustained(mib);
  await durability(store);
  await store[Symbol.asyncDispose]();
}

try {
  await main();
} finally {
  rmSync(dir, { recursive: true, force: true });
}
