// The clock of inode times: never back, right to the microsecond, and it follows when somebody sets the time.
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Time } from "../../src/util/clock.ts";
import { FineClock, compareTime, wallClock } from "../../src/util/clock.ts";

const toMicros = ({ sec, nsec }: Time): number => sec * 1e6 + nsec / 1000;

test("the wall clock never goes back", () => {
  let last = wallClock();
  for (let i = 0; i < 200_000; i++) {
    const now = wallClock();
    if (compareTime(now, last) < 0) assert.unreachable(`${toMicros(last)}, then ${toMicros(now)}`);
    assert.is(now.nsec % 1000, 0);
    last = now;
  }
});

/** Two clocks that show one time, in microseconds; every reading takes three of them. */
class Simulated {
  wall = 1_800_000_000_000_000;
  steady = 123_456_789;
  /** Not running for so long after the next reading of the wall clock. */
  pause = 0;
  readonly clock: FineClock = new FineClock(
    () => {
      const ms = Math.floor(this.wall / 1000);
      this.pass(3 + this.pause);
      this.pause = 0;
      return ms;
    },
    () => {
      const ms = this.steady / 1000;
      this.pass(3);
      return ms;
    },
  );
  pass(micros: number): void {
    this.wall += micros;
    this.steady += micros;
  }
}

test("it tells the time to a few microseconds from the first call on", () => {
  const time = new Simulated();
  for (let i = 0; i < 10_000; i++) {
    time.pass((i * 7919) % 50_000);
    const before = time.wall;
    const now = toMicros(time.clock.now());
    assert.ok(now >= before - 10 && now <= time.wall + 1, `${now - before}`);
  }
});

test("a pause between its two readings does not turn it back", () => {
  const time = new Simulated();
  let last = toMicros(time.clock.now());
  for (let i = 0; i < 100; i++) {
    time.pass(7000);
    time.pause = i % 4 === 0 ? 50_000 : 0;
    const now = toMicros(time.clock.now());
    assert.ok(now > last);
    last = now;
  }
});

test("it follows a wall clock that is set", () => {
  const time = new Simulated();
  time.clock.now();
  for (const step of [3_600_000_000, -7_200_000_000, -5000, 5000]) {
    time.wall += step;
    time.pass(10_000);
    const before = time.wall;
    const now = toMicros(time.clock.now());
    assert.ok(now >= before - 1010 && now <= time.wall + 1, `${step}: ${now - before}`);
  }
});

test.run();
