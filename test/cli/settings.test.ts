// format, config and status on real databases, as processes: what they print, what they refuse, what they leave.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { jfs, jfsOk, withVolume, type Outcome } from "../support/jfs.ts";

async function withDir(body: (dir: string) => void | Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "jfs-cli-"));
  try {
    await body(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** One sentence on stderr, no stack, an exit code. */
function refused(outcome: Outcome, code: number, pattern: RegExp): void {
  assert.is(outcome.code, code, outcome.stderr);
  const lines = outcome.stderr.split("\n").filter((line) => line.startsWith("jfs: "));
  assert.is(lines.length, 1, outcome.stderr);
  assert.match(lines[0] ?? "", pattern);
  assert.not.match(outcome.stderr, /\n\s+at /);
}

test("format prints JuiceFS's lines and stores JuiceFS's setting", () =>
  withDir((dir) => {
    const db = join(dir, "my.db");
    const { code, stderr } = jfs([
      "format",
      db,
      "myvol",
      "--bucket",
      join(dir, "blocks"),
      "--trash-days=3",
      "--capacity",
      "10",
    ]);
    assert.is(code, 0, stderr);
    const head = String.raw`\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{6} jfs\[\d+\] <INFO>: `;
    assert.match(stderr, new RegExp(`^${head}Meta address: sqlite3://${db}$`, "m"));
    assert.match(stderr, new RegExp(`^${head}Data use file://${dir}/blocks/myvol/$`, "m"));
    assert.match(
      stderr,
      new RegExp(`^${head}Volume is formatted as \\{\n  "Name": "myvol",\n`, "m"),
    );
    const { value } = new Database(db).prepare("SELECT value FROM jfs_setting").get() as {
      value: Buffer | string;
    };
    const text = value.toString();
    const uuid = (JSON.parse(text) as { UUID: string }).UUID;
    assert.is(
      text,
      `{\n"Name": "myvol",\n"UUID": "${uuid}",\n"Storage": "file",\n"Tiers": {\n"0": {\n"ID": 0,\n"StorageClass": "",\n` +
        `"Tag": ""\n}\n},\n"Bucket": "${dir}/blocks/",\n"BlockSize": 4096,\n"Compression": "none",\n` +
        `"Capacity": 10737418240,\n"EncryptAlgo": "aes256gcm-rsa",\n"TrashDays": 3,\n"MetaVersion": 1,\n` +
        `"MinClientVersion": "1.1.0-A",\n"DirStats": true,\n"EnableACL": false\n}`,
    );
    assert.is(readFileSync(join(dir, "blocks/myvol/juicefs_uuid"), "utf8"), uuid);
  }));

test("format again changes what may change and refuses the rest", () =>
  withVolume(({ db, blocks, dir }) => {
    const again = ["format", db, "testvol"];
    jfsOk([...again, "--trash-days", "9"]);
    assert.is(setting(db)["TrashDays"], 9);
    assert.is(setting(db)["Bucket"], `${blocks}/`);
    jfsOk([...again, "--no-update", "--trash-days", "1"]);
    assert.is(setting(db)["TrashDays"], 9);
    refused(jfs(["format", db, "other"]), 1, /cannot update volume name from testvol to other/);
    refused(
      jfs([...again, "--block-size", "1M"]),
      1,
      /cannot update volume block size from 4096 to 1024/,
    );
    refused(jfs([...again, "--hash-prefix"]), 1, /hash prefix from false to true/);
    // A second volume must not be made over the blocks of the first.
    refused(
      jfs(["format", join(dir, "second.db"), "testvol", "--bucket", blocks]),
      1,
      /is not empty; please clean it up or pick another volume name/,
    );
    assert.not.ok(existsSync(join(dir, "second.db")));
  }));

function setting(db: string): Record<string, unknown> {
  return JSON.parse(jfsOk(["config", db])) as Record<string, unknown>;
}

test("config shows, changes, asks", () =>
  withVolume(({ db }) => {
    assert.is(
      jfsOk(["config", db, "--capacity", "100", "--inodes", "1000000"]),
      "  capacity: 0 B -> 100 GiB\n    inodes: 0 -> 1,000,000\n",
    );
    assert.is(jfsOk(["config", db, "--capacity", "100"]), "Nothing changed.\n");
    assert.is(setting(db)["Capacity"], 100 * 2 ** 30);
    const declined = jfs(["config", db, "--trash-days", "0"], { input: "n\n" });
    assert.is(declined.code, 1);
    assert.match(declined.stdout, /trash will be emptied.*\nProceed anyway\? \[y\/N\]/);
    assert.is(setting(db)["TrashDays"], 1);
    jfsOk(["config", db, "--trash-days", "0"], { input: "y\n" });
    jfsOk(["config", db, "--trash-days", "2", "--yes", "--dir-stats=false"]);
    assert.is(setting(db)["DirStats"], undefined);
    assert.is(
      jfsOk(["config", db, "--enable-acl"]),
      "enable-acl: false -> true\nmin-client-version: 1.1.0-A -> 1.2.0-A\n",
    );
    refused(
      jfs(["config", db, "--min-client-version", "1.0.0"]),
      1,
      /cannot lower min-client-version/,
    );
  }));

test("status is the JSON that scripts parse", () =>
  withVolume(({ db }) => {
    const text = jfsOk(["status", db]);
    const shown = JSON.parse(text) as Record<string, Record<string, unknown>>;
    assert.equal(Object.keys(shown), ["Setting", "Sessions", "Stat"]);
    assert.equal(shown["Sessions"], []);
    assert.equal(shown["Stat"], {
      UsedSpace: 0,
      AvailableSpace: 2 ** 50,
      UsedInodes: 0,
      AvailableInodes: 10_485_760,
    });
    assert.equal(shown["Setting"], setting(db));
    assert.match(text, /^\{\n {2}"Setting": \{\n {4}"Name": "testvol",\n/);
    assert.is(jfsOk(["status", db, "--json"]), text);
    refused(jfs(["status", db, "-s", "7"]), 1, /no session 7/);
  }));

test("what is no volume is told, and nothing is made of it", () =>
  withDir((dir) => {
    const absent = join(dir, "absent.db");
    for (const command of [["status"], ["config"], ["mount", join(dir, "mnt")]]) {
      const [name = "", ...rest] = command;
      refused(jfs([name, absent, ...rest]), 1, /absent\.db/);
      assert.not.ok(existsSync(absent), name);
    }
    const text = join(dir, "text.db");
    writeFileSync(
      text,
      "this is no database, but it is long enough to be looked at by SQLite ".repeat(20),
    );
    refused(jfs(["status", text]), 1, /is not a SQLite database/);
    refused(
      jfs(["format", text, "myvol", "--bucket", join(dir, "b")]),
      1,
      /is not a SQLite database/,
    );
    const foreign = join(dir, "foreign.db");
    new Database(foreign).exec("CREATE TABLE t (x)").close();
    refused(jfs(["status", foreign]), 1, /not formatted.*jfs format/);
    refused(jfs(["status", dir]), 1, /is a directory/);
    refused(
      jfs(["format", join(dir, "no/such/my.db"), "myvol", "--bucket", join(dir, "b")]),
      1,
      /make it first/,
    );
    mkdirSync(join(dir, "b"), { recursive: true });
    assert.equal(readdirSync(join(dir, "b")), []);
  }));

test("a broken command line is exit code 2 and one sentence", () => {
  refused(jfs(["format", "/tmp/x.db"]), 2, /too few arguments, usage: jfs format/);
  refused(jfs(["status", "a", "b"]), 2, /too many arguments, usage: jfs status/);
  refused(jfs(["format", "/tmp/x.db", "Bad_Name"]), 2, /invalid name/);
  refused(jfs(["format", "redis://h/1", "vol"]), 2, /redis:\/\/ is not supported yet/);
  refused(
    jfs(["format", "/tmp/x.db", "vol", "--storage", "s3"]),
    2,
    /--storage s3 is not supported yet/,
  );
  refused(jfs(["format", "/tmp/x.db", "vol", "--compress", "lz4"]), 2, /--compress lz4/);
  refused(jfs(["mount", "/tmp/x.db", "/tmp/m", "--writeback"]), 2, /--writeback/);
  refused(jfs(["umount", "--trash-days", "1", "/tmp/m"]), 2, /--trash-days belongs to/);
  refused(jfs(["frobnicate"]), 2, /no command of jfs/);
  refused(jfs(["umount", "/tmp"]), 1, /nothing is mounted on \/tmp|no volume of jfs/);
});

test("version and help", () => {
  assert.match(jfsOk(["version"]), /^jfs version \d+\.\d+\.\d+/);
  assert.is(jfsOk(["--version"]), jfsOk(["version"]));
  const { Version, CompatibleWith } = JSON.parse(jfsOk(["version", "--json"])) as Record<
    string,
    string
  >;
  assert.ok(jfsOk(["version"]).includes(Version ?? "-"));
  assert.is(CompatibleWith, "JuiceFS 1.4.1");
  assert.match(jfsOk(["help"]), /format/);
  assert.is(jfsOk(["mount", "--help"]), jfsOk(["help", "mount"]));
});

test.run();
