// The polling policy: it stops when it does not pay, begins again when it would have, and never runs on one core.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Spin } from "../../src/fuse/spin.ts";

test("polls that come back empty end it soon", () => {
  const spin = new Spin(2, 60);
  const lengths: number[] = [];
  while (spin.micros > 0) {
    lengths.push(spin.micros);
    spin.polled(spin.micros, false);
  }
  assert.equal(lengths, [60, 30, 15, 7, 3]);
});

test("a poll that brought a request restores it", () => {
  const spin = new Spin(2, 60);
  spin.polled(60, false);
  spin.polled(30, true);
  assert.is(spin.micros, 60);
});

test("a wake-up soon after going to sleep begins it again, a late one does not", () => {
  const spin = new Spin(2, 60);
  while (spin.micros > 0) spin.polled(spin.micros, false);
  spin.sleeps(1000);
  spin.wakes(1000.2);
  assert.is(spin.micros, 0);
  spin.sleeps(2000);
  spin.wakes(2000.05);
  assert.is(spin.micros, 60);
});

test("one core never polls", () => {
  const spin = new Spin(1, 60);
  spin.polled(0, true);
  spin.sleeps(0);
  spin.wakes(0.001);
  assert.is(spin.micros, 0);
});

test.run();
