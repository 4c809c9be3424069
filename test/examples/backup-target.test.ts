// Runs examples/backup-target as it is, twice: the second run meets the volume of the first.
import { spawnSync } from "node:child_process";
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { hasCommand, skip, skipMissing } from "../support/skip.ts";

const root = join(import.meta.dirname, "../..");
const NAME = "examples/backup-target";

function makeSource(dir: string): void {
  mkdirSync(join(dir, "deep/deeper"), { recursive: true });
  for (let index = 0; index < 50; index++) {
    writeFileSync(join(dir, "deep", `file ${index}`), `content ${index}\n`.repeat(index * 20));
  }
  writeFileSync(join(dir, "large"), Buffer.alloc(6 * 1024 * 1024, "jfs"));
  linkSync(join(dir, "large"), join(dir, "deep/same"));
  symlinkSync("../large", join(dir, "deep/link"));
}

function run(dir: string): string {
  const env = {
    ...process.env,
    DISK: join(dir, "disk"),
    SOURCE: join(dir, "source"),
    XDG_CACHE_HOME: join(dir, "cache"),
  };
  const script = join(root, "examples/backup-target/backup.sh");
  const { status, stdout, stderr } = spawnSync("sh", [script], { env, encoding: "utf8" });
  assert.is(status, 0, `${stdout}\n${stderr}`);
  return stdout;
}

const missing = ["rsync", "restic"].filter((command) => !hasCommand(command));
if (!existsSync("/dev/fuse")) skip(NAME, "this machine has no /dev/fuse");
else if (missing.length > 0) skipMissing(NAME, missing.join(" and "));
else {
  test("a second disk is filled by rsync and restic, checked and restored, day after day", () => {
    const dir = mkdtempSync(join(tmpdir(), "jfs-example-"));
    try {
      makeSource(join(dir, "source"));
      assert.match(run(dir), /mirror: 52 files, checked\nrestic: 1 snapshots, checked\nrestored/);
      writeFileSync(join(dir, "source/new"), "the next day\n");
      rmSync(join(dir, "source/deep/file 7"));
      assert.match(run(dir), /mirror: 52 files, checked\nrestic: 2 snapshots, checked\nrestored/);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
}

test.run();
