// All files with uncommitted writes, the longest dirty first: room for new writes, and the timer that commits what
// lies idle. The timer exists only while something is dirty.
import type { ChunkStore } from "../chunk/store.ts";
import type { Ino } from "../meta/types.ts";
import type { FileWriter } from "./file-writer.ts";

const TICK_MS = 1000;
/** A slice that is written all the time is committed at this multiple of the idle time, unless the journal has its bytes. */
const AGE_FACTOR = 2;
/** Files that one call makes store their writes: storing small ones happens in place. */
const FILES_PER_RELIEF = 64;
/** More files than this, and those whose bytes the journal has begin to be stored, some at each new one. */
const DIRTY_FILES_MAX = 1024;
const FILES_PER_STEP = 16;

export class Writers {
  readonly #chunks: ChunkStore;
  readonly #idleMs: number;
  readonly #dirty: Map<Ino, FileWriter> = new Map();
  #timer: NodeJS.Timeout | undefined;
  /** Files that are to be stored because the journal wants its room back. */
  #relief: FileWriter[] = [];

  constructor(chunks: ChunkStore, idleMs: number) {
    this.#chunks = chunks;
    this.#idleMs = idleMs;
  }

  get dirtyFiles(): number {
    return this.#dirty.size;
  }
  /** The writer of an inode that has uncommitted writes. */
  dirty(ino: Ino): FileWriter | undefined {
    return this.#dirty.get(ino);
  }

  onDirty(ino: Ino, writer: FileWriter): void {
    this.#dirty.set(ino, writer);
    if (this.#dirty.size > DIRTY_FILES_MAX) this.storeJournaled(FILES_PER_STEP);
    this.#timer ??= setTimeout(() => this.#tick(), Math.min(TICK_MS, this.#idleMs));
  }
  onClean(ino: Ino): void {
    this.#dirty.delete(ino);
  }

  /** Undefined when there is room for a write; else makes room, and says when to look again. */
  readonly room: () => Promise<void> | undefined = (): Promise<void> | undefined => {
    const room = this.#chunks.waitForRoom();
    if (room === undefined) return room;
    // Slices that nobody stores would hold their buffers for ever.
    if (!this.#storeOldest()) {
      this.#judgeStuck();
      return room;
    }
    return new Promise((resume) => setImmediate(resume));
  };

  /** Throws when the room is taken by what cannot be stored: that may last. */
  #judgeStuck(): void {
    for (const { stuckBy } of this.#dirty.values()) if (stuckBy !== undefined) throw stuckBy;
  }

  /** Begins to store what the journal has of the `files` longest dirty files, in steps that leave the loop free. */
  storeJournaled(files: number = Infinity): void {
    const isRunning = this.#relief.length > 0;
    // All of them when the journal asks; what is under way is enough for new files.
    if (isRunning && files !== Infinity) return;
    this.#relief = [];
    for (const writer of this.#dirty.values()) {
      if (this.#relief.length >= files) break;
      this.#relief.push(writer);
    }
    if (!isRunning && this.#relief.length > 0) setImmediate(() => this.#storeSome());
  }

  #storeSome(): void {
    for (const writer of this.#relief.splice(0, FILES_PER_STEP)) writer.storeJournaled();
    if (this.#relief.length > 0) setImmediate(() => this.#storeSome());
  }

  /** Begins to store the oldest open slices, up to half of what is buffered; false when there are none. */
  #storeOldest(): boolean {
    const enough = this.#chunks.bufferedBytes / 2;
    let bytes = 0;
    let files = 0;
    for (const writer of this.#dirty.values()) {
      const open = writer.openBytes;
      if (open === 0) continue;
      bytes += open;
      files++;
      writer.storeOld(Infinity, Infinity);
      if (bytes >= enough || files >= FILES_PER_RELIEF) break;
    }
    return files > 0;
  }

  #tick(): void {
    this.#timer = undefined;
    const now = Date.now();
    for (const writer of this.#dirty.values()) {
      writer.storeOld(now - this.#idleMs, now - AGE_FACTOR * this.#idleMs);
      writer.retryStuck(now);
    }
    if (this.#dirty.size > 0) {
      this.#timer = setTimeout(() => this.#tick(), Math.min(TICK_MS, this.#idleMs));
    }
  }

  /** Stores and commits everything that is dirty now, but for files that `isSafe` already. */
  async flushAll(durable: boolean, isSafe?: (ino: Ino) => boolean): Promise<void> {
    const flushes: Promise<void>[] = [];
    for (const [ino, writer] of this.#dirty) {
      if (isSafe?.(ino) === true) continue;
      const flushed = writer.flush(durable);
      if (flushed !== undefined) flushes.push(flushed);
    }
    await Promise.all(flushes);
  }

  /** What could not be stored until now is left to the journal. */
  stop(): void {
    this.#relief = [];
    for (const writer of this.#dirty.values()) {
      if (writer.stuckBy !== undefined) writer.abandon();
    }
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
