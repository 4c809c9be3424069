// Mount points that cannot be used, or are used already, and unmounting what is in use or no mount of ours.
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { jfs, jfsOk, mountVolume, whyNoMount, withVolume, type Volume } from "../support/jfs.ts";
import { skip } from "../support/skip.ts";
import { isRoot } from "../support/volume-suite.ts";
import { mountsBelow, refused, start, untouched, withDir } from "./refusal.ts";

/** In the foreground and in the background. */
function mountRefused({ db, log }: Volume, mountPoint: string, pattern: RegExp): void {
  refused(jfs(["mount", db, mountPoint]), pattern);
  refused(jfs(["mount", "-d", "--log", log, db, mountPoint]), pattern);
}

const sessionsOf = (db: string): number =>
  (JSON.parse(jfsOk(["-q", "status", db])) as { Sessions: unknown[] }).Sessions.length;

const reason = whyNoMount();
if (reason !== undefined) skip("misuse of mount points", reason);
else {
  test("a file, a path below a file, /, a place where nothing can be made", () =>
    withVolume(async (volume) => {
      const file = join(volume.dir, "file");
      writeFileSync(file, "content");
      // A session is opened and closed, which moves its counter.
      const apart = ["log", "meta.db"];
      const refuseAll = (): void => {
        mountRefused(volume, file, /file is not a directory: name a directory/);
        mountRefused(volume, join(file, "below"), /below cannot be made/);
        mountRefused(volume, "/", /\/ cannot be a mount point: name an empty directory/);
        mountRefused(volume, "/proc/absent/mnt", /cannot be made/);
      };
      await untouched(volume.dir, refuseAll, apart);
      assert.is(sessionsOf(volume.db), 0);
    }));

  test("a mount point of a volume, by any of its names", () =>
    withVolume((volume) => {
      mountVolume(volume);
      const { db, mnt } = volume;
      writeFileSync(join(mnt, "file"), "content");
      const pattern = /JuiceFS:testvol is already mounted on .*: unmount it first with jfs umount/;
      for (const name of [mnt, `${mnt}/`, `${mnt}/../mnt`]) mountRefused(volume, name, pattern);
      assert.is(readFileSync(join(mnt, "file"), "utf8"), "content");
      assert.equal(mountsBelow(mnt), [mnt]);
      assert.is(sessionsOf(db), 1);
    }));

  test("four that mount at the same place at the same moment: one does", () =>
    withVolume(async (volume) => {
      const { db, mnt, log } = volume;
      mkdirSync(mnt);
      const args = ["mount", "-d", "--log", log, db, mnt];
      const outcomes = await Promise.all([1, 2, 3, 4].map(async () => start(args).ended));
      const losers = outcomes.filter(({ code }) => code !== 0);
      assert.is(losers.length, 3, outcomes.map(({ stderr }) => stderr).join(""));
      for (const loser of losers) refused(loser, /already mounted|another process is mounting/);
      assert.equal(mountsBelow(mnt), [mnt]);
      assert.is(sessionsOf(db), 1);
    }));

  test("unmounting while a process is in it, or has a file open", () =>
    withVolume(async (volume) => {
      mountVolume(volume);
      const { mnt } = volume;
      writeFileSync(join(mnt, "file"), "content");
      const holders: (readonly [string, string])[] = [
        ["cd", 'cd "$1"; echo ready; exec sleep 60'],
        ["open", 'exec 3<"$1/file"; echo ready; exec sleep 60'],
      ];
      for (const [, script] of holders) {
        const holder = spawn("sh", ["-c", script, "sh", mnt], {
          stdio: ["ignore", "pipe", "inherit"],
        });
        await new Promise((done) => holder.stdout?.once("data", done));
        refused(jfs(["umount", mnt]), /is in use: end the processes that use it \(fuser -vm/);
        assert.is(readFileSync(join(mnt, "file"), "utf8"), "content");
        const ended = new Promise((done) => holder.once("exit", done));
        holder.kill();
        await ended;
      }
      jfsOk(["umount", mnt]);
    }));

  test("unmounting what is no mount of jfs", () =>
    withDir((dir) => {
      writeFileSync(join(dir, "file"), "");
      refused(jfs(["umount", dir]), /nothing is mounted on .*: findmnt/);
      refused(jfs(["umount", join(dir, "file")]), /nothing is mounted on .*: findmnt/);
      refused(jfs(["umount", join(dir, "absent")]), /nothing is mounted on .*: findmnt/);
      refused(jfs(["umount", "/proc"]), /\/proc holds a proc file system, no volume of jfs: use/);
    }));

  if (isRoot()) {
    test("another file system at the mount point is not hidden, unless asked for", () =>
      withVolume((volume) => {
        const { db, log, mnt } = volume;
        mkdirSync(mnt);
        assert.is(spawnSync("mount", ["-t", "tmpfs", "tmpfs", mnt]).status, 0);
        try {
          writeFileSync(join(mnt, "theirs"), "x");
          mountRefused(volume, mnt, /a tmpfs file system is mounted on .*: choose another place/);
          assert.equal(readdirSync(mnt), ["theirs"]);
          jfsOk(["mount", "-d", "--log", log, "-o", "nonempty", db, mnt]);
          assert.equal(readdirSync(mnt), []);
          jfsOk(["umount", mnt]);
          assert.equal(readdirSync(mnt), ["theirs"]);
        } finally {
          spawnSync("umount", [mnt]);
        }
      }));
  } else skip("mounting over another file system", "needs root");
}

test.run();
