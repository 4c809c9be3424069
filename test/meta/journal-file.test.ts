// A journal that is written, synced, filled, emptied, closed and removed; who may open it; what its failures do.
import { spawn, spawnSync } from "node:child_process";
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { JournalSync } from "../../src/meta/journal/journal-sync.ts";
import { JournalFile } from "../../src/meta/journal/journal-file.ts";
import { openJournal } from "../../src/meta/journal/journal-reader.ts";
import { skip } from "../support/skip.ts";
import {
  checkRun,
  identity,
  random,
  randomBytes,
  readJournal,
  scratchFolder,
} from "./journal-image.ts";

const folder = scratchFolder();
let made = 0;
const freshPath = (): string => join(folder.path, `journal-${++made}`);
test.after(folder.remove);

/** The descriptor that this process has of `path`. */
function descriptorOf(path: string): number {
  const all = readdirSync("/proc/self/fd");
  const isOurs = (fd: string): boolean => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === path;
    } catch {
      // The one by which the directory was read.
      return false;
    }
  };
  return Number(all.find(isOurs));
}

/** From now on the journal's descriptor is one of `device`. */
function replaceFile(path: string, device: string): void {
  const fd = descriptorOf(path);
  closeSync(fd);
  const others: number[] = [];
  for (;;) {
    const got = openSync(device, "r+");
    if (got === fd) break;
    others.push(got);
  }
  for (const other of others) closeSync(other);
}

test("what was appended is read, twice, with its times", async () => {
  const path = freshPath();
  const before = Date.now();
  const journal = JournalFile.create(path, identity, { firstSequence: 7, bytes: 2 ** 23 });
  assert.is(journal.lastSequence, 6);
  const written = new Map<number, { kind: number; payload: Uint8Array }>();
  const next = random(1);
  for (const length of [0, 1, 7, 8, 9, 300, 4096, 8168, 8169, 70_001, 2 ** 20, 2 ** 20 + 5]) {
    const payload = randomBytes(next, length);
    const kind = length % 2 === 0 ? 1 : 2;
    written.set(journal.append(kind, payload), { kind, payload });
  }
  assert.is(journal.lastSequence, 18);
  await journal.sync();
  await journal.close();
  const reader = openJournal(path, identity.volume);
  if (typeof reader === "string") throw new Error(reader);
  assert.equal(reader.identity, identity);
  for (let round = 0; round < 2; round++) {
    const frames = [...reader.frames()];
    assert.is(frames.length, 12);
    const end = reader.end;
    if (end === undefined) throw new Error("the iteration did not end");
    assert.is(checkRun({ frames, end, firstSequence: reader.firstSequence }, written), 18);
    assert.is(end.reason, "end");
    // The kernel's tick is up to ten milliseconds.
    for (const { timeMs } of frames) assert.ok(timeMs >= before - 10 && timeMs <= Date.now());
  }
  assert.equal(
    [...reader.frames(15)].map(({ sequence }) => sequence),
    [16, 17, 18],
  );
  reader.close();
});

test("a full journal answers 0, says what it wants, and goes on when that is forgotten", async () => {
  const path = freshPath();
  const journal = JournalFile.create(path, identity, { firstSequence: 1, bytes: 16384 });
  const payload = Buffer.alloc(1000, 5);
  // Four frames of 1024 bytes fill a segment; its header takes the other half.
  for (let i = 1; i <= 4; i++) assert.is(journal.append(1, payload), i);
  assert.is(journal.wanted, 0);
  for (let i = 5; i <= 6; i++) assert.is(journal.append(1, payload), i);
  assert.is(journal.wanted, 0, "half full is not more than half");
  assert.is(journal.append(1, payload), 7);
  assert.is(journal.wanted, 4);
  assert.is(journal.append(1, payload), 8);
  for (const upTo of [0, 1, 3]) {
    journal.forget(upTo);
    assert.is(journal.append(1, payload), 0);
    assert.is(journal.lastSequence, 8);
    assert.is(journal.wanted, 4);
  }
  assert.is(checkRun(readCopy(path), frameMap(8, payload)), 8);
  journal.forget(4);
  assert.is(journal.wanted, 0);
  assert.is(journal.append(1, payload), 9);
  const reading = readCopy(path);
  assert.is(reading.firstSequence, 5);
  assert.is(checkRun(reading, frameMap(9, payload)), 9);
  assert.is(statSync(path).size, 16384);
  await journal.close();
});

test("hundreds of rounds over both segments leave the newest frames", async () => {
  const path = freshPath();
  const journal = JournalFile.create(path, identity, { firstSequence: 1, bytes: 65536 });
  const written = new Map<number, { kind: number; payload: Uint8Array }>();
  const next = random(2);
  let forgotten = 0;
  for (let i = 0; i < 20_000; i++) {
    const payload = randomBytes(next, Math.floor(next() * 600));
    let sequence = journal.append(1, payload);
    if (sequence === 0) {
      assert.ok(journal.wanted > forgotten);
      forgotten = journal.wanted;
      journal.forget(forgotten);
      sequence = journal.append(1, payload);
    }
    written.set(sequence, { kind: 1, payload });
    if (i % 500 === 0) await journal.sync();
  }
  await journal.close();
  const reading = readJournal(path);
  assert.ok(reading.firstSequence <= forgotten + 1);
  assert.is(checkRun(reading, written), 20_000);
});

test("zeros written ahead never lie on frames", async () => {
  const path = freshPath();
  const bytes = 16 * 2 ** 20;
  const journal = JournalFile.create(path, identity, { firstSequence: 1, bytes });
  const written = new Map<number, { kind: number; payload: Uint8Array }>();
  const next = random(3);
  const syncs: Promise<void>[] = [];
  for (;;) {
    // Small ones, and sometimes one that is larger than all that was written ahead of it.
    const length = next() < 0.002 ? 3_000_000 : Math.floor(next() * 9000);
    const payload = Buffer.alloc(length, Math.floor(next() * 255) + 1);
    const sequence = journal.append(2, payload);
    if (sequence === 0) break;
    written.set(sequence, { kind: 2, payload });
    if (next() < 0.1) syncs.push(journal.sync());
    if (next() < 0.1) await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all(syncs);
  const last = journal.lastSequence;
  await journal.close();
  assert.is(checkRun(readJournal(path), written), last);
});

test("a sync with nothing new makes no system call", async () => {
  const path = freshPath();
  const journal = JournalFile.create(path, identity, { firstSequence: 1, bytes: 65536 });
  journal.append(1, Buffer.alloc(10));
  await journal.sync();
  // A descriptor that cannot be synced shows who tries.
  replaceFile(path, "/dev/null");
  await journal.sync();
  await journal.close();
});

test("syncs at once share one; those that come while it runs share the next", async () => {
  const path = freshPath();
  const fd = openSync(path, "w");
  let appended = 0;
  const sync = new JournalSync(fd, folder.path, 0, () => appended);
  appended = 1;
  const first = sync.sync();
  assert.is(sync.sync(), first);
  appended = 2;
  const second = sync.sync();
  assert.is.not(second, first);
  appended = 3;
  assert.is(sync.sync(), second);
  await first;
  await second;
  closeSync(fd);
  // All is synced: the descriptor is not asked.
  await sync.sync();
  appended = 4;
  const outcome = await sync.sync().then(
    () => "synced",
    (e: unknown) => String(e),
  );
  assert.match(outcome, /EBADF/);
});

test("after a failed write nothing is taken any more", async () => {
  const path = freshPath();
  const journal = JournalFile.create(path, identity, { firstSequence: 1, bytes: 65536 });
  assert.is(journal.append(1, Buffer.alloc(10)), 1);
  replaceFile(path, "/dev/full");
  for (let i = 0; i < 2; i++) {
    assert.throws(() => journal.append(1, Buffer.alloc(10)), /^write journal: EIO; .*ENOSPC.*disk/);
  }
  assert.is(journal.lastSequence, 1);
  await journal.sync().then(
    () => assert.unreachable(),
    (e: unknown) => assert.match(String(e), /EIO/),
  );
  await journal.close();
});

test("after a failed sync nothing is taken any more", async () => {
  const path = freshPath();
  const journal = JournalFile.create(path, identity, { firstSequence: 1, bytes: 65536 });
  journal.append(1, Buffer.alloc(10));
  replaceFile(path, "/dev/null");
  const outcomes = await Promise.allSettled([journal.sync(), journal.sync()]);
  assert.equal(
    outcomes.map(({ status }) => status),
    ["rejected", "rejected"],
  );
  assert.throws(() => journal.append(1, Buffer.alloc(10)), /^sync journal: EIO; .*EINVAL/);
  await journal.close();
});

test("one opener at a time; a path that is taken, or no journal, is refused by a sentence", async () => {
  const path = freshPath();
  assert.is(openJournal(path), "none");
  const journal = JournalFile.create(path, identity, { firstSequence: 1, bytes: 65536 });
  assert.is(openJournal(path), "busy");
  const create = (): JournalFile =>
    JournalFile.create(path, identity, { firstSequence: 1, bytes: 65536 });
  assert.throws(create, /^there is a journal at \S+ already: recover it first$/);
  await journal.close();
  assert.throws(create, /recover it first/);
  assert.throws(() => journal.append(1, Buffer.alloc(1)), /it is closed/);
  const reader = openJournal(path);
  if (typeof reader === "string") throw new Error(reader);
  assert.is(openJournal(path), "busy");
  reader.close();
  assert.throws(
    () => openJournal(path, "another"),
    /^the journal \S+ belongs to volume 5d3a[^.]*, not another: [^.]*$/,
  );
  writeFileSync(path, "something else");
  assert.throws(() => openJournal(path), /it is no journal of jfs: move it away$/);
});

test("a journal that is removed is gone, and leaves nothing beside it", async () => {
  const path = freshPath();
  writeFileSync(`${path}.new`, "what a crash left");
  const journal = JournalFile.create(path, identity, { firstSequence: 1, bytes: 65536 });
  journal.append(1, Buffer.alloc(10));
  await journal.remove();
  assert.not(existsSync(path));
  assert.not(existsSync(`${path}.new`));
});

test("sizes that cannot be, and folders that are not there, leave nothing", () => {
  const path = freshPath();
  const create = (at: string, bytes: number): JournalFile =>
    JournalFile.create(at, identity, { firstSequence: 1, bytes });
  assert.throws(() => create(path, 5000), /^a journal has 16 KiB to 4 GiB/);
  assert.throws(() => create(join(path, "journal"), 65536), /ENOENT/);
  assert.not(existsSync(`${path}.new`));
});

test("a disk that has no room is told by a sentence", () => {
  const disk = freshPath();
  mkdirSync(disk);
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", disk]);
  if (mounted.status !== 0) return skip("a disk that has no room", "no tmpfs can be mounted");
  try {
    const path = join(disk, "journal");
    assert.throws(
      () => JournalFile.create(path, identity, { firstSequence: 1, bytes: 2 ** 21 }),
      /^there is no room for a journal of 2 MiB at \S+: make room, or use --journal-dir or --journal=off$/,
    );
    assert.equal(readdirSync(disk), []);
  } finally {
    spawnSync("umount", [disk]);
  }
});

test("frames of a process that was killed are all there, and its lock is not", async () => {
  const path = freshPath();
  const script = join(import.meta.dirname, "journal-writer.ts");
  const told = `${path}.told`;
  const args = [script, path, told];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  await new Promise((resolve) => child.stdout.once("data", resolve));
  assert.is(openJournal(path), "busy");
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await ended;
  const acknowledged = readFileSync(told, "latin1").split("\n").length - 1;
  assert.ok(acknowledged >= 500);
  const reading = readJournal(path);
  assert.ok(reading.frames.length >= acknowledged);
  for (const { sequence, payload } of reading.frames)
    assert.is(Buffer.from(payload).toString(), `frame ${sequence}`);
});

/** Reads a journal that is open here: through a copy, since its lock is held. */
function readCopy(path: string): ReturnType<typeof readJournal> {
  const copy = `${path}.copy`;
  copyFileSync(path, copy);
  return readJournal(copy);
}

function frameMap(
  last: number,
  payload: Uint8Array,
): Map<number, { kind: number; payload: Uint8Array }> {
  return new Map(Array.from({ length: last }, (_, i) => [i + 1, { kind: 1, payload }]));
}

test.run();
