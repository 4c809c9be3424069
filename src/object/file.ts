// Objects as files of a local folder, in JuiceFS's layout (formats 9.2): path = bucket + key, atomic puts, and a ledger of
// what still has to reach the disk.
import { closeSync, constants, openSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { EIO, ENOENT, ENOSPC, fault } from "../util/errno.ts";
import { log } from "../util/log.ts";
import { makeFolder } from "../util/make-folder.ts";
import { isPromise, then } from "../util/maybe.ts";
import type { MaybePromise } from "../util/maybe.ts";
import { syncDirectoryNow } from "../util/sync-directory.ts";
import { diskError, diskErrorOf } from "./block-fault.ts";
import type { BlockIo } from "./block-io.ts";
import { blockIo, DURABLE, NAME_WITH_FILE } from "./block-io.ts";
import { DiskRoom } from "./disk-room.ts";
import { listFiles } from "./file-list.ts";
import { namesSyncWithFiles } from "./name-sync.ts";
import type { ObjectInfo, ObjectStorage, PutOptions } from "./storage.ts";
import { UnsyncedFiles } from "./unsynced.ts";

/** Bodies and reads up to this size are done in place: in the page cache they cost less than a thread hop. */
const IN_PLACE_BYTES_MAX = 128 * 1024;
/** Above this many files one syncfs is cheaper than a flush for each. */
const SYNC_FILES_MAX = 128;
/** A power cut finds at most about this much time unsynced. */
const BACKGROUND_SYNC_MS = 1500;
const KNOWN_DIRECTORIES_MAX = 4096;

const stat = new Float64Array(2);

export interface FileStorageOptions {
  /** Makes the folder when it is missing: only `format` may. */
  readonly create?: boolean;
}

export class FileStorage implements ObjectStorage {
  readonly name: string;
  readonly #io: BlockIo = blockIo();
  /** An open directory: all paths are relative to it, so a disk unmounted later is never mistaken for the folder below. */
  #root: number;
  readonly #folder: string;
  /** The last part of a bucket that does not end in a slash: put before each key. */
  readonly #stem: string;
  readonly #durableFlags: number;
  readonly #namesSync: boolean;
  readonly #room: DiskRoom;
  readonly #unsynced = new UnsyncedFiles(SYNC_FILES_MAX);
  readonly #durableDirectories = new Set<string>();
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #failure: Error | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  /** `bucket` is a folder, with or without a slash at its end, as in the setting. Throws a fault that says what to do. */
  constructor(bucket: string, options: FileStorageOptions = {}) {
    const path = bucket.replace(/^file:\/\//, "");
    const slash = path.lastIndexOf("/");
    this.#folder = resolve(path.slice(0, slash + 1));
    this.#stem = path.slice(slash + 1);
    this.name = `file://${path}`;
    this.#room = new DiskRoom(this.#folder);
    this.#root = openFolder(this.#folder, this.name, options.create === true);
    this.#namesSync = namesSyncWithFiles(this.#folder);
    this.#durableFlags = this.#namesSync ? DURABLE | NAME_WITH_FILE : DURABLE;
  }

  get hasUnsynced(): boolean {
    return !this.#unsynced.isEmpty || this.#running !== undefined;
  }

  get(
    key: string,
    range?: { readonly offset: number; readonly length: number },
  ): MaybePromise<Uint8Array> {
    const size = this.#stat(key, "get");
    const offset = Math.min(range?.offset ?? 0, size);
    const length = Math.min(range?.length ?? size, size - offset);
    const target = Buffer.allocUnsafeSlow(length);
    return then(this.getInto(key, target, offset), (now) => {
      if (now >= offset + length) return target;
      throw fault(EIO, "get object", { key, hint: "the file became shorter while it was read" });
    });
  }

  getInto(key: string, target: Uint8Array, offset: number): MaybePromise<number> {
    const inPlace = target.length <= IN_PLACE_BYTES_MAX;
    const result = this.#io.blockRead(this.#root, this.#stem + key, target, offset, inPlace);
    if (isPromise(result)) return result.then((size) => this.#check(size, "get", key));
    return this.#check(result, "get", key);
  }

  put(key: string, body: readonly Uint8Array[], options?: PutOptions): MaybePromise<void> {
    let bytes = 0;
    for (const piece of body) bytes += piece.length;
    if (!this.#room.take(bytes)) throw ENOSPC;
    let done: MaybePromise<void> = undefined;
    try {
      done = this.#put(key, body, bytes, options?.durable === true);
      return isPromise(done) ? done.finally(() => this.#room.landed(bytes)) : done;
    } finally {
      if (!isPromise(done)) this.#room.landed(bytes);
    }
  }

  #put(
    key: string,
    body: readonly Uint8Array[],
    bytes: number,
    durable: boolean,
  ): MaybePromise<void> {
    const path = this.#stem + key;
    if (durable) return this.#putDurable(path, key, body);
    const result = this.#io.blockPut(this.#root, path, body, 0, 0, bytes <= IN_PLACE_BYTES_MAX);
    if (isPromise(result)) return result.then((made) => this.#noteUnsynced(made, path, key));
    return this.#noteUnsynced(result, path, key);
  }

  async #putDurable(path: string, key: string, body: readonly Uint8Array[]): Promise<void> {
    const directory = dirname(path);
    // A directory that nobody has synced yet may hang in the air itself: sync the whole way up once.
    const levels = this.#durableDirectories.has(directory) ? 1 : path.split("/").length;
    const flags = this.#durableFlags;
    this.#check(await this.#io.blockPut(this.#root, path, body, flags, levels, false), "put", key);
    this.#unsynced.remove(path);
    this.#noteDurable(directory);
  }

  #noteUnsynced(made: number, path: string, key: string): void {
    this.#check(made, "put", key);
    this.#unsynced.add(path);
    if (this.#timer !== undefined || this.#closed) return;
    this.#timer = setTimeout(() => this.#syncInBackground(), BACKGROUND_SYNC_MS);
    this.#timer.unref();
  }

  #noteDurable(directory: string): void {
    if (this.#durableDirectories.size >= KNOWN_DIRECTORIES_MAX) this.#durableDirectories.clear();
    this.#durableDirectories.add(directory);
  }

  delete(key: string): MaybePromise<void> {
    const path = this.#stem + key;
    this.#unsynced.remove(path);
    return then(this.#io.blockRemove(this.#root, path), (result) => {
      if (result < 0 && diskError(result, "get", key, this.name) !== ENOENT) {
        this.#check(result, "delete", key);
      }
    });
  }

  head(key: string): ObjectInfo {
    const size = this.#stat(key, "head");
    return { key, size, modifiedMs: Math.floor(stat[1] ?? 0) };
  }

  async *list(prefix: string, options?: { readonly after?: string }): AsyncIterable<ObjectInfo> {
    try {
      yield* listFiles(this.#folder, this.#stem, prefix, options?.after ?? "");
    } catch (e) {
      throw diskErrorOf(e, "list", prefix, this.name);
    }
  }

  sync(): MaybePromise<void> {
    // Pages whose write-back failed are clean again: a second sync would promise what the first could not keep.
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#unsynced.isEmpty) return this.#running;
    if (this.#running === undefined) return this.#startSync();
    // The running one may have passed the files of the caller: all who come meanwhile share the one after it.
    this.#next ??= this.#running.then(() => {
      this.#next = undefined;
      return this.#startSync();
    });
    return this.#next;
  }

  #startSync(): Promise<void> {
    this.#running = this.#syncAll().finally(() => (this.#running = undefined));
    return this.#running;
  }

  async #syncAll(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { files, whole } = this.#unsynced.take();
    const directories = this.#namesSync || whole ? [] : this.#directoriesOf(files);
    try {
      this.#check(
        await this.#io.blockSync(this.#root, files, directories, whole),
        "sync",
        this.#folder,
      );
    } catch (e) {
      this.#failure = e as Error;
      throw e;
    }
    for (const directory of directories) this.#noteDurable(directory);
  }

  /** The directories that name the files, and above them those not known to be durable, up to the root (""). */
  #directoriesOf(files: readonly string[]): string[] {
    const found = new Set<string>();
    for (const file of files) {
      let directory = dirname(file);
      while (!found.has(directory)) {
        found.add(directory);
        if (directory === "." || this.#durableDirectories.has(directory)) break;
        directory = dirname(directory);
      }
    }
    return [...found];
  }

  #syncInBackground(): void {
    this.#timer = undefined;
    const failed = (e: unknown): void => log("error", `sync of ${this.name} failed: ${String(e)}`);
    try {
      const running = this.sync();
      if (isPromise(running)) running.catch(failed);
    } catch {
      // Logged when it first failed.
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    try {
      await this.sync();
    } finally {
      clearTimeout(this.#timer);
      await this.#running?.catch(() => undefined);
      closeSync(this.#root);
      // The number may soon belong to another file.
      this.#root = -1;
    }
  }

  #stat(key: string, verb: "get" | "head"): number {
    this.#check(this.#io.blockStat(this.#root, this.#stem + key, stat), verb, key);
    return stat[0] ?? 0;
  }

  #check(result: number, verb: "get" | "put" | "delete" | "head" | "sync", key: string): number {
    if (result < 0) throw diskError(result, verb, key, this.name);
    return result;
  }
}

function openFolder(folder: string, name: string, create: boolean): number {
  try {
    if (create) makeDurableFolder(folder);
    return openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (e) {
    throw diskErrorOf(e, "open", "", name);
  }
}

/** mkdir -p that survives a power cut. */
function makeDurableFolder(folder: string): void {
  const first = makeFolder(folder);
  if (first === undefined) return;
  for (let path = folder; path.length >= first.length; path = dirname(path))
    syncDirectoryNow(dirname(path));
}
