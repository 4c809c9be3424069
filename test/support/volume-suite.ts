// Registers the tests of a file that work on a mounted volume: the volume is made before the first
// test, mounted again when a test left it unmounted, and taken away at the end whatever happened.
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import { Volume } from "./mount.ts";
import type { VolumeOptions } from "./mount.ts";
import { hasCommand, skip, skipMissing } from "./skip.ts";

/** What a test needs of the machine, and how to say that it is not there. */
export interface Need {
  has(): boolean;
  /** What to install; */
  readonly install?: string;
  /** or why this machine can never run it. */
  readonly reason?: string;
}

export const isRoot = (): boolean => process.getuid?.() === 0;

/** The command must be on the PATH; `debian` names its package. */
export function command(name: string, debian: string = name): Need {
  return { has: () => hasCommand(name), install: debian };
}

export const root: Need = { has: isRoot, reason: "needs root" };

/** What every test with a mount needs. */
export const mountNeeds: readonly Need[] = [
  { has: () => existsSync("/dev/fuse"), reason: "this machine has no /dev/fuse" },
  { has: () => isRoot() || hasCommand("fusermount3"), install: "fuse3" },
];

// Longer than any test runs, shorter than the limit of the test runner: the mount of a test that
// hangs must still be taken away.
const TEST_MS_MAX = 300_000;

async function limited(body: Promise<void>): Promise<void> {
  const ended = new AbortController();
  const late = sleep(TEST_MS_MAX, undefined, { signal: ended.signal }).then(() => {
    throw new Error(`no end after ${TEST_MS_MAX / 1000} s`);
  });
  late.catch(() => undefined);
  try {
    await Promise.race([body, late]);
  } finally {
    ended.abort();
  }
}

/** Registers a test, skipped by name when something of `needs` is not there. */
export function registerIf(
  suite: string,
  needs: readonly Need[],
  title: string,
  body: () => Promise<void>,
): void {
  const lacking = needs.find((need) => !need.has());
  if (lacking === undefined) test(title, async () => limited(body()));
  else {
    test.skip(title, body);
    const name = `${suite}: ${title}`;
    if (lacking.install !== undefined) skipMissing(name, lacking.install);
    else skip(name, lacking.reason ?? "not possible here");
  }
}

/** Registers a test whose `body` gets the mounted volume; `needs` are those of this test alone. */
export type OnVolume = (
  title: string,
  body: (volume: Volume) => Promise<void>,
  needs?: readonly Need[],
) => void;

/** Makes the registrar of a file, whose volume is called `suite` in messages and folder names. */
export function onVolume(
  suite: string,
  needs: readonly Need[] = [],
  options: VolumeOptions = {},
): OnVolume {
  let volume: Volume | undefined;
  test.after(async () => volume?.remove());
  const onMounted = async (body: (volume: Volume) => Promise<void>): Promise<void> => {
    volume ??= new Volume(suite, options);
    await volume.ready();
    try {
      await body(volume);
    } catch (error) {
      if (error instanceof Error) error.message += `\nlog of the mount:\n${volume.log()}`;
      throw error;
    }
  };
  return (title, body, more = []) => {
    const all = [...mountNeeds, ...needs, ...more];
    registerIf(suite, all, title, async () => onMounted(body));
  };
}
