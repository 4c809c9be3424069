// A power cut under four writers: database and blocks are on an ext4 image of their own, which is shut
// down without a flush. What fsync acknowledged must be there, whole, and the rest readable.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import { isMounted, until, Volume } from "../support/mount.ts";
import { run, scratchDir } from "../support/run.ts";
import { command, mountNeeds, registerIf, root } from "../support/volume-suite.ts";
import { runRounds } from "./rounds.ts";

const IMAGE_BYTES = 4 * 2 ** 30;

/** A disk that can lose its power. */
class Disk {
  readonly dir: string = scratchDir("power");
  readonly path: string = join(this.dir, "disk");
  readonly #image: string = join(this.dir, "image");
  readonly #shutdown: string = join(this.dir, "shutdown");

  async make(): Promise<void> {
    mkdirSync(this.path);
    writeFileSync(this.#image, "");
    // Sparse: only what is written takes space.
    truncateSync(this.#image, IMAGE_BYTES);
    await run("mkfs.ext4", ["-q", "-E", "lazy_itable_init=1", this.#image]);
    await run("gcc", ["-o", this.#shutdown, join(import.meta.dirname, "shutdown.c")]);
    await this.attach();
  }

  async attach(): Promise<void> {
    await run("mount", ["-o", "loop", this.#image, this.path]);
  }

  async cut(): Promise<void> {
    await run(this.#shutdown, [this.path]);
  }

  /** Threads of a killed process may still be on their way out. */
  async detach(): Promise<void> {
    const umount = (): boolean =>
      spawnSync("umount", [this.path], { stdio: "ignore" }).status === 0;
    await until("the disk is unmounted", umount);
  }

  remove(): void {
    if (isMounted(this.path)) spawnSync("umount", ["-l", this.path]);
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** A container may be root and have the device, and still not be allowed to use it. */
function canLoop(): boolean {
  if (!existsSync("/dev/loop-control")) return false;
  return spawnSync("losetup", ["-f"], { stdio: "ignore" }).status === 0;
}

const needs = [
  ...mountNeeds,
  root,
  command("gcc"),
  command("mkfs.ext4", "e2fsprogs"),
  { has: canLoop, reason: "this machine has no loop devices" },
];

registerIf("power", needs, "what fsync acknowledged survives a power cut", async () => {
  const disk = new Disk();
  let volume: Volume | undefined;
  try {
    await disk.make();
    const cut = new Volume("power", { disk: disk.path, format: ["--trash-days", "0"] });
    volume = cut;
    await cut.format();
    await cut.mount();
    // What is tested is the life of the volume, not its birth.
    await run("sync", ["-f", disk.path]);
    await runRounds(cut, {
      promise: "sync",
      strike: async (round) => {
        // Whoever goes first, the process must not acknowledge what the disk has not.
        if (round % 2 === 0) await disk.cut();
        await cut.kill();
        if (round % 2 === 1) await disk.cut();
        await disk.detach();
      },
      restart: async () => {
        await disk.attach();
        await cut.mount();
      },
    });
  } finally {
    await volume?.remove();
    disk.remove();
  }
});

test.run();
