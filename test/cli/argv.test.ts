// Command lines as people and JuiceFS's scripts write them.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { normalizeArgv, type OptionTable } from "../../src/cli/argv.ts";

const commands: ReadonlyMap<string, OptionTable> = new Map([
  [
    "format",
    new Map([
      ["--trash-days", true],
      ["--bucket", true],
      ["--force", false],
      ["--enable-acl", false],
    ]),
  ],
  [
    "mount",
    new Map([
      ["-d", false],
      ["--background", false],
      ["-o", true],
      ["--read-only", false],
      ["--log", true],
      ["--cache-size", true],
    ]),
  ],
  [
    "umount",
    new Map([
      ["-f", false],
      ["--force", false],
    ]),
  ],
  ["help", new Map()],
  ["version", new Map([["--json", false]])],
]);
const read = (line: string): readonly string[] => normalizeArgv(line.split(" "), commands).args;
const level = (line: string): string => normalizeArgv(line.split(" "), commands).global.level;

test("options stand before or after the arguments, with one dash or two, with = or a space", () => {
  const expected = ["format", "--trash-days=0", "--force", "a.db", "vol"];
  assert.equal(read("format --trash-days 0 --force a.db vol"), expected);
  assert.equal([...read("format a.db vol --trash-days=0 --force")].toSorted(), expected.toSorted());
  assert.equal(read("format -trash-days=0 -force a.db vol"), expected);
  assert.equal(read("--trash-days 0 format --force a.db vol".replace("--trash-days 0 ", "-q ")), [
    "format",
    "--force",
    "a.db",
    "vol",
  ]);
});

test("booleans take =true and =false", () => {
  assert.equal(read("format --force=true a b"), ["format", "--force", "a", "b"]);
  assert.equal(read("format --force=false a b"), ["format", "--no-force", "a", "b"]);
  assert.equal(read("format --no-force a b"), ["format", "--no-force", "a", "b"]);
  assert.throws(() => read("format --force=perhaps a b"), /true or false/);
});

test("everything behind -- is an argument", () => {
  assert.equal(read("format -- --odd -name"), ["format", "--", "--odd", "-name"]);
});

test("global options are taken anywhere", () => {
  assert.is(level("--verbose format a b"), "debug");
  assert.is(level("format a b -q"), "warn");
  assert.is(level("format a b --log-level error --no-agent"), "error");
  assert.is(level("format a b --no-color"), "info");
  assert.throws(() => level("format --log-level loud a b"), /--log-level loud/);
});

test("an option of another command is named as such", () => {
  assert.throws(
    () => read("mount --trash-days 1 a b"),
    /--trash-days belongs to jfs format and jfs config|belongs to jfs format/,
  );
  assert.throws(
    () => read("umount --read-only a"),
    /--read-only belongs to jfs mount, not to jfs umount/,
  );
  assert.throws(() => read("format --nonsense a b"), /--nonsense is no option of jfs format/);
});

test("an option that jfs does not have yet is refused by name, unless it changes nothing", () => {
  assert.throws(
    () => read("format --compress lz4 a b"),
    /--compress lz4 is not supported yet.*none/,
  );
  assert.throws(
    () => read("format --encrypt-rsa-key k.pem a b"),
    /--encrypt-rsa-key k.pem is not supported yet/,
  );
  assert.throws(
    () => read("mount --writeback a b"),
    /--writeback is not supported yet: leave it out/,
  );
  assert.throws(() => read("mount a b --subdir /x"), /--subdir/);
  assert.equal(read("format --compress none a b"), ["format", "a", "b"]);
  assert.equal(read("mount --writeback=false --no-usage-report --backup-meta 0 a b"), [
    "mount",
    "a",
    "b",
  ]);
});

test("-o lists are taken apart; long options may be written there", () => {
  assert.equal(read("mount -o ro,allow_other a b"), [
    "mount",
    "-o",
    "ro",
    "-o",
    "allow_other",
    "a",
    "b",
  ]);
  assert.equal(read("mount -o _netdev,cache-size=100,read-only a b"), [
    "mount",
    "-o",
    "_netdev",
    "--cache-size=100",
    "--read-only",
    "a",
    "b",
  ]);
  assert.throws(() => read("mount -o writeback a b"), /--writeback is not supported yet/);
});

test("help and version have their usual short ways", () => {
  assert.equal(normalizeArgv([], commands).args, ["help"]);
  assert.equal(read("--help"), ["help"]);
  assert.equal(read("format --help"), ["help", "format"]);
  assert.equal(read("mount a -h"), ["help", "mount"]);
  assert.equal(read("-V"), ["version"]);
});

test("unknown commands, and those of JuiceFS that are not there yet", () => {
  assert.throws(() => read("frobnicate"), /frobnicate is no command of jfs/);
  assert.throws(() => read("dump a.db"), /dump is not supported yet/);
  assert.throws(() => read("--frob"), /--frob needs a command/);
});

test("a value that is missing is asked for", () => {
  assert.throws(() => read("format a b --trash-days"), /--trash-days needs a value/);
});

test.run();
