// Deletes the data of files that this client has removed: at once, in the background, a bounded batch at a time
// (formats 14.4). What it cannot do now stays in the store's records, for the hourly job.
import { errnoOf } from "../util/errno.ts";
import { log } from "../util/log.ts";
import type { SliceWorker } from "./api.ts";
import type { DeadSlice, FileRemains } from "./ops/delete-data.ts";
import { deleteChunks, forgetSlices } from "./ops/delete-data.ts";
import type { MetaStore } from "./store.ts";
import type { Delfile, Ino } from "./types.ts";

/** Files worked on at a time. */
const FILES_MAX = 100;
/** Files that wait in memory; of more than these the store alone knows. */
const WAITING_MAX = 65_536;
const CHUNKS_PER_PAGE = 256;

export class DataDeleter {
  readonly #store: MetaStore;
  readonly #worker: SliceWorker;
  readonly #maxDeletes: number;
  readonly #waiting: Map<Ino, number> = new Map();
  #overflow = false;
  #running: Promise<void> | undefined;
  #stopped = false;

  /** `maxDeletes` = objects of so many slices are deleted at a time; 0 leaves all of them to others. */
  constructor(store: MetaStore, worker: SliceWorker, maxDeletes: number) {
    this.#store = store;
    this.#worker = worker;
    this.#maxDeletes = maxDeletes;
  }

  /** A delfile record for `ino` has been committed. */
  enqueue(ino: Ino, length: number): void {
    if (this.#stopped) return;
    if (this.#waiting.size >= WAITING_MAX) this.#overflow = true;
    else this.#waiting.set(ino, length);
    this.#running ??= this.#run();
  }

  /** Resolves when all that was enqueued has been dealt with. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#waiting.clear();
    await this.idle();
  }

  async #run(): Promise<void> {
    try {
      // Let the requests that are waiting go first.
      await new Promise((done) => setImmediate(done));
      while (this.#waiting.size > 0) {
        const files = [...this.#waiting].slice(0, FILES_MAX);
        for (const [ino] of files) this.#waiting.delete(ino);
        await this.deleteFiles(files.map(([ino, length]) => ({ ino, length, expire: 0 })));
        if (this.#waiting.size === 0 && this.#overflow) await this.#refill();
        await new Promise((done) => setImmediate(done));
      }
    } catch (e) {
      log(
        "warn",
        `deleting data failed: ${errnoOf(e).code} (${String(e)}); the hourly job tries again`,
      );
      this.#waiting.clear();
    } finally {
      this.#running = undefined;
    }
  }

  async #refill(): Promise<void> {
    this.#overflow = false;
    const now = Math.floor(Date.now() / 1000) + 1;
    for (const { ino, length } of await this.#store.scanDelfiles(now, WAITING_MAX)) {
      this.#waiting.set(ino, length);
    }
  }

  /** Deletes all data of these files, and their records. */
  async deleteFiles(files: readonly Delfile[]): Promise<void> {
    let rest: readonly Delfile[] = files;
    while (rest.length > 0) {
      const { batch, more } = await this.#nextChunks(rest);
      const dead = await this.#store.write((tx) => deleteChunks(tx, batch));
      await this.removeSlices(dead);
      rest = more;
    }
  }

  /** The next chunks of some files, and the files that have more of them. */
  async #nextChunks(files: readonly Delfile[]): Promise<{ batch: FileRemains[]; more: Delfile[] }> {
    const batch: FileRemains[] = [];
    const more: Delfile[] = [];
    let room = CHUNKS_PER_PAGE;
    for (const file of files) {
      if (room <= 0) {
        more.push(file);
        continue;
      }
      const chunks = await this.#store.scanChunks(file.ino, 0, room + 1);
      const complete = chunks.length <= room;
      const indexes = chunks.slice(0, room).map(({ index }) => index);
      room -= indexes.length;
      batch.push({ ino: file.ino, indexes, delfile: complete ? file : undefined });
      if (!complete) more.push(file);
    }
    return { batch, more };
  }

  /** Objects first, then the records that know them: a crash in between leaves a record to try again. */
  async removeSlices(slices: readonly DeadSlice[]): Promise<void> {
    if (this.#maxDeletes <= 0 || slices.length === 0) return;
    // A power cut must not bring back a file whose objects are gone.
    await this.#store.sync();
    const gone: DeadSlice[] = [];
    let next = 0;
    const work = async (): Promise<void> => {
      for (let slice = slices[next++]; slice !== undefined; slice = slices[next++]) {
        try {
          await this.#worker.remove(slice.id, slice.size);
          gone.push(slice);
        } catch (e) {
          log(
            "warn",
            `slice ${slice.id} is not deleted: ${errnoOf(e).code}; the hourly job tries again`,
          );
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(this.#maxDeletes, slices.length) }, work));
    if (gone.length > 0) await this.#store.write((tx) => forgetSlices(tx, gone));
  }
}
