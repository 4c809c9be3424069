// Wrong command lines: a flag of another command, unknown flags, values that are none. Exit code 2, one sentence, and
// nothing is made of it.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { jfs, jfsOk, withVolume } from "../support/jfs.ts";
import { misspelt, refused, untouched, withDir } from "./refusal.ts";

const SIZES = ["", "x", "-1", "4Q", "99999999999999999999"];
const COUNTS = ["", "x", "-1", "1.5", "99999999999999999999"];
const DURATIONS = ["", "x", "-1s", "5 parsecs"];

/** Which values of which options are wrong, by command. */
const wrong: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  format: {
    "--capacity": SIZES,
    "--block-size": SIZES,
    "--inodes": COUNTS,
    "--trash-days": COUNTS,
    "--storage": ["s3"],
  },
  config: {
    "--capacity": SIZES,
    "--inodes": COUNTS,
    "--trash-days": COUNTS,
    "--min-client-version": ["x", "1.4"],
    "--max-client-version": ["x", "1.4"],
    "--dir-stats": ["perhaps"],
  },
  mount: {
    "--buffer-size": SIZES,
    "--cache-size": SIZES,
    "--max-uploads": [...COUNTS, "0"],
    "--max-deletes": COUNTS,
    "--attr-cache": DURATIONS,
    "--entry-cache": DURATIONS,
    "--dir-entry-cache": DURATIONS,
    "--negative-entry-cache": DURATIONS,
    "--heartbeat": [...DURATIONS, "0", "1d"],
    "--cache-dir": ["/var/cache"],
    "--read-only": ["perhaps"],
    "-o": ["frobnicate"],
  },
  status: { "--session": COUNTS },
};

const argumentsOf: Readonly<Record<string, readonly string[]>> = {
  format: ["new.db", "vol"],
  config: ["meta.db"],
  mount: ["meta.db", "mnt"],
  status: ["meta.db"],
  umount: ["mnt"],
};

for (const [command, options] of Object.entries(wrong)) {
  test(`${command}: values that are none`, () =>
    withVolume(({ dir }) =>
      untouched(dir, () => {
        for (const [option, values] of Object.entries(options)) {
          for (const value of values) {
            const given = option === "-o" ? ["-o", value] : [`${option}=${value}`];
            const words = [command, ...(argumentsOf[command] ?? []), ...given];
            const outcome = jfs(words, { cwd: dir });
            assert.is(outcome.code, 2, `${words.join(" ")}: ${outcome.stderr}`);
            misspelt(outcome, new RegExp(option));
          }
        }
      }),
    ));
}

test("a flag of another command, and one of no command", () =>
  withVolume(({ dir }) =>
    untouched(dir, () => {
      const cases: (readonly [string, string, RegExp])[] = [
        ["status", "--trash-days=1", /--trash-days belongs to jfs format and jfs config, not to/],
        ["umount", "--read-only", /--read-only belongs to jfs mount, not to jfs umount/],
        ["format", "--buffer-size=1G", /--buffer-size belongs to jfs mount, not to jfs format/],
        ["mount", "--block-size=1M", /--block-size belongs to jfs format, not to jfs mount/],
        ["config", "--hash-prefix", /--hash-prefix belongs to jfs format, not to jfs config/],
        ["mount", "--frobnicate", /--frobnicate is no option of jfs mount: run jfs help mount/],
        ["status", "-z", /-z is no option of jfs status: run jfs help status/],
        ["format", "--no-frobnicate", /--no-frobnicate is no option of jfs format/],
        ["mount", "--writeback", /--writeback is not supported yet: leave it out/],
        ["format", "--compress=lz4", /--compress lz4 is not supported yet/],
        ["format", "--encrypt-rsa-key=k.pem", /--encrypt-rsa-key k\.pem is not supported yet/],
      ];
      for (const [command, flag, pattern] of cases) {
        const words = [command, ...(argumentsOf[command] ?? []), flag];
        misspelt(jfs(words, { cwd: dir }), pattern);
      }
    }),
  ));

test("too few arguments, too many, a flag without its value, no such command", () =>
  withDir((dir) => {
    const at = { cwd: dir };
    for (const [command, words] of Object.entries(argumentsOf)) {
      misspelt(jfs([command], at), new RegExp(`too few arguments, usage: jfs ${command}`));
      misspelt(jfs([command, ...words, "x"], at), new RegExp(`too many .*usage: jfs ${command}`));
    }
    misspelt(jfs(["mount", "m.db", "mnt", "--log"], at), /--log needs a value: /);
    misspelt(jfs(["frobnicate"], at), /frobnicate is no command of jfs: run jfs help/);
    misspelt(jfs(["gateway", "m.db"], at), /gateway is not supported yet: run jfs help/);
    misspelt(jfs(["--frobnicate"], at), /--frobnicate needs a command: run jfs help/);
    misspelt(jfs(["--log-level=loud", "version"], at), /--log-level loud: give/);
    misspelt(jfs(["help", "frobnicate"], at), /frobnicate is no command of jfs/);
    misspelt(jfs(["mount", "-d", "-f", "m.db", "mnt"], at), /exclude each other: leave one out/);
    misspelt(jfs(["mount", "", "mnt"], at), /META-URL needs .*: give/);
    misspelt(jfs(["mount", "m.db", ""], at), /MOUNTPOINT is empty: name a directory/);
    misspelt(jfs(["umount", ""], at), /MOUNTPOINT is empty: name a directory/);
    assert.equal(readdirSync(dir), []);
  }));

test("names that no volume may have", () =>
  withDir((dir) =>
    untouched(dir, () => {
      const long = "a".repeat(64);
      for (const name of ["", "ab", long, "Upper", "under_score", "back-", "a/b", "n\u00e9e"]) {
        misspelt(jfs(["format", "my.db", name], { cwd: dir }), /invalid name/);
      }
      misspelt(jfs(["format", "--", "my.db", "-front"], { cwd: dir }), /invalid name/);
    }),
  ));

test("a wrong JFS_MOUNT_TIMEOUT", () =>
  withVolume(({ dir, db, log, mnt }) =>
    untouched(dir, () => {
      const env = { JFS_MOUNT_TIMEOUT: "soon" };
      misspelt(
        jfs(["mount", "-d", "--log", log, db, mnt], { env }),
        /JFS_MOUNT_TIMEOUT soon: give/,
      );
    }),
  ));

test("a log that cannot be written is told before anything starts", () =>
  withVolume(({ dir, db, mnt }) =>
    untouched(dir, () => {
      refused(jfs(["mount", "-d", "--log", join(dir, "meta.db", "log"), db, mnt]), /--log/);
      refused(jfs(["mount", "-d", "--log", dir, db, mnt]), /--log/);
    }),
  ));

test("format twice is harmless; what blocks depend on never changes", () =>
  withVolume(({ dir, db, blocks }) =>
    untouched(dir, () => {
      const again = ["-q", "format", "--bucket", blocks, db, "testvol"];
      jfsOk(again);
      jfsOk([...again, "--no-update", "--trash-days", "9"]);
      refused(jfs(["format", db, "other"]), /cannot update volume name/);
      refused(jfs([...again, "--block-size", "1M"]), /cannot update volume block size/);
      refused(jfs([...again, "--hash-prefix"]), /cannot update volume hash prefix/);
      const second = ["format", "--bucket", blocks, join(dir, "second.db"), "testvol"];
      refused(jfs(second), /is not empty; please clean it up or pick another volume name/);
    }),
  ));

test.run();
