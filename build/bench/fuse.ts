// Measures the FUSE channel alone: an empty file system in TypeScript beside the same in C, polling and sleeping,
// interleaved in one run. As root:  build/node build/bench/fuse.ts [--rounds 3]
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmdirSync } from "node:fs";
import { release, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

const out = join(import.meta.dirname, "../out");
const { values: options } = parseArgs({ options: { rounds: { type: "string", default: "3" } } });
const LOOKUPS = 50_000;
const MIB = 1000;

function compile(name: string): string {
  mkdirSync(out, { recursive: true });
  const program = join(out, name);
  execFileSync("gcc", ["-O2", "-Wall", "-o", program, join(import.meta.dirname, `${name}.c`)]);
  return program;
}

const lookups = compile("fuse-lookups");
const nullServer = compile("fuse-null");
const servers: Readonly<Record<string, readonly string[]>> = {
  "TypeScript, adaptive polling": [
    process.execPath,
    join(import.meta.dirname, "fuse-null.ts"),
    "@",
  ],
  "C, 100 empty reads": [nullServer, "@", "100"],
  "C, sleeping at once": [nullServer, "@", "0"],
};

const dd =
  (args: string): (() => number) =>
  () => {
    const run = spawnSync("dd", [...args.split(" "), "bs=1M", `count=${MIB}`], {
      encoding: "utf8",
    });
    const seconds = Number(/, ([\d.e-]+) s,/.exec(run.stderr)?.[1]);
    if (run.status !== 0) throw new Error(run.stderr);
    return (MIB * 1.048576) / seconds;
  };

function steps(dir: string): Readonly<Record<string, () => number>> {
  return {
    "lookups/s": () => Number(execFileSync(lookups, [dir, String(LOOKUPS)], { encoding: "utf8" })),
    "write MB/s": dd(`if=/dev/zero of=${dir}/f1 conv=notrunc`),
    "write direct MB/s": dd(`if=/dev/zero of=${dir}/f2 conv=notrunc oflag=direct`),
    "read direct MB/s": dd(`if=${dir}/f3 of=/dev/null iflag=direct`),
  };
}

async function measure(command: readonly string[]): Promise<Map<string, number>> {
  const dir = mkdtempSync(join(tmpdir(), "jfs-bench-"));
  const [program = "", ...args] = command.map((word) => (word === "@" ? dir : word));
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  const exited = new Promise((resolve) => void child.once("exit", resolve));
  await new Promise((resolve) => void child.stdout.once("data", resolve));
  const results = new Map<string, number>();
  try {
    for (const [name, step] of Object.entries(steps(dir))) results.set(name, step());
  } finally {
    execFileSync("umount", ["-l", dir]);
    await exited;
    rmdirSync(dir);
  }
  return results;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

const all = new Map<string, Map<string, number[]>>();
for (let round = 0; round < Number(options.rounds); round++) {
  for (const [server, command] of Object.entries(servers)) {
    const results = await measure(command);
    const kept = all.get(server) ?? new Map<string, number[]>();
    all.set(server, kept);
    for (const [step, value] of results) kept.set(step, [...(kept.get(step) ?? []), value]);
  }
}
const names = [...(all.values().next().value?.keys() ?? [])];
console.log(`Linux ${release()}, medians of ${options.rounds} rounds`);
console.log(["server".padEnd(30), ...names.map((n) => n.padStart(18))].join(""));
for (const [server, kept] of all) {
  const cells = names.map((n) =>
    median(kept.get(n) ?? [])
      .toFixed(0)
      .padStart(18),
  );
  console.log([server.padEnd(30), ...cells].join(""));
}
