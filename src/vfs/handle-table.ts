// Numbers for open files and directories. A handle is a small object, no descriptor of the host: memory alone bounds them.
import { EBADF } from "../util/errno.ts";

export class HandleTable<T extends object> {
  readonly #slots: (T | undefined)[] = [];
  readonly #free: number[] = [];

  /** The number of a new handle, 1 or more. */
  add(handle: T): number {
    const slot = this.#free.pop() ?? this.#slots.length;
    this.#slots[slot] = handle;
    return slot + 1;
  }

  /** EBADF when there is no such handle. */
  get(fh: number): T {
    const handle = this.#slots[fh - 1];
    if (handle === undefined) throw EBADF;
    return handle;
  }

  find(fh: number | undefined): T | undefined {
    return fh === undefined ? undefined : this.#slots[fh - 1];
  }

  remove(fh: number): T | undefined {
    const handle = this.#slots[fh - 1];
    if (handle === undefined) return undefined;
    this.#slots[fh - 1] = undefined;
    this.#free.push(fh - 1);
    return handle;
  }

  get size(): number {
    return this.#slots.length - this.#free.length;
  }
}
