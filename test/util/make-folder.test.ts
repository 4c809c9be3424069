// mkdir -p of our own: what it makes, tells, and where it ends.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { makeFolder } from "../../src/util/make-folder.ts";

const test = suite("make-folder");
let dir = "";
test.before.each(() => {
  dir = mkdtempSync(join(tmpdir(), "jfs-make-folder-"));
});
test.after.each(() => rmSync(dir, { recursive: true }));

const hasCode = (code: string) => (e: NodeJS.ErrnoException) => e.code === code;

test("makes what is missing and tells the topmost", () => {
  assert.is(makeFolder(join(dir, "a/b/c")), join(dir, "a"));
  assert.ok(existsSync(join(dir, "a/b/c")));
  assert.is(makeFolder(join(dir, "a/b/c")), undefined);
  assert.is(makeFolder(join(dir, "a/b/d")), join(dir, "a/b/d"));
});

test("ends where no folder can be made", () => {
  assert.throws(() => makeFolder("/proc/nope/x"), hasCode("ENOENT"));
});

test("names a file in the way", () => {
  writeFileSync(join(dir, "file"), "");
  assert.throws(() => makeFolder(join(dir, "file/x")), hasCode("ENOTDIR"));
});

test.run();
