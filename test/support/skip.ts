// Records tests that this machine cannot run, by name and reason, for the runner to count and print.
// A skip never hides: the runner lists each one, and some of them fail the run under CI=true.
import { appendFileSync } from "node:fs";
import { spawnSync } from "node:child_process";

/** One skipped test, as one JSON line of the file named by JFS_TEST_SKIPS. */
export interface Skip {
  readonly name: string;
  readonly reason: string;
  /** True when installing something would have let it run: a failure under CI=true. */
  readonly couldRun: boolean;
}

function record(skipped: Skip): void {
  const file = process.env["JFS_TEST_SKIPS"];
  if (file === undefined) console.log(`skipped: ${skipped.name}: ${skipped.reason}`);
  else appendFileSync(file, `${JSON.stringify(skipped)}\n`);
}

/** Says that a test cannot run here for a reason of the machine itself (not root, no /dev/fuse). */
export function skip(name: string, reason: string): void {
  record({ name, reason, couldRun: false });
}

/** Says that a test did not run because something installable is missing. */
export function skipMissing(name: string, what: string): void {
  record({ name, reason: `${what} is not installed`, couldRun: true });
}

/** True when the command is on the PATH. */
export function hasCommand(command: string): boolean {
  return (
    spawnSync("/bin/sh", ["-c", 'command -v "$1" >/dev/null', "sh", command], { stdio: "ignore" })
      .status === 0
  );
}
