// mount, umount and start as processes on real mounts: the way in, the way out, and every way to do it wrong.
import { spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  isMounted,
  jfs,
  jfsOk,
  jfsProgram,
  mountVolume,
  whyNoMount,
  withVolume,
  type Outcome,
} from "../support/jfs.ts";
import { skip } from "../support/skip.ts";

function refused(outcome: Outcome, pattern: RegExp, code = 1): void {
  assert.is(outcome.code, code, outcome.stderr);
  const lines = outcome.stderr.split("\n").filter((line) => line.startsWith("jfs: "));
  assert.is(lines.length, 1, outcome.stderr);
  assert.match(lines[0] ?? "", pattern);
  assert.not.match(outcome.stderr, /\n\s+at /);
}

function sessions(db: string): Record<string, unknown>[] {
  return (JSON.parse(jfsOk(["-q", "status", db])) as { Sessions: Record<string, unknown>[] })
    .Sessions;
}

const reason = whyNoMount();
if (reason !== undefined) skip("mount, umount and start", reason);
else {
  test("mount -d returns when the mount answers; umount when everything is written", () =>
    withVolume((volume) => {
      const said = jfsOk(["mount", "-d", "--log", volume.log, volume.db, volume.mnt]);
      assert.is(said, `OK, testvol is ready at ${volume.mnt}\n`);
      writeFileSync(join(volume.mnt, "file"), "content");
      const [session] = sessions(volume.db);
      assert.is(session?.["MountPoint"], volume.mnt);
      assert.match(String(session?.["Version"]), /^1\.4\.1\+jfs/);
      jfsOk(["umount", volume.mnt]);
      assert.equal(sessions(volume.db), []);
      assert.equal(readdirSync(volume.mnt), []);
      assert.not.ok(
        existsSync(`${volume.db}-wal`),
        "the last process leaves a database without WAL",
      );
      mountVolume(volume);
      assert.is(readFileSync(join(volume.mnt, "file"), "utf8"), "content");
    }));

  test("relative paths mean the directory of the caller, also in the background", () =>
    withVolume(({ dir, log, mnt }) => {
      mkdirSync(mnt);
      jfsOk(["mount", "-d", "--log", log, "meta.db", "mnt"], { cwd: dir });
      assert.ok(isMounted(mnt));
      jfsOk(["umount", "mnt"], { cwd: dir });
      jfsOk(["mount", "-d", "--log", log, "sqlite3://meta.db", "./mnt/"], { cwd: dir });
      symlinkSync(mnt, join(dir, "link"));
      jfsOk(["umount", join(dir, "link")]);
      assert.not.ok(isMounted(mnt));
    }));

  test("mount -d is told from what only looks like it", () =>
    withVolume(({ db, dir, log, mnt }) => {
      const other = join(dir, "other.log");
      jfsOk(["mount", "-d", "--log", log, "-o", `log=${other}`, db, mnt]);
      assert.ok(existsSync(other), "the last of two names for the log counts");
      assert.ok(isMounted(mnt));
      jfsOk(["umount", mnt]);
      refused(jfs(["mount", "-d", "--log", log, "--bogus", db, mnt]), /--bogus is no option/, 2);
      refused(jfs(["mount", "-d", "--log", log, db]), /too few arguments/, 2);
      // Here -d is the name of a directory, and the mount stays in the foreground until it fails.
      refused(jfs(["mount", "--log", log, "--subdir", "-d", join(dir, "absent"), mnt]), /absent/);
      assert.not.ok(isMounted(mnt));
    }));

  test("a signal unmounts a mount in the foreground", () =>
    withVolume(async ({ db, mnt }) => {
      const child = spawn(jfsProgram, ["mount", db, mnt], { stdio: ["ignore", "ignore", "pipe"] });
      let log = "";
      child.stderr.on("data", (data: Buffer) => (log += data.toString()));
      const ended = new Promise<number | null>((done) => child.once("exit", done));
      for (let tries = 0; !log.includes("is ready at") && tries < 1000; tries++) {
        await new Promise((done) => setTimeout(done, 10));
      }
      writeFileSync(join(mnt, "file"), "content");
      child.kill("SIGINT");
      assert.is(await ended, 0, log);
      assert.not.ok(isMounted(mnt));
      assert.equal(sessions(db), []);
    }));

  test("a read-only mount changes nothing and has no session", () =>
    withVolume((volume) => {
      mountVolume(volume, ["-o", "ro"]);
      assert.throws(() => writeFileSync(join(volume.mnt, "file"), "x"), /EROFS/);
      assert.equal(sessions(volume.db), []);
    }));

  test("mounting twice on one place, on a file, on / and without a volume", () =>
    withVolume((volume) => {
      const { dir, db, mnt, log } = volume;
      mountVolume(volume);
      refused(jfs(["mount", "-d", "--log", log, db, mnt]), /already mounted on .*jfs umount/);
      const file = join(dir, "file");
      writeFileSync(file, "");
      refused(jfs(["mount", "-d", "--log", log, db, file]), /not a directory/);
      refused(jfs(["mount", db, "/"]), /\/ cannot be a mount point/);
      const absent = join(dir, "absent.db");
      refused(jfs(["mount", "-d", "--log", log, absent, join(dir, "other")]), /absent\.db/);
      assert.not.ok(existsSync(absent));
      assert.ok(isMounted(mnt));
    }));

  test("a folder of blocks that is gone is told, and not made anew", () =>
    withVolume((volume) => {
      rmSync(volume.blocks, { recursive: true });
      refused(jfs(["mount", "-d", "--log", volume.log, volume.db, volume.mnt]), /blocks/);
      assert.not.ok(existsSync(volume.blocks));
      assert.not.ok(isMounted(volume.mnt));
      assert.equal(sessions(volume.db), []);
    }));

  test("a busy mount is not unmounted, unless by force", () =>
    withVolume((volume) => {
      mountVolume(volume);
      const holder = spawn("sleep", ["60"], { cwd: volume.mnt, stdio: "ignore" });
      try {
        refused(jfs(["umount", volume.mnt]), /in use/);
        assert.ok(isMounted(volume.mnt));
        jfsOk(["umount", "--force", volume.mnt]);
        assert.not.ok(isMounted(volume.mnt));
      } finally {
        holder.kill();
      }
    }));

  test("the place of a server that was killed can be mounted again at once", () =>
    withVolume((volume) => {
      mountVolume(volume);
      writeFileSync(join(volume.mnt, "file"), "content");
      process.kill(Number(sessions(volume.db)[0]?.["ProcessID"]), "SIGKILL");
      for (let tries = 0; spawnSync("stat", [volume.mnt]).status === 0 && tries < 500; tries++)
        continue;
      mountVolume(volume);
      assert.is(readFileSync(join(volume.mnt, "file"), "utf8"), "content");
    }));

  test("what is no mount cannot be unmounted", () =>
    withVolume(({ dir, mnt }) => {
      refused(jfs(["umount", mnt]), /nothing is mounted on/);
      refused(jfs(["umount", dir]), /nothing is mounted on/);
      refused(jfs(["umount", "/proc"]), /proc file system/);
    }));

  test("start makes a volume the first time and finds it the second", () =>
    withVolume(async ({ dir }) => {
      const home = join(dir, "home");
      for (const round of [1, 2]) {
        const child = spawn(jfsProgram, ["start"], { env: { ...process.env, JFS_HOME: home } });
        let said = "";
        child.stdout.on("data", (data: Buffer) => (said += data.toString()));
        child.stderr.on("data", (data: Buffer) => (said += data.toString()));
        const ended = new Promise<number | null>((done) => child.once("exit", done));
        for (let tries = 0; !said.includes("stop:") && tries < 1000; tries++) {
          await new Promise((done) => setTimeout(done, 10));
        }
        assert.match(
          said,
          round === 1 ? /A new volume is mounted on/ : /Your volume is mounted on/,
        );
        const file = join(home, "mnt/file");
        if (round === 1) writeFileSync(file, "kept");
        assert.is(readFileSync(file, "utf8"), "kept");
        // As Ctrl-C under npm: once from the terminal, once from npm.
        child.kill("SIGINT");
        child.kill("SIGINT");
        assert.is(await ended, 0, said);
        assert.not.ok(isMounted(join(home, "mnt")));
        assert.not.ok(existsSync(file));
      }
    }));
}

test.run();
