// How much a mount uses, for runs by hand: time to start, memory after many files and after much data, processor time
// when idle, descriptors for open files. Prints one line for each.
//
//   build/node build/bench/footprint.ts [--files 200000] [--gib 10] [--open 20000] [--idle 30] [--dir DIR]
//     [--steps start,files,list,stream,open,idle] [-- MOUNT-OPTION...]
import { execFileSync, spawn, spawnSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { descriptorsOf, memoryOf, MIB, ticksOf } from "./server-process.ts";

const jfs = process.env["JFS_UNDER_TEST"] ?? join(import.meta.dirname, "../jfs");

const { values: options, positionals: mountOptions } = parseArgs({
  options: {
    files: { type: "string", default: "200000" },
    gib: { type: "string", default: "10" },
    open: { type: "string", default: "20000" },
    idle: { type: "string", default: "30" },
    dir: { type: "string", default: tmpdir() },
    steps: { type: "string", default: "start,files,list,stream,open,idle" },
  },
  allowPositionals: true,
});

interface Place {
  readonly db: string;
  readonly mnt: string;
  readonly log: string;
}

function run(command: string, args: readonly string[]): string {
  const { status, stderr, stdout } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${stderr || stdout}`);
  return stdout;
}

/** Mounts and answers the process that serves. */
function mount({ db, mnt, log }: Place): number {
  run(jfs, ["mount", "-d", "--log", log, ...mountOptions, db, mnt]);
  const { Sessions } = JSON.parse(run(jfs, ["-q", "status", db])) as {
    Sessions: readonly { readonly ProcessID: number }[];
  };
  return Sessions[0]?.ProcessID ?? 0;
}

/** As many descriptors as this user may have. */
const RAISE = 'ulimit -n "$(ulimit -H -n)"; exec "$@"';

/** A program in a process of its own: this one must never wait for the mount. */
async function inMount(program: string, args: readonly (string | number)[]): Promise<void> {
  const script = `const fs = require("node:fs"); const [dir, n] = process.argv.slice(1); ${program}`;
  const child = spawn(
    "sh",
    ["-c", RAISE, "sh", process.execPath, "-e", script, ...args.map(String)],
    {
      stdio: ["ignore", "inherit", "inherit"],
    },
  );
  const code = await new Promise((done) => child.once("exit", done));
  if (code !== 0) throw new Error(`the load ended with ${String(code)}`);
}

const mib = (bytes: number): string => `${(bytes / MIB).toFixed(0)} MiB`;

function showMemory(when: string, pid: number, seconds: number): void {
  const { rss, peak, anonymous } = memoryOf(pid);
  console.log(
    `${when.padEnd(34)} RSS ${mib(rss)} (${mib(anonymous)} of it anonymous), peak ${mib(peak)}, ${seconds.toFixed(1)} s`,
  );
}

const makeFiles = `for (let i = 0; i < n; i++) {
  if (i % 1000 === 0) fs.mkdirSync(dir + "/" + i / 1000, { recursive: true });
  fs.writeFileSync(dir + "/" + Math.floor(i / 1000) + "/f" + i, "content " + i);
}`;
const listFiles = `for (const sub of fs.readdirSync(dir)) for (const name of fs.readdirSync(dir + "/" + sub))
  fs.readFileSync(dir + "/" + sub + "/" + name);`;
const openFiles = `const fds = [], id = "/open" + process.pid;
for (let i = 0; i < n; i++) fds.push(fs.openSync(dir + id + "-" + i, "w"));
fs.writeFileSync(dir + id, "");
while (fs.existsSync(dir + id)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);`;

async function timed(what: () => Promise<void> | void): Promise<number> {
  const started = performance.now();
  await what();
  return (performance.now() - started) / 1000;
}

/** In two processes: one alone may not have so many descriptors. */
async function holdOpen({ mnt }: Place, pid: number): Promise<void> {
  const before = descriptorsOf(pid);
  const half = Number(options.open) / 2;
  const loads = [inMount(openFiles, [mnt, half]), inMount(openFiles, [mnt, half])];
  const isReady = (name: string): boolean => /^open\d+$/.test(name);
  let ready: string[] = [];
  while (ready.length < loads.length) {
    await Promise.race([sleep(500), Promise.all(loads)]);
    ready = (await readdir(mnt)).filter(isReady);
  }
  showMemory(`${options.open} files open`, pid, 0);
  console.log(`${"descriptors".padEnd(34)} ${before} before, ${descriptorsOf(pid)} now`);
  for (const name of ready) unlinkSync(join(mnt, name));
  await Promise.all(loads);
}

function dropCaches(): void {
  try {
    writeFileSync("/proc/sys/vm/drop_caches", "3");
  } catch {
    console.log("not root: the kernel's caches stay warm");
  }
}

async function main(place: Place): Promise<void> {
  const steps = new Set(options.steps.split(","));
  const pid = mount(place);
  const step = async (name: string, when: string, load: () => Promise<void>): Promise<void> => {
    if (!steps.has(name)) return;
    const seconds = await timed(load);
    showMemory(when, pid, seconds);
    await sleep(12_000);
    showMemory(`${when}, 12 s later`, pid, 12);
  };
  showMemory("just mounted", pid, 0);
  const count = Number(options.files);
  await step("files", `${count} files created`, () =>
    inMount(makeFiles, [`${place.mnt}/many`, count]),
  );
  await step("list", "all listed and read", () => {
    dropCaches();
    return inMount(listFiles, [`${place.mnt}/many`]);
  });
  const data = `${place.mnt}/data`;
  const blocks = String(Number(options.gib) * 1024);
  await step("stream", `${options.gib} GiB written`, async () => {
    run("dd", ["if=/dev/zero", `of=${data}`, "bs=1M", `count=${blocks}`, "conv=fsync"]);
    return Promise.resolve();
  });
  await step("stream", `${options.gib} GiB read`, async () => {
    dropCaches();
    run("dd", [`if=${data}`, "of=/dev/null", "bs=1M"]);
    return Promise.resolve();
  });
  if (steps.has("stream")) unlinkSync(data);
  if (steps.has("open")) {
    await holdOpen(place, pid);
  }
  if (steps.has("idle")) {
    await sleep(10_000);
    const before = ticksOf(pid);
    await sleep(Number(options.idle) * 1000);
    const used = (ticksOf(pid) - before) / 100;
    console.log(
      `idle for ${options.idle} s                      ${used.toFixed(2)} s of processor time`,
    );
  }
  if (steps.has("start")) {
    for (const caches of ["cold", "warm", "warm", "warm"]) {
      run(jfs, ["umount", place.mnt]);
      if (caches === "cold") dropCaches();
      let seconds = await timed(() => {
        execFileSync(jfs, [
          "mount",
          "-d",
          "--log",
          place.log,
          ...mountOptions,
          place.db,
          place.mnt,
        ]);
      });
      seconds += await timed(() => void statSync(place.mnt));
      console.log(`first operation, ${caches} caches         ${seconds.toFixed(3)} s`);
    }
  }
}

const base = mkdtempSync(join(options.dir, "jfs-footprint-"));
const place = { db: join(base, "meta.db"), mnt: join(base, "mnt"), log: join(base, "log") };
mkdirSync(place.mnt);
try {
  run(jfs, [
    "format",
    "--trash-days",
    "0",
    "--bucket",
    join(base, "blocks"),
    place.db,
    "footprint",
  ]);
  await main(place);
} catch (error) {
  // The log of the server may tell more.
  process.stderr.write(readFileSync(place.log, "utf8"));
  throw error;
} finally {
  spawnSync(jfs, ["umount", "--force", place.mnt]);
  rmSync(base, { recursive: true, force: true });
}
