// Bytes that the journal has and that cannot be stored: they were acknowledged as durable, so they stay, and are tried again.
import { openSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { EIO, ENOSPC } from "../../src/util/errno.ts";
import { setLogDescriptor } from "../../src/util/log.ts";
import { crashed, start, until } from "./journal-volume.ts";
import { BLOCK, codeOf } from "./volume.ts";

// The log says what could not be stored; here that is the plan.
setLogDescriptor(openSync("/dev/null", "w"));

for (const [what, label, error] of [
  ["the store is full", "put", ENOSPC],
  ["the disk fails", "put", EIO],
] as const) {
  test(`when ${what}, journaled bytes stay, readable, and are stored later`, async () => {
    const { volume, calls } = await start();
    await using _ = volume;
    const { ino, fh } = await calls.create("file");
    await calls.write(fh, 0, "hello");
    await calls.fsync(fh);
    volume.storage.fail(label, 1, error);
    volume.press();
    await until(() => volume.storage.calls("put") === 1);
    assert.is(volume.pending().length, 1);
    assert.is((await calls.read(fh, 0, 10)).toString(), "hello");
    assert.is(await codeOf(() => calls.fsync(fh)), error.code);
    assert.is(await codeOf(() => calls.fsync(fh)), undefined, "reported once");
    assert.is((await crashed(volume, ino)).toString(), "hello");
    volume.storage.fail(label, 1, error);
    assert.is(await codeOf(() => calls.setattr(ino, { size: 0 })), error.code);
    assert.is((await calls.read(fh, 0, 10)).toString(), "hello");
    await calls.setattr(ino, { size: 2 });
    assert.is(volume.pending().length, 0);
    assert.is((await calls.content(ino)).toString(), "he");
    assert.is(await codeOf(() => calls.close(fh)), error.code, "of the truncate");
  });
}

test("what cannot be stored until the end is left to the journal", async () => {
  const { volume, calls } = await start();
  await using _ = volume;
  const { ino, fh } = await calls.create("file");
  await calls.write(fh, 0, "hello");
  await calls.fsync(fh);
  await calls.close(fh);
  for (let n = 1; n <= 10; n++) volume.storage.fail("put", n, ENOSPC);
  await volume.vfs.close();
  assert.is(volume.pending().length, 1);
  assert.is(volume.chunks.bufferedBytes, 0);
  for (let n = 0; n < 10; n++) await codeOf(() => volume.storage.put("x", [], { durable: false }));
  assert.is((await crashed(volume, ino)).toString(), "hello");
});

test("a commit that is refused is tried again", async () => {
  const { volume, calls } = await start();
  await using _ = volume;
  const { ino, fh } = await calls.create("file");
  await calls.write(fh, 0, "hello");
  await calls.fsync(fh);
  const succeedAgain = volume.refuseCommits(ENOSPC);
  volume.press();
  await until(() => volume.storage.calls("put") === 1);
  assert.is(await codeOf(() => calls.fsync(fh)), "ENOSPC");
  assert.is((await calls.read(fh, 0, 10)).toString(), "hello");
  succeedAgain();
  await calls.setattr(ino, { size: 4 });
  assert.is((await calls.content(ino)).toString(), "hell");
  assert.is(volume.pending().length, 0);
  await calls.close(fh);
});

test("what is stuck is tried again in the background", async () => {
  const { volume, calls } = await start({ vfs: { idleMs: 20 } });
  await using _ = volume;
  const { ino, fh } = await calls.create("file");
  await calls.write(fh, 0, "hello");
  await calls.fsync(fh);
  await calls.close(fh);
  volume.storage.fail("put", 1, ENOSPC);
  while (volume.vfs.dirtyFiles > 0) await new Promise((resume) => setTimeout(resume, 20));
  assert.is(volume.storage.calls("put"), 2);
  assert.is(volume.pending().length, 0);
  assert.is((await calls.content(ino)).toString(), "hello");
});

test("writers are not left waiting for room that stuck bytes take", async () => {
  const { volume, calls } = await start({ chunks: { bufferBytes: 2 * BLOCK } });
  await using _ = volume;
  const stuck = await calls.create("stuck");
  for (const [at, n] of [
    [0, 1],
    [1, 2 * BLOCK - 1],
  ] as const) {
    await calls.write(stuck.fh, at, Buffer.alloc(n, 1));
    await calls.fsync(stuck.fh);
  }
  volume.storage.fail("put", 1, ENOSPC);
  volume.press();
  await until(() => volume.storage.calls("put") > 0);
  const { fh } = await calls.create("file");
  assert.is(await codeOf(() => calls.write(fh, 0, "hello")), "ENOSPC");
  assert.is((await crashed(volume, stuck.ino)).length, 2 * BLOCK);
});

test.run();
