// A whole volume with a journal: files are written, fsynced, truncated, copied, renamed over each other and removed, and
// crashed at random steps. Recovered with all that a mount does, and every byte is read.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { BlockChunkStore } from "../../src/chunk/chunk-store.ts";
import { sliceWorker } from "../../src/chunk/slice-worker.ts";
import { formatVolume, openSqlite, type SqliteStore } from "../../src/meta/engines/sqlite.ts";
import { type Meta, openMeta } from "../../src/meta/meta.ts";
import { Vfs } from "../../src/vfs/vfs.ts";
import { randomOf } from "../model/driver.ts";
import { testFormat } from "../model/subject.ts";
import { req } from "../vfs/volume.ts";
import { FileHistory } from "./data-oracle.ts";
import { BLOCK, DataJudge, type DataShot } from "./data-judge.ts";
import { DATABASE, Disk, JOURNAL, type Random, tornFrame } from "./disk.ts";
import { keepAccount, type Point, setProbe } from "./probe.ts";
import { TimedStorage } from "./timed-storage.ts";

const ROOT = 1;
const O_RDWR = 2;
const SPAN = 20_000;
const NAMES = ["a", "b", "c", "d", "e"] as const;

interface Open {
  readonly fh: number;
  readonly file: FileHistory;
}

export class DataRun {
  readonly #seed: number;
  readonly #random: Random;
  readonly #home: string;
  readonly #share: number;
  readonly #disk: Disk;
  readonly #account: Disposable;
  readonly #storage: TimedStorage;
  readonly #chunks: BlockChunkStore;
  readonly #store: SqliteStore;
  readonly #meta: Meta;
  readonly #vfs: Vfs;
  readonly judge: DataJudge;
  /** Handles by name, and all files that ever were. */
  readonly #open: Map<string, Open> = new Map();
  readonly #files: Map<number, FileHistory> = new Map();
  /** Names after each operation, as text, and the first that a power cut may leave. */
  readonly #names: string[] = [""];
  #floor = 0;
  #isBusy = false;
  #shots: DataShot[] = [];
  #frameAt = 0;
  #fill = 0;

  private constructor(home: string, seed: number, share: number, parts: Parts) {
    this.#seed = seed;
    this.#random = randomOf(seed * 31 + 7);
    this.#home = home;
    this.#share = share;
    this.#disk = new Disk(home);
    this.#storage = parts.storage;
    this.#chunks = parts.chunks;
    this.#store = parts.store;
    this.#meta = parts.meta;
    this.#vfs = new Vfs(parts.meta, parts.chunks, { idleMs: 50 });
    mkdirSync(join(home, "crashed"));
    this.#account = keepAccount(this.#disk);
    this.judge = new DataJudge(join(home, "crashed"), home, this.#random, this.#files);
  }

  static async open(
    folder: string,
    seed: number,
    share: number,
    journalBytes: number,
  ): Promise<DataRun> {
    const home = mkdtempSync(join(folder, "data-"));
    process.chdir(home);
    const path = join(home, DATABASE);
    await formatVolume(path, { ...testFormat(0, false), BlockSize: BLOCK / 1024 });
    const storage = new TimedStorage();
    const chunks = new BlockChunkStore(storage, { blockBytes: BLOCK });
    const store = openSqlite(path, {
      recovery: "replay",
      journal: { path: JOURNAL, bytes: journalBytes, data: true },
      checkpoint: {
        startBytes: 2 ** 40,
        limitBytes: 2 ** 41,
        durably: (work) => chunks.syncBefore(work),
      },
    });
    const meta = await openMeta(store, {
      sessionInfo: "{}",
      heartbeatSeconds: 0,
      worker: sliceWorker(chunks),
    });
    return new DataRun(home, seed, share, { storage, chunks, store, meta });
  }

  #below(n: number): number {
    return Math.floor(this.#random() * n);
  }
  get #step(): number {
    return this.#names.length;
  }

  async run(steps: number): Promise<void> {
    setProbe({
      at: (point) => this.#point(point),
      frame: (offset) => (this.#frameAt = offset),
    });
    try {
      // It is made in the working directory, which changes while a crash is judged.
      while (this.#store.journal?.isOn !== true) await new Promise((done) => setTimeout(done, 25));
      for (let i = 0; i < steps; i++) {
        this.#isBusy = true;
        await this.#operation();
        const names = [...this.#open].map(([name, { file }]) => `${name}=${file.ino}`);
        this.#names.push(names.sort().join(" "));
        this.#isBusy = false;
        this.#point("idle");
        await this.#between();
        for (let shot = this.#shots.shift(); shot !== undefined; shot = this.#shots.shift()) {
          await this.judge.judge(shot);
        }
      }
      for (const { fh } of this.#open.values()) await this.#vfs.release(req, 0, fh);
      setProbe({});
      await this.#vfs.close();
      await this.#meta.shutdown();
      await this.#chunks.close();
      await this.#store[Symbol.asyncDispose]();
      const image = new Disk(this.#home).now();
      assert.is(image.journal, undefined, "a clean end removes the journal");
      await this.judge.judge({ ...this.#shot(false), what: "clean end", image });
    } finally {
      setProbe({});
      this.#account[Symbol.dispose]();
      process.chdir("/");
      rmSync(this.#home, { recursive: true, force: true });
    }
  }

  /** Blocks that were not synced may be gone only where no metadata came to the disk before they were synced either. */
  #shot(isCut: boolean, isExact: boolean = false): DataShot {
    const last = this.#names.length - 1;
    const clock = this.#storage.clock;
    const floors = new Map<number, number>();
    for (const file of this.#files.values()) {
      floors.set(file.ino, isCut ? file.cutFloor : file.killFloor);
    }
    return {
      image: this.#disk.now(),
      what: "",
      sid: this.#meta.sid,
      first: isCut ? this.#floor : last,
      last: last + (this.#isBusy ? 1 : 0),
      names: this.#names,
      floors,
      blocks: () => this.#storage.left(clock, isExact),
    };
  }

  #point(point: Point | "idle"): void {
    if (this.#random() >= this.#share) return;
    const isCut = this.#random() < 0.6;
    const isExact = isCut && this.#random() < 0.3;
    const shot = this.#shot(isCut, isExact);
    let { image } = shot;
    if (isCut) image = this.#disk.afterPowerCut(image, this.#random, isExact);
    else if (point === "appended" && this.#random() < 0.3) {
      image = tornFrame(image, this.#frameAt, this.#random);
    }
    const what = `seed ${this.#seed}, step ${this.#step}: ${isCut ? "power cut" : "kill"} at ${point}`;
    this.#shots.push({ ...shot, image, what });
  }

  async #between(): Promise<void> {
    const what = this.#random();
    if (what < 0.15) await new Promise((done) => setImmediate(done));
    else if (what < 0.16) {
      await this.#chunks.syncBefore(() => Promise.resolve(this.#disk.checkpoint()));
    } else if (what < 0.17) this.#store.journal?.setExclusive(false, this.#meta.sid);
    else if (what < 0.2) this.#store.journal?.setExclusive(true, this.#meta.sid);
    else if (what < 0.25) await new Promise((done) => setTimeout(done, 25 + this.#below(40)));
    else if (what < 0.255) await this.#meta.runJobsNow();
  }

  async #operation(): Promise<void> {
    const name = NAMES[this.#below(NAMES.length)] as string;
    const open = this.#open.get(name);
    if (open === undefined) return this.#create(name);
    const what = this.#random();
    if (what < 0.4) await this.#write(open);
    else if (what < 0.62) await this.#fsync(open);
    else if (what < 0.7) await this.#flush(open);
    else if (what < 0.76) await this.#truncate(open);
    else if (what < 0.8) await this.#copy(open);
    else if (what < 0.9) await this.#rename(name, open);
    else if (what < 0.93) await this.#unlink(name, open);
    else await this.#chmod(open);
  }

  async #create(name: string): Promise<void> {
    const { entry, open } = await this.#vfs.create(req, ROOT, name, O_RDWR, 0o644, 0);
    const file = new FileHistory(entry.ino, this.#step);
    this.#files.set(entry.ino, file);
    this.#open.set(name, { fh: open.fh, file });
  }

  async #write({ fh, file }: Open): Promise<void> {
    const at = this.#random() < 0.4 ? file.bytes.length : this.#below(SPAN);
    const long = this.#random() < 0.05 ? 5000 : 300;
    const length = Math.max(1, Math.min(1 + this.#below(long), SPAN - at));
    this.#fill = (this.#fill % 250) + 1;
    const data = Buffer.alloc(length, this.#fill);
    const bytes = Buffer.alloc(Math.max(file.bytes.length, at + length));
    file.bytes.copy(bytes);
    data.copy(bytes, at);
    file.change(this.#step, bytes, false);
    await this.#vfs.write(req, 0, fh, at, data, 0, O_RDWR);
  }

  /** After it nothing that was acknowledged goes with the power. */
  async #fsync({ fh, file }: Open): Promise<void> {
    const acknowledged = this.#names.length - 1;
    await this.#vfs.fsync(req, 0, fh);
    this.#floor = acknowledged;
    file.killFloor = file.cutFloor = this.#step;
  }
  async #flush({ fh, file }: Open): Promise<void> {
    await this.#vfs.flush(req, 0, fh);
    file.killFloor = this.#step;
  }

  async #truncate({ file }: Open): Promise<void> {
    const bytes = Buffer.alloc(this.#below(SPAN));
    file.bytes.copy(bytes);
    file.change(this.#step, bytes, true);
    await this.#vfs.setattr(req, file.ino, { killSuidgid: false, size: bytes.length });
    file.killFloor = this.#step;
  }

  async #copy(to: Open): Promise<void> {
    const from = this.#open.get(NAMES[this.#below(NAMES.length)] as string);
    if (from === undefined || from === to) return;
    const [at, toAt] = [this.#below(SPAN), this.#below(SPAN)];
    const source = from.file.bytes.subarray(at, at + this.#below(SPAN - toAt));
    if (source.length === 0) return;
    const { file } = to;
    const bytes = Buffer.alloc(Math.max(file.bytes.length, toAt + source.length));
    file.bytes.copy(bytes);
    source.copy(bytes, toAt);
    file.change(this.#step, bytes, true);
    const { length } = source;
    await this.#vfs.copyFileRange(
      req,
      from.file.ino,
      from.fh,
      at,
      file.ino,
      to.fh,
      toAt,
      length,
      0,
    );
    file.killFloor = this.#step;
  }

  async #rename(name: string, open: Open): Promise<void> {
    const to = NAMES[this.#below(NAMES.length)] as string;
    if (to === name) return;
    await this.#vfs.rename(req, ROOT, name, ROOT, to, 0);
    const replaced = this.#open.get(to);
    this.#open.delete(name);
    this.#open.set(to, open);
    if (replaced !== undefined) await this.#vfs.release(req, 0, replaced.fh);
  }
  async #unlink(name: string, { fh }: Open): Promise<void> {
    await this.#vfs.unlink(req, ROOT, name);
    this.#open.delete(name);
    await this.#vfs.release(req, 0, fh);
  }
  async #chmod({ file }: Open): Promise<void> {
    const mode = 0o600 + this.#below(64);
    await this.#vfs.setattr(req, file.ino, { killSuidgid: false, mode });
  }
}

interface Parts {
  readonly storage: TimedStorage;
  readonly chunks: BlockChunkStore;
  readonly store: SqliteStore;
  readonly meta: Meta;
}
