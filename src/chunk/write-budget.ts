// Counts the memory of slices that are being written; writers wait here while there is too much of it.

export class WriteBudget {
  readonly #bytesMax: number;
  #bytes = 0;
  #room: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(bytes: number): void {
    this.#bytes += bytes;
  }

  subtract(bytes: number): void {
    this.#bytes -= bytes;
    if (this.#room === undefined || this.#bytes >= this.#bytesMax) return;
    this.#room.resolve();
    this.#room = undefined;
  }

  /** undefined when there is room now. One promise for all who wait: each must look again when it resolves. */
  waitForRoom(): Promise<void> | undefined {
    if (this.#bytes < this.#bytesMax) return undefined;
    this.#room ??= Promise.withResolvers<void>();
    return this.#room.promise;
  }
}
