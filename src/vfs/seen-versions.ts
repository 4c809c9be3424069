// The version (mtime, length) of files as they were when last opened or closed here, for deciding whether the kernel's pages
// of them are still good. Bounded; a forgotten file is read again.
import type { Attr, Ino } from "../meta/types.ts";

const FILES_MAX = 10_000;

interface Version {
  readonly mtime: number;
  readonly mtimensec: number;
  readonly length: number;
}

export class SeenVersions {
  readonly #versions: Map<Ino, Version> = new Map();

  /** Compares with what was seen last, and remembers what is seen now. */
  isSame(ino: Ino, attr: Attr): boolean {
    const seen = this.#versions.get(ino);
    this.set(ino, attr);
    return (
      seen !== undefined &&
      seen.mtime === attr.mtime &&
      seen.mtimensec === attr.mtimensec &&
      seen.length === attr.length
    );
  }

  set(ino: Ino, attr: Attr): void {
    const { mtime, mtimensec, length } = attr;
    this.#versions.delete(ino);
    this.#versions.set(ino, { mtime, mtimensec, length });
    if (this.#versions.size <= FILES_MAX) return;
    for (const oldest of this.#versions.keys()) {
      this.#versions.delete(oldest);
      return;
    }
  }
}
