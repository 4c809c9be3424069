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

/** Fails with the first differences in what `listing` shows. */
export async function assertSameListing(got: string, wanted: string): Promise<void> {
  const [had, has] = [await listing(wanted), await listing(got)];
  const [before, after] = [new Set(had), new Set(has)];
  const wrong = [
    ...had.filter((line) => !after.has(line)).map((line) => `lacks ${line.slice(0, 200)}`),
    ...has.filter((line) => !before.has(line)).map((line) => `has ${line.slice(0, 200)}`),
  ];
  assert.equal(wrong.slice(0, 20), [], `attributes below ${got}`);
}

/** Fails with the first differences in content or attributes. */
export async function assertSameTree(got: string, wanted: string): Promise<void> {
  const { stdout } = await run("diff", ["-r", "--no-dereference", wanted, got], {
    accept: [0, 1],
  });
  assert.is(stdout.slice(0, 2000), "", `diff -r ${wanted} ${got}`);
  await assertSameListing(got, wanted);
}
