// After a crash: bytes that only the journal has become slices and blocks, as if they had been written again at the end of
// the file's history. Doing so twice gives the same bytes, so it may be killed and begun again.
import type { ChunkStore } from "../chunk/store.ts";
import type { MetaApi } from "../meta/api.ts";
import type { DataFrame } from "../meta/journal/journal.ts";
import type { Ino } from "../meta/types.ts";
import { TYPE_FILE } from "../meta/types.ts";
import { ENOENT } from "../util/errno.ts";
import { isPromise } from "../util/maybe.ts";
import { FileWriter } from "./file-writer.ts";
import type { WriterEvents } from "./slice-queue.ts";

/** Files that are written to at a time; one more and all are committed. */
const FILES_MAX = 1024;

export interface RecoveredData {
  /** Files that got bytes back. */
  readonly files: number;
  readonly bytes: number;
  /** Files that have bytes in the journal and are gone. */
  readonly skipped: number;
}

/** Writes what the frames say, in their order; all of it is durable when this resolves. Nothing else may use the volume
 *  meanwhile. Rejects with the first error of the store or the metadata: then the frames are still needed. */
export async function recoverData(
  frames: Iterable<DataFrame>,
  meta: MetaApi,
  chunks: ChunkStore,
): Promise<RecoveredData> {
  const recovery = new Recovery(meta, chunks);
  for (const frame of frames) await recovery.add(frame);
  return recovery.finish();
}

class Recovery {
  readonly #meta: MetaApi;
  readonly #chunks: ChunkStore;
  readonly #writers: Map<Ino, FileWriter> = new Map();
  readonly #found: Map<Ino, boolean> = new Map();
  readonly #events: WriterEvents;
  #failure: { readonly cause: unknown } | undefined;
  #bytes = 0;

  constructor(meta: MetaApi, chunks: ChunkStore) {
    this.#meta = meta;
    this.#chunks = chunks;
    const failed = (_ino: Ino, cause: unknown): void => void (this.#failure ??= { cause });
    const nothing = (): void => {};
    this.#events = {
      onDirty: nothing,
      onClean: nothing,
      onCommitted: nothing,
      onLost: failed,
      onStuck: failed,
      onGone: nothing,
    };
  }

  async add({ ino, time, extents }: DataFrame): Promise<void> {
    const isFile = this.#found.get(ino) ?? (await this.#find(ino));
    if (!isFile) return;
    for (const { offset, bytes } of extents) {
      const isFull = this.#writers.size >= FILES_MAX && !this.#writers.has(ino);
      if (isFull || this.#chunks.waitForRoom() !== undefined) await this.#commit();
      await this.#writer(ino).write(bytes, offset, time);
      this.#bytes += bytes.length;
    }
  }

  async #find(ino: Ino): Promise<boolean> {
    let isFile = false;
    try {
      isFile = (await this.#meta.getattr(ino)).type === TYPE_FILE;
    } catch (e) {
      if (e !== ENOENT) throw e;
    }
    this.#found.set(ino, isFile);
    return isFile;
  }

  #writer(ino: Ino): FileWriter {
    let writer = this.#writers.get(ino);
    if (writer === undefined) {
      writer = new FileWriter(ino, this.#meta, this.#chunks, this.#events, () => this.#room());
      this.#writers.set(ino, writer);
    }
    return writer;
  }

  /** While a write waits, the slices of all files make room. */
  #room(): Promise<void> | undefined {
    const room = this.#chunks.waitForRoom();
    if (room === undefined) return undefined;
    for (const writer of this.#writers.values()) writer.storeOld(Infinity, Infinity);
    return this.#chunks.waitForRoom();
  }

  /** Stores and commits all that was written. */
  async #commit(): Promise<void> {
    for (const writer of this.#writers.values()) {
      const flushed = writer.flush(true);
      if (isPromise(flushed)) await flushed;
      if (this.#failure !== undefined) throw this.#failure.cause;
    }
    this.#writers.clear();
  }

  async finish(): Promise<RecoveredData> {
    await this.#commit();
    await this.#chunks.syncBefore(() => this.#meta.sync());
    let files = 0;
    for (const isFile of this.#found.values()) if (isFile) files++;
    return { files, bytes: this.#bytes, skipped: this.#found.size - files };
  }
}
