// The journal as one file of two segments that are written in turn. An append is one system call; the caller keeps the
// database and the journal in step.
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  renameSync,
  statSync,
  unlinkSync,
} from "node:fs";
import { dirname } from "node:path";
import { getSystemErrorName } from "node:util";
import { assert } from "../../util/assert.ts";
import { syncDirectory } from "../../util/sync-directory.ts";
import { EIO, fault, type FsFault } from "../../util/errno.ts";
import type { Journal, JournalIdentity } from "./journal.ts";
import { journalIo, type JournalIo } from "./journal-io.ts";
import { JournalSync } from "./journal-sync.ts";
import {
  encodeHeader,
  frameBytes,
  frameSeed,
  HEADER_BYTES,
  SEGMENTS,
  VOLUME_BYTES_MAX,
} from "./layout.ts";
import { WriteAhead } from "./write-ahead.ts";

export const JOURNAL_BYTES: number = 64 * 2 ** 20;

export interface JournalOptions {
  /** Sequence number of the first frame to be appended, from 1. */
  readonly firstSequence: number;
  /** Size of the file, a multiple of 8192 and at most 2^32; 64 MiB when not given. */
  readonly bytes?: number;
  /** Runs a sync of its own accord, after what the frames name (blocks) is durable. */
  readonly durably?: (sync: () => Promise<void>) => Promise<void>;
}

export class JournalFile implements Journal {
  readonly path: string;
  readonly identity: JournalIdentity;
  readonly #fd: number;
  readonly #io: JournalIo = journalIo();
  readonly #segmentBytes: number;
  readonly #sync: JournalSync;
  readonly #ahead: WriteAhead;
  /** The segment that is appended to. */
  #head = 0;
  /** Where the next frame goes, and where the head segment ends; in bytes from the start of the file. */
  #at = 0;
  #end = 0;
  #seed = 0;
  #generation = 0;
  #last: number;
  /** Of the newest frame in the segment that is not the head; 0 = it holds none. */
  #otherLast = 0;
  #forgotten: number;
  #failure: FsFault | undefined;
  #closed = false;

  private constructor(
    path: string,
    identity: JournalIdentity,
    fd: number,
    options: JournalOptions,
  ) {
    this.path = path;
    this.identity = identity;
    this.#fd = fd;
    this.#segmentBytes = (options.bytes ?? JOURNAL_BYTES) / SEGMENTS;
    this.#last = options.firstSequence - 1;
    this.#forgotten = this.#last;
    this.#sync = new JournalSync(fd, dirname(path), this.#last, () => this.#last);
    this.#ahead = new WriteAhead(
      fd,
      this.#segmentBytes * SEGMENTS,
      () => this.#at,
      (cause) => this.#fail("sync journal", cause),
      options.durably,
    );
    this.#begin(0);
  }

  /** Makes a new journal and holds its lock until it is closed. Throws Errors of one sentence: the path is taken, another
   *  process makes it, the disk has no room. */
  static create(path: string, identity: JournalIdentity, options: JournalOptions): JournalFile {
    check(identity, options);
    // Complete before it has its name: whoever finds a journal finds a header in it.
    const fresh = `${path}.new`;
    const fd = openFresh(fresh);
    try {
      if (exists(path)) throw new Error(`there is a journal at ${path} already: recover it first`);
      allocate(fd, path, options.bytes ?? JOURNAL_BYTES);
      const journal = new JournalFile(path, identity, fd, options);
      renameSync(fresh, path);
      return journal;
    } catch (e) {
      unlinkSync(fresh);
      closeSync(fd);
      throw e;
    }
  }

  get lastSequence(): number {
    return this.#last;
  }

  get wanted(): number {
    const isHalfFull = this.#end - this.#at < (this.#segmentBytes - HEADER_BYTES) / 2;
    return isHalfFull && this.#otherLast > this.#forgotten ? this.#otherLast : 0;
  }

  append(kind: number, payload: Uint8Array): number {
    if (this.#failure !== undefined) throw this.#failure;
    const bytes = frameBytes(payload.byteLength);
    if (this.#at + bytes > this.#end && !this.#turn(bytes)) return 0;
    const sequence = this.#last + 1;
    const wrote = this.#io.journalFrame(this.#fd, this.#at, this.#seed, sequence, kind, payload);
    if (wrote !== bytes) throw this.#fail("write journal", wrote);
    this.#at += bytes;
    this.#last = sequence;
    return sequence;
  }

  async sync(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      await this.#sync.sync();
    } catch (e) {
      throw this.#fail("sync journal", e);
    }
    this.#ahead.wake();
  }

  forget(sequence: number): void {
    assert(sequence <= this.#last, "a frame is forgotten that was never appended");
    if (sequence > this.#forgotten) this.#forgotten = sequence;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#refuse();
    await this.#sync.settled();
    await this.#ahead.stop();
    closeSync(this.#fd);
  }

  async remove(): Promise<void> {
    assert(!this.#closed, "a journal is removed while its lock is held");
    // Unlinked under the lock: nobody else can have taken the name.
    unlinkSync(this.path);
    await this.close();
    await syncDirectory(dirname(this.path));
  }

  #refuse(): void {
    this.#closed = true;
    this.#failure ??= fault(EIO, "write journal", { key: this.path, hint: "it is closed" });
  }

  /** The other segment becomes the head, if no frame in it is needed any more. */
  #turn(bytes: number): boolean {
    // It would never fit: there is another way for it.
    if (bytes > this.#segmentBytes - HEADER_BYTES) return false;
    if (this.#otherLast > this.#forgotten) return false;
    this.#otherLast = this.#last;
    this.#begin(1 - this.#head);
    return true;
  }

  /** The header is durable before any frame behind it is written: what it said before is not needed any more, and a frame
   *  of this round is never behind a header of the round before. */
  #begin(index: number): void {
    this.#generation++;
    // Every block was written by now.
    if (this.#generation > SEGMENTS) void this.#ahead.stop();
    const start = index * this.#segmentBytes;
    const page = encodeHeader({
      identity: this.identity,
      segmentBytes: this.#segmentBytes,
      index,
      generation: this.#generation,
      firstSequence: this.#last + 1,
    });
    const result = this.#io.journalWriteThrough(this.#fd, start, page);
    if (result < 0) throw this.#fail("write journal", result);
    this.#head = index;
    this.#seed = frameSeed(this.identity.journal, this.#generation);
    this.#at = start + HEADER_BYTES;
    this.#end = start + this.#segmentBytes;
  }

  /** From now on nothing is taken: what a failed write or sync left on disk is not known. */
  #fail(operation: string, result: unknown): FsFault {
    const cause =
      typeof result === "number" ? new Error(result < 0 ? nameOf(result) : "short write") : result;
    this.#failure ??= fault(EIO, operation, {
      key: this.path,
      cause,
      hint: "the disk of the journal fails: look at the kernel's log, then unmount and mount again",
    });
    return this.#failure;
  }
}

function check(identity: JournalIdentity, options: JournalOptions): void {
  const bytes = options.bytes ?? JOURNAL_BYTES;
  assert(/^[0-9a-f]{32}$/.test(identity.journal), "a journal's id has 32 hexadecimal digits");
  assert(Number.isSafeInteger(options.firstSequence) && options.firstSequence > 0, "from 1");
  if (bytes < 4 * HEADER_BYTES || bytes > 2 ** 32 || bytes % (SEGMENTS * HEADER_BYTES) !== 0)
    throw new Error(`a journal has 16 KiB to 4 GiB in steps of 8 KiB, not ${bytes} bytes`);
  if (Buffer.byteLength(identity.volume) > VOLUME_BYTES_MAX)
    throw new Error(
      `the volume's UUID is longer than ${VOLUME_BYTES_MAX} bytes: use --journal=off`,
    );
}

/** Opens and locks the file that will get the journal's name; what a crash left there is emptied. */
function openFresh(fresh: string): number {
  const fd = openSync(fresh, constants.O_RDWR | constants.O_CREAT, 0o600);
  // Between opening and locking another process may have finished it and given it its name.
  if (journalIo().journalLock(fd) === 0 && isAt(fresh, fd)) {
    ftruncateSync(fd, 0);
    return fd;
  }
  closeSync(fd);
  throw new Error(`another process is making a journal at ${fresh}: wait until it is done`);
}

function allocate(fd: number, path: string, bytes: number): void {
  const result = journalIo().journalAllocate(fd, bytes);
  if (result === 0) return;
  const why = nameOf(result);
  if (why === "ENOSPC" || why === "EDQUOT")
    throw new Error(
      `there is no room for a journal of ${bytes / 2 ** 20} MiB at ${path}: make room, or use --journal-dir or --journal=off`,
    );
  throw new Error(`no journal can be made at ${path} (${why}): use --journal-dir or --journal=off`);
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

function isAt(path: string, fd: number): boolean {
  return statSync(path, { throwIfNoEntry: false })?.ino === fstatSync(fd).ino;
}

/** `result` is a negative errno. */
function nameOf(result: number): string {
  return getSystemErrorName(result);
}
