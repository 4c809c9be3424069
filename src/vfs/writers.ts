// All files with uncommitted writes, the longest dirty first: room for new writes, and the timer that commits what
// lies idle. The timer exists only while something is dirty.
import type { ChunkStore } from "../chunk/store.ts";
import type { Ino } from "../meta/types.ts";
import type { FileWriter } from "./file-writer.ts";

const TICK_MS = 1000;
/** A slice that is written all the time is committed at this multiple of the idle time. */
const AGE_FACTOR = 2;
/** Files that one call makes store their writes: storing small ones happens in place. */
const FILES_PER_RELIEF = 64;

export class Writers {
  readonly #chunks: ChunkStore;
  readonly #idleMs: number;
  readonly #dirty: Map<Ino, FileWriter> = new Map();
  #timer: NodeJS.Timeout | undefined;

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
    this.#timer ??= setTimeout(() => this.#tick(), Math.min(TICK_MS, this.#idleMs));
  }
  onClean(ino: Ino): void {
    this.#dirty.delete(ino);
  }

  /** Undefined when there is room for a write; else makes room, and says when to look again. */
  readonly room: () => Promise<void> | undefined = (): Promise<void> | undefined => {
    const room = this.#chunks.waitForRoom();
    // Slices that nobody stores would hold their buffers for ever.
    if (room === undefined || !this.#storeOldest()) return room;
    return new Promise((resume) => setImmediate(resume));
  };

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
    }
    if (this.#dirty.size > 0) {
      this.#timer = setTimeout(() => this.#tick(), Math.min(TICK_MS, this.#idleMs));
    }
  }

  /** Stores and commits everything that is dirty now. */
  async flushAll(durable: boolean): Promise<void> {
    const flushes: Promise<void>[] = [];
    for (const writer of this.#dirty.values()) {
      const flushed = writer.flush(durable);
      if (flushed !== undefined) flushes.push(flushed);
    }
    await Promise.all(flushes);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
