// The entries of one READDIR or READDIRPLUS reply, packed until the size that the kernel asked for is used up.
// The buffers are kept for the next listing; one is in use for each listing that has not answered yet.
import { DIRENT_BYTES, ENTRY_OUT } from "./abi.ts";
import { entry as encodeEntry, isDots, noEntry } from "./encode.ts";
import type { DirentSink, EntryReply } from "./operations.ts";
import { Output } from "./output.ts";

const KEPT_BYTES = 65536;
const KEPT_BUFFERS = 4;

export class Dirents implements DirentSink {
  readonly #buffer: Buffer;
  readonly #out: Output;
  #at = 0;
  #limit = 0;

  constructor(bytes: number) {
    this.#buffer = Buffer.allocUnsafeSlow(bytes);
    this.#out = new Output(this.#buffer);
  }
  get capacity(): number {
    return this.#buffer.length;
  }
  start(limit: number): void {
    this.#limit = limit;
    this.#at = 0;
    this.#out.clear();
  }
  /** What was packed; valid until the buffer is given back. */
  packed(): Uint8Array {
    return this.#buffer.subarray(0, this.#at);
  }

  add(name: string, ino: number, type: number, offset: number): boolean {
    const end = this.#at + padded(DIRENT_BYTES + name.length);
    if (end > this.#limit) return false;
    this.#out.seek(this.#at);
    this.#dirent(name, ino, type, offset, end);
    return true;
  }
  addPlus(
    name: string,
    ino: number,
    type: number,
    offset: number,
    entry: EntryReply | undefined,
  ): boolean {
    const end = this.#at + padded(ENTRY_OUT + DIRENT_BYTES + name.length);
    if (end > this.#limit) return false;
    this.#out.seek(this.#at);
    if (entry === undefined || isDots(name)) noEntry(this.#out);
    else encodeEntry(this.#out, entry);
    this.#dirent(name, ino, type, offset, end);
    return true;
  }
  #dirent(name: string, ino: number, type: number, offset: number, end: number): void {
    const out = this.#out;
    out.ino(ino);
    out.u64(offset);
    out.u32(name.length);
    out.u32(type);
    out.latin1(name);
    out.zeros(end - out.position);
    this.#at = end;
  }
}

function padded(bytes: number): number {
  return (bytes + 7) & ~7;
}

export class DirentsPool {
  readonly #free: Dirents[] = [];
  /** A sink for at most `limit` bytes. */
  take(limit: number): Dirents {
    const kept = limit <= KEPT_BYTES ? this.#free.pop() : undefined;
    const sink = kept ?? new Dirents(Math.max(limit, KEPT_BYTES));
    sink.start(limit);
    return sink;
  }
  give(sink: Dirents): void {
    if (sink.capacity === KEPT_BYTES && this.#free.length < KEPT_BUFFERS) this.#free.push(sink);
  }
}
