// Reads the journal that a crash left: the longest run of frames that are all there, over both segments.
import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { crc32c } from "../../util/crc32c.ts";
import type { Frame, JournalIdentity } from "./journal.ts";
import { journalIo } from "./journal-io.ts";
import {
  decodeHeader,
  FRAME_HEADER_BYTES,
  frameBytes,
  frameSeed,
  hasMagic,
  HEADER_BYTES,
  type SegmentHeader,
  SEGMENTS,
} from "./layout.ts";

export interface FoundFrame extends Frame {
  /** When it was appended: milliseconds since 1970 by the clock of that host. */
  readonly timeMs: number;
}

/** Where the frames end. */
export interface JournalEnd {
  /** Of the last frame that is there; one less than the first when there is none. */
  readonly lastSequence: number;
  /** Where the next one would be, in bytes from the start of the file. */
  readonly offset: number;
  /** "end": nothing tells that there was more. "torn": the next frame is there in part. "gap": later frames are there that
   *  cannot be used, since the ones before them are missing. */
  readonly reason: "end" | "torn" | "gap";
}

/** A living process has it / there is no journal / what was found. */
export type JournalFound = "busy" | "none" | JournalReader;

/** Opens the journal at `path` and holds its lock, or gives it back at once when `holds` is false. Throws Errors of one
 *  sentence for what is no journal, or none of this `volume` (its UUID; any when not given). */
export function openJournal(path: string, volume?: string, holds: boolean = true): JournalFound {
  for (;;) {
    let fd = openExisting(path);
    if (fd === undefined) return "none";
    try {
      if (journalIo().journalLock(fd) !== 0) return closed(fd, "busy");
      // Removed by its owner between opening and locking: look again.
      if (statSync(path, { throwIfNoEntry: false })?.ino !== fstatSync(fd).ino) {
        closeSync(fd);
        continue;
      }
      if (!holds) {
        // The lock goes with the descriptor.
        const again = openSync(path, "r");
        closeSync(fd);
        fd = again;
      }
      return new JournalReader(path, fd, volume);
    } catch (e) {
      closeSync(fd);
      throw e;
    }
  }
}

export class JournalReader {
  readonly path: string;
  readonly identity: JournalIdentity;
  /** The oldest that may still be there: older ones were forgotten. */
  readonly firstSequence: number;
  readonly #fd: number;
  /** In the order of their frames. */
  readonly #segments: readonly SegmentHeader[];
  #end: JournalEnd | undefined;

  constructor(path: string, fd: number, volume: string | undefined) {
    this.path = path;
    this.#fd = fd;
    this.#segments = readHeaders(path, fd);
    const first = this.#segments[0] as SegmentHeader;
    this.identity = first.identity;
    this.firstSequence = first.firstSequence;
    if (volume !== undefined && this.identity.volume !== volume)
      throw new Error(
        `the journal ${path} belongs to volume ${this.identity.volume}, not ${volume}: move it there`,
      );
  }

  /** Where the frames ended; known when an iteration has come to its end. */
  get end(): JournalEnd | undefined {
    return this.#end;
  }

  /** The frames after sequence number `after`, in order. May be called again. Payloads are views that stay valid, each of
   *  which keeps its segment in memory. */
  *frames(after: number = 0): Generator<FoundFrame, JournalEnd> {
    let next = this.firstSequence;
    let end: JournalEnd | undefined;
    for (const header of this.#segments) {
      if (header.firstSequence !== next) {
        end = { ...(end as JournalEnd), reason: "gap" };
        break;
      }
      const segment = new SegmentReader(this.#fd, header);
      for (let frame = segment.next(); frame !== undefined; frame = segment.next()) {
        if (frame.sequence > after) yield frame;
      }
      end = segment.end;
      next = end.lastSequence + 1;
    }
    this.#end = end as JournalEnd;
    return this.#end;
  }

  /** Gives up the lock; the file stays. */
  close(): void {
    closeSync(this.#fd);
  }
}

const STEP_BYTES = 2 ** 20;

/** Walks over the frames of one segment. */
class SegmentReader {
  readonly #fd: number;
  readonly #header: SegmentHeader;
  readonly #seed: number;
  /** Of the whole segment; the system gives it memory as it is filled. */
  readonly #bytes: Buffer;
  #filled = 0;
  #at: number = HEADER_BYTES;
  #next: number;

  constructor(fd: number, header: SegmentHeader) {
    this.#fd = fd;
    this.#header = header;
    this.#seed = frameSeed(header.identity.journal, header.generation);
    this.#bytes = Buffer.allocUnsafeSlow(header.segmentBytes);
    this.#next = header.firstSequence;
  }

  next(): FoundFrame | undefined {
    const at = this.#at;
    if (!this.#fill(at + FRAME_HEADER_BYTES)) return undefined;
    const bytes = this.#bytes;
    const length = bytes.readUInt32LE(at + 4);
    const end = at + frameBytes(length);
    if (Number(bytes.readBigUInt64LE(at + 8)) !== this.#next || !this.#fill(end)) return undefined;
    if (bytes.readUInt32LE(at) !== crc32c(bytes.subarray(at + 4, end), this.#seed))
      return undefined;
    this.#at = end;
    return {
      sequence: this.#next++,
      kind: bytes.readUInt16LE(at + 16),
      timeMs: bytes.readUIntLE(at + 18, 6),
      payload: bytes.subarray(at + FRAME_HEADER_BYTES, at + FRAME_HEADER_BYTES + length),
    };
  }

  get end(): JournalEnd {
    const at = this.#at;
    const isTorn =
      this.#fill(at + FRAME_HEADER_BYTES) &&
      Number(this.#bytes.readBigUInt64LE(at + 8)) === this.#next;
    return {
      lastSequence: this.#next - 1,
      offset: this.#header.index * this.#header.segmentBytes + at,
      reason: isTorn ? "torn" : "end",
    };
  }

  /** Has the bytes before `end` in memory; false when the segment, or the file, ends before. */
  #fill(end: number): boolean {
    while (this.#filled < end) {
      if (end > this.#bytes.length) return false;
      const want = Math.min(STEP_BYTES, this.#bytes.length - this.#filled);
      const start = this.#header.index * this.#header.segmentBytes + this.#filled;
      const got = readSync(this.#fd, this.#bytes, this.#filled, want, start);
      if (got === 0) return false;
      this.#filled += got;
    }
    return true;
  }
}

/** The valid headers, oldest first. One may be damaged: then its segment was never used, or it was being reused, and its
 *  frames were forgotten. */
function readHeaders(path: string, fd: number): SegmentHeader[] {
  const pages = [readPage(fd, 0)];
  try {
    const first = decodeHeader(pages[0] as Buffer, 0);
    // Where the second segment begins is known from the first, or from the size of the file.
    pages.push(readPage(fd, first?.segmentBytes ?? Math.floor(fstatSync(fd).size / SEGMENTS)));
    const second = decodeHeader(pages[1] as Buffer, 1);
    const found = [first, second].filter((header) => header !== undefined);
    if (found.length === 0)
      throw new Error(
        pages.some(hasMagic) ? "both headers are damaged" : "it is no journal of jfs",
      );
    if (first !== undefined && second !== undefined && !belongTogether(first, second))
      throw new Error("its segments do not belong together");
    return found.toSorted((a, b) => a.generation - b.generation);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${path} cannot be read as a journal, ${why}: move it away`, { cause });
  }
}

function belongTogether(a: SegmentHeader, b: SegmentHeader): boolean {
  const isSame =
    a.identity.journal === b.identity.journal && a.identity.volume === b.identity.volume;
  const isNext = Math.abs(a.generation - b.generation) === 1;
  const isOrdered = a.generation < b.generation === a.firstSequence < b.firstSequence;
  return isSame && isNext && isOrdered && a.segmentBytes === b.segmentBytes;
}

function readPage(fd: number, offset: number): Buffer {
  const page = Buffer.alloc(HEADER_BYTES);
  return page.subarray(0, readSync(fd, page, 0, HEADER_BYTES, offset));
}

function openExisting(path: string): number | undefined {
  try {
    return openSync(path, "r");
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw e;
  }
}

function closed<T>(fd: number, answer: T): T {
  closeSync(fd);
  return answer;
}
