// Reads JuiceFS's own databases through the engine and compares with what a mount of JuiceFS showed.
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openSqlite, type SqliteStore } from "../../src/meta/engines/sqlite.ts";
import type { DentryRow } from "../../src/meta/store.ts";
import { type Attr, type Ino, TYPE_DIRECTORY, TYPE_SYMLINK } from "../../src/meta/types.ts";
import { unfoldIno } from "../../src/util/ino64.ts";
import { goldenRecords, restoreDatabase, scratchDir } from "../support/sqlite-volume.ts";

const scratch = scratchDir();

interface Line {
  readonly path: string;
  readonly type: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly nlink: number;
  readonly size: number;
  readonly mtime_ns: number;
  readonly ino: number;
  readonly target?: string;
  readonly xattrs: Readonly<Record<string, string>>;
}

const typeNames = ["", "regular", "directory", "symlink", "fifo", "blockdev", "chardev", "socket"];

function found<T>(value: T | Promise<T>): T {
  if (value instanceof Promise) throw new Error("expected an answer in place");
  return value;
}

function children(store: SqliteStore, dir: Ino): readonly DentryRow[] {
  const rows: DentryRow[] = [];
  for (;;) {
    const page = found(store.scanDentries(dir, rows.at(-1)?.name, 7, true));
    rows.push(...page);
    if (page.length < 7) return rows;
  }
}

function walk(store: SqliteStore, dir: Ino, prefix: string, seen: Map<string, DentryRow>): void {
  for (const row of children(store, dir)) {
    const path = prefix === "" ? row.name : `${prefix}/${row.name}`;
    seen.set(path, row);
    if (row.type === TYPE_DIRECTORY) walk(store, row.ino, path, seen);
  }
}

function compare(store: SqliteStore, line: Line, path: string, row: DentryRow): void {
  const attr = row.attr as Attr;
  const shown = {
    type: typeNames[attr.type],
    mode: attr.mode,
    uid: attr.uid,
    gid: attr.gid,
    nlink: attr.nlink,
    size: attr.length,
    // The manifest's numbers have lost their last digits in JSON.parse, so compare what a double can hold.
    mtime: Number(BigInt(attr.mtime) * 1_000_000_000n + BigInt(attr.mtimensec)),
    ino: Number(unfoldIno(row.ino)),
  };
  const { type, mode, uid, gid, nlink, size, mtime_ns: mtime, ino } = line;
  assert.equal(shown, { type, mode, uid, gid, nlink, size, mtime, ino }, path);
  assert.equal(found(store.read((tx) => tx.attr(row.ino))), attr, path);
  const last = path.slice(path.lastIndexOf("/") + 1);
  const parent = attr.parent === 0 ? undefined : attr.parent;
  if (parent !== undefined) {
    assert.equal(
      found(store.read((tx) => tx.dentry(parent, last))),
      { ino: row.ino, type: row.type },
      path,
    );
  }
  if (row.type === TYPE_SYMLINK) {
    const target = found(store.read((tx) => tx.symlink(row.ino))) as string;
    assert.is(Buffer.from(target, "latin1").toString("base64"), line.target, path);
  }
  compareXattrs(store, line, path, row.ino);
}

function compareXattrs(store: SqliteStore, line: Line, path: string, ino: Ino): void {
  for (const name of found(store.read((tx) => tx.xattrNames(ino)))) {
    const value = found(store.read((tx) => tx.xattr(ino, name))) as Uint8Array;
    const utf8 = Buffer.from(name, "latin1").toString("utf8");
    assert.is(Buffer.from(value).toString("base64"), line.xattrs[utf8], `${path} ${utf8}`);
  }
}

for (const volume of ["sqlite-plain", "sqlite-hash1m"] as const) {
  test(`every line of the manifest of ${volume}`, async () => {
    await using store = openSqlite(restoreDatabase(volume, "", join(scratch, volume)));
    const seen = new Map<string, DentryRow>();
    walk(store, 1, "", seen);
    const lines = goldenRecords<Line>(volume, "manifest.jsonl");
    for (const line of lines) {
      const path = Buffer.from(line.path, "base64").toString("latin1");
      if (path === "") continue;
      const row = seen.get(path);
      assert.ok(row, `missing: ${path}`);
      compare(store, line, path, row);
      seen.delete(path);
    }
    assert.equal([...seen.keys()], []);
    assert.ok(lines.length > 20);
  });
}

test("every line of the trash manifest, inodes beyond 2^53 included", async () => {
  await using store = openSqlite(restoreDatabase("sqlite-plain", "", join(scratch, "trash")));
  const seen = new Map<string, DentryRow>();
  walk(store, 2 ** 52, ".trash", seen);
  let compared = 0;
  for (const line of goldenRecords<Line>("sqlite-plain", "trash-manifest.jsonl")) {
    const path = Buffer.from(line.path, "base64").toString("latin1");
    if (path === ".trash") continue;
    const row = seen.get(path);
    assert.ok(row, `missing: ${path}`);
    compare(store, line, path, row);
    compared++;
  }
  assert.is(compared, seen.size);
  const hour = [...seen.values()].find(({ ino }) => ino > 2 ** 52);
  assert.is(hour?.ino, 2 ** 52 + 1);
  assert.is(hour?.attr?.parent, 2 ** 52);
});

test("chunks, references, links, ACLs and counters", async () => {
  await using store = openSqlite(restoreDatabase("sqlite-plain", "", join(scratch, "records")));
  const seen = new Map<string, DentryRow>();
  walk(store, 1, "", seen);
  const ino = (path: string): Ino => seen.get(path)?.ino as Ino;
  store.beginTurn();
  // JuiceFS appends with || and turns the column into TEXT; the bytes must come out whole.
  const many = found(store.read((tx) => tx.chunk(ino("overwritten"), 0))) as Uint8Array;
  assert.ok(many.length > 24 && many.length % 24 === 0, `${many.length} bytes`);
  const linked = [...seen.values()].find(({ attr }) => attr?.parent === 0);
  const parents = found(store.read((tx) => tx.parents(linked?.ino as Ino)));
  assert.is(
    [...parents.values()].reduce((sum, n) => sum + n, 0),
    linked?.attr?.nlink,
  );
  const accessAcl = seen.get("acl/chmodded")?.attr?.accessAcl ?? 0;
  const rule = found(store.read((tx) => tx.acl(accessAcl)));
  assert.equal(rule?.namedUsers, [{ id: 1003, perm: 7 }]);
  assert.is(found(store.read((tx) => tx.aclId(rule as NonNullable<typeof rule>))), accessAcl);
  assert.ok(found(store.read((tx) => tx.counter("totalInodes"))) > 100);
  assert.is(found(store.read((tx) => tx.counter("lastCleanupChangelog"))) >= 0, true);
  assert.is(found(store.read((tx) => tx.sliceRefs(1))) !== undefined, true);
  assert.ok((found(store.read((tx) => tx.dirStat(1)))?.inodes ?? 0) > 10);
  store.endTurn();
});

test("a database and a WAL as kill -9 left them", async () => {
  await using store = openSqlite(
    restoreDatabase("sqlite-crashed", "raw", join(scratch, "crashed")),
  );
  const [session] = found(store.scanSessions());
  assert.ok(session);
  const { sid, info } = session;
  assert.ok(JSON.parse(info)["ProcessID"] > 0);
  assert.is(found(store.scanSustained(sid, 10)).length, 2);
  assert.ok(found(store.scanDelfiles(2 ** 40, 100)).length > 0);
  assert.ok(found(store.scanDeadSlices(100)).length > 0);
  const { flocks, plocks } = found(store.scanLocks(sid));
  assert.ok(flocks.length + plocks.length > 0);
  for (const { owner } of [...flocks, ...plocks]) assert.ok(owner >= 0n);
});

test.run();
