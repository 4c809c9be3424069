// Directories that were removed while a process has them open, and what the kernel is told of them until it forgets them.
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { EngineName } from "./open-meta.ts";
import { ROOT, Listing, codeOf, openVolume, req } from "./volume.ts";

const ENGINES: readonly EngineName[] = ["memory", "sqlite"];

for (const [engine, slow] of ENGINES.flatMap((e) => [[e, false] as const, [e, true] as const])) {
  const title = `${engine}${slow ? ", slow" : ""}`;

  test(`${title}: a removed directory has attributes, but no entries, until the kernel forgets it`, async () => {
    await using volume = await openVolume({ engine, slow });
    const { vfs } = volume;
    const { ino } = await vfs.mkdir(req, ROOT, "dir", 0o750, 0);
    const { fh } = await vfs.opendir(req, ino);
    await vfs.rmdir(req, ROOT, "dir");
    const { attr } = await vfs.getattr(req, ino);
    assert.equal([attr.mode, attr.nlink], [0o040750, 0]);
    const listing = new Listing();
    await vfs.readdir(req, ino, fh, 0, listing);
    const again = await vfs.opendir(req, ino);
    await vfs.readdirplus(req, ino, again.fh, 0, listing);
    assert.equal(listing.names, []);
    assert.is(await codeOf(() => vfs.create(req, ino, "new", 1, 0o644, 0)), "ENOENT");
    assert.is(await codeOf(() => vfs.mkdir(req, ino, "new", 0o755, 0)), "ENOENT");
    vfs.releasedir(req, ino, fh);
    vfs.forget(ino);
    assert.is(await codeOf(() => vfs.getattr(req, ino)), "ENOENT");
  });

  test(`${title}: so does one that another directory replaced`, async () => {
    await using volume = await openVolume({ engine, slow });
    const { vfs } = volume;
    const { ino } = await vfs.mkdir(req, ROOT, "old", 0o755, 0);
    await vfs.mkdir(req, ROOT, "new", 0o755, 0);
    await vfs.rename(req, ROOT, "new", ROOT, "old", 0);
    const { attr } = await vfs.getattr(req, ino);
    assert.is(attr.nlink, 0);
  });
}

test("a removed file that nobody has open is gone", async () => {
  await using volume = await openVolume();
  const { vfs } = volume;
  const { ino, fh } = await volume.create("file");
  await volume.close(fh);
  await vfs.unlink(req, ROOT, "file");
  assert.is(await codeOf(() => vfs.getattr(req, ino)), "ENOENT");
});

test.run();
