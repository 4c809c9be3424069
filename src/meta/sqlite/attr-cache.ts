// Attributes read or written lately, so that the directory of every lookup is not read again. Valid as long as no other
// connection has changed the database, which each transaction compares at its begin (PRAGMA data_version).
import type { Attr, Ino } from "../types.ts";

/** Records in each of two generations; about 200 bytes each. */
const GENERATION = 8192;

export class AttrCache {
  #young = new Map<Ino, Attr>();
  #old = new Map<Ino, Attr>();

  get(ino: Ino): Attr | undefined {
    const young = this.#young.get(ino);
    if (young !== undefined) return young;
    const old = this.#old.get(ino);
    if (old !== undefined) this.set(ino, old);
    return old;
  }

  set(ino: Ino, attr: Attr): void {
    if (this.#young.size >= GENERATION && !this.#young.has(ino)) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(ino, attr);
  }

  delete(ino: Ino): void {
    this.#young.delete(ino);
    this.#old.delete(ino);
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
  }
}
