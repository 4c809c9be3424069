// Slice records against vectors of the real JuiceFS, and the view against bytes painted one by one.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import * as fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  decodeSlices,
  encodeSlices,
  hole,
  rangeHoles,
  resolve,
  sliceRange,
  truncateHoles,
  visible,
} from "../../src/meta/slices.ts";
import type { Slice } from "../../src/meta/types.ts";
import { CHUNK_BYTES } from "../../src/meta/types.ts";

interface Golden {
  readonly records: readonly (Slice & { readonly hex: string })[];
}
const golden = join(import.meta.dirname, "../golden/codec/slices.jsonl.gz");

test("records of the real JuiceFS are read and written to the byte", () => {
  const lines = gunzipSync(readFileSync(golden)).toString().trim().split("\n");
  let count = 0;
  for (const line of lines) {
    const { records } = JSON.parse(line) as Golden;
    const bytes = Buffer.from(records.map(({ hex }) => hex).join(""), "hex");
    const slices = records.map(({ pos, id, size, off, len }) => ({ pos, id, size, off, len }));
    assert.equal(decodeSlices(bytes), slices);
    assert.equal(encodeSlices(slices).toString("hex"), bytes.toString("hex"));
    count += slices.length;
  }
  assert.ok(count > 400);
});

test("ids beyond 32 bits survive", () => {
  const slice: Slice = { pos: 1, id: 2 ** 40 + 7, size: 9, off: 2, len: 3 };
  assert.equal(decodeSlices(encodeSlices([slice])), [slice]);
});

test("bytes that are no whole records cannot be parsed", () => {
  assert.is(decodeSlices(new Uint8Array(25)), undefined);
  assert.equal(decodeSlices(new Uint8Array(0)), []);
});

test("the worked example of the format", () => {
  const records: Slice[] = [
    { pos: 0, id: 1, size: 100, off: 0, len: 100 },
    { pos: 40, id: 2, size: 20, off: 0, len: 20 },
    { pos: 150, id: 3, size: 10, off: 0, len: 10 },
  ];
  const view = visible(records).map(({ id, size, off, len }) => [id, size, off, len]);
  assert.equal(view, [
    [1, 100, 0, 40],
    [2, 20, 0, 20],
    [1, 100, 60, 40],
    [0, 0, 0, 50],
    [3, 10, 0, 10],
  ]);
});

const recordsOf = fc.array(
  fc.record({
    pos: fc.integer({ min: 0, max: 40 }),
    id: fc.integer({ min: 0, max: 5 }),
    size: fc.constant(100),
    off: fc.integer({ min: 0, max: 20 }),
    len: fc.integer({ min: 0, max: 20 }),
  }),
  { maxLength: 12 },
);

/** What each byte shows when the records are painted in order. */
function paint(records: readonly Slice[]): (string | undefined)[] {
  const bytes: (string | undefined)[] = [];
  for (const { pos, id, off, len } of records) {
    for (let i = 0; i < len; i++) bytes[pos + i] = id === 0 ? undefined : `${id}:${off + i}`;
  }
  return Array.from({ length: 70 }, (_, i) => bytes[i]);
}

test("the view shows what painting shows, in order, without overlap", () => {
  fc.assert(
    fc.property(recordsOf, (records) => {
      const view = visible(records);
      let at = 0;
      for (const piece of view) {
        assert.is(piece.pos, at, "no gap and no overlap");
        assert.ok(piece.len > 0);
        at += piece.len;
      }
      assert.equal(paint(view), paint(records));
      assert.equal(paint(resolve(records)), paint(records));
    }),
    { numRuns: 2000, seed: 42 },
  );
});

test("a range of a view shows just that range, without gaps", () => {
  fc.assert(
    fc.property(recordsOf, fc.nat(60), fc.nat(20), (records, from, length) => {
      const pieces = sliceRange(resolve(records), from, from + length);
      const total = pieces.reduce((sum, piece) => sum + piece.len, 0);
      assert.is(total, length);
      const painted = paint(records).slice(from, from + length);
      const shown = paint(pieces).slice(from, from + length);
      assert.equal(shown, painted);
    }),
    { numRuns: 1000, seed: 7 },
  );
});

test("truncating writes holes to the first chunk, to those between that exist, and to the last", () => {
  const holes = truncateHoles(10, 3 * CHUNK_BYTES + 5, [1]);
  assert.equal(holes, [
    { index: 0, slice: hole(10, CHUNK_BYTES - 10) },
    { index: 1, slice: hole(0, CHUNK_BYTES) },
    { index: 3, slice: hole(0, 5) },
  ]);
  assert.equal(truncateHoles(10, 20, []), [{ index: 0, slice: hole(10, 10) }]);
  assert.equal(truncateHoles(10, CHUNK_BYTES, []), [
    { index: 0, slice: hole(10, CHUNK_BYTES - 10) },
  ]);
});

test("a punched range is one hole per chunk", () => {
  assert.equal(rangeHoles(CHUNK_BYTES - 1, CHUNK_BYTES + 1), [
    { index: 0, slice: hole(CHUNK_BYTES - 1, 1) },
    { index: 1, slice: hole(0, 1) },
  ]);
  assert.equal(rangeHoles(5, 5), []);
});

test.run();
