// The Volume of this process: the setting as last read, and which inodes are open here.
import type { Format } from "./format.ts";
import type { Ino } from "./types.ts";
import type { Volume } from "./volume.ts";
import { volumeSettings } from "./volume.ts";

export class LocalVolume implements Volume {
  sid = 0;
  format: Format;
  dirStats = false;
  acls = false;
  capacity = 0;
  inodes = 0;
  trashDays = 0;
  /** Set by the one who deletes data; until then delfile records wait for somebody else. */
  onFileDeleted: (ino: Ino, length: number) => void = () => {};
  readonly #open: Map<Ino, number> = new Map();
  /** Open files that lost their last name: the last close deletes them. */
  readonly #unnamed: Set<Ino> = new Set();

  constructor(format: Format) {
    this.format = format;
    this.use(format);
  }

  /** Takes over a setting that somebody has changed. */
  use(format: Format): void {
    const { dirStats, acls, capacity, inodes, trashDays } = volumeSettings(format);
    this.format = format;
    this.dirStats = dirStats;
    this.acls = acls;
    this.capacity = capacity;
    this.inodes = inodes;
    this.trashDays = trashDays;
  }

  fileDeleted(ino: Ino, length: number): void {
    this.onFileDeleted(ino, length);
  }

  isOpen(ino: Ino): boolean {
    return this.#open.has(ino);
  }
  openCount(ino: Ino): number {
    return this.#open.get(ino) ?? 0;
  }
  opened(ino: Ino): void {
    this.#open.set(ino, (this.#open.get(ino) ?? 0) + 1);
  }
  /** True when this was the last open of a file without names. */
  closed(ino: Ino): boolean {
    const count = (this.#open.get(ino) ?? 0) - 1;
    if (count > 0) {
      this.#open.set(ino, count);
      return false;
    }
    this.#open.delete(ino);
    return this.#unnamed.delete(ino);
  }
  /** The file has no name any more (or never had one). */
  lostName(ino: Ino): void {
    if (this.#open.has(ino)) this.#unnamed.add(ino);
  }
}
