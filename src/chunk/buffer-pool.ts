// Memory of blocks: buffers of power-of-two sizes, reused, and given back to the system when nobody has asked for a while.
// Garbage collection would be too late for 4 MiB buffers at gigabytes a second.
import { allocatePages } from "../util/pages.ts";

const CLASS_MIN_BITS = 12;
/** Larger buffers than this (16 MiB, JuiceFS's largest block) are not kept. */
const CLASS_MAX_BITS = 24;
const IDLE_MS = 10_000;
/** From this size on buffers are whole pages, so that the storage may transfer them directly. */
const PAGES_BYTES_MIN = 1 << 20;

export class BufferPool {
  readonly #bytesMax: number;
  readonly #free: Uint8Array[][] = Array.from({ length: CLASS_MAX_BITS + 1 }, () => []);
  #usedBytes = 0;
  #freeBytes = 0;
  #limbo: Uint8Array[] = [];
  #timer: NodeJS.Timeout | undefined;
  #isBusy = false;

  /** Buffers in use are counted, not limited; free ones are kept as long as all together stay below `bytesMax`. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }
  get freeBytes(): number {
    return this.#freeBytes;
  }

  /** The length of the buffer that `take(bytes)` gives. */
  static capacityFor(bytes: number): number {
    return 2 ** classBits(bytes);
  }

  /** A buffer of at least `bytes` bytes with undefined content. */
  take(bytes: number): Uint8Array {
    const bits = classBits(bytes);
    this.#isBusy = true;
    this.#usedBytes += 2 ** bits;
    const kept = this.#free[bits]?.pop();
    if (kept !== undefined) {
      this.#freeBytes -= kept.length;
      return kept;
    }
    // Room for a new size is made by letting go of others.
    this.#trim(this.#bytesMax - this.#usedBytes);
    const capacity = 2 ** bits;
    return capacity >= PAGES_BYTES_MIN ? allocatePages(capacity) : Buffer.allocUnsafeSlow(capacity);
  }

  /** Nobody looks at the buffer any more. */
  give(buffer: Uint8Array): void {
    const bits = classBits(buffer.length);
    this.#usedBytes -= buffer.length;
    if (bits > CLASS_MAX_BITS || this.#usedBytes + this.#freeBytes + buffer.length > this.#bytesMax)
      return;
    this.#free[bits]?.push(buffer);
    this.#freeBytes += buffer.length;
    this.#watchIdle();
  }

  /** Views of the buffer were handed out that stay valid until the event loop turns. */
  giveAfterTurn(buffer: Uint8Array): void {
    this.#limbo.push(buffer);
    if (this.#limbo.length === 1) setImmediate(() => this.#drainLimbo());
  }

  #drainLimbo(): void {
    const limbo = this.#limbo;
    this.#limbo = [];
    for (const buffer of limbo) this.give(buffer);
  }

  /** Lets go of free buffers, large ones first, until at most `bytesMax` are kept. */
  #trim(bytesMax: number): void {
    for (let bits = CLASS_MAX_BITS; bits >= CLASS_MIN_BITS && this.#freeBytes > bytesMax; bits--) {
      const list = this.#free[bits] ?? [];
      const tooMany = Math.ceil((this.#freeBytes - bytesMax) / 2 ** bits);
      this.#freeBytes -= list.splice(0, tooMany).length * 2 ** bits;
    }
  }

  #watchIdle(): void {
    if (this.#timer !== undefined) return;
    this.#isBusy = false;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#isBusy) this.#watchIdle();
      else this.#trim(0);
    }, IDLE_MS);
    this.#timer.unref();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#drainLimbo();
    this.#trim(0);
  }
}

function classBits(bytes: number): number {
  return Math.max(CLASS_MIN_BITS, 32 - Math.clz32(bytes - 1));
}
