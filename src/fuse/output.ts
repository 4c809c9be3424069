// The reply buffer: replies are encoded one after the other, each starting at a multiple of 8, and leave together.
// While a turn is dirty they wait here; if the turn fails they are rewritten into errors.
import { inoHigh, inoLow } from "../util/ino64.ts";
import { assert } from "../util/assert.ts";
import { OUT_HEADER } from "./abi.ts";

const TWO32 = 4294967296;

export class Output {
  readonly #buffer: Buffer;
  readonly #view: DataView;
  /** Where the reply that is being encoded begins. */
  #begin = 0;
  #at = 0;
  /** The end of the finished replies, a multiple of 8. 0 = nothing waits. */
  end = 0;

  constructor(bytes: Uint8Array) {
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Bytes that another reply may take. */
  get room(): number {
    return this.#buffer.length - this.end;
  }

  /** Begins the successful reply to a request. */
  begin(unique: number): void {
    const at = this.end;
    this.#begin = at;
    this.#view.setInt32(at + 4, 0, true);
    this.#view.setUint32(at + 8, unique % TWO32, true);
    this.#view.setUint32(at + 12, Math.floor(unique / TWO32), true);
    this.#at = at + OUT_HEADER;
  }
  /** Ends the reply; answers where it begins. */
  finish(): number {
    const begin = this.#begin;
    this.#view.setUint32(begin, this.#at - begin, true);
    this.end = (this.#at + 7) & ~7;
    return begin;
  }
  /** A reply that is nothing but an errno (positive; 0 = success). */
  error(unique: number, errno: number): void {
    this.begin(unique);
    this.#view.setInt32(this.#begin + 4, -errno, true);
    this.finish();
  }
  /** A header whose payload of `bytes` is sent from elsewhere. It does not count as finished; answers its place. */
  header(unique: number, bytes: number): number {
    this.begin(unique);
    this.#view.setUint32(this.#begin, OUT_HEADER + bytes, true);
    return this.#begin;
  }
  /** A message to the kernel that answers no request; put after the replies that wait. Answers its place. */
  notification(code: number): number {
    this.begin(0);
    this.#view.setInt32(this.#begin + 4, code, true);
    return this.#begin;
  }
  /** Ends a notification without keeping it: answers its bytes. */
  finishNotification(): number {
    const bytes = this.#at - this.#begin;
    this.#view.setUint32(this.#begin, bytes, true);
    return bytes;
  }

  /** Makes errors of all replies that wait. */
  failAll(errno: number): void {
    const end = this.end;
    let from = 0;
    this.end = 0;
    while (from < end) {
      const length = this.#view.getUint32(from, true);
      const unique =
        this.#view.getUint32(from + 12, true) * TWO32 + this.#view.getUint32(from + 8, true);
      this.error(unique, errno);
      from += (length + 7) & ~7;
    }
  }
  clear(): void {
    this.end = 0;
  }

  /** Where the next number goes; `seek` is for buffers that hold no replies. */
  get position(): number {
    return this.#at;
  }
  seek(at: number): void {
    this.#at = at;
  }

  #advance(bytes: number): number {
    const at = this.#at;
    assert(at + bytes <= this.#buffer.length, "the reply buffer is too small");
    this.#at = at + bytes;
    return at;
  }
  u16(n: number): void {
    this.#view.setUint16(this.#advance(2), n, true);
  }
  u32(n: number): void {
    this.#view.setUint32(this.#advance(4), n, true);
  }
  /** A whole number, negative or up to 2^53 (beyond that: rounded; below 0: two's complement). */
  u64(n: number): void {
    const at = this.#advance(8);
    this.#view.setUint32(at, n >= 0 ? n % TWO32 : ((n % TWO32) + TWO32) % TWO32, true);
    this.#view.setInt32(at + 4, Math.floor(n / TWO32), true);
  }
  big(n: bigint): void {
    this.#view.setBigUint64(this.#advance(8), n, true);
  }
  ino(ino: number): void {
    const at = this.#advance(8);
    this.#view.setUint32(at, inoLow(ino), true);
    this.#view.setUint32(at + 4, inoHigh(ino), true);
  }
  zeros(bytes: number): void {
    const at = this.#advance(bytes);
    this.#buffer.fill(0, at, at + bytes);
  }
  bytes(data: Uint8Array): void {
    this.#buffer.set(data, this.#advance(data.length));
  }
  latin1(text: string): void {
    this.#buffer.write(text, this.#advance(text.length), text.length, "latin1");
  }
}
