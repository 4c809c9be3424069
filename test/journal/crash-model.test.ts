// Random operations with a journal, crashed at random steps: killed, or without power. What is found afterwards is one of the
// states that the volume was in, the last one after a kill, and none before the last sync after a power cut. JFS_CRASHES =
// how many crashes (2000 unless told), JFS_SEED = the first seed.
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { setLogLevel } from "../../src/util/log.ts";
import { CrashRun } from "./crash-run.ts";
import { hurry } from "./hurry.ts";

const crashesWanted = Number(process.env["JFS_CRASHES"] ?? 2000);
const firstSeed = Number(process.env["JFS_SEED"] ?? 1);

/** Of the journal: hardly room for anything, up to what is seldom full. */
const SIZES_KIB = [16, 24, 64, 256];

test("a crash at any step leaves a state that was", async () => {
  hurry();
  setLogLevel("error");
  const folder = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "jfs-crash-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const points = new Map<string, number>();
  let [crashes, again, refused] = [0, 0, 0];
  for (let seed = firstSeed; crashes < crashesWanted; seed++) {
    const run = await CrashRun.open(folder, {
      seed,
      steps: 600,
      share: 0.35,
      journalBytes: (SIZES_KIB[seed % SIZES_KIB.length] as number) * 1024,
    });
    await run.run();
    crashes += run.judge.crashes;
    again += run.judge.again;
    refused += run.refused;
    for (const [point, count] of run.points) points.set(point, (points.get(point) ?? 0) + count);
    if (crashesWanted > 2000)
      console.log(`seed ${seed}: ${crashes} crashes, ${again} of them in recovery`);
  }
  // A run that never meets these has not tested much.
  if (crashesWanted < 2000) return;
  const all = [
    "idle",
    "append",
    "appended",
    "header",
    "begun",
    "commit",
    "committed",
    "sync",
    "synced",
  ];
  for (const point of all) assert.ok((points.get(point) ?? 0) > 0, `${point} occurs`);
  assert.ok(again > 0 && refused > 0);
});

test.run();
