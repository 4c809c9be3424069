// Random operations on every engine against a plain oracle, then a check of the whole volume. MODEL_STEPS scales it
// (1 = as in CI, 10 = a million operations in place), MODEL_SEED repeats a run.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Driver } from "./driver.ts";
import { fsck } from "./invariants.ts";
import { runModel } from "./operations.ts";
import type { EngineName, SubjectOptions } from "./subject.ts";
import { hasSqlite, openSubject } from "./subject.ts";
import { randomOf } from "./driver.ts";

const scale = Number(process.env["MODEL_STEPS"] ?? 1);
const seed = Number(process.env["MODEL_SEED"] ?? 1);

async function run(
  engine: EngineName,
  steps: number,
  options: SubjectOptions,
  check: (driver: Driver) => void = () => {},
): Promise<void> {
  const subject = await openSubject(engine, { random: randomOf(seed + 1), ...options });
  const driver = new Driver(subject, seed, (options.trashDays ?? 0) > 0);
  try {
    const seeks = options.withWorker !== true;
    await runModel(driver, { steps: Math.ceil(steps * scale), every: 500, seeks });
    if (options.withWorker === true) await subject.meta.runJobsNow();
    await driver.compareAll();
    assert.equal(await fsck(subject.store, subject.meta.sid), [], "the volume is sound");
    check(driver);
  } finally {
    await subject.close();
  }
}

test("in place on memory", () =>
  run("memory", 100_000, {}, ({ histogram }) => {
    // A run that never meets these has not tested much.
    for (const code of [
      "ok",
      "ENOENT",
      "EEXIST",
      "EACCES",
      "EPERM",
      "ENOTDIR",
      "EISDIR",
      "ENOTEMPTY",
      "EINVAL",
    ]) {
      assert.ok((histogram.get(code) ?? 0) > 0, `${code} occurs`);
    }
  }));
test("in place on memory, with a trash", () => run("memory", 10_000, { trashDays: 1 }));
test("in place on memory, deleting and merging data", () =>
  run("memory", 40_000, { withWorker: true }));
test("by replay, with delays and conflicts", () => run("replay", 25_000, {}));
test("by replay, with a trash", () => run("replay", 4000, { trashDays: 1 }));
test("by replay, deleting and merging data", () => run("replay", 10_000, { withWorker: true }));
if (hasSqlite()) {
  test("in place on SQLite", () => run("sqlite", 25_000, {}));
  test("in place on SQLite, with a trash", () => run("sqlite", 4000, { trashDays: 1 }));
  test("in place on SQLite, deleting and merging data", () =>
    run("sqlite", 10_000, { withWorker: true }));
}

test.run();
