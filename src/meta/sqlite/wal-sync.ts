// Makes commits survive a power cut: an asynchronous fdatasync of the -wal file on a descriptor of our own. SQLite's
// POSIX locks lie on the database and -shm files, so opening and closing this one drops none of them.
import { close, closeSync, fdatasync, fdatasyncSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { called } from "../../util/called.ts";
import { EIO, fault } from "../../util/errno.ts";
import { readAhead } from "../../util/read-ahead.ts";
import { syncDirectory, syncDirectoryNow } from "../../util/sync-directory.ts";

export class WalSync {
  readonly #path: string;
  #fd: number | undefined;
  /** Inode of the file that #fd has open. */
  #ino = -1;
  /** Commits so far. Before the first sync even an old commit of somebody else may be in the page cache only. */
  #committed = 0;
  #synced = -1;
  #running: Promise<void> | undefined;
  #runningCovers = 0;
  #next: Promise<void> | undefined;

  /** `path` of the database; its -wal file exists from the first read transaction on. */
  constructor(path: string) {
    this.#path = `${path}-wal`;
  }

  /** To be told after each commit, our own or another's. */
  committed(): void {
    this.#committed++;
  }

  /** All commits so far are durable when this resolves. One sync runs, one waits, shared by all. Rejects with EIO. */
  sync(): Promise<void> {
    if (this.#synced === this.#committed) return DONE;
    if (this.#running === undefined) return this.#run();
    if (this.#runningCovers === this.#committed) return this.#running;
    // What runs began before our commit: wait for it, then for one more. Its failure is not ours.
    this.#next ??= this.#running.catch(() => undefined).then(() => this.#run());
    return this.#next;
  }

  /** All commits so far are durable when it returns. Blocks: for the rare moment that nothing may come between. */
  syncNow(): void {
    const covers = this.#committed;
    const fd = openSync(this.#path, "r");
    try {
      fdatasyncSync(fd);
    } finally {
      closeSync(fd);
    }
    syncDirectoryNow(dirname(this.#path));
    this.#synced = Math.max(this.#synced, covers);
  }

  /** Has `length` bytes from `offset` in the page cache soon: SQLite writes over them in parts of pages, and the kernel
   *  reads a page that it has dropped before it takes a part of it, one by one, under the writer's eyes. */
  ahead(offset: number, length: number): void {
    // The first sync opens it anew, with its directory entry.
    this.#fd ??= openSync(this.#path, "r");
    readAhead(this.#fd, offset, length);
  }

  async close(): Promise<void> {
    await this.#running?.catch(() => undefined);
    await this.#next?.catch(() => undefined);
    if (this.#fd !== undefined) await called((done) => close(this.#fd as number, done));
    this.#fd = undefined;
  }

  #run(): Promise<void> {
    this.#next = undefined;
    const covers = this.#committed;
    this.#runningCovers = covers;
    const running = this.#syncFile().then(
      () => {
        this.#synced = covers;
        this.#running = undefined;
      },
      (cause: unknown) => {
        this.#running = undefined;
        throw fault(EIO, "sync metadata", {
          cause,
          hint: "the disk of the metadata database fails: look at its log",
        });
      },
    );
    this.#running = running;
    return running;
  }

  async #syncFile(): Promise<void> {
    // Two microseconds; it tells when another process has removed the file and SQLite made a new one.
    if (statSync(this.#path).ino !== this.#ino) await this.#reopen();
    const fd = this.#fd as number;
    await called((done) => fdatasync(fd, done));
  }

  /** A file that is new needs its directory entry on disk as well. */
  async #reopen(): Promise<void> {
    const old = this.#fd;
    this.#fd = openSync(this.#path, "r");
    this.#ino = statSync(this.#path).ino;
    if (old !== undefined) await called((done) => close(old, done));
    await syncDirectory(dirname(this.#path));
  }
}

const DONE = Promise.resolve();
