// A mount stays small: its memory after many files and after much data, beyond the buffers asked for, and its
// descriptors for open files. The full sizes are measured by build/bench/footprint.ts.
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { descriptorsOf, memoryOf, MIB, ticksOf } from "../../build/bench/server-process.ts";
import { jfsOk, mountVolume, whyNoMount, withVolume, type Volume } from "../support/jfs.ts";
import { scaled } from "../support/scale.ts";
import { skip } from "../support/skip.ts";

/** What a mount may take beyond the buffers it was given. */
const RSS_BEYOND_BUFFERS_MAX = 200 * MIB;
const BUFFER_MIB = 64;
const OPEN_FILES = 2000;

function serverOf(volume: Volume): number {
  const { Sessions } = JSON.parse(jfsOk(["-q", "status", volume.db])) as {
    Sessions: readonly { readonly ProcessID: number }[];
  };
  return Sessions[0]?.ProcessID ?? 0;
}

async function onMount(body: (volume: Volume, pid: number) => void | Promise<void>): Promise<void> {
  await withVolume(
    async (volume) => {
      mountVolume(volume, ["--buffer-size", `${BUFFER_MIB}M`]);
      await body(volume, serverOf(volume));
    },
    ["--trash-days", "0"],
  );
}

function isSmall(pid: number, when: string): void {
  const { peak } = memoryOf(pid);
  const beyond = peak - BUFFER_MIB * MIB;
  const shown = `${when}: ${(peak / MIB).toFixed(0)} MiB at most, ${BUFFER_MIB} MiB of it asked for`;
  assert.ok(beyond <= RSS_BEYOND_BUFFERS_MAX, shown);
}

const reason = whyNoMount();
if (reason !== undefined) skip("footprint", reason);
else {
  test("many files, made, listed, read and deleted", () =>
    onMount(({ mnt }, pid) => {
      const perDirectory = 1000;
      for (let dir = 0; dir < scaled(20); dir++) {
        mkdirSync(join(mnt, `${dir}`));
        for (let i = 0; i < perDirectory; i++) writeFileSync(join(mnt, `${dir}/${i}`), `file ${i}`);
      }
      isSmall(pid, "made");
      for (const dir of readdirSync(mnt)) {
        for (const name of readdirSync(join(mnt, dir))) readFileSync(join(mnt, dir, name));
      }
      isSmall(pid, "read");
      for (const dir of readdirSync(mnt)) rmSync(join(mnt, dir), { recursive: true });
      isSmall(pid, "deleted");
    }));

  test("much data, written and read", () =>
    onMount(({ mnt }, pid) => {
      const path = join(mnt, "data");
      const piece = Buffer.alloc(MIB, "data");
      const count = scaled(1024);
      const out = openSync(path, "w");
      for (let i = 0; i < count; i++) writeSync(out, piece);
      fsyncSync(out);
      closeSync(out);
      isSmall(pid, "written");
      const back = openSync(path, "r");
      for (let i = 0; i < count; i++) assert.is(readSync(back, piece), MIB);
      closeSync(back);
      isSmall(pid, "read");
      rmSync(path);
    }));

  test("open files take no descriptors", () =>
    onMount(({ mnt }, pid) => {
      const before = descriptorsOf(pid);
      const open: number[] = [];
      try {
        for (let i = 0; i < OPEN_FILES; i++) open.push(openSync(join(mnt, `f${i}`), "w"));
        assert.ok(descriptorsOf(pid) < before + 50, `${before} before, ${descriptorsOf(pid)} now`);
      } finally {
        for (const fd of open) closeSync(fd);
      }
      isSmall(pid, "opened");
    }));

  test("an idle mount does next to nothing", () =>
    onMount(async ({ mnt }, pid) => {
      writeFileSync(join(mnt, "file"), "content");
      // The background sync of what was just written.
      await new Promise((done) => setTimeout(done, 4000));
      const before = ticksOf(pid);
      await new Promise((done) => setTimeout(done, 5000));
      // A tenth of what a loop without end would use: the bound holds on a busy machine too.
      assert.ok(ticksOf(pid) - before < 50, `${ticksOf(pid) - before} hundredths of a second`);
    }));
}

test.run();
