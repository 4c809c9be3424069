// Journals for tests: made in a temporary folder, taken as bytes, changed, and read again.
import {
  closeSync,
  constants,
  ftruncateSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import type { JournalIdentity } from "../../src/meta/journal/journal.ts";
import {
  openJournal,
  type FoundFrame,
  type JournalEnd,
} from "../../src/meta/journal/journal-reader.ts";

export const identity: JournalIdentity = {
  volume: "5d3a0c1e-8a52-4a54-9d7e-3c1f6a0b7e21",
  journal: "0123456789abcdeffedcba9876543210",
};

export function scratchFolder(): { readonly path: string; readonly remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), "jfs-journal-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Frames by sequence number, as they were appended. */
export type Written = ReadonlyMap<number, { readonly kind: number; readonly payload: Uint8Array }>;

export interface Reading {
  readonly frames: readonly FoundFrame[];
  readonly end: JournalEnd;
  readonly firstSequence: number;
}

/** What a reader makes of a journal; a refusal is thrown. */
export function readJournal(path: string, volume?: string): Reading {
  const reader = openJournal(path, volume);
  if (typeof reader === "string") throw new Error(reader);
  const frames = [...reader.frames()];
  const end = reader.end as JournalEnd;
  const { firstSequence } = reader;
  reader.close();
  return { frames, end, firstSequence };
}

/** The same for bytes that are put at `path` first. Undefined when they are refused, by one sentence. */
export function readImage(path: string, image: Uint8Array): Reading | undefined {
  overwrite(path, image);
  try {
    return readJournal(path);
  } catch (e) {
    assert.instance(e, Error);
    const { message } = e as Error;
    assert.match(message, /^\/\S+ cannot be read as a journal, [^.\n]+: move it away$/);
    return undefined;
  }
}

/** In place: the system puts files that were emptied first on disk at once, which takes a test's time. */
function overwrite(path: string, image: Uint8Array): void {
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT);
  writeSync(fd, image, 0, image.length, 0);
  ftruncateSync(fd, image.length);
  closeSync(fd);
}

/** What was read are frames that were written, none changed, none missing in between. Answers the last one. */
export function checkRun(reading: Reading, written: Written): number {
  let next = reading.firstSequence;
  for (const frame of reading.frames) {
    assert.is(frame.sequence, next++);
    const original = written.get(frame.sequence);
    assert.ok(original !== undefined, `frame ${frame.sequence} was never written`);
    assert.is(frame.kind, original.kind);
    const isSame = Buffer.compare(frame.payload, original.payload) === 0;
    assert.ok(isSame, `frame ${frame.sequence} has other bytes`);
  }
  assert.is(reading.end.lastSequence, next - 1);
  return next - 1;
}

/** A generator of numbers from 0 to 1 that starts at `seed`. */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let z = Math.imul(state ^ (state >>> 15), state | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function randomBytes(next: () => number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let i = 0; i < length; i++) bytes[i] = next() * 256;
  return bytes;
}
