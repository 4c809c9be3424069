// Counts the memory of slices that are being written; writers wait here while there is too much of it.

export class WriteBudget {
  readonly #bytesMax: number;
  readonly #handedMax: number;
  #bytes = 0;
  #handed = 0;
  #room: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;

  /** `handedMax` bounds the part that is on its way to the store: more than the store takes at a time only costs memory. */
  constructor(bytesMax: number, handedMax: number) {
    this.#bytesMax = bytesMax;
    this.#handedMax = handedMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Bytes taken, or (negative) given back, by open blocks. */
  change(bytes: number): void {
    this.#bytes += bytes;
    this.#wake();
  }

  /** A block of so many bytes went on its way, or (negative) arrived. */
  changeHanded(bytes: number): void {
    this.#handed += bytes;
    this.#wake();
  }

  /** undefined when there is room now. One promise for all who wait: each must look again when it resolves. */
  waitForRoom(): Promise<void> | undefined {
    if (this.#hasRoom()) return undefined;
    this.#room ??= Promise.withResolvers<void>();
    return this.#room.promise;
  }

  #hasRoom(): boolean {
    return this.#bytes < this.#bytesMax && this.#handed < this.#handedMax;
  }

  #wake(): void {
    if (this.#room === undefined || !this.#hasRoom()) return;
    this.#room.resolve();
    this.#room = undefined;
  }
}
