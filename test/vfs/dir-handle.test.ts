// Listing directories: offsets, seeking back, and directories that change while they are listed.
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { MetaApi } from "../../src/meta/api.ts";
import { DirHandle, PAGE_ROWS_MAX } from "../../src/vfs/dir-handle.ts";
import { Listing, ROOT, codeOf, openVolume, req } from "./volume.ts";
import type { TestVolume } from "./volume.ts";

const name = (i: number): string => `f${String(i).padStart(6, "0")}`;
const range = (n: number): string[] => Array.from({ length: n }, (_, i) => name(i));

async function fill(volume: TestVolume, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await volume.vfs.mknod(req, ROOT, name(i), 0o100644, 0, 0);
}

/** One READDIR or READDIRPLUS of at most `max` entries. */
async function page(
  volume: TestVolume,
  fh: number,
  offset: number,
  max: number,
  plus = true,
): Promise<Listing> {
  const sink = new Listing(max);
  if (plus) await volume.vfs.readdirplus(req, ROOT, fh, offset, sink);
  else await volume.vfs.readdir(req, ROOT, fh, offset, sink);
  return sink;
}

/** All names but the dots, as the kernel asks for them; `between` runs after each reply. */
async function list(
  volume: TestVolume,
  fh: number,
  max: number,
  plus: boolean,
  between: (names: string[]) => unknown = () => {},
): Promise<string[]> {
  const names: string[] = [];
  for (let offset = 0; ;) {
    const sink = await page(volume, fh, offset, max, plus);
    const last = sink.entries.at(-1);
    if (last === undefined) return names;
    offset = last.offset;
    const seen = sink.names.filter((n) => n !== "." && n !== "..");
    names.push(...seen);
    await between(seen);
  }
}

for (const plus of [false, true]) {
  const kind = plus ? "with attributes" : "of names";
  for (const slow of [false, true]) {
    test(`a listing ${kind} has every name once${slow ? ", when all answers later" : ""}`, async () => {
      await using volume = await openVolume({ slow });
      await fill(volume, 1000);
      const { fh } = await volume.vfs.opendir(req, ROOT);
      assert.equal(await list(volume, fh, 37, plus), range(1000));
      assert.equal(await list(volume, fh, Infinity, plus), range(1000), "again from the start");
      volume.vfs.releasedir(req, ROOT, fh);
      assert.is(await codeOf(() => page(volume, fh, 0, 1)), "EBADF");
    });
  }

  test(`what is deleted during a listing ${kind} makes it skip nothing`, async () => {
    await using volume = await openVolume();
    await fill(volume, 2000);
    const { fh } = await volume.vfs.opendir(req, ROOT);
    const names = await list(volume, fh, 190, plus, async (seen) => {
      for (const n of seen) await volume.vfs.unlink(req, ROOT, n);
    });
    assert.equal(names, range(2000));
    assert.equal((await page(volume, fh, 0, 10)).names, [".", ".."]);
  });
}

test("attributes in a listing are those of the moment of the reply", async () => {
  await using volume = await openVolume();
  await fill(volume, 600);
  const { fh } = await volume.vfs.opendir(req, ROOT);
  const first = await page(volume, fh, 0, 102);
  const { ino } = await volume.vfs.lookup(req, ROOT, name(150));
  await volume.setattr(ino, { mode: 0o600 });
  await volume.vfs.unlink(req, ROOT, name(151));
  const second = await page(volume, fh, first.entries.at(-1)?.offset ?? 0, 100);
  assert.is(second.entries.find((e) => e.ino === ino)?.entry?.attr.mode, 0o100600);
  assert.not.ok(
    second.names.includes(name(151)),
    "a name that is gone must not enter the kernel's cache",
  );
});

test("a file that is being written is listed with its new length", async () => {
  await using volume = await openVolume();
  const { ino, fh } = await volume.create("written");
  await volume.write(fh, 0, "hello");
  const dir = await volume.vfs.opendir(req, ROOT);
  const listing = await page(volume, dir.fh, 0, 10);
  assert.is(listing.entries.find((e) => e.ino === ino)?.entry?.attr.size, 5);
});

test("a reply that was cut short goes on at the offset of its last name", async () => {
  await using volume = await openVolume();
  await fill(volume, 50);
  const { fh } = await volume.vfs.opendir(req, ROOT);
  const all = await page(volume, fh, 0, Infinity);
  for (const at of [0, 1, 2, 20, 50]) {
    const { offset } = all.entries[at] as { offset: number };
    const rest = await page(volume, fh, offset, Infinity);
    assert.equal(rest.names, all.names.slice(at + 1), `after entry ${at}`);
  }
});

test("seekdir returns to its name though earlier ones were deleted", async () => {
  await using volume = await openVolume();
  await fill(volume, 500);
  const { fh } = await volume.vfs.opendir(req, ROOT);
  const first = await page(volume, fh, 0, 300);
  await page(volume, fh, first.entries.at(-1)?.offset ?? 0, 300);
  for (let i = 0; i < 100; i++) await volume.vfs.unlink(req, ROOT, name(i));
  const told = first.entries.find((e) => e.name === name(200))?.offset ?? 0;
  assert.is((await page(volume, fh, told, 5)).names[0], name(201));
  assert.is(
    (await page(volume, fh, 0, 5)).names[2],
    name(100),
    "rewinddir sees the directory anew",
  );
});

test("a handle that never listed finds an offset by counting", async () => {
  await using volume = await openVolume();
  await fill(volume, 300);
  const { fh } = await volume.vfs.opendir(req, ROOT);
  const told = (await page(volume, fh, 0, 250)).entries.at(-1)?.offset ?? 0;
  const other = await volume.vfs.opendir(req, ROOT);
  assert.equal((await page(volume, other.fh, told, 3)).names, [name(248), name(249), name(250)]);
  assert.equal((await page(volume, other.fh, 10_000, 3)).names, [], "beyond the end");
});

/** A directory of `count` names without a volume behind it; counts the rows that were fetched. */
function hugeDirectory(count: number): { meta: MetaApi; fetched: () => number } {
  let fetched = 0;
  const readdir = (_dir: number, after: string | undefined, limit: number): unknown => {
    const start = after === undefined ? 0 : Number(after.slice(1)) + 1;
    const n = Math.max(0, Math.min(limit, count - start));
    fetched += n;
    return Array.from({ length: n }, (_, i) => ({
      name: name(start + i),
      ino: start + i + 2,
      type: 1,
    }));
  };
  return { meta: { readdir } as unknown as MetaApi, fetched: () => fetched };
}

test("a million names are listed by fetching each once, and an old offset is found again", async () => {
  const count = 1_000_000;
  const { meta, fetched } = hugeDirectory(count);
  const handle = new DirHandle(ROOT, meta);
  let position = 0;
  for (;;) {
    const rows = await handle.rows(position, false, 0);
    if (rows.length === 0) break;
    assert.ok(rows.length <= PAGE_ROWS_MAX);
    for (const row of rows) handle.gave(position++, row.name);
  }
  assert.is(position, count);
  assert.is(fetched(), count);
  const before = fetched();
  assert.is((await handle.rows(123_456, false, 0))[0]?.name, name(123_456));
  assert.ok(fetched() - before <= 3 * PAGE_ROWS_MAX, `fetched ${fetched() - before} rows to seek`);
});

test("deleting all of a large directory while listing it fetches few rows twice", async () => {
  const { meta, fetched } = hugeDirectory(100_000);
  const handle = new DirHandle(ROOT, meta);
  let position = 0;
  for (let changes = 0; position < 100_000; changes++) {
    const rows = await handle.rows(position, true, changes);
    // A reply of READDIRPLUS holds about 190 entries; then all of them are deleted.
    for (const row of rows.slice(0, 190)) handle.gave(position++, row.name);
  }
  assert.ok(fetched() < 200_000, `fetched ${fetched()} rows`);
});

test(".trash is found by name, listed on demand, and its name is reserved", async () => {
  await using volume = await openVolume({ vfs: { listTrash: true } });
  const trash = await volume.vfs.lookup(req, ROOT, ".trash");
  assert.is(trash.ino, 2 ** 52);
  assert.is(trash.attr.mode, 0o040555);
  assert.is(trash.attr.nlink, 2);
  assert.is((await volume.vfs.getattr(req, trash.ino)).attr.mode, 0o040555);
  const { fh } = await volume.vfs.opendir(req, ROOT);
  assert.equal((await page(volume, fh, 0, 10)).names, [".", "..", ".trash"]);
  const { vfs } = volume;
  assert.is(await codeOf(() => vfs.mkdir(req, ROOT, ".trash", 0o755, 0)), "EPERM");
  assert.is(await codeOf(() => vfs.create(req, ROOT, ".stats", 2, 0o644, 0)), "EEXIST");
  assert.is(await codeOf(() => vfs.rmdir(req, ROOT, ".trash")), "EPERM");
  assert.is(
    await codeOf(() => vfs.setattr(req, trash.ino, { mode: 0o777, killSuidgid: false })),
    "EPERM",
  );
  assert.is(await codeOf(() => vfs.getxattr(req, trash.ino, "user.a")), "ENODATA");
  assert.is(
    await codeOf(() => vfs.setxattr(req, trash.ino, "user.a", new Uint8Array(1), 0)),
    "EPERM",
  );
  await volume.vfs.mkdir(req, ROOT, "dir", 0o755, 0);
  const dir = await volume.vfs.lookup(req, ROOT, "dir");
  assert.is(
    await codeOf(() => vfs.mkdir(req, dir.ino, ".trash", 0o755, 0)),
    undefined,
    "only in the root",
  );
});

test(".trash is not listed unless asked for", async () => {
  await using volume = await openVolume();
  const { fh } = await volume.vfs.opendir(req, ROOT);
  assert.equal((await page(volume, fh, 0, 10)).names, [".", ".."]);
});

test.run();
