// Many clients at once by replay: nobody can say what each must answer, but whatever they do must leave a sound volume.
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Meta } from "../../src/meta/meta.ts";
import type { Ino } from "../../src/meta/types.ts";
import { FsError } from "../../src/util/errno.ts";
import { SYSTEM } from "../../src/util/caller.ts";
import { randomOf } from "./driver.ts";
import { fsck } from "./invariants.ts";
import type { ReplayMemoryStore } from "../../src/meta/engines/replay-memory.ts";
import { openSubject } from "./subject.ts";

const scale = Number(process.env["MODEL_STEPS"] ?? 1);
const names = ["a", "b", "c"] as const;

async function client(
  meta: Meta,
  dirs: readonly Ino[],
  steps: number,
  random: () => number,
): Promise<number> {
  const below = (n: number): number => Math.floor(random() * n);
  const dir = (): Ino => dirs[below(dirs.length)] as Ino;
  const name = (): string => names[below(names.length)] as string;
  const make = async (): Promise<unknown> => {
    const { ino } = await meta.create(SYSTEM, dir(), name(), 0o644, 0);
    const id = await meta.newSliceId();
    const slice = { pos: below(9000), id, size: 10, off: 0, len: 10 };
    await meta.writeSlices(ino, [{ index: 0, slice }], { sec: 1, nsec: 0 });
    return meta.close(ino);
  };
  const operations: readonly (() => Promise<unknown>)[] = [
    make,
    make,
    async () => meta.unlink(SYSTEM, dir(), name()),
    async () => meta.mknod(SYSTEM, dir(), name(), { type: 2, mode: 0o755, umask: 0, rdev: 0 }),
    async () => meta.rmdir(SYSTEM, dir(), name()),
    async () =>
      meta.rename(
        SYSTEM,
        { parent: dir(), name: name() },
        { parent: dir(), name: name() },
        below(3),
      ),
    async () => meta.link(SYSTEM, (await meta.lookup(SYSTEM, dir(), name())).ino, dir(), name()),
    async () =>
      meta.setattr(SYSTEM, (await meta.lookup(SYSTEM, dir(), name())).ino, { length: below(9000) }),
  ];
  let done = 0;
  for (let step = 0; step < steps; step++) {
    try {
      await operations[below(operations.length)]?.();
      done++;
    } catch (e) {
      if (!(e instanceof FsError) || e.code === "EAGAIN" || e.code === "EIO") throw e;
    }
  }
  return done;
}

test("clients that race leave a sound volume", async () => {
  const random = randomOf(7);
  const subject = await openSubject("replay", { random, refusals: 0 });
  const dirs: Ino[] = [1];
  for (const name of ["x", "y", "z"]) {
    const request = { type: 2, mode: 0o755, umask: 0, rdev: 0 };
    dirs.push((await subject.meta.mknod(SYSTEM, 1, name, request)).ino);
  }
  const clients = Array.from({ length: 16 }, () => client(subject.meta, dirs, 500 * scale, random));
  const done = (await Promise.all(clients)).reduce((sum, n) => sum + n, 0);
  assert.ok(done > 500, "most operations went through");
  const { runner } = subject.store as ReplayMemoryStore;
  assert.ok(runner.conflicts > 50, "they did race");
  assert.equal(await fsck(subject.store, subject.meta.sid), []);
  await subject.close();
});

test.run();
