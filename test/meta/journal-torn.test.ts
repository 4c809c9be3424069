// Journals that were cut, damaged, mixed up or caught by a power cut: the reader finds the longest run of frames that were
// written, or refuses by one sentence.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { JournalIdentity } from "../../src/meta/journal/journal.ts";
import { JournalFile } from "../../src/meta/journal/journal-file.ts";
import { frameBytes, HEADER_BYTES } from "../../src/meta/journal/layout.ts";
import { crc32c } from "../../src/util/crc32c.ts";
import {
  checkRun,
  identity,
  random,
  randomBytes,
  readImage,
  scratchFolder,
} from "./journal-image.ts";

const folder = scratchFolder();
const scratch = join(folder.path, "image");
let made = 0;
test.after(folder.remove);

interface Placed {
  readonly kind: number;
  readonly payload: Uint8Array;
  /** In bytes from the start of the file, as long as its segment was not reused. */
  readonly start: number;
  readonly end: number;
}

/** A small journal that is written to, with where everything lies. */
class Sample {
  readonly path: string = join(folder.path, `journal-${++made}`);
  readonly written: Map<number, Placed> = new Map();
  readonly bytes: number;
  readonly journal: JournalFile;
  readonly #next: () => number;
  /** Images of the file when a segment was begun: before and after. */
  readonly turns: { readonly before: Buffer; readonly after: Buffer }[] = [];
  #at = HEADER_BYTES;
  #head = 0;

  constructor(seed: number, bytes: number, id: Partial<JournalIdentity> = {}) {
    this.bytes = bytes;
    const journal = seed.toString(16).padStart(32, "0");
    const options = { firstSequence: 1, bytes };
    this.journal = JournalFile.create(this.path, { ...identity, journal, ...id }, options);
    this.#next = random(seed);
  }

  get image(): Buffer {
    return readFileSync(this.path);
  }

  /** Appends a frame of up to `most` bytes; forgets the other segment when there is no room. */
  append(most: number): number {
    const payload = randomBytes(this.#next, Math.floor(this.#next() * most));
    const kind = 1 + Math.floor(this.#next() * 2);
    const half = this.bytes / 2;
    const size = frameBytes(payload.length);
    if (this.#at + size > (this.#head + 1) * half) {
      if (this.journal.wanted > 0) this.journal.forget(this.journal.wanted);
      const before = this.image;
      this.#head = 1 - this.#head;
      this.#at = this.#head * half + HEADER_BYTES;
      const sequence = this.#place(kind, payload, size);
      const after = Buffer.from(before);
      this.image.copy(
        after,
        this.#head * half,
        this.#head * half,
        this.#head * half + HEADER_BYTES,
      );
      this.turns.push({ before, after });
      return sequence;
    }
    return this.#place(kind, payload, size);
  }

  fill(count: number, most: number): this {
    for (let i = 0; i < count; i++) this.append(most);
    return this;
  }

  frame(sequence: number): Placed {
    return this.written.get(sequence) as Placed;
  }

  get last(): number {
    return this.journal.lastSequence;
  }

  #place(kind: number, payload: Uint8Array, size: number): number {
    const sequence = this.journal.append(kind, payload);
    assert.is.not(sequence, 0);
    this.written.set(sequence, { kind, payload, start: this.#at, end: this.#at + size });
    this.#at += size;
    return sequence;
  }
}

/** The last frame that a reader finds in `image`; undefined when it is refused. Never one that was not written. */
function lastOf(image: Uint8Array, sample: Sample): number | undefined {
  const reading = readImage(scratch, image);
  return reading === undefined ? undefined : checkRun(reading, sample.written);
}

/** Has frames in both segments, after `turns` changes of segment. */
function turned(seed: number, turns: number): Sample {
  const sample = new Sample(seed, 16384);
  while (sample.turns.length < turns) sample.append(500);
  return sample.fill(4, 300);
}

function flip(image: Buffer, bit: number): void {
  const byte = bit >> 3;
  image[byte] = (image[byte] as number) ^ (1 << (bit & 7));
}

test("cut, emptied or overwritten from any byte of the last frames: those before it are found", () => {
  for (const sample of [new Sample(1, 16384).fill(8, 300), turned(2, 1), turned(3, 5)]) {
    const { image, last } = sample;
    const { end } = sample.frame(last);
    // A cut file ends with its second segment.
    const canBeCut = end > sample.bytes / 2 || sample.turns.length === 0;
    for (let at = sample.frame(last - 2).start; at < end; at++) {
      const cut = image.subarray(0, at);
      if (canBeCut) assert.is(lastOf(cut, sample), lastWhole(cut, sample), `cut at ${at}`);
      for (const filler of [0, 0xa5]) {
        const damaged = Buffer.from(image).fill(filler, at, end);
        const expected = lastWhole(damaged, sample);
        assert.is(lastOf(damaged, sample), expected, `${filler} from ${at}`);
      }
    }
  }
});

/** The newest frame up to which nothing differs from the sample's own image. */
function lastWhole(image: Buffer, sample: Sample): number {
  const original = sample.image;
  for (let sequence = sample.last; ; sequence--) {
    const { start, end } = sample.frame(sequence);
    // Damage lies in the last three frames only, and goes on to their end.
    if (image.subarray(start, end).equals(original.subarray(start, end))) return sequence;
  }
}

test("every bit of the last frames: a flipped one ends the run before its frame", () => {
  const sample = turned(5, 3);
  const { image, last } = sample;
  for (let sequence = last - 2; sequence <= last; sequence++) {
    const { start, end } = sample.frame(sequence);
    for (let bit = start * 8; bit < end * 8; bit++) {
      flip(image, bit);
      assert.is(lastOf(image, sample), sequence - 1, `bit ${bit}`);
      flip(image, bit);
    }
  }
  assert.is(lastOf(image, sample), last);
});

test("every bit of a header that means something, and thousands of the others", () => {
  const one = new Sample(6, 16384).fill(5, 300);
  const two = turned(7, 4);
  const next = random(8);
  const bits = Array.from({ length: 100 * 8 }, (_, i) => i);
  for (let i = 0; i < 500; i++) bits.push(Math.floor(next() * HEADER_BYTES * 8));
  const single = one.image;
  const both = two.image;
  const firstOfNewer = Number(both.readBigUInt64LE(32));
  // Four turns: the first segment is the newer one.
  const lastOfOlder = firstOfNewer - 1;
  for (const bit of bits) {
    flip(single, bit);
    assert.is(lastOf(single, one), undefined);
    flip(single, bit);
    flip(both, bit);
    assert.is(lastOf(both, two), lastOfOlder);
    flip(both, bit);
    const older = bit + (two.bytes / 2) * 8;
    flip(both, older);
    const reading = readImage(scratch, both);
    assert.is(reading?.firstSequence, firstOfNewer);
    assert.is(lastOf(both, two), two.last);
    flip(both, older);
  }
});

test("thousands of journals with random damage: frames that were written, in order, or a refusal", () => {
  const samples = [new Sample(9, 16384).fill(8, 600), turned(10, 1), turned(11, 5), turned(12, 8)];
  const images = samples.map(({ image }) => image);
  const next = random(13);
  const where = (length: number): number => Math.floor(next() * length);
  let refused = 0;
  for (let round = 0; round < 4000; round++) {
    const index = where(samples.length);
    const image = Buffer.from(images[index] as Buffer);
    const half = image.length / 2;
    for (let damage = where(3); damage >= 0; damage--) {
      const length = 1 + where(next() < 0.5 ? 16 : 3000);
      const at = where(image.length - length);
      const from = where(image.length - length);
      const kind = where(5);
      if (kind === 0) for (let i = 0; i < 8; i++) flip(image, where(image.length * 8));
      else if (kind === 1) image.fill(0, at, at + length);
      else if (kind === 2) image.copy(image, at, from, from + length);
      else if (kind === 3)
        (images[where(images.length)] as Buffer).copy(image, at, at, at + length);
      else image.copy(image, where(2) * half, from, Math.min(image.length, from + half));
    }
    if (lastOf(image, samples[index] as Sample) === undefined) refused++;
  }
  assert.ok(refused > 50 && refused < 3000, `${refused} refused`);
});

test("a segment of an earlier round put back is refused, or ends the run", () => {
  const sample = new Sample(14, 16384);
  const half = sample.bytes / 2;
  const older: Buffer[] = [];
  let checked = 0;
  for (let turn = 0; turn < 12; turn++) {
    while (sample.turns.length === turn) sample.append(500);
    const { before } = sample.turns[turn] as { before: Buffer };
    for (const image of older) {
      for (const index of [0, 1]) {
        const mixed = Buffer.from(before);
        image.copy(mixed, index * half, index * half, index * half + half);
        const reading = readImage(scratch, mixed);
        if (reading !== undefined) checkRun(reading, sample.written);
        // The frames alone, behind the header of now: none of them is taken for one of now.
        const under = Buffer.from(before);
        const frames = index * half + HEADER_BYTES;
        image.copy(under, frames, frames, index * half + half);
        lastOf(under, sample);
        checked++;
      }
    }
    older.push(before);
  }
  assert.is(checked, 132);
});

test("segments of other volumes and journals, swapped ones, copied ones and other versions", () => {
  const sample = turned(15, 2);
  const { image } = sample;
  const half = sample.bytes / 2;
  const refusal = (bytes: Buffer): void => assert.is(readImage(scratch, bytes), undefined);
  const strangers = [{ volume: "another-volume" }, { journal: "ffffffffffffffffffffffffffffffff" }];
  for (const id of strangers) {
    const other = new Sample(15, 16384, id);
    while (other.turns.length < 2) other.append(500);
    for (const index of [0, 1]) {
      const mixed = Buffer.from(image);
      other.image.copy(mixed, index * half, index * half, index * half + half);
      refusal(mixed);
      // Its frames alone, of the same round: not ours.
      const frames = index * half + HEADER_BYTES;
      const under = Buffer.from(image);
      other.image.copy(under, frames, frames, index * half + half);
      lastOf(under, sample);
    }
  }
  // Frames of the same numbers and round, whole, but of another journal.
  const [mine, theirs] = [new Sample(16, 16384).fill(5, 300), new Sample(17, 16384).fill(5, 300)];
  const borrowed = mine.image;
  theirs.image.copy(borrowed, HEADER_BYTES, HEADER_BYTES);
  assert.is(lastOf(borrowed, mine), 0);
  refusal(Buffer.concat([image.subarray(half), image.subarray(0, half)]));
  refusal(Buffer.concat([image.subarray(0, half), image.subarray(0, half)]));
  refusal(Buffer.concat([image.subarray(half), image.subarray(half)]));
  const later = Buffer.from(image);
  later.writeUInt32LE(2, 8);
  later.writeUInt32LE(crc32c(later.subarray(0, HEADER_BYTES - 4)), HEADER_BYTES - 4);
  refusal(later);
  for (const bytes of [Buffer.alloc(0), Buffer.alloc(16384), image.subarray(0, 4000)])
    refusal(bytes);
});

test("a power cut while a segment is begun: the frames of the other one are found", () => {
  const next = random(16);
  for (const sample of [turned(17, 1), turned(18, 2), turned(19, 7)]) {
    for (const { before, after } of sample.turns) {
      const expected = lastOf(before, sample);
      for (let round = 0; round < 40; round++) {
        const image = Buffer.from(before);
        // Sectors of the header come in any order, and not all of them.
        for (let at = 0; at < before.length; at += 512) {
          if (next() < 0.5) after.copy(image, at, at, at + 512);
        }
        assert.is(lastOf(image, sample), expected);
      }
      assert.is(lastOf(after, sample), expected);
    }
  }
});

test("a power cut at any time: all that was synced and not forgotten is found", async () => {
  const next = random(20);
  let cuts = 0;
  let torn = 0;
  for (let seed = 100; seed < 110; seed++) {
    const sample = new Sample(seed, 16384);
    let durable = sample.image;
    let synced = 0;
    for (let i = 0; i < 250; i++) {
      const turns = sample.turns.length;
      sample.append(500);
      // Headers are durable before the frames behind them.
      if (sample.turns.length > turns) mergeHeaders(durable, sample.image);
      if (next() < 0.05) {
        await sample.journal.sync();
        durable = sample.image;
        synced = sample.last;
      }
      const image = Buffer.from(durable);
      const now = sample.image;
      for (let at = 0; at < image.length; at += 512) {
        if (next() < 0.5) now.copy(image, at, at, at + 512);
      }
      const reading = readImage(scratch, image);
      if (reading === undefined) throw new Error("a journal was refused after a power cut");
      const last = checkRun(reading, sample.written);
      assert.ok(last >= synced, `${last} of ${synced} synced frames`);
      cuts++;
      if (last < sample.last) torn++;
    }
    await sample.journal.close();
  }
  assert.is(cuts, 2500);
  assert.ok(torn > 1000, `${torn} cuts lost frames that were not synced`);
});

function mergeHeaders(durable: Buffer, now: Buffer): void {
  for (const start of [0, now.length / 2]) now.copy(durable, start, start, start + HEADER_BYTES);
}

test.run();
