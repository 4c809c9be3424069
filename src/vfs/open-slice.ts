// One slice while it is written. Bytes are appended to it, or replace bytes that are still buffered; extents tell where in
// the file they belong. Many small writes anywhere in a file share one slice, so that they become one object.
import type { SliceWriter } from "../chunk/store.ts";
import type { SliceWrite } from "../meta/api.ts";
import type { DataExtent } from "../meta/journal/journal.ts";
import { assert } from "../util/assert.ts";
import type { Time } from "../util/clock.ts";
import { CHUNK_BYTES } from "../meta/types.ts";
import { DirtyRanges } from "./dirty-ranges.ts";

/** `len` bytes from `off` of the slice are the file's bytes from `start` on. Lies in one chunk. */
interface Extent {
  readonly start: number;
  readonly off: number;
  len: number;
}

/** Answers of `place` when the bytes have no place among those that are there. */
export const APART = -1;
/** They overlap some that they cannot replace: older slices must not take them. */
export const BLOCKED = -2;
/** They continue an extent that is not the last: a second stream that deserves a slice of its own. */
export const FOLLOWS = -3;

/** Writes up to this size share a slice with others that are not adjacent. */
const PACKED_WRITE_BYTES_MAX = 65_536;
/** Each extent becomes a record of the chunk, and is looked through by each write. */
const EXTENTS_MAX = 256;

export class OpenSlice {
  readonly writer: SliceWriter;
  /** When the first of the bytes came that no frame of the journal has; Infinity = all are in frames. */
  dirtySinceMs: number;
  touchedMs: number;
  /** Of the last write. */
  time: Time;
  /** No more bytes: it is being stored, or is. */
  isFrozen = false;
  /** Its blocks are stored, or will never be (`failed`). */
  isSettled = false;
  failed = false;
  /** Some of its bytes are in frames of the journal: acknowledged as durable, they must not be lost. */
  isJournaled = false;
  /** Storing or committing it failed, and is tried again. */
  isStuck = false;
  readonly #unjournaled: DirtyRanges = new DirtyRanges();
  readonly #extents: Extent[] = [];
  #low = Infinity;
  #high = -1;

  constructor(writer: SliceWriter, time: Time, nowMs: number) {
    this.writer = writer;
    this.time = time;
    this.dirtySinceMs = nowMs;
    this.touchedMs = nowMs;
  }

  /** Where in the slice `len` bytes of the file from `start` go when they continue or replace what is here. */
  place(start: number, len: number): number {
    if (start > this.#high || start + len < this.#low) return APART;
    const last = this.#extents.length - 1;
    let found = APART;
    for (let i = last; i >= 0; i--) {
      const e = this.#extents[i] as Extent;
      const end = e.start + e.len;
      if (start >= e.start && start <= end) {
        const off = e.off + (start - e.start);
        const fits = start + len <= end || (i === last && this.#extends(start, off, len));
        if (fits && off >= this.writer.frozenBytes) return off;
        if (start === end) found = FOLLOWS;
      }
      if (start < end && e.start < start + len) return BLOCKED;
    }
    return found;
  }

  #extends(start: number, off: number, len: number): boolean {
    return start % CHUNK_BYTES !== 0 && off + len <= CHUNK_BYTES;
  }

  /** True when a write of `len` bytes elsewhere in the file may join this slice. */
  hasRoom(len: number, sliceBytesMax: number): boolean {
    return (
      len <= PACKED_WRITE_BYTES_MAX &&
      this.#extents.length < EXTENTS_MAX &&
      this.writer.length + len <= sliceBytesMax
    );
  }

  /** So many pieces that looking for a place takes long. */
  get isFull(): boolean {
    return this.#extents.length >= EXTENTS_MAX;
  }

  /** Puts bytes where `place` said. */
  replace(data: Uint8Array, start: number, off: number): void {
    const last = this.#extents[this.#extents.length - 1] as Extent;
    this.writer.writeAt(data, off);
    this.#unjournaled.add(off, off + data.length);
    const growth = off + data.length - (last.off + last.len);
    if (growth > 0) last.len += growth;
    if (start + data.length > this.#high) this.#high = start + data.length;
  }

  append(data: Uint8Array, start: number): void {
    const off = this.writer.length;
    this.writer.writeAt(data, off);
    this.#unjournaled.add(off, off + data.length);
    this.#extents.push({ start, off, len: data.length });
    if (start < this.#low) this.#low = start;
    if (start + data.length > this.#high) this.#high = start + data.length;
  }

  overlaps(start: number, end: number): boolean {
    if (start >= this.#high || end <= this.#low) return false;
    for (const e of this.#extents) if (start < e.start + e.len && e.start < end) return true;
    return false;
  }

  /** Copies out bytes of the file that lie in the newest extent touching them; false when they do not wholly. */
  read(target: Uint8Array, start: number): boolean {
    const end = start + target.length;
    for (let i = this.#extents.length - 1; i >= 0; i--) {
      const e = this.#extents[i] as Extent;
      if (start >= e.start + e.len || e.start >= end) continue;
      if (start < e.start || end > e.start + e.len) return false;
      return this.writer.readBuffered(target, e.off + (start - e.start));
    }
    return false;
  }

  /** Bytes that no frame has yet; Infinity when they cannot be put into one. */
  get unjournaledBytes(): number {
    const ranges = this.#unjournaled;
    if (ranges.isEmpty) return 0;
    const areHere = !this.isFrozen && ranges.lowest >= this.writer.frozenBytes;
    return areHere ? ranges.bytes : Infinity;
  }

  /** Adds those bytes, later extents over earlier ones. They are views: good until the next write. */
  addUnjournaled(extents: DataExtent[]): void {
    const { id: sliceId } = this.writer;
    let at = 0;
    for (const { from, to } of this.#unjournaled.sorted()) {
      for (let off = from; off < to;) {
        while (endOf(this.#extents[at] as Extent) <= off) at++;
        const extent = this.#extents[at] as Extent;
        const end = Math.min(to, endOf(extent));
        for (const bytes of this.writer.views(off, end - off) ?? []) {
          extents.push({ sliceId, offset: extent.start + (off - extent.off), bytes });
          off += bytes.length;
        }
        assert(off === end, `slice ${sliceId}: its buffers are gone`);
      }
    }
  }

  /** All its bytes are in frames now. */
  markJournaled(): void {
    if (this.#unjournaled.isEmpty) return;
    this.#unjournaled.clear();
    this.dirtySinceMs = Infinity;
    this.isJournaled = true;
    this.writer.keepBuffers();
  }

  /** Adds the records of this slice, in the order of writing. */
  addWrites(writes: SliceWrite[]): void {
    const { id, length: size } = this.writer;
    for (const { start, off, len } of this.#extents) {
      const pos = start % CHUNK_BYTES;
      writes.push({ index: (start - pos) / CHUNK_BYTES, slice: { pos, id, size, off, len } });
    }
  }
}

/** The first byte of the slice behind an extent. */
function endOf({ off, len }: Extent): number {
  return off + len;
}
