// Growing and reading byte strings of varints and length-prefixed pieces, for encodings that are ours.

/** What a writer keeps for its next use. */
const KEPT_BYTES = 2 ** 20;

/** Appends; the bytes so far are `take`n once, or once between two resets. */
export class ByteWriter {
  #bytes: Buffer = Buffer.allocUnsafe(256);
  #end = 0;

  #room(count: number): void {
    if (this.#end + count <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#end + count));
    this.#bytes.copy(grown, 0, 0, this.#end);
    this.#bytes = grown;
  }

  byte(value: number): void {
    this.#room(1);
    this.#bytes[this.#end++] = value;
  }
  /** A whole number 0 <= value < 2^53, seven bits a byte, the lowest first. */
  uint(value: number): void {
    this.#room(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#end++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#end++] = rest;
  }
  /** A whole number of either sign, |value| < 2^52: the lowest bit is the sign. */
  int(value: number): void {
    this.uint(value < 0 ? -value * 2 - 1 : value * 2);
  }
  blob(value: Uint8Array): void {
    this.uint(value.byteLength);
    this.#room(value.byteLength);
    this.#bytes.set(value, this.#end);
    this.#end += value.byteLength;
  }
  /** One byte per character. */
  latin1(value: string): void {
    this.blob(Buffer.from(value, "latin1"));
  }
  utf8(value: string): void {
    this.blob(Buffer.from(value, "utf8"));
  }
  take(): Buffer {
    return this.#bytes.subarray(0, this.#end);
  }
  /** Starts again in the same memory: what was taken before is written over. */
  reset(): void {
    this.#end = 0;
    if (this.#bytes.length > KEPT_BYTES) this.#bytes = Buffer.allocUnsafe(256);
  }
}

/** Reads what ByteWriter wrote. Throws RangeError where the bytes end too early. */
export class ByteReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  get atEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }
  byte(): number {
    const value = this.#bytes[this.#at++];
    if (value === undefined) throw new RangeError("the bytes end in the middle of a value");
    return value;
  }
  uint(): number {
    let value = 0;
    let weight = 1;
    for (;;) {
      const next = this.byte();
      value += (next & 0x7f) * weight;
      if (next < 0x80) break;
      weight *= 0x80;
      if (weight > 2 ** 56) throw new RangeError("a number is too long");
    }
    if (!Number.isSafeInteger(value)) throw new RangeError("a number is too large");
    return value;
  }
  int(): number {
    const value = this.uint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
  /** The next `length` bytes where they lie. */
  view(length: number): Uint8Array {
    if (this.#at + length > this.#bytes.length) throw new RangeError("the bytes end in a string");
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
  /** A copy. */
  blob(): Uint8Array {
    const length = this.uint();
    if (this.#at + length > this.#bytes.length) throw new RangeError("the bytes end in a string");
    const value = Uint8Array.from(this.#bytes.subarray(this.#at, this.#at + length));
    this.#at += length;
    return value;
  }
  latin1(): string {
    return Buffer.from(this.blob()).toString("latin1");
  }
  utf8(): string {
    return Buffer.from(this.blob()).toString("utf8");
  }
}
