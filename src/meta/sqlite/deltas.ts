// What one transaction adds to counters and directory statistics, summed and written once at its commit: sixteen
// creates in a directory cost one update of its statistics, and a crash can never tear them from the creates.
import type { CounterName, DirStat, Ino } from "../types.ts";
import type { SqliteWrites } from "./writes.ts";

interface Sum {
  length: number;
  space: number;
  inodes: number;
}

export class Deltas {
  readonly #counters = new Map<CounterName, number>();
  readonly #dirs = new Map<Ino, Sum>();

  addCounter(name: CounterName, delta: number): void {
    this.#counters.set(name, (this.#counters.get(name) ?? 0) + delta);
  }
  counter(name: CounterName): number {
    return this.#counters.get(name) ?? 0;
  }
  /** The record is about to be written as a whole: what was to be added is in it or void. */
  forgetCounter(name: CounterName): void {
    this.#counters.delete(name);
  }

  addDirStat(ino: Ino, { length, space, inodes }: DirStat): void {
    const sum = this.#dirs.get(ino);
    if (sum === undefined) {
      this.#dirs.set(ino, { length, space, inodes });
      return;
    }
    sum.length += length;
    sum.space += space;
    sum.inodes += inodes;
  }
  dirStat(ino: Ino): DirStat | undefined {
    return this.#dirs.get(ino);
  }
  forgetDirStat(ino: Ino): void {
    this.#dirs.delete(ino);
  }

  /** Writes the sums into the open transaction. */
  flush(writes: SqliteWrites): void {
    for (const [name, delta] of this.#counters) {
      if (delta !== 0) writes.apply({ kind: "addCounter", name, delta });
    }
    for (const [ino, { length, space, inodes }] of this.#dirs) {
      if (length !== 0 || space !== 0 || inodes !== 0) {
        writes.apply({ kind: "addDirStat", ino, length, space, inodes });
      }
    }
    this.clear();
  }

  clear(): void {
    this.#counters.clear();
    this.#dirs.clear();
  }
}
