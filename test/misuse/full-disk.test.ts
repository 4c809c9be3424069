// A disk that is full when the volume is made, when it is mounted, and while it is written: a sentence or ENOSPC, and
// what was acknowledged stays. On small file systems in memory, which only root may make.
import { spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  statfsSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { isMounted, jfs, jfsOk, whyNoMount } from "../support/jfs.ts";
import { skip } from "../support/skip.ts";
import { isRoot } from "../support/volume-suite.ts";
import { refused } from "./refusal.ts";

interface Disk {
  readonly dir: string;
  /** The small disk. */
  readonly small: string;
  readonly mnt: string;
  readonly log: string;
}

async function withDisk(kib: number, body: (disk: Disk) => void | Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "jfs-misuse-full-"));
  const disk = { dir, small: join(dir, "small"), mnt: join(dir, "mnt"), log: join(dir, "log") };
  mkdirSync(disk.small);
  const size = `size=${kib}k`;
  assert.is(spawnSync("mount", ["-t", "tmpfs", "-o", size, "tmpfs", disk.small]).status, 0);
  try {
    await body(disk);
  } finally {
    if (isMounted(disk.mnt)) jfs(["umount", disk.mnt]);
    if (isMounted(disk.mnt)) jfs(["umount", "--force", disk.mnt]);
    spawnSync("umount", [disk.small]);
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Takes all space but `leftKib`. */
function occupy(disk: string, leftKib: number): string {
  const { bavail, bsize } = statfsSync(disk);
  const path = join(disk, "ballast");
  writeFileSync(path, Buffer.alloc(bavail * bsize - leftKib * 1024));
  return path;
}

function code(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}

/** Writes until an error comes; answers its code. */
function writeUntilFull(path: string): string {
  const fd = openSync(path, "w");
  let failed = "";
  try {
    for (let i = 0; i < 64; i++) writeSync(fd, Buffer.alloc(1 << 20, i + 1));
    fsyncSync(fd);
  } catch (error) {
    failed = code(error);
  }
  try {
    closeSync(fd);
  } catch (error) {
    failed ||= code(error);
  }
  return failed;
}

const reason = isRoot() ? whyNoMount() : "needs root";
if (reason !== undefined) skip("full disks", reason);
else {
  test("at format: the disk of the database", () =>
    withDisk(1024, ({ small, dir }) => {
      occupy(small, 40);
      const db = join(small, "my.db");
      const args = ["format", "--bucket", join(dir, "blocks"), db, "vol"];
      refused(jfs(args), /no space left on the disk: free some/);
      assert.not.ok(existsSync(db), "half a database");
      assert.not.ok(existsSync(join(dir, "blocks/vol/juicefs_uuid")), "the folder is nobody's");
    }));

  test("at format: the disk of the blocks", () =>
    withDisk(1024, ({ small, dir }) => {
      occupy(small, 0);
      const args = ["format", "--bucket", join(small, "blocks"), join(dir, "my.db"), "vol"];
      refused(jfs(args), /no space left|full/);
      assert.not.ok(existsSync(join(dir, "my.db")));
    }));

  test("at mount: refused, and mounted once there is room again", () =>
    withDisk(2048, ({ small, dir, mnt, log }) => {
      const db = join(small, "my.db");
      jfsOk(["-q", "format", "--bucket", join(dir, "blocks"), db, "vol"]);
      const ballast = occupy(small, 0);
      refused(jfs(["mount", "-d", "--log", log, db, mnt]), /no space left on the disk: free some/);
      assert.not.ok(isMounted(mnt));
      rmSync(ballast);
      jfsOk(["mount", "-d", "--log", log, db, mnt]);
      writeFileSync(join(mnt, "file"), "content");
      jfsOk(["umount", mnt]);
    }));

  test("while data is written: ENOSPC, what was there stays, and room made is room", () =>
    withDisk(24 * 1024, ({ small, dir, mnt, log }) => {
      const db = join(dir, "my.db");
      const bucket = ["--bucket", join(small, "blocks"), "--trash-days", "0"];
      jfsOk(["-q", "format", ...bucket, db, "vol"]);
      jfsOk(["mount", "-d", "--log", log, db, mnt]);
      const kept = Buffer.alloc(2 << 20, "kept");
      writeFileSync(join(mnt, "kept"), kept);
      assert.is(writeUntilFull(join(mnt, "big")), "ENOSPC");
      assert.ok(readFileSync(join(mnt, "kept")).equals(kept));
      rmSync(join(mnt, "big"));
      jfsOk(["umount", mnt]);
      jfsOk(["mount", "-d", "--log", log, db, mnt]);
      assert.ok(readFileSync(join(mnt, "kept")).equals(kept));
      assert.equal(readdirSync(mnt), ["kept"]);
      jfsOk(["umount", mnt]);
    }));

  test("while metadata is written: ENOSPC, what was acknowledged stays", () =>
    withDisk(2048, ({ small, dir, mnt, log }) => {
      const db = join(small, "my.db");
      jfsOk(["-q", "format", "--bucket", join(dir, "blocks"), db, "vol"]);
      jfsOk(["mount", "-d", "--log", log, db, mnt]);
      const made: string[] = [];
      let failed = "";
      for (let i = 0; i < 50_000 && failed === ""; i++) {
        const name = `${"n".repeat(200)}${i}`;
        try {
          mkdirSync(join(mnt, name));
          made.push(name);
        } catch (error) {
          failed = code(error);
        }
      }
      assert.is(failed, "ENOSPC");
      assert.ok(made.length > 20, String(made.length));
      const sorted = made.toSorted();
      assert.equal(readdirSync(mnt).toSorted(), sorted);
      spawnSync("mount", ["-o", "remount,size=32m", small]);
      jfsOk(["umount", mnt]);
      jfsOk(["mount", "-d", "--log", log, db, mnt]);
      assert.equal(readdirSync(mnt).toSorted(), sorted);
      mkdirSync(join(mnt, "more"));
      jfsOk(["umount", mnt]);
    }));
}

test.run();
