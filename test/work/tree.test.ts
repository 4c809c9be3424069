// A real tree of some 100 MB goes into a mount and out again: by cp, tar and rsync, looked through by
// find, compared by diff, there again after a remount, and removed.
import {
  chmodSync,
  linkSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { assertSameListing, assertSameTree } from "../support/compare-trees.ts";
import type { Volume } from "../support/mount.ts";
import { run, scratchDir } from "../support/run.ts";
import { scaled } from "../support/scale.ts";
import { hasCommand } from "../support/skip.ts";
import { command, isRoot, onVolume, type OnVolume } from "../support/volume-suite.ts";

const modules = join(import.meta.dirname, "../../node_modules");
const scratch = scratchDir("tree-source");
const source = join(scratch, "source");
const odd = join(scratch, "odd");

/** Packages of this project up to `limit` bytes: small files, large ones, deep folders, links. */
async function copyPackages(limit: number): Promise<void> {
  mkdirSync(source);
  let left = limit;
  for (const name of readdirSync(modules).toSorted()) {
    const { stdout } = await run("du", ["-sb", join(modules, name)]);
    const size = Number.parseInt(stdout, 10);
    if (size > left) continue;
    left -= size;
    await run("cp", ["-a", join(modules, name), source]);
  }
}

/** What a tree of packages has not: every type and name that a backup meets. */
async function makeOdd(): Promise<void> {
  mkdirSync(join(odd, "deep", "deeper", "deepest"), { recursive: true });
  mkdirSync(join(odd, "empty directory"));
  const file = (name: string, size: number): string => {
    writeFileSync(join(odd, name), Buffer.alloc(size, name));
    return join(odd, name);
  };
  file("empty", 0);
  file("n".repeat(255), 10);
  file("white space, 'quotes', \"more\", * ? and \n a new line", 20);
  file("-leading-dash", 30);
  file("schöne Grüße 雪", 40);
  writeFileSync(Buffer.concat([Buffer.from(join(odd, "bytes ")), Buffer.from([0xff, 0x80])]), "b");
  for (let index = 0; index < 3; index++) {
    linkSync(file(`linked ${index}`, 5000), join(odd, "deep", `same as ${index}`));
    linkSync(join(odd, `linked ${index}`), join(odd, "deep/deeper", `also ${index}`));
  }
  symlinkSync("linked 0", join(odd, "link"));
  symlinkSync("/nowhere/at all", join(odd, "dangling"));
  symlinkSync("x".repeat(4000), join(odd, "long target"));
  chmodSync(file("set ids", 60), 0o6755);
  chmodSync(file("secret", 70), 0o400);
  chmodSync(join(odd, "empty directory"), 0o1777);
  truncateSync(file("sparse", 100_000), 5_000_000);
  await run("mkfifo", [join(odd, "fifo")]);
  if (isRoot()) {
    await run("mknod", [join(odd, "device"), "c", "1", "3"]);
    await run("chown", ["1234:5678", join(odd, "linked 1"), join(odd, "empty directory")]);
  }
  // Old times, because rsync takes two times in the same second for equal.
  const touch = ["touch", "-h", "-d", "1999-12-31T23:59:59.123456789Z"];
  await run("find", [odd, "-depth", "-exec", ...touch, "{}", "+"]);
}

async function makeSources(): Promise<void> {
  await copyPackages(scaled(100_000_000));
  await makeOdd();
}

const on = onVolume("tree", [], { format: ["--enable-acl"] });
let made: Promise<void> | undefined;

const onTree: OnVolume = (title, body, needs = []) => {
  const prepared = async (volume: Volume): Promise<void> => {
    made ??= makeSources();
    await made;
    await body(volume);
  };
  on(title, prepared, needs);
};

onTree("cp -a and diff -r of 100 MB", async (volume) => {
  await run("cp", ["-a", source, volume.path("copy")]);
  await assertSameTree(volume.path("copy"), source);
});

onTree("the copy is the same after a remount", async (volume) => {
  await volume.remount();
  await assertSameTree(volume.path("copy"), source);
});

onTree("cp -a within the mount", async (volume) => {
  await run("cp", ["-a", volume.path("copy"), volume.path("second")]);
  await assertSameTree(volume.path("second"), source);
});

onTree("tar in, tar out, an archive kept on the mount", async (volume) => {
  const archive = volume.path("odd.tar");
  await run("tar", ["-C", odd, "--format=posix", "-cf", archive, "."]);
  mkdirSync(volume.path("odd"));
  await run("tar", ["-C", volume.path("odd"), "-xpf", archive]);
  await run("tar", ["-C", volume.path("odd"), "-df", archive]);
  await assertSameListing(volume.path("odd"), odd);

  const out = join(scratch, "out.tar");
  await run("tar", ["-C", volume.path("odd"), "--format=posix", "-cf", out, "."]);
  await run("tar", ["-C", odd, "-df", out]);
});

/** Where the temporary folder cannot keep ACLs or attributes, rsync keeps what there is. */
async function decorate(): Promise<void> {
  if (hasCommand("setfattr")) {
    const set = ["setfattr", "-n", "user.note", "-v"];
    const names = ["linked 0", "deep", "empty"].map((name) => join(odd, name));
    const done = await run("env", [...set, "kept", ...names], { accept: [0, 1] });
    if (done.status === 0) await run("env", [...set, "v".repeat(3000), join(odd, "secret")]);
  }
  if (hasCommand("setfacl")) {
    const entries = ["-m", "u:1234:rw,g:5678:r", join(odd, "linked 2")];
    const done = await run("setfacl", entries, { accept: [0, 1] });
    const inherited = ["-d", "-m", "u:1234:rwx", join(odd, "deep")];
    if (done.status === 0) await run("setfacl", inherited);
  }
}

async function mirrorByRsync(volume: Volume): Promise<void> {
  await decorate();
  const mirror = `${volume.path("mirror")}/`;
  const args = ["-aHAX", "--itemize-changes", `${odd}/`, mirror];
  const first = await run("rsync", args);
  assert.match(first.stdout, /^>f\+{9} secret$/m);
  assert.is((await run("rsync", args)).stdout, "");
  await volume.remount();
  const whole = await run("rsync", [...args, "--checksum", "--delete", "--dry-run"]);
  assert.is(whole.stdout, "", "after a remount, by checksum");
  const back = ["-aHAX", "--itemize-changes", "--dry-run", "--checksum", mirror, `${odd}/`];
  assert.is((await run("rsync", back)).stdout, "", "from the mount to the source");
  await assertSameListing(volume.path("mirror"), odd);
}

onTree("rsync -aHAX: the second run finds nothing to do", mirrorByRsync, [command("rsync")]);

onTree("find sees every type and name", async (volume) => {
  for (const [type, test_] of [
    ["f", "-size +8k"],
    ["d", "-empty"],
    ["l", "-lname *"],
    ["f", "-links +1"],
  ] as const) {
    const args = ["-type", type, ...test_.split(" "), "-printf", "%P\\0"];
    const list = async (dir: string): Promise<string[]> =>
      (await run("find", [dir, ...args])).stdout.split("\0").toSorted();
    assert.equal(await list(volume.path("copy")), await list(source), test_);
    assert.equal(await list(volume.path("odd")), await list(odd), test_);
  }
});

onTree("rm -rf leaves nothing", async (volume) => {
  // The internal names in the root, where they are shown, cannot be removed.
  const names = (): string[] => readdirSync(volume.root).filter((name) => !name.startsWith("."));
  await run("rm", ["-rf", ...names().map((name) => volume.path(name))]);
  assert.equal(names(), []);
  await volume.remount();
  assert.equal(names(), []);
});

test.after(() => rmSync(scratch, { recursive: true, force: true }));
test.run();
