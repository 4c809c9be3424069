// What may happen to the folder of blocks: gone, another's, read-only, and single blocks deleted, cut or overwritten.
import {
  appendFileSync,
  chmodSync,
  cpSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { jfs, jfsOk, mountVolume, whyNoMount, withVolume, type Volume } from "../support/jfs.ts";
import { skip } from "../support/skip.ts";
import { isRoot } from "../support/volume-suite.ts";
import { eachCommand, refused, start, untouched } from "./refusal.ts";

const content = (name: string): Buffer => Buffer.alloc(300_000, name);

/** Writes three files of some blocks each, and unmounts. */
function fill(volume: Volume): void {
  mountVolume(volume);
  for (const name of ["a", "b", "c"]) writeFileSync(join(volume.mnt, name), content(name));
  jfsOk(["umount", volume.mnt]);
}

/** Paths of the blocks that begin with the letter of the file. */
function blocksOf(volume: Volume, letter: string): string[] {
  return (readdirSync(volume.blocks, { recursive: true }) as string[])
    .map((name) => join(volume.blocks, name))
    .filter((path) => path.includes("/chunks/") && statSync(path).isFile())
    .filter((path) => readFileSync(path)[0] === letter.charCodeAt(0))
    .toSorted();
}

/** `a` fails with EIO and one line in the log that names its block; `b` and `c` are as they were. */
function oneFileLost(volume: Volume, block: string, advice: RegExp): void {
  mountVolume(volume);
  const before = readFileSync(volume.log, "utf8").length;
  assert.throws(() => readFileSync(join(volume.mnt, "a")), /EIO/);
  for (const name of ["b", "c"]) {
    assert.ok(readFileSync(join(volume.mnt, name)).equals(content(name)), name);
  }
  const lines = readFileSync(volume.log, "utf8").slice(before).split("\n");
  const about = lines.filter((line) => line.includes(basename(block)));
  assert.ok(about.length > 0, lines.join("\n"));
  for (const line of about) assert.match(line, advice);
  assert.not.match(lines.join("\n"), /\n\s+at /);
  // The rest of the volume works: the lost file can be replaced.
  writeFileSync(join(volume.mnt, "a"), "again");
  assert.is(readFileSync(join(volume.mnt, "a"), "utf8"), "again");
}

const SMALL_BLOCKS = ["--block-size", "64K", "--trash-days", "0"];

const reason = whyNoMount();
if (reason !== undefined) skip("misuse of storage", reason);
else {
  test("a deleted block: EIO for its file alone, and the log names it", () =>
    withVolume((volume) => {
      fill(volume);
      const [, block = ""] = blocksOf(volume, "a");
      rmSync(block);
      oneFileLost(volume, block, /the block is missing: restore it from a backup/);
    }, SMALL_BLOCKS));

  for (const size of [0, 1, 4096, 65_535]) {
    test(`a block cut to ${size} bytes: never wrong data`, () =>
      withVolume((volume) => {
        fill(volume);
        const [block = ""] = blocksOf(volume, "a");
        truncateSync(block, size);
        oneFileLost(volume, block, new RegExp(`has ${size} bytes instead of 65536: restore`));
      }, SMALL_BLOCKS));
  }

  test("a block that grew: never wrong data", () =>
    withVolume((volume) => {
      fill(volume);
      const [block = ""] = blocksOf(volume, "a");
      appendFileSync(block, "x");
      oneFileLost(volume, block, /has 65537 bytes instead of 65536: restore/);
    }, SMALL_BLOCKS));

  test("a block that is a folder", () =>
    withVolume((volume) => {
      fill(volume);
      const [block = ""] = blocksOf(volume, "a");
      rmSync(block);
      mkdirSync(block);
      oneFileLost(volume, block, /: /);
    }, SMALL_BLOCKS));

  test("garbage of the right size is not noticed without a codec, as documented", () =>
    withVolume((volume) => {
      fill(volume);
      const [block = ""] = blocksOf(volume, "a");
      writeFileSync(block, Buffer.alloc(65_536, "x"));
      mountVolume(volume);
      assert.is(readFileSync(join(volume.mnt, "a")).length, 300_000);
      const promises = readFileSync(join(import.meta.dirname, "../../docs/semantics.md"), "utf8");
      assert.match(promises, /carry no\s+checksum/);
    }, SMALL_BLOCKS));

  test("the folder of blocks is gone, or empty because its disk is not mounted", () =>
    withVolume(async (volume) => {
      fill(volume);
      const { blocks, dir, db, log, mnt } = volume;
      const mounts = eachCommand(dir, db).filter(([command]) => command === "mount");
      renameSync(blocks, `${blocks}.away`);
      await untouched(dir, () => {
        for (const args of mounts) refused(jfs(args), /the folder .*blocks.* has vanished: mount/);
      });
      mkdirSync(blocks);
      await untouched(dir, () => {
        for (const args of mounts) refused(jfs(args), /has no blocks of this volume: mount the/);
        const empty = ["config", db, "--bucket", join(dir, "elsewhere")];
        refused(jfs(empty), /elsewhere.*(vanished|no blocks)/);
      });
      rmSync(blocks, { recursive: true });
      renameSync(`${blocks}.away`, blocks);
      jfsOk(["mount", "-d", "--log", log, db, mnt]);
      assert.ok(readFileSync(join(mnt, "a")).equals(content("a")));
    }));

  test("the folder holds the blocks of another volume", () =>
    withVolume(async (volume) => {
      fill(volume);
      const { blocks, dir, db } = volume;
      const other = join(dir, "other");
      cpSync(blocks, other, { recursive: true });
      writeFileSync(join(other, "testvol/juicefs_uuid"), "11111111-2222-4333-8444-555555555555");
      await untouched(dir, () => {
        for (const args of eachCommand(dir, db).filter(([command]) => command === "mount")) {
          refused(jfs([...args, "--bucket", other]), /blocks of another volume .*: name the right/);
        }
        refused(jfs(["config", db, "--bucket", other]), /blocks of another volume/);
      });
    }));

  if (isRoot()) {
    // Permissions stop nobody who is root: as another user.
    const nobody = { uid: 65_534, gid: 65_534 };

    test("a folder for blocks and a database that the user may not write", () =>
      withVolume(async ({ dir, db, blocks, mnt }) => {
        chmodSync(dir, 0o755);
        await untouched(dir, async () => {
          const closed = /cannot be opened for writing: check the rights of the file/;
          for (const args of [
            ["status", db],
            ["config", db],
            ["mount", db, mnt],
          ]) {
            refused(await start(args, nobody).ended, closed);
          }
          const format = ["format", "--bucket", blocks, join(dir, "new.db"), "vol"];
          refused(
            await start(format, nobody).ended,
            /no database can be made in .*permission denied: /,
          );
        });
      }));

    test("a folder in which no database can be made leaves no blocks behind", () =>
      withVolume(async ({ dir }) => {
        chmodSync(dir, 0o755);
        const open = join(dir, "open");
        mkdirSync(open);
        chmodSync(open, 0o777);
        await untouched(open, async () => {
          const args = ["format", "--bucket", join(open, "b"), join(dir, "new.db"), "vol"];
          refused(
            await start(args, nobody).ended,
            /no database can be made in .*permission denied: /,
          );
        });
      }));
  } else skip("folders that a user may not write", "needs root to be another user");
}

test.run();
