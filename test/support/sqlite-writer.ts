// A process that writes to a volume until it has made its share or is killed: run by test/meta/sqlite-processes.test.ts.
// Arguments: database, first inode, number of inodes, names per turn. Prints each number once it is committed.
import { writeSync } from "node:fs";
import { openSqlite } from "../../src/meta/engines/sqlite.ts";
import { type Attr, TYPE_FILE } from "../../src/meta/types.ts";

const [path = "", first = "0", count = "0", perTurn = "1"] = process.argv.slice(2);
const attr: Attr = {
  type: TYPE_FILE,
  flags: 0,
  mode: 0o644,
  uid: 0,
  gid: 0,
  rdev: 0,
  atime: 1,
  mtime: 1,
  ctime: 1,
  atimensec: 0,
  mtimensec: 0,
  ctimensec: 0,
  nlink: 1,
  length: 0,
  parent: 1,
  accessAcl: 0,
  defaultAcl: 0,
  tier: 0,
};

const store = openSqlite(path, { checkpoint: { startBytes: 256 << 10 } });
let slowestMs = 0;
const beat = setInterval(() => {
  const now = performance.now();
  slowestMs = Math.max(slowestMs, now - last - 1);
  last = now;
}, 1);
let last = performance.now();

const end = Number(first) + Number(count);
for (let next = Number(first); next < end;) {
  const turn = Math.min(Number(perTurn), end - next);
  const answers: (void | Promise<void>)[] = [];
  store.beginTurn();
  for (let i = 0; i < turn; i++) {
    const ino = next + i;
    answers.push(
      store.write((tx) => {
        if (tx.dentry(1, `f${ino}`) !== undefined) throw new Error(`f${ino} is there already`);
        tx.putDentry(1, `f${ino}`, { ino, type: TYPE_FILE });
        tx.putAttr(ino, attr);
        tx.addCounter("totalInodes", 1);
        tx.addCounter("usedSpace", 4096);
      }),
    );
  }
  store.endTurn();
  for (const answer of answers) await answer;
  next += turn;
  writeSync(1, `${next - 1}\n`);
  // Let timers run as they do in a server.
  await new Promise((done) => setImmediate(done));
}
clearInterval(beat);
await store[Symbol.asyncDispose]();
writeSync(1, `done, loop blocked at most ${slowestMs.toFixed(0)} ms\n`);
