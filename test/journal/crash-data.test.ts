// Files under random writes, fsyncs, truncates and renames on a volume with a journal, crashed at random steps. What was
// fsynced is there, byte for byte, and no block is missing. JFS_CRASHES (1000 unless told), JFS_SEED as in crash-model.
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { setLogLevel } from "../../src/util/log.ts";
import { DataRun } from "./data-run.ts";
import { hurry } from "./hurry.ts";

const crashesWanted = Number(process.env["JFS_CRASHES"] ?? 1000);
const firstSeed = Number(process.env["JFS_SEED"] ?? 1);
const SIZES_KIB = [32, 64, 512];

test("what was fsynced survives a crash at any step", async () => {
  hurry();
  setLogLevel("error");
  const folder = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "jfs-crash-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  let [crashes, again, withData] = [0, 0, 0];
  for (let seed = firstSeed; crashes < crashesWanted; seed++) {
    const kib = SIZES_KIB[seed % SIZES_KIB.length] as number;
    const run = await DataRun.open(folder, seed, 0.2, kib * 1024);
    await run.run(400);
    crashes += run.judge.crashes;
    again += run.judge.again;
    withData += run.judge.withData;
    if (crashesWanted > 1000) {
      console.log(`seed ${seed}: ${crashes} crashes, ${withData} with data in the journal`);
    }
  }
  assert.ok(again > 0 && withData > 0);
});

test.run();
