// npm run bench: the same load on the bare disk, on jfs and, when JUICEFS names its binary, on JuiceFS, interleaved
// in one run so that all see the same machine. Prints medians and ratios.
//
//   npm run bench -- [--rounds 3] [--files 2000] [--mib 256] [--dir DIR] [--steps create,stat:cold] [--json FILE]
import { execFileSync, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { availableParallelism, cpus, release, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

const root = join(import.meta.dirname, "../..");
const jfs = join(root, "build/jfs");

interface Target {
  readonly name: string;
  /** Where the load runs. */
  readonly dir: string;
  stop(): void;
}

interface Step {
  readonly name: string;
  readonly isCold: boolean;
  readonly count: number;
  readonly unit: string;
}

// In this order each step finds what it needs. ":cold" drops the kernel's caches before.
const allSteps =
  "create stat:cold stat miss open list:cold chmod rename smallwrite smallread:cold smallread unlink mkdir rmdir " +
  "seqwrite seqread:cold seqread randread:cold randwrite syncwrite append";

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    files: { type: "string", default: "2000" },
    mib: { type: "string", default: "256" },
    dir: { type: "string", default: tmpdir() },
    steps: { type: "string", default: allSteps.replaceAll(" ", ",") },
    json: { type: "string" },
  },
});

function run(command: string, args: readonly string[]): void {
  const { status, stderr, stdout } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${stderr || stdout}`);
}

function compileLoad(): string {
  const source = join(import.meta.dirname, "load.c");
  const program = join(root, "build/out/load");
  if (!existsSync(program) || statSync(program).mtimeMs < statSync(source).mtimeMs) {
    run("gcc", ["-O2", "-o", program, source]);
  }
  return program;
}

function bareDisk(base: string): Target {
  const dir = join(base, "bare");
  mkdirSync(dir);
  return { name: "disk", dir, stop: () => undefined };
}

function jfsVolume(base: string): Target {
  const [db, blocks, dir] = [join(base, "jfs.db"), join(base, "jfs-blocks"), join(base, "jfs-mnt")];
  mkdirSync(dir);
  run(jfs, ["format", "--trash-days", "0", "--bucket", blocks, db, "bench"]);
  run(jfs, ["mount", "-d", "--log", join(base, "jfs.log"), db, dir]);
  return { name: "jfs", dir, stop: () => run(jfs, ["umount", dir]) };
}

function juicefsVolume(base: string, binary: string): Target {
  const dir = join(base, "juicefs-mnt");
  const url = `sqlite3://${join(base, "juicefs.db")}`;
  mkdirSync(dir);
  const quiet = ["--no-agent"];
  const blocks = join(base, "juicefs-blocks");
  run(binary, [...quiet, "format", "--trash-days", "0", "--bucket", blocks, url, "bench"]);
  const cache = ["--cache-dir", join(base, "juicefs-cache"), "--log", join(base, "juicefs.log")];
  const silent = ["--no-usage-report", "--backup-meta", "0", "--metrics", "127.0.0.1:0"];
  run(binary, [...quiet, "mount", "-d", ...silent, ...cache, url, dir]);
  return { name: "juicefs", dir, stop: () => run(binary, [...quiet, "umount", dir]) };
}

function readSteps(): Step[] {
  const files = Number(options.files);
  const mib = Number(options.mib);
  return options.steps.split(",").map((text) => {
    const [name = "", mode] = text.split(":");
    const isSequential = name.startsWith("seq");
    const count = isSequential ? mib : name === "syncwrite" ? Math.ceil(files / 5) : files;
    return { name, isCold: mode === "cold", count, unit: isSequential ? "MiB/s" : "ops/s" };
  });
}

function dropCaches(): void {
  run("sync", []);
  try {
    writeFileSync("/proc/sys/vm/drop_caches", "3");
  } catch {
    // Only root may; then cold is as cold as it gets, for all targets alike.
  }
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

const label = (step: Step): string => (step.isCold ? `${step.name} cold` : step.name);

function measure(
  load: string,
  targets: readonly Target[],
  steps: readonly Step[],
): Map<string, number[]> {
  const results = new Map<string, number[]>();
  for (let round = 0; round < Number(options.rounds); round++) {
    const dirs = targets.map(({ dir }) => join(dir, `round${round}`));
    for (const dir of dirs) mkdirSync(dir);
    for (const step of steps) {
      for (const [index, { name }] of targets.entries()) {
        if (step.isCold) dropCaches();
        const args = [dirs[index] as string, step.name, String(step.count)];
        const rate = Number(execFileSync(load, args, { encoding: "utf8" }));
        const key = `${label(step)}/${name}`;
        results.set(key, [...(results.get(key) ?? []), rate]);
      }
    }
    for (const dir of dirs) rmSync(dir, { recursive: true });
  }
  return results;
}

function print(
  results: ReadonlyMap<string, number[]>,
  targets: readonly Target[],
  steps: readonly Step[],
): void {
  const commit = spawnSync("git", ["-C", root, "log", "-1", "--format=%h"], { encoding: "utf8" });
  const cpu = cpus()[0]?.model ?? "unknown processor";
  console.log(
    `${new Date().toISOString()}  ${availableParallelism()} x ${cpu}  Linux ${release()}`,
  );
  console.log(
    `Node.js ${process.version}  commit ${commit.stdout.trim()}  median of ${options.rounds}\n`,
  );
  const others = targets.filter(({ name }) => name !== "jfs").map(({ name }) => name);
  const head = ["step", ...targets.map(({ name }) => name), ...others.map((name) => `jfs/${name}`)];
  console.log(
    head.map((text, index) => (index === 0 ? text.padEnd(16) : text.padStart(12))).join(""),
  );
  for (const step of steps) {
    const of = (name: string): number => median(results.get(`${label(step)}/${name}`) ?? []);
    const rates = targets.map(({ name }) => of(name).toFixed(0).padStart(12));
    const ratios = others.map((name) => (of("jfs") / of(name)).toFixed(2).padStart(12));
    console.log(`${label(step).padEnd(16)}${rates.join("")}${ratios.join("")}  ${step.unit}`);
  }
}

function main(): void {
  const load = compileLoad();
  const steps = readSteps();
  const base = mkdtempSync(join(options.dir, "jfs-bench-"));
  const targets: Target[] = [];
  try {
    targets.push(bareDisk(base), jfsVolume(base));
    const juicefs = process.env["JUICEFS"];
    if (juicefs !== undefined && juicefs !== "") targets.push(juicefsVolume(base, juicefs));
    const results = measure(load, targets, steps);
    print(results, targets, steps);
    if (options.json !== undefined) {
      writeFileSync(options.json, `${JSON.stringify(Object.fromEntries(results), null, 2)}\n`);
    }
  } finally {
    const mounts = readFileSync("/proc/self/mountinfo", "utf8");
    for (const target of targets) if (mounts.includes(` ${target.dir} `)) target.stop();
    rmSync(base, { recursive: true, force: true });
  }
}

main();
