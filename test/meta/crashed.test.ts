// A volume whose JuiceFS client was killed: the next client cleans the dead session as JuiceFS's own did.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openSqlite } from "../../src/meta/engines/sqlite.ts";
import { DataDeleter } from "../../src/meta/data-deleter.ts";
import { parseFormat } from "../../src/meta/format-text.ts";
import { LocalVolume } from "../../src/meta/local-volume.ts";
import { SessionKeeper } from "../../src/meta/session.ts";
import type { MetaStore } from "../../src/meta/store.ts";
import type { Attr } from "../../src/meta/types.ts";
import { FakeData } from "../model/subject.ts";

const golden = join(import.meta.dirname, "../golden/sqlite-crashed");
const LATE = 2 ** 33;

function restore(folder: string, name: string, sources: Readonly<Record<string, string>>): string {
  for (const [suffix, source] of Object.entries(sources)) {
    writeFileSync(join(folder, name + suffix), gunzipSync(readFileSync(join(golden, source))));
  }
  return join(folder, name);
}

interface State {
  readonly sustained: readonly number[];
  readonly delfiles: readonly (readonly [number, number])[];
  readonly sessions: readonly number[];
  readonly usedSpace: number;
  readonly totalInodes: number;
}

async function stateOf(store: MetaStore, sid: number): Promise<State> {
  const delfiles = await store.scanDelfiles(LATE, 1000);
  const sessions = await store.scanSessions();
  return {
    sustained: await store.scanSustained(sid, 1000),
    delfiles: delfiles
      .map(({ ino, length }) => [ino, length] as const)
      .toSorted((a, b) => a[0] - b[0]),
    sessions: sessions.map((session) => session.sid),
    usedSpace: await store.read((tx) => tx.counter("usedSpace")),
    totalInodes: await store.read((tx) => tx.counter("totalInodes")),
  };
}

test("the dead session's locks, files and record are cleaned as JuiceFS cleans them", async () => {
  const folder = mkdtempSync(join(tmpdir(), "jfs-crashed-"));
  try {
    const raw = { "": "raw/meta.db.gz", "-wal": "raw/meta.db-wal.gz" };
    const store = openSqlite(restore(folder, "raw.db", raw));
    const dead = (await store.scanSessions())[0]?.sid ?? 0;
    const before = await stateOf(store, dead);
    assert.is(before.sustained.length, 2);
    const kept: (Attr | undefined)[] = [];
    for (const ino of before.sustained) kept.push(await store.read((tx) => tx.attr(ino)));

    const data = new FakeData();
    const volume = new LocalVolume(parseFormat((await store.read((tx) => tx.setting())) ?? ""));
    const deleter = new DataDeleter(store, data, 10);
    volume.onFileDeleted = (ino, length) => deleter.enqueue(ino, length);
    const session = new SessionKeeper(store, volume, {
      heartbeatSeconds: 0,
      info: undefined,
      cleansStale: true,
      terminate: (reason) => assert.unreachable(reason),
    });
    await session.cleanStale();
    await deleter.idle();
    const after = await stateOf(store, dead);

    const theirs = openSqlite(restore(folder, "theirs.db", { "": "after-cleanup/meta.db.gz" }));
    const expected = await stateOf(theirs, dead);
    assert.equal(after.sustained, []);
    assert.not(after.sessions.includes(dead));
    assert.equal(after.delfiles, expected.delfiles);
    const space = kept.reduce(
      (sum, attr) => sum + Math.ceil(Math.max(1, attr?.length ?? 0) / 4096) * 4096,
      0,
    );
    assert.is(after.usedSpace, before.usedSpace - space);
    assert.is(after.totalInodes, before.totalInodes - 2);
    const locks = await store.scanLocks(dead);
    assert.equal([locks.flocks.length, locks.plocks.length], [0, 0]);
    for (const ino of before.sustained) {
      assert.is(await store.read((tx) => tx.attr(ino)), undefined);
    }
    await theirs[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test.run();
