// Compares two directory trees as `diff -r` and `find` see them: content, then every attribute that a
// copy keeps.
import * as assert from "uvu/assert";
import { run } from "./run.ts";

// A directory's size and link count are the file system's own affair.
const format = {
  directory: "%P\\t%y\\t%m\\t%U\\t%G\\t%T@\\0",
  other: "%P\\t%y\\t%m\\t%U\\t%G\\t%T@\\t%n\\t%s\\t%l\\0",
};

/** One line for each dentry below `dir`, sorted, with all that `cp -a` and `tar` keep. */
export async function listing(dir: string, options: readonly string[] = []): Promise<string[]> {
  const args = [dir, "-mindepth", "1", ...options];
  const printed = ["(", "-type", "d", "-printf", format.directory, ")"];
  const { stdout } = await run("find", [...args, ...printed, "-o", "-printf", format.other]);
  return stdout
    .split("\0")
    .filter((line) => line !== "")
    .toSorted();
}

/** What must not change by itself, not even by a remount: all times, size, mode and inode. */
export async function identity(dir: string): Promise<string[]> {
  const printed = "%P\\t%i\\t%y\\t%m\\t%U\\t%G\\t%n\\t%s\\t%T@\\t%C@\\0";
  return (await run("find", [dir, "-printf", printed])).stdout.split("\0").toSorted();
}

/** Fails with the first lines that only one of two lists has. */
export function assertSameLines(
  got: readonly string[],
  wanted: readonly string[],
  what: string,
): void {
  const [before, after] = [new Set(wanted), new Set(got)];
  const wrong = [
    ...wanted.filter((line) => !after.has(line)).map((line) => `lacks ${line.slice(0, 200)}`),
    ...got.filter((line) => !before.has(line)).map((line) => `has ${line.slice(0, 200)}`),
  ];
  assert.equal(wrong.slice(0, 20), [], what);
}

/** Fails with the first differences in what `listing` shows. */
export async function assertSameListing(got: string, wanted: string): Promise<void> {
  assertSameLines(await listing(got), await listing(wanted), `attributes below ${got}`);
}

/** Fails with the first differences in content or attributes. */
export async function assertSameTree(got: string, wanted: string): Promise<void> {
  const { stdout } = await run("diff", ["-r", "--no-dereference", wanted, got], {
    accept: [0, 1],
  });
  assert.is(stdout.slice(0, 2000), "", `diff -r ${wanted} ${got}`);
  await assertSameListing(got, wanted);
}
