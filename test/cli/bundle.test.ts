// build/jfs runs the bundle of its sources only while they are what was bundled.
import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";

const root = join(import.meta.dirname, "../..");

/** A checkout whose sources and whose bundle each say what they are. */
function inCheckout(body: (dir: string) => void): void {
  const dir = mkdtempSync(join(tmpdir(), "jfs-test-"));
  try {
    for (const part of ["build/out", "src/cli"]) mkdirSync(join(dir, part), { recursive: true });
    for (const file of ["jfs", "node", "sources.sh", "bundle.ts"]) {
      copyFileSync(join(root, "build", file), join(dir, "build", file));
    }
    copyFileSync(join(root, "package-lock.json"), join(dir, "package-lock.json"));
    symlinkSync(join(root, "node_modules"), join(dir, "node_modules"));
    writeFileSync(join(dir, "src/main.ts"), 'console.log("source");');
    writeFileSync(join(dir, "src/cli/a.ts"), "a");
    writeFileSync(join(dir, "build/out/main.mjs"), 'console.log("bundle");');
    body(dir);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

function listSources(dir: string): void {
  const list = execFileSync("sh", [join(dir, "build/sources.sh")]);
  writeFileSync(join(dir, "build/out/main.sources"), list);
}

const runs = (dir: string): string =>
  execFileSync(join(dir, "build/jfs"), { encoding: "utf8" }).trim();

const changes: Readonly<Record<string, (dir: string) => void>> = {
  "a file changes and keeps its size and its time": (dir) => {
    const file = join(dir, "src/cli/a.ts");
    const longAgo = new Date(1e12);
    writeFileSync(file, "b");
    utimesSync(file, longAgo, longAgo);
  },
  "a file is new": (dir) => writeFileSync(join(dir, "src/cli/b.ts"), ""),
  "a file is gone": (dir) => rmSync(join(dir, "src/cli/a.ts")),
  "a file has another name": (dir) =>
    renameSync(join(dir, "src/cli/a.ts"), join(dir, "src/cli/b.ts")),
  "another release of a package is asked for": (dir) =>
    writeFileSync(join(dir, "package-lock.json"), "{}"),
  "the folder is another one": (dir) => {
    renameSync(join(dir, "src"), join(dir, "old"));
    mkdirSync(join(dir, "src/cli"), { recursive: true });
    copyFileSync(join(dir, "old/main.ts"), join(dir, "src/main.ts"));
    copyFileSync(join(dir, "old/cli/a.ts"), join(dir, "src/cli/a.ts"));
  },
};

for (const [change, make] of Object.entries(changes)) {
  test(`the sources are run when ${change}`, () =>
    inCheckout((dir) => {
      assert.is(runs(dir), "source", "nothing was bundled yet");
      listSources(dir);
      assert.is(runs(dir), "bundle");
      make(dir);
      assert.is(runs(dir), "source");
      listSources(dir);
      assert.is(runs(dir), "bundle");
    }));
}

test.run();
