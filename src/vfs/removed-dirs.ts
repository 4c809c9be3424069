// Directories that were removed here and that the kernel still knows: a process may have one open or stand in it, and fstat
// must answer. Their records are gone; what they were last is kept until the kernel forgets them. Bounded.
import type { Attr, Ino } from "../meta/types.ts";
import { TYPE_DIRECTORY } from "../meta/types.ts";

const DIRECTORIES_MAX = 10_000;

export class RemovedDirs {
  readonly #attrs: Map<Ino, Attr> = new Map();

  /** A node has lost its last name; nothing unless it is a directory without a record. */
  add(ino: Ino, attr: Attr): void {
    if (attr.type !== TYPE_DIRECTORY || attr.nlink > 0) return;
    this.#attrs.set(ino, attr);
    if (this.#attrs.size <= DIRECTORIES_MAX) return;
    for (const oldest of this.#attrs.keys()) {
      this.#attrs.delete(oldest);
      return;
    }
  }

  get(ino: Ino): Attr | undefined {
    return this.#attrs.size === 0 ? undefined : this.#attrs.get(ino);
  }

  /** The kernel does not know the inode any more. */
  forget(ino: Ino): void {
    if (this.#attrs.size > 0) this.#attrs.delete(ino);
  }

  /** Removals may not have happened. */
  clear(): void {
    this.#attrs.clear();
  }
}
