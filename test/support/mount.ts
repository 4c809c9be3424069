// Formats a volume in a temporary folder and mounts it by the command line, in a process of its own:
// the test may look at the mount as any other process does. Everything is undone after the test.
import { lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { spawnSync } from "node:child_process";
import { run, scratchDir } from "./run.ts";

/** The program under test; JFS names another one with the same command line. */
export const jfs: string =
  process.env["JFS"] ?? join(import.meta.dirname, "..", "..", "build", "jfs");

export interface VolumeOptions {
  /** Added to the command line of format. */
  readonly format?: readonly string[];
  /** Added to the command line of every mount. */
  readonly mount?: readonly string[];
  /** An existing folder for database and blocks; a temporary one by default. */
  readonly disk?: string;
}

/** Fields of the line of /proc/self/mountinfo of what is mounted at `dir`. */
function mountinfo(dir: string): readonly string[] | undefined {
  const lines = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  // The last one is on top.
  return lines.map((line) => line.split(" ")).findLast((fields) => fields[4] === dir);
}

/** True when something is mounted at `dir`, dead or alive. Asks the kernel, never the mount. */
export function isMounted(dir: string): boolean {
  return mountinfo(dir) !== undefined;
}

/** Waits for an event; the limit of a minute only ends a failed test. */
export async function until(what: string, isDone: () => boolean): Promise<void> {
  const end = Date.now() + 60_000;
  while (!isDone()) {
    if (Date.now() > end) throw new Error(`waited a minute in vain until ${what}`);
    await sleep(20);
  }
}

/** Processes whose command line has the word mount and `dir`: who serves it, and its supervisor. */
function servers(dir: string): readonly number[] {
  const found: number[] = [];
  for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    try {
      // Some programs rewrite theirs, with blanks between the words.
      const words = readFileSync(`/proc/${name}/cmdline`, "utf8").split(/[\0 ]/);
      const isZombie = readFileSync(`/proc/${name}/stat`, "utf8").includes(") Z ");
      if (words.includes("mount") && words.includes(dir) && !isZombie) found.push(Number(name));
    } catch {
      // It ended while we looked.
    }
  }
  return found;
}

/** Frees every process that waits for an answer of the mount, even a dead one. */
function abort(dir: string): void {
  const [, , device = ""] = mountinfo(dir) ?? [];
  const [, minor = ""] = device.split(":");
  try {
    writeFileSync(`/sys/fs/fuse/connections/${minor}/abort`, "1");
  } catch {
    // Not root, or no FUSE file system.
  }
}

/** A volume of its own for a test file. */
export class Volume {
  /** Temporary folder for whatever belongs to the test; removed at the end. */
  readonly dir: string;
  /** Where it is mounted. */
  readonly root: string;
  /** Path of the database. */
  readonly meta: string;
  readonly #disk: string;
  readonly #options: VolumeOptions;

  constructor(name: string, options: VolumeOptions = {}) {
    this.dir = scratchDir(name);
    this.root = join(this.dir, "mnt");
    this.#disk = options.disk ?? join(this.dir, "disk");
    this.meta = join(this.#disk, "meta.db");
    this.#options = options;
    mkdirSync(this.root);
    mkdirSync(this.#disk, { recursive: true });
    // A test that was interrupted leaves no mount behind.
    process.once("exit", () => this.#detach());
  }

  path(...names: readonly string[]): string {
    return join(this.root, ...names);
  }

  async format(): Promise<void> {
    const { format = [] } = this.#options;
    const bucket = ["--storage", "file", "--bucket", join(this.#disk, "blocks")];
    await run(jfs, ["format", ...bucket, ...format, `sqlite3://${this.meta}`, "test"]);
  }

  async mount(): Promise<void> {
    const { mount = [] } = this.#options;
    const log = ["--log", join(this.dir, "jfs.log")];
    const address = `sqlite3://${this.meta}`;
    await run(jfs, ["mount", address, this.root, "-d", ...log, ...mount]);
    if (!isMounted(this.root)) throw new Error("mount -d came back before the volume was mounted");
  }

  /** Unmounts and waits until the serving process has ended. */
  async umount(): Promise<void> {
    await run(jfs, ["umount", this.root]);
    if (isMounted(this.root)) throw new Error("umount came back before it was done");
    await until("the serving process has ended", () => servers(this.root).length === 0);
  }

  async remount(): Promise<void> {
    await this.umount();
    await this.mount();
  }

  /** Kills what serves the mount with -9 and takes the dead mount away. */
  async kill(): Promise<void> {
    const found = servers(this.root);
    if (found.length === 0) throw new Error("no process serves the mount");
    for (const pid of found) process.kill(pid, "SIGKILL");
    await until("the killed process is gone", () => servers(this.root).length === 0);
    this.#detach();
  }

  /** Formats if it was never done, and mounts if it is not mounted. */
  async ready(): Promise<void> {
    if (lstatSync(this.meta, { throwIfNoEntry: false }) === undefined) await this.format();
    if (!isMounted(this.root)) await this.mount();
  }

  /** Takes the mount away, by force when it does not go otherwise, and deletes everything. */
  async remove(): Promise<void> {
    if (isMounted(this.root)) {
      await this.umount().catch((error: unknown) => {
        console.error(`${String(error)}\n${this.log()}`);
        // After the last test nothing else would tell the runner.
        process.once("exit", () => (process.exitCode = 1));
        abort(this.root);
      });
    }
    this.#detach();
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** The last lines of the log of the serving process, for the message of a failed test. */
  log(): string {
    try {
      return readFileSync(join(this.dir, "jfs.log"), "utf8").split("\n").slice(-20).join("\n");
    } catch {
      return "";
    }
  }

  #detach(): void {
    for (let left = 10; isMounted(this.root) && left > 0; left--) {
      const args = process.getuid?.() === 0 ? ["umount", "-l"] : ["fusermount3", "-u", "-z"];
      spawnSync(args[0] as string, [...args.slice(1), this.root], { stdio: "ignore" });
    }
  }
}
