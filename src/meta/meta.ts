// Meta: the metadata of a volume over any MetaStore. This file owns the life of a client (open, session, jobs, close)
// and the turns; operations are in name-operations.ts and data-operations.ts.
import { errnoOf } from "../util/errno.ts";
import { log } from "../util/log.ts";
import type { MetaApi, SliceWorker } from "./api.ts";
import { Compactor } from "./compactor.ts";
import { DataDeleter } from "./data-deleter.ts";
import { DataOperations } from "./data-operations.ts";
import { readDirStat } from "./dir-stats.ts";
import type { Format } from "./format.ts";
import { parseFormat } from "./format-text.ts";
import { Jobs } from "./jobs.ts";
import { LocalVolume } from "./local-volume.ts";
import type { AtimeMode } from "./ops/open.ts";
import { HEARTBEAT_SECONDS, META_VERSION, SessionKeeper } from "./session.ts";
import type { MetaStore } from "./store.ts";
import type { DirStat, Ino } from "./types.ts";
import type { MaybePromise } from "../util/maybe.ts";

export interface MetaOptions {
  /** Writes answer EROFS; no session record, no jobs. */
  readonly readOnly?: boolean;
  /** The JSON of formats 14.1. Without it this client has no session: open files are not kept when unlinked. */
  readonly sessionInfo?: string;
  readonly heartbeatSeconds?: number;
  readonly noBgJob?: boolean;
  /** Slices whose objects are deleted at a time; 0 = delete none. */
  readonly maxDeletes?: number;
  readonly atimeMode?: AtimeMode;
  /** The way to the data; without it nothing is deleted or merged here. */
  readonly worker?: SliceWorker;
  /** The volume is not ours any more (another UUID, a newer layout): stop serving. */
  readonly terminate?: (reason: string) => void;
}

/** Opens the volume in `store`. Throws an Error whose message is one sentence for the person. */
export async function openMeta(store: MetaStore, options: MetaOptions = {}): Promise<Meta> {
  const text = await store.read((tx) => tx.setting());
  if (text === undefined) {
    throw new Error("this database holds no volume: make one with `jfs format`");
  }
  const format = parseFormat(text);
  const { MetaVersion = 0 } = format;
  if (MetaVersion > META_VERSION) {
    throw new Error(
      `the volume has metadata version ${MetaVersion}, this program knows ${META_VERSION}: use a newer one`,
    );
  }
  const meta = new Meta(store, new LocalVolume(format), options);
  await meta.start();
  return meta;
}

export class Meta extends DataOperations implements MetaApi {
  readonly #session: SessionKeeper;
  readonly #deleter: DataDeleter | undefined;
  readonly #jobs: Jobs | undefined;
  readonly #runsJobs: boolean;

  constructor(store: MetaStore, volume: LocalVolume, options: MetaOptions) {
    const { readOnly = false, worker } = options;
    super(store, volume, readOnly, options.atimeMode ?? "noatime");
    const writes = !readOnly;
    this.#runsJobs = writes && options.noBgJob !== true;
    this.#session = new SessionKeeper(store, volume, {
      heartbeatSeconds: options.heartbeatSeconds ?? HEARTBEAT_SECONDS,
      info: writes ? options.sessionInfo : undefined,
      cleansStale: this.#runsJobs,
      terminate: options.terminate ?? ((reason) => log("error", reason)),
    });
    if (!writes || worker === undefined) return;
    const deleter = new DataDeleter(store, worker, options.maxDeletes ?? 10);
    this.#deleter = deleter;
    volume.onFileDeleted = (ino, length) => deleter.enqueue(ino, length);
    this.#jobs = new Jobs(store, volume, deleter);
    const newSliceId = (): MaybePromise<number> => this.newSliceId();
    const chunkChanged = (ino: Ino, index: number): void => this.chunkChanged(ino, index);
    this.compactor = new Compactor({ store, volume, worker, deleter, newSliceId, chunkChanged });
  }

  /** Makes the session and starts what runs in the background. */
  async start(): Promise<void> {
    await this.#session.start();
    if (this.#runsJobs) this.#jobs?.start();
  }

  /** Finishes what runs, ends the session. The store stays open: it is the caller's. */
  async shutdown(): Promise<void> {
    await this.compactor?.stop();
    await this.#jobs?.stop();
    await this.#session.stop();
    // The session's own files were released just now; what is not deleted within the call stays for others.
    await this.#deleter?.idle();
    await this.#deleter?.stop();
  }

  format(): Format {
    return this.volume.format;
  }
  get sid(): number {
    return this.volume.sid;
  }

  beginTurn(): void {
    this.store.beginTurn();
  }
  endTurn(): void {
    try {
      this.store.endTurn();
    } catch (e) {
      this.trash.forget();
      throw e;
    }
  }
  get turnIsDirty(): boolean {
    return this.store.turnIsDirty;
  }
  sync(): Promise<void> {
    return this.store.sync();
  }

  get isShared(): boolean {
    return this.#session.isShared;
  }
  onForeignChange(listener: () => void): void {
    this.store.onForeignChange(listener);
  }

  /** Usage of a directory's children; computed by listing when the record is missing or cannot be true. */
  dirStat(ino: Ino): MaybePromise<DirStat> {
    return readDirStat(this.store, this.volume, ino);
  }

  /** For tests and tools: all background jobs, now, whoever did them when. */
  async runJobsNow(): Promise<void> {
    await this.#session.beat();
    await this.#session.cleanStale();
    await this.#deleter?.idle();
    await this.#jobs?.runNow();
    await this.compactor?.drain().catch((e: unknown) => {
      log("warn", `compaction failed: ${errnoOf(e).code}`);
    });
  }
}
