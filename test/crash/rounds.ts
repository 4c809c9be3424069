// Rounds of a crash test: writers work until enough was promised to each of them, then the crash
// comes in the middle of whatever they do; after the restart every promise of every round must hold.
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { until } from "../support/mount.ts";
import type { Volume } from "../support/mount.ts";
import { Promises, unreadable } from "./promises.ts";
import type { Step } from "./record.ts";

const WRITERS = 4;
/** Beside writers that sync: their commits reach the disk with others' syncs, at moments that nobody chose. */
const CARELESS = 2;

/** Rounds: 3, or what ROUNDS says, for runs by hand. */
export const rounds: number = Number(process.env["ROUNDS"] ?? 3);

export interface Crash {
  /** What a writer counts as promised: see writer.ts. */
  readonly promise: "sync" | "close";
  /** Ends the serving process, and what else the crash takes with it. */
  strike(round: number): Promise<void>;
  /** Brings all of it back. */
  restart(): Promise<void>;
}

class Writer {
  readonly promises: Promises;
  /** Steps acknowledged in this round. */
  fresh = 0;
  /** Why it ended. */
  errors = "";
  #child: ChildProcess | undefined;
  #ended: Promise<unknown> = Promise.resolve();

  constructor(dir: string) {
    this.promises = new Promises(dir);
  }

  start(seed: number, promise: string): void {
    this.fresh = 0;
    this.errors = "";
    const script = join(import.meta.dirname, "writer.ts");
    const args = [script, this.promises.dir, String(seed), promise];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
    child.stderr.on("data", (data: Buffer) => (this.errors += data.toString()));
    const lines = createInterface({ input: child.stdout });
    lines.on("line", (line) => {
      this.promises.learn(JSON.parse(line) as Step);
      if (!line.includes('"try-')) this.fresh++;
    });
    // What it said before it died counts, so its output is read to the end.
    const isRead = new Promise((done) => lines.once("close", done));
    const hasEnded = new Promise((done) => child.once("exit", done));
    this.#ended = Promise.all([isRead, hasEnded]);
    this.#child = child;
  }

  get isRunning(): boolean {
    return this.#child?.exitCode === null && this.#child.signalCode === null;
  }

  async stop(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.#ended;
  }
}

/** Runs all rounds on a mounted volume and fails with the promises that were broken. */
export async function runRounds(volume: Volume, crash: Crash): Promise<void> {
  const dir = volume.path(crash.promise);
  const writersIn = (kind: string, length: number): Writer[] =>
    Array.from({ length }, (_, index) => new Writer(join(dir, `${kind}-${index}`)));
  const writers = writersIn("writer", WRITERS);
  // They were promised nothing, but what is left of their work must be readable.
  const careless = writersIn("careless", crash.promise === "sync" ? CARELESS : 0);
  for (let round = 1; round <= rounds; round++) {
    for (const [index, writer] of writers.entries()) {
      writer.start(round * WRITERS + index, crash.promise);
    }
    for (const [index, writer] of careless.entries())
      writer.start(round * CARELESS + index, "close");
    try {
      // The more rounds, the more different moments.
      const enough = 25 + ((round * 37) % 60);
      await until("every writer was promised enough", () => {
        const ended = writers.filter((writer) => !writer.isRunning);
        assert.equal(
          ended.map(({ errors }) => errors),
          [],
          "a writer ended before the crash",
        );
        return writers.every((writer) => writer.fresh >= enough);
      });
      await crash.strike(round);
    } finally {
      for (const writer of [...writers, ...careless]) await writer.stop();
    }
    await crash.restart();
    const broken: string[] = [];
    for (const { promises } of writers) broken.push(...(await promises.broken()));
    broken.push(...(await unreadable(dir)));
    const kept = writers.reduce((sum, { promises }) => sum + promises.count, 0);
    assert.equal(broken.slice(0, 20), [], `round ${round}, ${kept} steps: ${broken.length} broken`);
  }
}
