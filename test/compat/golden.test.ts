// Volumes made by JuiceFS 1.4.1, restored and mounted: every line of their manifests must hold, and a
// session that was killed must be cleaned up to the very rows that JuiceFS leaves.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  allRows,
  goldenFile,
  listObjects,
  readJsonLines,
  restoreGolden,
  rowText,
  withDatabase,
  withGoldenDatabase,
} from "../support/golden.ts";
import type { GoldenName, GoldenVolume } from "../support/golden.ts";
import { compareTree, readManifest } from "../support/manifest.ts";
import type { Exceptions } from "../support/manifest.ts";
import { hasCommand, skip, skipMissing } from "../support/skip.ts";

// JFS may name another executable with the same command line, the single-file one for instance.
const jfs = process.env["JFS"] ?? join(import.meta.dirname, "..", "..", "build", "jfs");

function run(...args: readonly string[]): void {
  const done = spawnSync(jfs, args, { encoding: "utf8", timeout: 60_000 });
  const said = `${done.stdout}${done.stderr}`;
  assert.is(done.status, 0, `jfs ${args.join(" ")}: ${said}`);
}

function mounted(dir: string): boolean {
  const mounts = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  return mounts.some((line) => line.split(" ")[4] === dir);
}

/** Asks until `done` says yes; what is waited for is an event, the limit only ends a failed test. */
async function until(what: string, done: () => boolean): Promise<void> {
  const end = Date.now() + 60_000;
  while (!done()) {
    if (Date.now() > end) throw new Error(`waited a minute in vain until ${what}`);
    await sleep(50);
  }
}

/** Keeps a restored volume mounted for the length of `body`. */
async function withMounted(
  volume: GoldenVolume,
  options: readonly string[],
  body: (root: string) => void | Promise<void>,
): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), "jfs-golden-mnt-"));
  try {
    run("mount", volume.metaUrl, root, "-d", ...options);
    assert.ok(mounted(root), "mount -d came back before the volume was mounted");
    await body(root);
    run("umount", root);
    assert.not(mounted(root), "umount came back before the volume was unmounted");
  } finally {
    if (mounted(root)) spawnSync("umount", ["-l", root]);
    rmSync(root, { recursive: true, force: true, maxRetries: 0 });
  }
}

// The times of .trash itself are those of the question.
const trashRoot = { path: /^\.trash$/, fields: ["mtime_ns", "atime_ns", "ctime_ns"] };

const exceptions: Readonly<Record<GoldenName, Exceptions>> = {
  // Its blocks are left out of the repository for their size (omitted-objects.jsonl).
  "sqlite-plain": { skip: [trashRoot, { path: /^random5m\.bin$/, fields: ["sha256"] }] },
  "sqlite-hash1m": { skip: [trashRoot] },
  "sqlite-crashed": { skip: [trashRoot] },
};

const needed = [
  { has: () => process.getuid?.() === 0, say: () => skip("golden volumes", "needs root") },
  { has: () => existsSync("/dev/fuse"), say: () => skip("golden volumes", "needs /dev/fuse") },
  { has: () => hasCommand("getfattr"), say: () => skipMissing("golden volumes", "attr") },
  { has: () => hasCommand("tar"), say: () => skipMissing("golden volumes", "tar") },
];
const lacking = needed.find(({ has }) => !has());
lacking?.say();
function on(name: string, body: () => Promise<void>): void {
  if (lacking === undefined) test(name, body);
  else test.skip(name, body);
}

for (const name of ["sqlite-plain", "sqlite-hash1m", "sqlite-crashed"] as const) {
  on(`${name}: every line of the manifests`, async () => {
    const volume = restoreGolden(name);
    try {
      const before = withDatabase(volume.metaPath, (db) => [...allRows(db, new Set())]);
      await withMounted(volume, ["--read-only"], (root) => {
        for (const file of ["manifest.jsonl", "trash-manifest.jsonl"]) {
          const lines = readManifest(goldenFile(name, file));
          assert.equal(compareTree(root, lines, exceptions[name]).slice(0, 20), [], file);
        }
      });
      const after = withDatabase(volume.metaPath, (db) => [...allRows(db, new Set())]);
      assert.equal(after, before, "a read-only mount changed the database");
    } finally {
      volume.remove();
    }
  });
}

function sessionGone(volume: GoldenVolume): boolean {
  const left = "SELECT (SELECT count(*) FROM jfs_session2 WHERE sid = 1) + count(*) FROM jfs_node";
  return withDatabase(
    volume.metaPath,
    (db) => db.prepare(`${left} WHERE inode IN (11, 12)`).pluck().get() === 0,
  );
}

on("sqlite-crashed: a new client cleans the killed one's session as JuiceFS does", async () => {
  const volume = restoreGolden("sqlite-crashed", "crashed");
  const objects = readJsonLines(goldenFile(volume.name, "after-cleanup", "objects.jsonl"))
    .map((line) => JSON.parse(line) as { readonly path: string; readonly size: number })
    .map(({ path, size }) => `${path} ${size}`)
    .toSorted();
  try {
    const mine = (): boolean => listObjects(volume).length === objects.length;
    await withMounted(volume, ["--heartbeat", "1s", "--backup-meta", "0"], async (root) => {
      await until("the stale session is gone", () => sessionGone(volume));
      await until("the blocks of its unlinked files are gone", mine);
      const lines = readManifest(goldenFile(volume.name, "manifest.jsonl"));
      assert.equal(compareTree(root, lines).slice(0, 20), []);
    });
    const count = "SELECT count(*) FROM jfs_session2";
    await until("the new session is closed", () =>
      withDatabase(volume.metaPath, (db) => db.prepare(count).pluck().get() === 0),
    );
    assert.equal(listObjects(volume), objects);

    // The bucket differs by where it was restored, delfile by when; last* are times of day.
    const masked = new Set(["jfs_setting.value", "jfs_delfile.expire"]);
    const rows = (db: Parameters<typeof allRows>[0]): readonly string[] =>
      [...allRows(db, masked)].flatMap(([table, found]) =>
        found.map((row) => `${table}: ${rowText(row)}`).filter((row) => !/: last\w+\|/.test(row)),
      );
    const wanted = withGoldenDatabase(goldenFile(volume.name, "after-cleanup", "meta.db.gz"), rows);
    const got = withDatabase(volume.metaPath, rows);
    const without = (from: readonly string[], other: readonly string[]): readonly string[] =>
      from.filter((row) => !other.includes(row));
    assert.equal(without(wanted, got), [], "rows missing");
    assert.equal(without(got, wanted), [], "rows too many");
  } finally {
    volume.remove();
  }
});

test.run();
