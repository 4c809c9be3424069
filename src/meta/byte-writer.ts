// Growing and reading byte strings of varints and length-prefixed pieces, for encodings that are ours.

/** What a writer keeps for its next use. */
const KEPT_BYTES = 2 ** 20;
const FIRST_BYTES = 256;
/** Up to so many characters a loop is faster than the call of a native function. */
const SHORT_NAME = 32;

/** Appends; the bytes so far are `take`n once, or once between two resets. */
export class ByteWriter {
  #bytes: Buffer<ArrayBuffer> = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #view: DataView = new DataView(this.#bytes.buffer);
  #end = 0;

  #room(count: number): void {
    if (this.#end + count <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#end + count));
    this.#bytes.copy(grown, 0, 0, this.#end);
    this.#use(grown);
  }

  #use(bytes: Buffer<ArrayBuffer>): void {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }

  byte(value: number): void {
    this.#room(1);
    this.#bytes[this.#end++] = value;
  }
  /** A whole number 0 <= value < 2^53, seven bits a byte, the lowest first. */
  uint(value: number): void {
    this.#room(8);
    const bytes = this.#bytes;
    let at = this.#end;
    let rest = value;
    // Division only as long as the number is too large for the bits of an integer.
    for (; rest >= 2 ** 31; rest = Math.floor(rest / 0x80)) bytes[at++] = (rest % 0x80) | 0x80;
    for (; rest >= 0x80; rest >>>= 7) bytes[at++] = (rest & 0x7f) | 0x80;
    bytes[at++] = rest;
    this.#end = at;
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
  /** `length` bytes that `put` writes at the offset it is given: a blob without the copy. */
  placed<T>(length: number, value: T, put: (out: DataView, at: number, value: T) => void): void {
    this.uint(length);
    this.#room(length);
    put(this.#view, this.#end, value);
    this.#end += length;
  }
  /** One byte per character. */
  latin1(value: string): void {
    const { length } = value;
    this.uint(length);
    this.#room(length);
    if (length > SHORT_NAME) this.#bytes.write(value, this.#end, "latin1");
    else for (let i = 0; i < length; i++) this.#bytes[this.#end + i] = value.charCodeAt(i);
    this.#end += length;
  }
  utf8(value: string): void {
    this.blob(Buffer.from(value, "utf8"));
  }
  take(): Buffer {
    return this.#bytes.subarray(0, this.#end);
  }
  /** As `take`, at a third of its cost. */
  view(): Uint8Array {
    return new Uint8Array(this.#bytes.buffer, 0, this.#end);
  }
  /** Starts again in the same memory: what was taken before is written over. */
  reset(): void {
    this.#end = 0;
    if (this.#bytes.length > KEPT_BYTES) this.#use(Buffer.allocUnsafeSlow(FIRST_BYTES));
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
