// What every refused command owes: one sentence that says what to do, the right exit code, no stack, and everything
// left as it was: files, mounts, sessions.
import { spawn, type ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { lstatSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { jfsProgram, type Outcome } from "../support/jfs.ts";

// What the log says while all goes well; a refusal is none of these lines.
const PROGRESS = /^\d{4}\/\d\d\/\d\d .* <(INFO|DEBUG)>: /;

/** Exactly one sentence on stderr, which says what is wrong (`pattern`) and, behind a colon, what to do about it. */
export function refused(outcome: Outcome, pattern: RegExp, code = 1): void {
  const { stderr, stdout } = outcome;
  assert.is(outcome.code, code, stderr + stdout);
  const lines = stderr.split("\n").filter((line) => line !== "" && !PROGRESS.test(line));
  assert.is(lines.length, 1, stderr);
  const [line = ""] = lines;
  assert.match(line, pattern);
  assert.match(line, /^jfs: .+(: |, usage: |; please )/, "what is wrong: what to do");
  assert.ok(line.length < 400, line);
}

/** Command line or environment: exit code 2. */
export function misspelt(outcome: Outcome, pattern: RegExp): void {
  refused(outcome, pattern, 2);
}

export async function withDir(body: (dir: string) => void | Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "jfs-misuse-"));
  try {
    await body(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Every path below `dir` with what is in it. */
export function contentOf(dir: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of (readdirSync(dir, { recursive: true }) as string[]).toSorted()) {
    const path = join(dir, name);
    const stat = lstatSync(path);
    found[name] = stat.isFile()
      ? createHash("sha256").update(readFileSync(path)).digest("hex")
      : `mode ${stat.mode.toString(8)}`;
  }
  return found;
}

/** Mount points at `dir` and below. */
export function mountsBelow(dir: string): string[] {
  const lines = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  return lines.map((line) => line.split(" ")[4] ?? "").filter((path) => path.startsWith(dir));
}

/** Runs `body` and finds the files below `dir`, but for those of `apart`, and the mounts there as they were. */
export async function untouched(
  dir: string,
  body: () => void | Promise<void>,
  apart: readonly string[] = ["log"],
): Promise<void> {
  const look = (): Record<string, string> => {
    const found = contentOf(dir);
    for (const name of apart) delete found[name];
    return found;
  };
  const [files, mounts] = [look(), mountsBelow(dir)];
  await body();
  assert.equal(look(), files);
  assert.equal(mountsBelow(dir), mounts);
}

/** Every command that opens a volume, on `url`; what it might make goes below `dir`. */
export function eachCommand(dir: string, url: string): (readonly string[])[] {
  const mount = [url, join(dir, "mnt")];
  return [
    ["status", url],
    ["config", url, "--trash-days", "3"],
    ["mount", ...mount],
    ["mount", "-d", "--log", join(dir, "log"), ...mount],
  ];
}

export interface Running {
  readonly child: ChildProcess;
  /** What it has said so far, on both streams. */
  said(): string;
  readonly ended: Promise<Outcome>;
}

/** Starts jfs without waiting for it. */
export function start(
  args: readonly string[],
  options: { uid?: number; gid?: number; env?: NodeJS.ProcessEnv; cwd?: string } = {},
): Running {
  const child = spawn(jfsProgram, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
  const text = { stdout: "", stderr: "" };
  child.stdout.on("data", (data: Buffer) => (text.stdout += data.toString()));
  child.stderr.on("data", (data: Buffer) => (text.stderr += data.toString()));
  const ended = new Promise<Outcome>((done) => {
    child.once("close", (code, signal) => {
      const killed = signal === null ? "" : `\nended by ${signal}`;
      done({ code: code ?? -1, stdout: text.stdout, stderr: text.stderr + killed });
    });
  });
  return { child, said: () => text.stdout + text.stderr, ended };
}
