// Cases in C, for system calls that Node.js does not offer: compiled once for a test file, each case
// run in an empty folder, on the plain disk first and then on a mount.
import { mkdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "uvu";
import type { Volume } from "./mount.ts";
import { run, scratchDir } from "./run.ts";
import { scale } from "./scale.ts";
import { command, onVolume } from "./volume-suite.ts";

// The exit code of a case that the file system below cannot serve at all.
const CANNOT = 77;

/** One program of cases; `case.h` has what they share. */
class Cases {
  readonly dir: string = scratchDir("cases");
  readonly #source: string;
  #program: Promise<string> | undefined;

  constructor(source: string) {
    this.#source = source;
  }

  /** Runs one case. The disk may be unable to serve it, the mount never. */
  async run(name: string, dir: string, accept: readonly number[]): Promise<void> {
    this.#program ??= this.#compile();
    mkdirSync(dir);
    const env = { WORK_SCALE: String(scale) };
    await run(await this.#program, [name], { cwd: dir, env, accept });
  }

  async #compile(): Promise<string> {
    const program = join(this.dir, basename(this.#source, ".c"));
    const flags = ["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread"];
    await run("gcc", [...flags, "-o", program, this.#source]);
    return program;
  }
}

/**
 * Registers a test for each case of a C program: title and the name that the program knows.
 * A case that fails on the disk below the temporary folder is a wrong case.
 */
export function registerCases(
  suite: string,
  source: string,
  cases: Readonly<Record<string, string>>,
): void {
  // With a trash, a file that was removed keeps a link there.
  const on = onVolume(suite, [command("gcc")], { format: ["--trash-days", "0"] });
  const program = new Cases(source);
  for (const [name, title] of Object.entries(cases)) {
    on(title, async (volume: Volume) => {
      await program.run(name, join(program.dir, `on-disk-${name}`), [0, CANNOT]);
      await program.run(name, volume.path(name), [0]);
    });
  }
  test.after(() => rmSync(program.dir, { recursive: true, force: true }));
}
