// How long an empty channel is polled before sleeping. Waking up costs more than most requests, so while a process
// does one call after the other we wait for the next one awake; as soon as that stops paying, it stops.
import { availableParallelism } from "node:os";

/** Longer waits would cost a core more than they save a caller. */
const MAX_MICROS = 60;
/** Below this a poll is hardly longer than one empty read. */
const MIN_MICROS = 4;

export class Spin {
  readonly #max: number;
  #micros: number;
  #sleptAt = 0;

  /** With one core polling would keep the caller from running. */
  constructor(cores: number = availableParallelism(), maxMicros: number = MAX_MICROS) {
    this.#max = cores > 1 ? maxMicros : 0;
    this.#micros = this.#max;
  }
  get micros(): number {
    return this.#micros;
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
}
