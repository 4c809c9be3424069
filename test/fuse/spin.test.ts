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

/** Runs `count` gaps whose length depends on the way that is in use. Answers how many were polled. */
function gaps(spin: Spin, count: number, pollMs: number, sleepMs: number): number {
  let now = 1;
  let polled = 0;
  for (let i = 0; i < count; i++) {
    const isPolling = spin.micros > 0;
    if (isPolling) polled++;
    spin.answers(now);
    now += isPolling ? pollMs : sleepMs;
    spin.receives(now);
  }
  return polled;
}

test("the faster way is found and kept, the other one is tried now and then", () => {
  const otherCore = gaps(new Spin(2, 60), 20_000, 0.015, 0.045);
  assert.ok(otherCore > 19_000 && otherCore < 20_000, `${otherCore} of 20000 polled`);
  const sameCore = gaps(new Spin(2, 60), 20_000, 0.07, 0.008);
  assert.ok(sameCore > 32 && sameCore < 1000, `${sameCore} of 20000 polled`);
});

test("polling must be worth its core", () => {
  assert.ok(gaps(new Spin(2, 60), 20_000, 0.02, 0.021) < 1000);
});

test("a change is noticed", () => {
  const spin = new Spin(2, 60);
  gaps(spin, 5000, 0.015, 0.045);
  gaps(spin, 5000, 0.07, 0.008);
  assert.ok(gaps(spin, 5000, 0.07, 0.008) < 500);
});

test("long gaps and those that were skipped say nothing", () => {
  const spin = new Spin(2, 60);
  assert.is(gaps(spin, 1000, 0.5, 0.001), 1000);
  for (let i = 0; i < 1000; i++) {
    spin.answers(i + 1);
    spin.skips();
    spin.receives(i + 1.01);
  }
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
