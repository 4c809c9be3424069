// The plan of a compaction: what it merges shows the same bytes, and large slices that nobody touched stay.
import * as fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  planCompaction,
  readerWantsCompaction,
  writerWantsCompaction,
} from "../../src/meta/compaction.ts";
import { hole, resolve, sliceRange } from "../../src/meta/slices.ts";
import type { Slice } from "../../src/meta/types.ts";

const MIB = 1 << 20;
const whole = (pos: number, id: number, len: number): Slice => ({
  pos,
  id,
  size: len,
  off: 0,
  len,
});

test("nothing to do for one record or none", () => {
  assert.is(planCompaction([]), undefined);
  assert.is(planCompaction([whole(0, 1, 10)]), undefined);
});

test("leading and trailing zeros are left out", () => {
  const plan = planCompaction([hole(0, 10), whole(10, 1, 5), hole(15, 100)]);
  assert.is(plan?.pos, 10);
  assert.is(plan?.size, 5);
  assert.is(plan?.skipped, 0);
});

test("only zeros become one byte of them", () => {
  const plan = planCompaction([hole(0, 10), hole(20, 10)]);
  assert.is(plan?.size, 1);
  assert.equal(
    plan?.pieces.map(({ id, len }) => [id, len]),
    [[0, 1]],
  );
});

test("large slices that nothing overlaps stay", () => {
  const plan = planCompaction([
    whole(0, 1, 4 * MIB),
    whole(4 * MIB, 2, 100),
    whole(4 * MIB + 100, 3, 100),
  ]);
  assert.is(plan?.skipped, 1);
  assert.is(plan?.pos, 4 * MIB);
  assert.is(plan?.size, 200);
});

test("a large slice that was written over is merged", () => {
  const plan = planCompaction([whole(0, 1, 4 * MIB), whole(100, 2, 100)]);
  assert.is(plan?.skipped, 0);
  assert.is(plan?.size, 4 * MIB);
});

test("two large neighbours have nothing to gain", () => {
  assert.is(planCompaction([whole(0, 1, 4 * MIB), whole(4 * MIB, 2, 4 * MIB)]), undefined);
});

test("the chunk shows the same bytes afterwards", () => {
  const record = fc.record({
    pos: fc.integer({ min: 0, max: 40 }),
    id: fc.integer({ min: 0, max: 5 }),
    size: fc.constant(100),
    off: fc.integer({ min: 0, max: 20 }),
    len: fc.integer({ min: 1, max: 20 }),
  });
  const show = (records: readonly Slice[]): string[] =>
    sliceRange(resolve(records), 0, 100).flatMap(({ id, off, len }) =>
      Array.from({ length: len }, (_, i) => (id === 0 ? "0" : `${id}:${off + i}`)),
    );
  fc.assert(
    fc.property(fc.array(record, { minLength: 2, maxLength: 10 }), (records) => {
      const plan = planCompaction(records);
      if (plan === undefined) return;
      const merged = plan.pieces.flatMap(({ id, off, len }) =>
        Array.from({ length: len }, (_, i) => (id === 0 ? "0" : `${id}:${off + i}`)),
      );
      assert.is(merged.length, plan.size);
      const expected = show(records);
      const shown = Array.from({ length: 100 }, (_, at) => merged[at - plan.pos] ?? "0");
      assert.equal(shown, expected);
    }),
    { numRuns: 2000, seed: 3 },
  );
});

test("writers ask when the records are worth what is rewritten", () => {
  assert.not(writerWantsCompaction(99, 1, 0));
  assert.ok(writerWantsCompaction(100, 16 * MIB, 0));
  assert.not(writerWantsCompaction(100, 64 * MIB, 0));
  assert.not(writerWantsCompaction(341, 64 * MIB, 0));
  assert.ok(writerWantsCompaction(342, 64 * MIB, 0));
  assert.not(writerWantsCompaction(16, 64 * MIB, 64 * MIB));
  assert.ok(writerWantsCompaction(64, 64 * MIB, 256 * MIB));
});

test("readers ask from five pieces on, in a large chunk later", () => {
  assert.ok(readerWantsCompaction(5, 1, MIB));
  assert.ok(readerWantsCompaction(3, 5, 5 * MIB));
  assert.not(readerWantsCompaction(4, 4, 1));
  assert.not(readerWantsCompaction(5, 5, 64 * MIB));
  assert.ok(readerWantsCompaction(64, 64, 64 * MIB));
});

test.run();
