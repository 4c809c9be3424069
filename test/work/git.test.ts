// Git on a mount: clone, commits, gc, fsck and worktrees. After a remount Git must find every file as
// its index remembers it.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { assertSameLines, identity } from "../support/compare-trees.ts";
import { run } from "../support/run.ts";
import { scaled } from "../support/scale.ts";
import { command, onVolume } from "../support/volume-suite.ts";

const env = {
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_AUTHOR_NAME: "A U Thor",
  GIT_AUTHOR_EMAIL: "author@example.org",
  GIT_COMMITTER_NAME: "C O Mitter",
  GIT_COMMITTER_EMAIL: "committer@example.org",
};

async function git(dir: string, ...args: readonly string[]): Promise<string> {
  return (await run("git", ["-C", dir, ...args], { env })).stdout;
}

/** A history in the language of `git fast-import`: files are added, changed, renamed and removed. */
function history(commits: number): string {
  const lines: string[] = [];
  const put = (text: string): string => `data ${Buffer.byteLength(text)}\n${text}\n`;
  for (let commit = 0; commit < commits; commit++) {
    lines.push("commit refs/heads/main\n");
    lines.push(
      `committer C O Mitter <committer@example.org> ${1_600_000_000 + commit * 60} +0000\n`,
    );
    lines.push(put(`commit ${commit}`));
    for (let file = 0; file < 4; file++) {
      const path = `dir${(commit + file) % 17}/sub${commit % 5}/file${(commit * 7 + file) % 60}.txt`;
      const text = `${path} at ${commit}\n`.repeat(1 + ((commit * 31 + file) % 200));
      lines.push(`M ${file === 3 ? "100755" : "100644"} inline ${path}\n${put(text)}`);
    }
    if (commit % 10 === 9) lines.push(`R dir${commit % 17} moved${commit % 3}\n`);
    if (commit % 25 === 24) lines.push(`D moved${commit % 3}\n`);
    if (commit === 3) lines.push(`M 120000 inline link\n${put("dir1/sub1")}`);
    if (commit % 100 === 50)
      lines.push(`M 100644 inline big\n${put(`${commit}`.repeat(1_000_000))}`);
  }
  return lines.join("");
}

async function assertClean(repository: string): Promise<void> {
  assert.is(await git(repository, "status", "--porcelain"), "");
}

const on = onVolume("git", [command("git")]);

on("clone, gc, fsck", async (volume) => {
  const origin = join(volume.dir, "origin.git");
  await run("git", ["init", "-q", "--bare", "-b", "main", origin], { env });
  const input = history(scaled(300));
  await run("git", ["-C", origin, "fast-import", "--quiet"], { env, input });

  const clone = volume.path("clone");
  await run("git", ["clone", "-q", "--no-local", origin, clone], { env });
  assert.is(await git(clone, "rev-parse", "HEAD"), await git(origin, "rev-parse", "main"));
  await assertClean(clone);
  await git(clone, "fsck", "--full", "--strict");
  await git(clone, "gc", "-q", "--prune=now");
  await git(clone, "fsck", "--full", "--strict");
  await assertClean(clone);
  // The second clone links the objects of the first.
  await run("git", ["clone", "-q", clone, volume.path("linked")], { env });
  await git(volume.path("linked"), "fsck", "--full", "--strict");
});

on("commits, branches, stash and loose objects", async (volume) => {
  const clone = volume.path("clone");
  for (let commit = 0; commit < scaled(20); commit++) {
    writeFileSync(join(clone, `new${commit % 7}.txt`), `${commit}\n`.repeat(commit * 50 + 1));
    await git(clone, "add", "-A");
    await git(clone, "commit", "-q", "-m", `on the mount ${commit}`);
  }
  await git(clone, "checkout", "-q", "-b", "old", "HEAD~40");
  await assertClean(clone);
  await git(clone, "checkout", "-q", "main");
  writeFileSync(join(clone, "new0.txt"), "stashed");
  await git(clone, "stash", "-q");
  await assertClean(clone);
  await git(clone, "stash", "pop", "-q");
  assert.is((await git(clone, "status", "--porcelain")).trim(), "M new0.txt");
  await git(clone, "reset", "-q", "--hard");
  await git(clone, "fsck", "--full", "--strict");
  await git(clone, "push", "-q", "origin", "main");
});

on("worktrees", async (volume) => {
  const tree = volume.path("worktree");
  await git(volume.path("clone"), "worktree", "add", "-q", tree, "old");
  await assertClean(tree);
  writeFileSync(join(tree, "in-worktree"), "x");
  await git(tree, "add", "-A");
  await git(tree, "commit", "-q", "-m", "in the worktree");
  await git(volume.path("clone"), "worktree", "list");
});

on("all is clean after a remount", async (volume) => {
  // Git takes a file for unchanged by what stat says of it.
  const before = await identity(volume.path("clone"));
  await volume.remount();
  assertSameLines(await identity(volume.path("clone")), before, "a remount changed");
  for (const name of ["clone", "linked", "worktree"]) await assertClean(volume.path(name));
  await git(volume.path("clone"), "fsck", "--full", "--strict");
  await git(volume.path("clone"), "worktree", "remove", volume.path("worktree"));
  await git(volume.path("clone"), "gc", "-q", "--prune=now");
  await assertClean(volume.path("clone"));
});

test.run();
