// How long an empty channel is polled before sleeping. While a process does one call after the other, waiting for the
// next one awake saves a wake-up when it runs on another core, and keeps it from running when it shares ours. Nobody
// tells which, so both ways are timed now and then and the better one is used.
import { availableParallelism } from "node:os";

/** Longer waits would cost a core more than they save a caller. */
const MAX_MICROS = 60;
/** Below this a poll is hardly longer than one empty read. */
const MIN_MICROS = 4;
/** Gaps above this are a caller who thinks: they say nothing about us. In milliseconds. */
const LONGEST_GAP_MS = 0.3;
/** Gaps that make one measurement, and measurements of the better way for one of the other. */
const WINDOW = 32;
const PROBE_EVERY = 64;
/** Polling burns a core, so it has to be so much faster. */
const WORTH = 0.9;

export class Spin {
  readonly #max: number;
  /** Shrinks with polls that bring nothing. */
  #micros: number;
  #sleptAt = 0;
  #gapFrom = 0;
  #polls = true;
  #gaps = 0;
  #gapSum = 0;
  #windows = 0;
  /** Mean gap in milliseconds of each way; 0 = not measured yet. */
  #pollGap = 0;
  #sleepGap = 0;

  /** With one core polling would keep the caller from running. */
  constructor(cores: number = availableParallelism(), maxMicros: number = MAX_MICROS) {
    this.#max = cores > 1 ? maxMicros : 0;
    this.#micros = this.#max;
  }
  get micros(): number {
    return this.#polls ? this.#micros : 0;
  }

  /** A poll of `micros` has brought a request, or has not. No poll teaches nothing. */
  polled(micros: number, hit: boolean): void {
    if (micros === 0) return;
    if (hit) this.#micros = this.#max;
    else this.#micros = this.#micros > MIN_MICROS ? this.#micros >> 1 : 0;
  }
  /** Going to sleep, at `now` milliseconds. */
  sleeps(now: number): void {
    this.#sleptAt = now;
  }
  /** Woken by a request: had it been worth to stay awake, the next time we do. */
  wakes(now: number): void {
    if ((now - this.#sleptAt) * 1000 < this.#max * 1.5) this.#micros = this.#max;
  }

  /** The last answer leaves: the gap begins. */
  answers(now: number): void {
    this.#gapFrom = now;
  }
  /** What follows is no plain gap: it is not measured. */
  skips(): void {
    this.#gapFrom = 0;
  }
  /** The next request is here. */
  receives(now: number): void {
    const gap = now - this.#gapFrom;
    if (this.#gapFrom === 0 || gap > LONGEST_GAP_MS) return;
    this.#gapFrom = 0;
    this.#gapSum += gap;
    if (++this.#gaps === WINDOW) this.#measured(this.#gapSum / WINDOW);
  }

  #measured(gap: number): void {
    this.#gaps = 0;
    this.#gapSum = 0;
    this.#windows++;
    if (this.#polls) this.#pollGap = this.#pollGap === 0 ? gap : (this.#pollGap + gap) / 2;
    else this.#sleepGap = this.#sleepGap === 0 ? gap : (this.#sleepGap + gap) / 2;
    if (this.#pollGap === 0) this.#polls = true;
    else if (this.#sleepGap === 0) this.#polls = false;
    else {
      const isPollBetter = this.#pollGap < this.#sleepGap * WORTH;
      this.#polls = this.#windows % PROBE_EVERY === 0 ? !isPollBetter : isPollBetter;
      if (this.#polls) this.#micros = this.#max;
    }
  }
}
