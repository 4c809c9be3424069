// The wall clock with microseconds, read before a body runs and handed to it.

export interface Time {
  /** Whole seconds since 1970, negative before. */
  readonly sec: number;
  /** Nanoseconds within the second, 0..999999999. */
  readonly nsec: number;
}

/** A larger difference between the two clocks is a step of the wall clock, which is followed. */
const STEP_MS = 2;
const SAMPLES = 5;
/** The wall clock is looked at so often: reading the fine one alone is half the cost. */
const LOOK_MS = 10;

/**
 * Joins a clock of whole milliseconds that tells the time with one that is fine and steady but began anywhere. It goes back
 * only when the wall clock was set back. The difference of the two, looked at any time, is at most the true one and less than
 * a millisecond below it: so the largest that was seen is kept, and it is true once it was seen at a tick.
 */
export class FineClock {
  readonly #wholeMs: () => number;
  readonly #fineMs: () => number;
  #offset: number;
  #nextLook = 0;

  constructor(wholeMs: () => number, fineMs: () => number) {
    this.#wholeMs = wholeMs;
    this.#fineMs = fineMs;
    // One tick is waited for, so that the first times are as good as the later ones.
    const first = wholeMs();
    this.#offset = first - fineMs();
    for (let now = first; now === first;) {
      now = wholeMs();
      this.#offset = Math.max(this.#offset, now - fineMs());
    }
  }

  now(): Time {
    let fine = this.#fineMs();
    if (fine >= this.#nextLook) fine = this.#look();
    const ms = this.#offset + fine;
    const sec = Math.floor(ms / 1000);
    return { sec, nsec: Math.floor((ms - sec * 1000) * 1000) * 1000 };
  }

  #look(): number {
    // In this order: time that passes between the two makes the difference smaller, never larger.
    const whole = this.#wholeMs();
    const fine = this.#fineMs();
    const seen = whole - fine;
    if (seen > this.#offset) this.#offset = seen;
    else if (seen < this.#offset - STEP_MS) this.#followStep(seen);
    this.#nextLook = fine + LOOK_MS;
    return fine;
  }

  /** The wall clock was set back, or we were not running between the two readings. */
  #followStep(seen: number): void {
    let largest = seen;
    for (let i = 0; i < SAMPLES; i++) largest = Math.max(largest, this.#wholeMs() - this.#fineMs());
    if (largest < this.#offset - STEP_MS) this.#offset = largest;
  }
}

let clock: FineClock | undefined;

/** Now. Microsecond resolution: finer than the kernel's own tick for inode times. */
export function wallClock(): Time {
  clock ??= new FineClock(Date.now, () => performance.now());
  return clock.now();
}

export function compareTime(a: Time, b: Time): number {
  return a.sec - b.sec || a.nsec - b.nsec;
}
