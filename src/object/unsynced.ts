// The objects that a power cut could still take, as paths; bounded, beyond the bound all that matters is that there are many.

/** What one sync has to write. `whole` = more paths than were kept. */
export interface SyncWork {
  readonly files: readonly string[];
  readonly whole: boolean;
}

export class UnsyncedFiles {
  readonly #max: number;
  #files = new Set<string>();
  #overflowed = false;

  constructor(max: number) {
    this.#max = max;
  }

  get isEmpty(): boolean {
    return this.#files.size === 0 && !this.#overflowed;
  }

  /** Paths held now, for tests of the bound. */
  get count(): number {
    return this.#files.size;
  }

  add(path: string): void {
    if (this.#overflowed) return;
    this.#files.add(path);
    if (this.#files.size <= this.#max) return;
    this.#overflowed = true;
    this.#files.clear();
  }

  /** The file is gone, or was put again durably. */
  remove(path: string): void {
    this.#files.delete(path);
  }

  /** Hands over everything; what is added later belongs to the next sync. */
  take(): SyncWork {
    const work = { files: [...this.#files], whole: this.#overflowed };
    this.#files.clear();
    this.#overflowed = false;
    return work;
  }
}
