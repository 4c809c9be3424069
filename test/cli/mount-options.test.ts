// What the options of mount change, seen by other processes on real mounts.
import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  statSync,
  statfsSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { jfs, jfsOk, mountVolume, whyNoMount, withVolume } from "../support/jfs.ts";
import { skip } from "../support/skip.ts";

function said(command: string, args: readonly string[]): string {
  const { stdout, stderr, status } = spawnSync(command, args, { encoding: "utf8" });
  assert.is(status, 0, `${command} ${args.join(" ")}: ${stderr}`);
  return stdout;
}
const has = (command: string): boolean =>
  spawnSync("sh", ["-c", `command -v ${command}`]).status === 0;

const reason = whyNoMount();
if (reason !== undefined) skip("options of mount", reason);
else {
  test("--subdir mounts a directory alone, and makes it when it is missing", () =>
    withVolume((volume) => {
      const { mnt, db } = volume;
      mountVolume(volume, ["--subdir", "/a/b"]);
      assert.is(statSync(mnt).ino, 1);
      mkdirSync(join(mnt, "dir"));
      writeFileSync(join(mnt, "dir/file"), "content");
      renameSync(join(mnt, "dir/file"), join(mnt, "file"));
      assert.equal(readdirSync(mnt), ["dir", "file"]);
      // Here they are names like any other.
      assert.not.ok(existsSync(join(mnt, ".trash")));
      writeFileSync(join(mnt, ".config"), "mine");
      assert.ok(statfsSync(mnt).files > 0);
      jfsOk(["umount", mnt]);
      mountVolume(volume);
      assert.is(readFileSync(join(mnt, "a/b/file"), "utf8"), "content");
      assert.is(readFileSync(join(mnt, "a/b/.config"), "utf8"), "mine");
      assert.ok(existsSync(join(mnt, ".trash")));
      jfsOk(["umount", mnt]);
      const { code, stderr } = jfs(["mount", "--subdir=a/b/file", db, mnt]);
      assert.is(code, 1);
      assert.match(stderr, /file is not a directory of the volume/);
      const readOnly = jfs(["mount", "--read-only", "--subdir=missing", db, mnt]);
      assert.is(readOnly.code, 1);
      assert.match(readOnly.stderr, /missing is missing and cannot be made/);
    }));

  test("--subdir shows what the quotas above leave", () =>
    withVolume((volume) => {
      const { mnt, db } = volume;
      mountVolume(volume, ["--subdir", "a/b"]);
      const { ino } = statSync(join(mnt, "."));
      assert.is(ino, 1);
      jfsOk(["umount", mnt]);
      const database = new Database(db);
      database
        .prepare(
          "INSERT INTO jfs_dir_quota SELECT inode,1048576,100,4096,3 FROM jfs_edge WHERE name=CAST('a' AS BLOB)",
        )
        .run();
      database.close();
      mountVolume(volume, ["--subdir", "a/b"]);
      const { blocks, bfree, files, ffree } = statfsSync(mnt);
      assert.equal([blocks, bfree, files, ffree], [256, 255, 100, 97]);
    }));

  test("--umask stands for everybody's own", () =>
    withVolume((volume) => {
      mountVolume(volume, ["--umask=027"]);
      closeSync(openSync(join(volume.mnt, "file"), "w", 0o777));
      mkdirSync(join(volume.mnt, "dir"), 0o777);
      assert.is(statSync(join(volume.mnt, "file")).mode & 0o777, 0o750);
      assert.is(statSync(join(volume.mnt, "dir")).mode & 0o777, 0o750);
    }));

  test("--atime-mode: reading moves access times, or does not", () =>
    withVolume((volume) => {
      const file = join(volume.mnt, "file");
      const atime = (): number => statSync(file).atime.getFullYear();
      mountVolume(volume);
      writeFileSync(file, "content");
      utimesSync(file, new Date("2001-01-01"), new Date());
      readFileSync(file);
      assert.is(atime(), 2001);
      for (const mode of ["relatime", "strictatime"]) {
        jfsOk(["umount", volume.mnt]);
        // As a line of /etc/fstab has it.
        mountVolume(volume, ["-o", `atime-mode=${mode},noatime,fsname=x,subtype=jfs`]);
        utimesSync(file, new Date("2001-01-01"), new Date());
        readFileSync(file);
        assert.ok(atime() > 2001, mode);
      }
    }));

  test("--disable-xattr refuses extended attributes, JuiceFS's --enable-xattr is taken", () =>
    withVolume((volume) => {
      if (!has("setfattr")) return skip("extended attributes", "no setfattr");
      const file = join(volume.mnt, "file");
      mountVolume(volume, ["--enable-xattr"]);
      writeFileSync(file, "");
      said("setfattr", ["-n", "user.a", "-v", "1", file]);
      jfsOk(["umount", volume.mnt]);
      mountVolume(volume, ["--disable-xattr"]);
      const { stderr, status } = spawnSync("getfattr", ["-n", "user.a", file], {
        encoding: "utf8",
      });
      assert.is(status, 1);
      assert.match(stderr, /not supported/);
    }));

  test("--enable-ioctl: chattr and lsattr", () =>
    withVolume((volume) => {
      if (!has("chattr")) return skip("inode flags", "no chattr");
      if (process.getuid?.() !== 0) return skip("inode flags", "only root may set them");
      const file = join(volume.mnt, "file");
      mountVolume(volume, ["--enable-ioctl"]);
      writeFileSync(file, "content");
      said("chattr", ["+i", file]);
      assert.match(said("lsattr", [file]), /^-+i-+ /);
      assert.throws(() => writeFileSync(file, "x"), /EPERM/);
      said("chattr", ["=a", file]);
      appendFileSync(file, "!");
      assert.throws(() => writeFileSync(file, "x"), /EPERM/);
      said("chattr", ["-a", file]);
      assert.is(readFileSync(file, "utf8"), "content!");
      jfsOk(["umount", volume.mnt]);
      mountVolume(volume);
      assert.is(spawnSync("lsattr", [file]).status, 1);
    }));

  test("--prefix-internal calls the trash .jfs.trash", () =>
    withVolume((volume) => {
      mountVolume(volume, ["--prefix-internal", "--hide-internal", "--max-readahead=1"]);
      assert.equal(readdirSync(volume.mnt), []);
      assert.ok(existsSync(join(volume.mnt, ".jfs.trash")));
      assert.not.ok(existsSync(join(volume.mnt, ".trash")));
      writeFileSync(join(volume.mnt, ".stats"), "mine");
    }));
}

test("values that mean nothing are refused by name", () => {
  const refusals: readonly (readonly [string, RegExp])[] = [
    ["--umask=9", /--umask 9: give octal digits/],
    ["--atime-mode=never", /--atime-mode never: give noatime, relatime or strictatime/],
    ["--max-readahead=much", /--max-readahead much/],
    ["--enable-xattr --disable-xattr", /exclude each other/],
  ];
  for (const [options, pattern] of refusals) {
    const { code, stderr } = jfs(["mount", ...options.split(" "), "/none.db", "/none"]);
    assert.is.not(code, 0);
    assert.match(stderr, pattern);
  }
});

test.run();
