// Runs a mount in the background: starts this program again detached, waits until it says that it is ready or why
// it is not. The child says so in one JSON line on a pipe of its own, descriptor 3.
import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, existsSync, openSync, writeSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { isSea } from "node:sea";
import { UserError, sentenceOf } from "./user-error.ts";
import { makeFolder } from "../util/make-folder.ts";

const READY_FD = 3;
const READY_ENV = "JFS_READY_FD";
/** The file that the child's output goes to. */
const LOG_ENV = "JFS_LOG_FILE";
/** How long the child may take to undo what it has begun. */
const END_MS = 5000;

interface Report {
  /** What to print when it worked. */
  readonly ready?: string;
  readonly error?: string;
  /** The arguments ask for no mount in the background with this log. */
  readonly declined?: boolean;
}

/** The program and arguments that run this jfs again. */
export function selfCommand(): readonly string[] {
  if (isSea()) return [process.execPath];
  return [process.execPath, ...process.execArgv, process.argv[1] as string];
}

export function defaultLogFile(): string {
  return process.getuid?.() === 0 ? "/var/log/jfs.log" : join(homedir(), ".jfs/jfs.log");
}

/** True in the child that `startInBackground` made. */
export function isBackgroundChild(): boolean {
  return process.env[READY_ENV] === String(READY_FD);
}

/** True when the parent sends our output to `logFile`. */
export function isLoggedTo(logFile: string): boolean {
  return process.env[LOG_ENV] === logFile;
}

/** Tells the waiting parent; without a parent, and after the first report, it does nothing. */
export function reportReady(report: Report): void {
  if (!isBackgroundChild()) return;
  delete process.env[READY_ENV];
  delete process.env[LOG_ENV];
  try {
    writeSync(READY_FD, `${JSON.stringify(report)}\n`);
    closeSync(READY_FD);
  } catch {
    // The parent has given up waiting; the mount goes on.
  }
}

/** Starts `jfs ARGS` detached, its log in `logFile`. Returns what it had to say when ready, undefined when it found that
 *  ARGS are no such mount; throws UserError with its reason when it failed, and when it said nothing for `timeoutMs`. */
export async function startInBackground(
  args: readonly string[],
  logFile: string,
  timeoutMs: number,
): Promise<string | undefined> {
  const log = openLog(logFile);
  const [command, ...front] = selfCommand();
  // An empty root has no /dev/null. A log that is open for writing only gives nothing to read either.
  const nothing = existsSync("/dev/null") ? "ignore" : log;
  // Heard from before the child lives: it must not outlive a signal that ends us.
  const stopped = signalled();
  const child = spawn(command as string, [...front, ...args], {
    detached: true,
    stdio: [nothing, log, log, "pipe"],
    env: { ...process.env, [READY_ENV]: String(READY_FD), [LOG_ENV]: logFile },
  });
  closeSync(log);
  const pipe = child.stdio[READY_FD] as Readable;
  const report = await Promise.race([firstLine(pipe), silence(timeoutMs), stopped]);
  pipe.destroy();
  if (report === "silent" || report === "stopped") {
    await end(child);
    throw new UserError(
      report === "stopped"
        ? "stopped by a signal before the volume was mounted: mount it again"
        : `the mount point is not ready after ${timeoutMs / 1000} seconds: see ${logFile}, or wait longer ` +
            "by JFS_MOUNT_TIMEOUT",
    );
  }
  child.unref();
  const { ready, error, declined } = parseReport(report, logFile);
  if (declined === true) return undefined;
  if (ready === undefined) throw new UserError(error ?? `the mount failed: see ${logFile}`);
  return ready;
}

function openLog(file: string): number {
  try {
    makeFolder(dirname(file));
    return openSync(file, "a", 0o640);
  } catch (error) {
    throw new UserError(`cannot write the log (choose another by --log): ${sentenceOf(error)}`);
  }
}

async function firstLine(pipe: Readable): Promise<string> {
  let text = "";
  for await (const chunk of pipe) {
    text += String(chunk);
    if (text.includes("\n")) break;
  }
  return text;
}

/** The child has a terminal no more: what the person types there must be passed on to it. */
async function signalled(): Promise<"stopped"> {
  return new Promise((done) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.once(signal, () => done("stopped"));
    }
  });
}

/** What has not been mounted when we say so must not be mounted a moment later. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((done) => child.once("exit", done));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), END_MS);
  await ended;
  clearTimeout(timer);
}

async function silence(ms: number): Promise<"silent"> {
  return new Promise((done) => {
    setTimeout(() => done("silent"), ms).unref();
  });
}

function parseReport(line: string, logFile: string): Report {
  if (line === "") return { error: `the process that should serve the mount died: see ${logFile}` };
  return JSON.parse(line) as Report;
}
