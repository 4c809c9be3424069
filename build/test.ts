// Runs the test files, each in a process of its own, and prints the real counts as its last line.
// The counts are those that uvu printed; a file that died, hung or printed none counts as a failure.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join, relative } from "node:path";
import type { Skip } from "../test/support/skip.ts";

const root = join(import.meta.dirname, "..");
const fileTimeoutMs = Number(process.env["JFS_TEST_TIMEOUT_MS"] ?? 600_000);
const concurrency = Math.min(2, availableParallelism());

interface Outcome {
  readonly file: string;
  readonly passed: number;
  readonly failed: number;
  readonly skips: readonly Skip[];
  readonly output: string;
  readonly ms: number;
}

function testFiles(dir: string): string[] {
  const found: string[] = [];
  for (const dirent of readdirSync(dir, { withFileTypes: true })) {
    const path = join(dir, dirent.name);
    if (dirent.isDirectory()) found.push(...testFiles(path));
    else if (dirent.name.endsWith(".test.ts")) found.push(path);
  }
  return found.toSorted();
}

function readSkips(file: string): Skip[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as Skip);
}

/** Reads uvu's own summary, which has no colours because of FORCE_COLOR=0. A hook that threw shows only as total > passed, so failed is derived. */
function counts(output: string, code: number | null): { passed: number; failed: number } {
  const total = /^ {2}Total: +(\d+)$/m.exec(output);
  const passed = /^ {2}Passed: +(\d+)$/m.exec(output);
  if (total === null || passed === null) return { passed: 0, failed: 1 };
  const failed = Number(total[1]) - Number(passed[1]);
  return { passed: Number(passed[1]), failed: code === 0 ? failed : Math.max(1, failed) };
}

async function runFile(file: string, skipsFile: string): Promise<Outcome> {
  const started = performance.now();
  const child = spawn(process.execPath, ["--enable-source-maps", file], {
    cwd: root,
    env: { ...process.env, JFS_TEST_SKIPS: skipsFile, FORCE_COLOR: "0" },
    stdio: ["ignore", "pipe", "pipe"],
    // A group of its own, so that a file that hangs takes its children with it.
    detached: true,
  });
  let output = "";
  child.stdout.on("data", (data: Buffer) => (output += data.toString()));
  child.stderr.on("data", (data: Buffer) => (output += data.toString()));
  const timer = setTimeout(() => {
    output += `\nkilled after ${fileTimeoutMs} ms\n`;
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  }, fileTimeoutMs);
  // "exit", not "close": a daemon that a test left behind may hold the pipes open.
  const code = await new Promise<number | null>((done) => child.once("exit", done));
  clearTimeout(timer);
  await new Promise((done) => setTimeout(done, 20));
  child.stdout.destroy();
  child.stderr.destroy();
  return {
    file: relative(root, file),
    ...counts(output, code),
    skips: readSkips(skipsFile),
    output,
    ms: performance.now() - started,
  };
}

function report(outcome: Outcome): void {
  const { file, passed, failed, skips, ms } = outcome;
  const skipped = skips.length === 0 ? "" : `, ${skips.length} skipped`;
  const mark = failed === 0 ? "ok  " : "FAIL";
  console.log(`${mark} ${file}  ${passed} passed, ${failed} failed${skipped}  ${ms.toFixed(0)} ms`);
  if (failed > 0) console.log(outcome.output);
}

async function main(filters: readonly string[]): Promise<number> {
  const files = testFiles(join(root, "test")).filter(
    (file) =>
      filters.length === 0 || filters.some((filter) => relative(root, file).includes(filter)),
  );
  const scratch = mkdtempSync(join(tmpdir(), "jfs-test-run-"));
  const outcomes: Outcome[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < files.length; index = next++) {
      const outcome = await runFile(files[index] as string, join(scratch, `${index}.skips`));
      report(outcome);
      outcomes.push(outcome);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  rmSync(scratch, { recursive: true, force: true });

  const skips = outcomes.flatMap((outcome) => outcome.skips);
  const lost = process.env["CI"] === "true" ? skips.filter((skipped) => skipped.couldRun) : [];
  for (const { name, reason } of skips) console.log(`skipped: ${name}: ${reason}`);
  for (const { name } of lost) console.log(`FAIL ${name}: skipped under CI though it could run`);
  const passed = outcomes.reduce((sum, outcome) => sum + outcome.passed, 0);
  let failed = outcomes.reduce((sum, outcome) => sum + outcome.failed, 0) + lost.length;
  if (files.length === 0) {
    console.log("FAIL no test file matches");
    failed++;
  }
  const skipped = skips.length - lost.length;
  console.log(`${passed} passed, ${failed} failed${skipped === 0 ? "" : `, ${skipped} skipped`}`);
  return failed === 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
