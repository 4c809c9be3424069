// The room that blocks leave free on their disk. The metadata database is often there, too, and whoever deletes files to
// make room writes metadata before any block goes: without a reserve a full disk would stay full.
import { statfsSync } from "node:fs";

const RESERVE_BYTES_MAX = 32 << 20;
/** Of a small disk the reserve is this part. */
const RESERVE_SHARE = 1 / 20;
/** Bytes put between two looks at the disk, at most: others write to it as well. */
const LOOK_BYTES_MAX = 64 << 20;

export class DiskRoom {
  readonly #folder: string;
  /** Bytes that may be put before the next look. */
  #left = 0;
  /** Bytes on their way to the disk, which it does not know of yet. */
  #flying = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** True when `bytes` may be put now; then `landed` must follow. */
  take(bytes: number): boolean {
    if (bytes > this.#left) {
      const room = this.#look() - this.#flying;
      if (bytes > room) return false;
      // Half of it: who else writes there is not known.
      this.#left = Math.max(bytes, Math.min(room / 2, LOOK_BYTES_MAX));
    }
    this.#left -= bytes;
    this.#flying += bytes;
    return true;
  }

  /** The put has ended, well or not. */
  landed(bytes: number): void {
    this.#flying -= bytes;
  }

  /** Free bytes above the reserve; below 0 when it is in use. */
  #look(): number {
    try {
      const { bsize, blocks, bfree, bavail } = statfsSync(this.#folder);
      const free = (process.getuid?.() === 0 ? bfree : bavail) * bsize;
      return free - Math.min(RESERVE_BYTES_MAX, blocks * bsize * RESERVE_SHARE);
    } catch {
      // The put itself will tell what is wrong.
      return Infinity;
    }
  }
}
