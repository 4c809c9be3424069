// What can happen to the process itself: signals while it starts, a reader that goes away, no home, no right to mount.
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import Database from "better-sqlite3";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { isMounted, jfs, jfsOk, jfsProgram, whyNoMount, withVolume } from "../support/jfs.ts";
import { until } from "../support/mount.ts";
import { skip } from "../support/skip.ts";
import { isRoot } from "../support/volume-suite.ts";
import { refused, start, withDir } from "./refusal.ts";

const sessionsOf = (db: string): number =>
  (JSON.parse(jfsOk(["-q", "status", db])) as { Sessions: unknown[] }).Sessions.length;

const reason = whyNoMount();
if (reason !== undefined) skip("misuse of the process", reason);
else {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    test(`${signal} at any moment of the start of mount -d leaves nothing mounted`, () =>
      withVolume(async ({ db, log, mnt }) => {
        // The moments differ from machine to machine; what must hold afterwards does not.
        for (const ms of [0, 60, 120, 180, 240, 300, 400]) {
          const mount = start(["mount", "-d", "--log", log, db, mnt]);
          await sleep(ms);
          mount.child.kill(signal);
          const { code, stdout, stderr } = await mount.ended;
          if (stdout.includes("is ready")) {
            // It was faster than the signal.
            assert.ok(isMounted(mnt), `after ${ms} ms: ${stderr}`);
            jfsOk(["umount", mnt]);
          } else {
            assert.is.not(code, 0, `after ${ms} ms: ${stderr}`);
            assert.not.ok(isMounted(mnt), `after ${ms} ms: ${stderr}`);
          }
          assert.is(sessionsOf(db), 0, `after ${ms} ms`);
        }
      }));
  }

  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    test(`${signal} at any moment of the start in the foreground leaves nothing mounted`, () =>
      withVolume(async ({ db, mnt }) => {
        for (const ms of [0, 60, 120, 180, 240, 300, 400]) {
          const mount = start(["mount", db, mnt]);
          await sleep(ms);
          mount.child.kill(signal);
          const { stderr } = await mount.ended;
          assert.not.ok(isMounted(mnt), `after ${ms} ms: ${stderr}`);
          assert.not.match(stderr, /\n\s+at /);
          assert.is(sessionsOf(db), 0, `after ${ms} ms`);
        }
      }));
  }

  test("SIGHUP ends no mount in the foreground: a closed terminal is not the end of a file system", () =>
    withVolume(async ({ db, mnt }) => {
      const mount = start(["mount", db, mnt]);
      await until("it is mounted", () => mount.said().includes("is ready"));
      mount.child.kill("SIGHUP");
      assert.equal(readdirSync(mnt), []);
      mount.child.kill("SIGTERM");
      const { code, stderr } = await mount.ended;
      assert.is(code, 0, stderr);
      assert.not.ok(isMounted(mnt));
    }));

  test("a mount that does not become ready in time is not mounted later", () =>
    withVolume(async ({ db, log, mnt }) => {
      const env = { JFS_MOUNT_TIMEOUT: "1ms" };
      refused(
        jfs(["mount", "-d", "--log", log, db, mnt], { env }),
        /not ready after 0\.001 s.*: see/,
      );
      assert.not.ok(isMounted(mnt));
      assert.is(sessionsOf(db), 0);
    }));

  test("a database that another process holds is waited for, and then told", () =>
    withVolume(({ db, log, mnt }) => {
      const holder = new Database(db);
      holder.pragma("locking_mode=EXCLUSIVE");
      holder.exec("BEGIN EXCLUSIVE");
      try {
        const outcome = jfs(["mount", "-d", "--log", log, db, mnt]);
        refused(outcome, /another process holds the database: try again/);
        assert.not.ok(isMounted(mnt));
      } finally {
        holder.exec("ROLLBACK");
        holder.close();
      }
    }));

  test("without HOME", () =>
    withVolume(({ db, log, mnt }) => {
      const bare = { HOME: "" };
      jfsOk(["mount", "-d", "--log", log, db, mnt], { env: bare });
      jfsOk(["umount", mnt], { env: bare });
      const { status, stderr } = spawnSync("env", ["-u", "HOME", jfsProgram, "-q", "status", db]);
      assert.is(status, 0, String(stderr));
    }));

  if (isRoot()) {
    test("a user without the right to mount", () =>
      withDir(async (dir) => {
        // A user that no list knows, without HOME.
        const nobody = { uid: 65_533, gid: 65_533, env: { PATH: process.env["PATH"] ?? "" } };
        const home = join(dir, "home");
        mkdirSync(home);
        chmodSync(dir, 0o755);
        chmodSync(home, 0o777);
        const [db, mnt] = [join(home, "my.db"), join(home, "mnt")];
        const format = ["format", "--bucket", join(home, "blocks"), db, "vol"];
        const made = await start(format, nobody).ended;
        assert.is(made.code, 0, made.stderr);
        // allow_other needs a line in /etc/fuse.conf; without fusermount3 on the PATH nothing can be mounted at all.
        const bare = { ...nobody, env: { PATH: "/nowhere" } };
        const args = [process.execPath, join(import.meta.dirname, "../../src/main.ts")];
        const { status, stderr } = spawnSync(
          args[0] as string,
          [args[1] as string, "mount", db, mnt],
          {
            ...bare,
            encoding: "utf8",
          },
        );
        refused({ code: status ?? -1, stdout: "", stderr }, /fusermount3 is missing: install it/);
        assert.not.ok(isMounted(mnt));
        assert.not.ok(existsSync(join(home, ".jfs")));
      }));
  } else skip("a user without the right to mount", "needs root to be another user");
}

test("a reader that has seen enough", () =>
  withVolume(({ db }) => {
    const pipe = 'set -o pipefail; "$1" -q status "$2" | head -1; exit ${PIPESTATUS[0]}';
    const { status, stdout, stderr } = spawnSync("bash", ["-c", pipe, "bash", jfsProgram, db], {
      encoding: "utf8",
    });
    assert.is(status, 0, stderr);
    assert.is(stdout, "{\n");
    assert.is(stderr, "");
    const closed = spawnSync("sh", ["-c", '"$1" -q status "$2" >&-', "sh", jfsProgram, db], {
      encoding: "utf8",
    });
    assert.not.match(closed.stderr, /\n\s+at /);
    const full = spawnSync("sh", ["-c", '"$1" -q status "$2" >/dev/full', "sh", jfsProgram, db], {
      encoding: "utf8",
    });
    assert.is.not(full.status, 0, "what could not be printed is no success");
    assert.not.match(full.stderr, /\n\s+at /);
  }));

test.run();
