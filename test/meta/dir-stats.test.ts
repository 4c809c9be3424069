// The usage of a large directory whose record is missing: listed in turns, and right whatever happens between them.
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Entry } from "../../src/meta/api.ts";
import type { Meta } from "../../src/meta/meta.ts";
import type { Ino } from "../../src/meta/types.ts";
import { isPromise } from "../../src/util/maybe.ts";
import { directory, file, openMemory, root } from "./open-memory.ts";

const FILES = 9000;

function fill(meta: Meta): Ino {
  const { ino } = meta.mknod(root, 1, "dir", directory()) as Entry;
  for (let i = 0; i < FILES; i++) void meta.mknod(root, ino, `file${i}`, file());
  return ino;
}

test("requests are served while a large directory is listed, and counted", async () => {
  const { meta, store } = await openMemory();
  const dir = fill(meta);
  assert.equal(await meta.dirStat(dir), { length: 0, space: FILES * 4096, inodes: FILES });
  store.write((tx) => tx.deleteDirStat(dir));
  const listed = meta.dirStat(dir);
  assert.ok(isPromise(listed));
  await new Promise((resume) => setImmediate(resume));
  // One page is counted already, so that neither name is where the listing still comes by.
  void meta.unlink(root, dir, "file0");
  const grown = (meta.lookup(root, dir, "file1") as Entry).ino;
  void meta.writeSlices(grown, [{ index: 0, slice: { pos: 0, id: 1, size: 9, off: 0, len: 9 } }], {
    sec: 2000,
    nsec: 0,
  });
  assert.equal(await listed, { length: 9, space: (FILES - 1) * 4096, inodes: FILES - 1 });
  assert.equal(
    store.read((tx) => tx.dirStat(dir)),
    {
      length: 9,
      space: (FILES - 1) * 4096,
      inodes: FILES - 1,
    },
  );
});

test("a directory that never rests is listed in one go", async () => {
  const { meta, store } = await openMemory();
  const dir = fill(meta);
  store.write((tx) => tx.deleteDirStat(dir));
  let changes = 0;
  let isDone = false;
  const change = (): void => {
    if (isDone) return;
    void meta.mknod(root, dir, `new${changes++}`, file());
    setImmediate(change);
  };
  setImmediate(change);
  const stat = await meta.dirStat(dir);
  isDone = true;
  assert.equal(store.read((tx) => tx.dirStat(dir))?.inodes, FILES + changes);
  assert.ok(stat.inodes > FILES);
});

test.run();
