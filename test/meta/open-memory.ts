// A Meta on the memory engine for unit tests: the clock stands still until a test moves it.
import { MemoryStore } from "../../src/meta/engines/memory.ts";
import type { NodeRequest } from "../../src/meta/api.ts";
import type { Format } from "../../src/meta/format.ts";
import type { Meta, MetaOptions } from "../../src/meta/meta.ts";
import { openMeta } from "../../src/meta/meta.ts";
import { initVolume } from "../../src/meta/init-volume.ts";
import * as assert from "uvu/assert";
import type { Caller } from "../../src/util/caller.ts";
import type { Time } from "../../src/util/clock.ts";
import type { FsError } from "../../src/util/errno.ts";
import { testFormat } from "../model/subject.ts";

export const root: Caller = { uid: 0, gid: 0, pid: 1, groups: [], trusted: false };
export const alice: Caller = { uid: 1000, gid: 1000, pid: 1, groups: [2000], trusted: false };
export const bob: Caller = { uid: 1001, gid: 1001, pid: 1, groups: [], trusted: false };

export interface Clock {
  now: Time;
}

export function memoryStore(format: Format, clock: Clock): MemoryStore {
  const store = new MemoryStore({ clock: () => clock.now });
  store.write((tx) => initVolume(tx, format, JSON.stringify(format)));
  return store;
}

export interface Opened {
  readonly meta: Meta;
  readonly store: MemoryStore;
  readonly clock: Clock;
}

export async function openMemory(
  change: Partial<Format> = {},
  options: MetaOptions = {},
): Promise<Opened> {
  const clock = { now: { sec: 1000, nsec: 0 } };
  const store = memoryStore({ ...testFormat(0, true), ...change }, clock);
  const meta = await openMeta(store, { sessionInfo: "{}", heartbeatSeconds: 0, ...options });
  return { meta, store, clock };
}

export const file = (mode = 0o644): NodeRequest => ({ type: 1, mode, umask: 0, rdev: 0 });
export const directory = (mode = 0o755): NodeRequest => ({ type: 2, mode, umask: 0, rdev: 0 });

/** `run` must throw just this constant, in place. */
export function refused(run: () => unknown, errno: FsError): void {
  try {
    run();
  } catch (e) {
    if (e === errno) return;
    assert.is((e as FsError).code, errno.code);
  }
  assert.unreachable(`${errno.code} expected`);
}
