// A mount as the place where restic and borg keep their repositories: two backups, a check of every
// byte, a restore, a prune, and all of it sound after a remount.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { assertSameTree } from "../support/compare-trees.ts";
import { run, scratchDir } from "../support/run.ts";
import { scaled } from "../support/scale.ts";
import { command, onVolume } from "../support/volume-suite.ts";

const scratch = scratchDir("backup-source");
const source = join(scratch, "source");

/** Content that neither tool can compress or find twice, the same in every run. */
function noise(size: number, seed: number): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  let state = seed;
  for (let offset = 0; offset + 4 <= size; offset += 4) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes.writeUInt32LE(state, offset);
  }
  return bytes;
}

function makeSource(): void {
  rmSync(source, { recursive: true, force: true });
  mkdirSync(join(source, "small"), { recursive: true });
  for (let index = 0; index < scaled(300); index++) {
    writeFileSync(join(source, "small", `file ${index}`), noise(index * 64, index + 1));
  }
  writeFileSync(join(source, "large"), noise(scaled(24) << 20, 7));
}

/** What happens between two backups. */
function changeSource(): void {
  rmSync(join(source, "small", "file 3"));
  writeFileSync(join(source, "small", "file 4"), "changed");
  writeFileSync(join(source, "new"), noise(1 << 20, 99));
}

const on = onVolume("backup");

on(
  "restic",
  async (volume) => {
    makeSource();
    const env = { RESTIC_PASSWORD: "test", RESTIC_CACHE_DIR: join(scratch, "restic-cache") };
    const repository = volume.path("restic");
    const restic = async (...args: readonly string[]): Promise<string> =>
      (await run("restic", ["-r", repository, ...args], { env, cwd: scratch })).stdout;
    await restic("init");
    await restic("backup", "source");
    changeSource();
    await restic("backup", "source");
    await restic("check", "--read-data");
    await volume.remount();
    await restic("restore", "latest", "--target", volume.path("restic-restored"));
    await assertSameTree(volume.path("restic-restored", "source"), source);
    await restic("forget", "--keep-last", "1", "--prune");
    await restic("check", "--read-data");
    const snapshots: unknown = JSON.parse(await restic("snapshots", "--json"));
    assert.is((snapshots as unknown[]).length, 1);
  },
  [command("restic")],
);

on(
  "borg",
  async (volume) => {
    makeSource();
    const env = { BORG_PASSPHRASE: "test", BORG_BASE_DIR: join(scratch, "borg") };
    const repository = volume.path("borg");
    const borg = async (cwd: string, ...args: readonly string[]): Promise<string> =>
      (await run("borg", args, { env, cwd })).stdout;
    await borg(scratch, "init", "-e", "repokey-blake2", repository);
    await borg(scratch, "create", `${repository}::one`, "source");
    changeSource();
    await borg(scratch, "create", `${repository}::two`, "source");
    await borg(scratch, "check", "--verify-data", repository);
    await volume.remount();
    const target = volume.path("borg-restored");
    mkdirSync(target);
    await borg(target, "extract", `${repository}::two`);
    await assertSameTree(join(target, "source"), source);
    await borg(scratch, "prune", "--keep-last", "1", repository);
    await borg(scratch, "compact", repository);
    await borg(scratch, "check", "--verify-data", repository);
    assert.is(await borg(scratch, "list", "--short", repository), "two\n");
  },
  [command("borg", "borgbackup")],
);

test.after(() => rmSync(scratch, { recursive: true, force: true }));
test.run();
