// Runs programs for tests: asynchronously, with a limit that holds even when the program cannot be
// killed, because a call of its hangs in a broken mount.
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { chmodSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface RunOptions {
  readonly cwd?: string;
  /** Added to the environment of the test. */
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly timeoutMs?: number;
  /** Exit codes that are no failure; 0 by default. */
  readonly accept?: readonly number[];
}

export interface Done {
  readonly status: number;
  /** One character per byte: names need not be UTF-8. */
  readonly stdout: string;
  readonly stderr: string;
}

const OUTPUT_SHOWN = 3000;

const tail = (text: string): string => text.slice(-OUTPUT_SHOWN);

function collect(child: ChildProcess): { stdout: string; stderr: string } {
  const text = { stdout: "", stderr: "" };
  child.stdout?.on("data", (data: Buffer) => (text.stdout += data.toString("latin1")));
  child.stderr?.on("data", (data: Buffer) => (text.stderr += data.toString("latin1")));
  return text;
}

/**
 * Runs a program to its end; rejects with what it said when its exit code is not accepted or
 * `timeoutMs` (two minutes) is over.
 */
export async function run(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Done> {
  const { cwd, env, input = "", uid, gid, timeoutMs = 120_000, accept = [0] } = options;
  const child = spawn(command, args, {
    env: { ...process.env, ...env },
    ...(cwd === undefined ? {} : { cwd }),
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
    stdio: ["pipe", "pipe", "pipe"],
    // A group of its own, so that what it started ends with it.
    detached: true,
  });
  const text = collect(child);
  // A program that does not read its input is no error of the test.
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  const said = (): string =>
    `${command} ${args.join(" ")}\n${tail(text.stdout)}${tail(text.stderr)}`;
  return new Promise((done, fail) => {
    const timer = setTimeout(() => {
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      fail(new Error(`no end after ${timeoutMs} ms: ${said()}`));
    }, timeoutMs);
    child.once("error", (error) => {
      clearTimeout(timer);
      fail(error);
    });
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      if (code !== null && accept.includes(code)) done({ status: code, ...text });
      else fail(new Error(`ended with ${code ?? signal}: ${said()}`));
    });
  });
}

/** A new folder below the temporary one that every user may pass through. */
export function scratchDir(name: string): string {
  const dir = mkdtempSync(join(tmpdir(), `jfs-${name}-`));
  chmodSync(dir, 0o755);
  return dir;
}
