// Writes that were acknowledged and could not be kept: reported once per handle, never called durable, nothing left behind.
import { openSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { MetaApi } from "../../src/meta/api.ts";
import type { FsError } from "../../src/util/errno.ts";
import { EIO, ENOSPC } from "../../src/util/errno.ts";
import { setLogDescriptor } from "../../src/util/log.ts";
import { BLOCK, CHUNK, O_RDWR, ROOT, codeOf, openVolume, req } from "./volume.ts";
import type { TestVolume } from "./volume.ts";

// The log says what was lost; here that is the plan.
setLogDescriptor(openSync("/dev/null", "w"));

async function keys(volume: TestVolume): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of volume.storage.list("")) found.push(key);
  return found;
}

/** The engine does commit, which the Vfs must not count on. Answers how to go back. */
function failTurns(meta: MetaApi, error: FsError): () => void {
  const end = meta.endTurn.bind(meta);
  meta.endTurn = () => {
    end();
    throw error;
  };
  return () => void Reflect.deleteProperty(meta, "endTurn");
}

for (const slow of [false, true]) {
  const when = slow ? ", when all answers later" : "";

  test(`close reports that the data could not be stored${when}`, async () => {
    await using volume = await openVolume({ slow });
    const { ino, fh } = await volume.create("file");
    await volume.write(fh, 0, "lost");
    volume.storage.fail("put", 1, ENOSPC);
    assert.is(await codeOf(() => volume.flush(fh)), "ENOSPC");
    assert.is(await codeOf(() => volume.flush(fh)), undefined, "reported once");
    assert.is(await volume.size(ino), 0, "the length is what is stored");
    await volume.write(fh, 0, "kept");
    await volume.flush(fh);
    assert.is((await volume.read(fh, 0, 10)).toString(), "kept");
    await volume.release(fh);
  });

  test(`each handle reports it once${when}`, async () => {
    await using volume = await openVolume({ slow });
    const { ino, fh } = await volume.create("file");
    const other = await volume.open(ino);
    await volume.write(fh, 0, "lost");
    volume.storage.fail("put", 1, EIO);
    assert.is(await codeOf(() => volume.fsync(fh)), "EIO");
    assert.is(await codeOf(() => volume.fsync(other)), "EIO");
    assert.is(await codeOf(() => volume.fsync(other)), undefined);
    const later = await volume.open(ino);
    assert.is(await codeOf(() => volume.fsync(later)), undefined, "opened after it");
    for (const each of [fh, other, later]) await volume.close(each);
  });

  test(`the next write reports what failed in the background${when}`, async () => {
    await using volume = await openVolume({ slow });
    const { fh } = await volume.create("file");
    volume.storage.fail("put", 2, ENOSPC);
    // Reaching the end of a chunk stores the slice without being asked to.
    await volume.write(fh, CHUNK - 3 * BLOCK, Buffer.alloc(3 * BLOCK, 1));
    while (volume.vfs.dirtyFiles > 0) await new Promise((resume) => setImmediate(resume));
    assert.is(await codeOf(() => volume.write(fh, 0, "more")), "ENOSPC");
    assert.is(await codeOf(() => volume.write(fh, 0, "more")), undefined);
    await volume.close(fh);
  });

  test(`what was written before and after a lost write stays${when}`, async () => {
    await using volume = await openVolume({ slow });
    const { ino, fh } = await volume.create("file");
    await volume.write(fh, 0, Buffer.alloc(100, 1));
    await volume.flush(fh);
    volume.storage.fail("put", 1, ENOSPC);
    await volume.write(fh, 100, Buffer.alloc(100, 2));
    assert.is(await codeOf(() => volume.flush(fh)), "ENOSPC");
    await volume.write(fh, 200, Buffer.alloc(100, 3));
    await volume.close(fh);
    const again = await volume.open(ino);
    const expected = Buffer.concat([Buffer.alloc(100, 1), Buffer.alloc(100), Buffer.alloc(100, 3)]);
    assert.ok((await volume.read(again, 0, 400)).equals(expected));
    await volume.close(again);
  });

  test(`syncfs reports a loss${when}`, async () => {
    await using volume = await openVolume({ slow });
    const { fh } = await volume.create("file");
    await volume.write(fh, 0, "lost");
    volume.storage.fail("put", 1, EIO);
    assert.is(await codeOf(() => volume.vfs.syncfs()), "EIO");
    assert.is(await codeOf(() => volume.vfs.syncfs()), undefined);
  });
}

test("fsync is not acknowledged when the blocks cannot be synced", async () => {
  await using volume = await openVolume();
  const { fh } = await volume.create("file");
  await volume.write(fh, 0, Buffer.alloc(BLOCK, 1));
  volume.storage.fail("put", 1, EIO);
  volume.storage.fail("sync", 1, EIO);
  assert.is(await codeOf(() => volume.fsync(fh)), "EIO");
  await volume.close(fh);
});

test("a commit that is refused deletes the blocks that it would have named", async () => {
  await using volume = await openVolume();
  const { ino, fh } = await volume.create("file");
  await volume.write(fh, 0, "data");
  volume.meta.writeSlices = () => {
    throw ENOSPC;
  };
  assert.is(await codeOf(() => volume.flush(fh)), "ENOSPC");
  Reflect.deleteProperty(volume.meta, "writeSlices");
  assert.equal(await keys(volume), []);
  assert.is(await volume.size(ino), 0);
  await volume.close(fh);
});

test("a turn that is not committed loses its slices and its handles, and says so", async () => {
  await using volume = await openVolume();
  const { vfs, meta } = volume;
  const { fh } = await volume.create("file");
  await volume.write(fh, 0, "data");
  const succeedAgain = failTurns(meta, ENOSPC);
  vfs.beginTurn();
  void vfs.flush(req, 0, fh);
  void vfs.create(req, ROOT, "other", O_RDWR, 0o644, 0);
  assert.is(vfs.openHandles, 2);
  assert.throws(
    () => vfs.endTurn(),
    (e: unknown) => e === ENOSPC,
  );
  succeedAgain();
  assert.is(vfs.openHandles, 1, "the handle whose answer was never sent");
  assert.is(await codeOf(() => volume.fsync(fh)), "ENOSPC");
  await volume.close(fh);
});

test("fsync inside a turn that is not committed is not acknowledged", async () => {
  await using volume = await openVolume();
  const { vfs, meta } = volume;
  const { fh } = await volume.create("file");
  await volume.write(fh, 0, "data");
  const succeedAgain = failTurns(meta, EIO);
  vfs.beginTurn();
  const synced = vfs.fsync(req, 0, fh);
  assert.throws(() => vfs.endTurn());
  succeedAgain();
  assert.is(await codeOf(() => synced), "EIO");
  await volume.release(fh);
});

test("a read of a block that is gone fails, and the file works again when it is back", async () => {
  await using volume = await openVolume({ chunks: { cacheBytes: 0 } });
  const { fh } = await volume.create("file");
  await volume.write(fh, 0, "data");
  await volume.flush(fh);
  for (let i = 1; i <= 10; i++) volume.storage.fail("get", i, EIO);
  assert.is(await codeOf(() => volume.read(fh, 0, 4)), "EIO");
  for (let i = 0; i < 10; i++) await codeOf(() => volume.read(fh, 0, 4));
  assert.is((await volume.read(fh, 0, 4)).toString(), "data");
  await volume.close(fh);
});

test.run();
