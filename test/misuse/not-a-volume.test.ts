// Paths that are no volume: each command says so in a sentence, and what lies there stays as it is.
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { jfs, withVolume } from "../support/jfs.ts";
import { eachCommand, misspelt, refused, untouched, withDir } from "./refusal.ts";

/** `formatPattern` = what format says; null where it may make a volume. */
async function noVolume(
  make: (path: string) => void,
  pattern: RegExp,
  formatPattern: RegExp | null = pattern,
): Promise<void> {
  await withDir(async (dir) => {
    const path = join(dir, "thing");
    make(path);
    await untouched(dir, () => {
      for (const args of eachCommand(dir, path)) refused(jfs(args), pattern);
      if (formatPattern === null) return;
      refused(jfs(["format", "--bucket", join(dir, "blocks"), path, "vol"]), formatPattern);
    });
  });
}

test("a random file", () =>
  noVolume((path) => writeFileSync(path, randomBytes(50_000)), /thing is not a SQLite database/));

test("a text file", () =>
  noVolume(
    (path) => writeFileSync(path, "some text\n".repeat(500)),
    /thing is not a SQLite database/,
  ));

test("a file of one byte", () =>
  noVolume((path) => writeFileSync(path, "x"), /thing is not a SQLite database/));

test("an empty file", () =>
  noVolume((path) => writeFileSync(path, ""), /thing is empty: make a volume/, null));

test("a directory", () => noVolume((path) => mkdirSync(path), /thing is a directory/));

test("a fifo, for which nobody waits", () =>
  noVolume((path) => execFileSync("mkfifo", [path]), /thing is not a regular file/));

test("the database of another program, whose journal mode stays too", () =>
  noVolume(
    (path) => {
      const db = new Database(path);
      db.exec("CREATE TABLE bookmarks (url TEXT); INSERT INTO bookmarks VALUES ('u')");
      db.close();
    },
    /is not formatted: make a volume/,
    /database of another program \(it has a table bookmarks\): choose another path/,
  ));

test("the database of another program with a table named as ours", () =>
  noVolume(
    (path) => {
      const db = new Database(path);
      db.exec("CREATE TABLE jfs_setting (a TEXT)");
      db.close();
    },
    /is not formatted: make a volume/,
    null,
  ));

test("a missing database is not made", () =>
  noVolume(() => undefined, /thing: no such file: make a volume/, null));

test("a link that leads nowhere", () =>
  noVolume((path) => symlinkSync("nowhere", path), /thing: no such file/, null));

test("a database in a folder that is not there, or is a file", () =>
  withDir((dir) =>
    untouched(dir, () => {
      for (const url of [join(dir, "absent/my.db"), join(import.meta.filename, "my.db")]) {
        for (const args of eachCommand(dir, url)) refused(jfs(args), /no such file|my\.db/);
        refused(jfs(["format", "--bucket", join(dir, "b"), url, "vol"]), /make it first/);
      }
    }),
  ));

test("a table_prefix that is not there", () =>
  withVolume(({ dir, db }) =>
    untouched(dir, () => {
      const url = `sqlite3://${db}?table_prefix=other`;
      for (const args of eachCommand(dir, url)) {
        refused(jfs(args), /no volume with table_prefix=other.*leave the prefix out/);
      }
      misspelt(jfs(["status", `sqlite3://${db}?table_prefix=a;b`]), /letters, digits/);
    }),
  ));

test("another engine is refused without its password in what is said", () =>
  withDir((dir) =>
    untouched(dir, () => {
      const secret = "s3cret";
      const at = { cwd: dir };
      const refusedSilently = (args: readonly string[], pattern: RegExp): void => {
        const outcome = jfs(args, at);
        misspelt(outcome, pattern);
        assert.not.ok((outcome.stderr + outcome.stdout).includes(secret), outcome.stderr);
      };
      const urls = [
        `redis://user:${secret}@host:6379/1`,
        `mysql://root:${secret}@(host:3306)/db`,
        `sqlite3://user:${secret}@my.db`,
        `sqlite3://my.db?_auth_pass=${secret}`,
      ];
      for (const url of urls) {
        refusedSilently(["status", url], /not supported|takes a path/);
        refusedSilently(["mount", "-d", "--log", "log", url, "mnt"], /not supported|takes a path/);
        refusedSilently(["format", url, "vol"], /not supported|takes a path/);
        refusedSilently(["status", "my.db", url], /too many arguments/);
      }
      for (const option of ["--access-key", "--secret-key", "--session-token"]) {
        refusedSilently(["format", "my.db", "vol", option, secret], /is not supported yet: leave/);
      }
      refusedSilently(["mount", "m.db", "mnt", "-o", `password=${secret}`], /-o password is not/);
    }),
  ));

test.run();
