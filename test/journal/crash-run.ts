// A volume with a small journal under random operations, crashed at random steps between them and in their middle.
import * as assert from "uvu/assert";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Slice } from "../../src/meta/types.ts";
import { formatVolume, openSqlite, type SqliteStore } from "../../src/meta/engines/sqlite.ts";
import { openMeta } from "../../src/meta/meta.ts";
import { Driver, randomOf } from "../model/driver.ts";
import { randomStep } from "../model/operations.ts";
import { FakeData, type Subject, testFormat } from "../model/subject.ts";
import { DATABASE, Disk, JOURNAL, type Random, tornFrame } from "./disk.ts";
import { assertOrdinary, Judge, type Shot } from "./judge.ts";
import { keepAccount, type Point, setProbe } from "./probe.ts";
import { stateOf } from "./state.ts";

export interface CrashOptions {
  readonly seed: number;
  readonly steps: number;
  /** Share of points that are crashed at. */
  readonly share: number;
  readonly journalBytes: number;
}

/** Slices that are removed stay known, with the time of their removal. */
class RememberingData extends FakeData {
  readonly #removedAt: Map<number, number> = new Map();
  clock = 0;

  override remove(id: number): Promise<void> {
    if (!this.#removedAt.has(id)) this.#removedAt.set(id, this.clock);
    return Promise.resolve();
  }
  tokenAt(clock: number, piece: Slice, i: number): string | undefined {
    if ((this.#removedAt.get(piece.id) ?? Infinity) < clock) return `removed ${piece.id}`;
    return this.token(piece, i);
  }
}

const turn = (): Promise<void> => new Promise((done) => setImmediate(done));

export class CrashRun {
  readonly #options: CrashOptions;
  readonly #random: Random;
  readonly #home: string;
  readonly #disk: Disk;
  readonly #account: Disposable;
  readonly #store: SqliteStore;
  readonly #data: RememberingData;
  readonly #driver: Driver;
  readonly #sid: number;
  readonly judge: Judge;
  /** Of each moment between two operations. */
  #states: string[] = [];
  /** The first state that a power cut may leave. */
  #floor = 0;
  #isBusy = false;
  #shots: Shot[] = [];
  #frameAt = 0;
  readonly points: Map<Point | "idle", number> = new Map();
  refused = 0;

  private constructor(
    options: CrashOptions,
    home: string,
    subject: Subject & { readonly store: SqliteStore; readonly data: RememberingData },
  ) {
    this.#options = options;
    this.#random = randomOf(options.seed * 7919 + 13);
    this.#home = home;
    this.#disk = new Disk(home);
    this.#store = subject.store;
    this.#data = subject.data;
    this.#sid = subject.meta.sid;
    this.#driver = new Driver(subject, options.seed, false);
    const scratch = join(home, "crashed");
    mkdirSync(scratch);
    this.#account = keepAccount(this.#disk);
    this.judge = new Judge(scratch, home, this.#random);
  }

  static async open(folder: string, options: CrashOptions): Promise<CrashRun> {
    const home = mkdtempSync(join(folder, "run-"));
    process.chdir(home);
    const path = join(home, DATABASE);
    await formatVolume(path, testFormat(0, false));
    const store = openSqlite(path, {
      recovery: "replay",
      journal: { path: JOURNAL, bytes: options.journalBytes, data: true },
      checkpoint: { startBytes: 2 ** 40, limitBytes: 2 ** 41 },
    });
    const data = new RememberingData();
    const meta = await openMeta(store, { sessionInfo: "{}", heartbeatSeconds: 0, worker: data });
    const close = async (): Promise<void> => {
      await meta.shutdown();
      await store[Symbol.asyncDispose]();
    };
    return new CrashRun(options, home, {
      store,
      meta,
      data,
      hasClock: false,
      setNow: () => {},
      close,
    });
  }

  async run(): Promise<void> {
    this.#remember();
    this.#watch();
    try {
      // It is made in the working directory, which changes while a crash is judged.
      while (this.#store.journal?.isOn !== true) await turn();
      for (let i = 0; i < this.#options.steps; i++) {
        this.#isBusy = true;
        await randomStep(this.#driver);
        this.#remember();
        this.#isBusy = false;
        this.#point("idle");
        await this.#between();
        await this.#judgeAll();
      }
      await this.#driver.compareAll();
      await this.#close();
    } finally {
      setProbe({});
      this.#account[Symbol.dispose]();
      process.chdir("/");
      rmSync(this.#home, { recursive: true, force: true });
    }
  }

  #remember(): void {
    const { clock } = this.#data;
    this.#states.push(
      stateOf(this.#store, this.#sid, (piece, i) => this.#data.tokenAt(clock, piece, i)),
    );
  }

  #watch(): void {
    setProbe({
      at: (point) => this.#point(point),
      frame: (offset) => (this.#frameAt = offset),
      refuse: () => {
        // Of what is acknowledged: who waits for a commit would hear the error.
        const isEarly = this.#store.journal?.isOn === true && !this.#isBusy;
        if (!isEarly || this.#random() >= 0.02) return undefined;
        this.refused++;
        return Object.assign(new Error("disk I/O error"), { code: "SQLITE_IOERR_WRITE" });
      },
    });
  }

  #point(point: Point | "idle"): void {
    if (this.#random() >= this.#options.share) return;
    this.points.set(point, (this.points.get(point) ?? 0) + 1);
    const clock = ++this.#data.clock;
    const now = this.#disk.now();
    const before = this.#states.length - 1;
    const after = before + (this.#isBusy ? 1 : 0);
    const isCut = this.#random() < 0.6;
    const from = isCut ? this.#floor : before;
    let image = isCut ? this.#disk.afterPowerCut(now, this.#random) : now;
    if (!isCut && point === "appended" && this.#random() < 0.3) {
      image = tornFrame(now, this.#frameAt, this.#random);
    }
    this.#shots.push({
      image,
      what: `seed ${this.#options.seed}, step ${this.#driver.steps}: ${isCut ? "power cut" : "kill"} at ${point}`,
      sid: this.#sid,
      token: (piece, i) => this.#data.tokenAt(clock, piece, i),
      allowed: () => this.#states.slice(from, after + 1),
    });
  }

  async #judgeAll(): Promise<void> {
    while (this.#shots.length > 0) {
      await this.judge.judge(this.#shots.shift() as Shot);
    }
    // What nobody may ask for any more.
    const old = this.#floor;
    if (old < 1000) return;
    this.#states = this.#states.slice(old);
    this.#floor = 0;
  }

  /** What happens beside operations: time passes, a sync, a checkpoint, the journal pauses, old data is deleted. */
  async #between(): Promise<void> {
    const what = this.#random();
    const { meta } = this.#driver.subject;
    if (what < 0.1) await turn();
    else if (what < 0.14) {
      const upTo = this.#states.length - 1;
      await meta.sync();
      this.#floor = upTo;
    } else if (what < 0.15) this.#disk.checkpoint();
    else if (what < 0.155) this.#store.journal?.setExclusive(false, this.#sid);
    else if (what < 0.17) this.#store.journal?.setExclusive(true, this.#sid);
    else if (what < 0.172) await meta.runJobsNow();
    else if (what < 0.2) await new Promise((done) => setTimeout(done, 1));
  }

  /** A clean end leaves an ordinary volume: what only the session kept is gone. */
  async #close(): Promise<void> {
    this.#isBusy = true;
    await this.#driver.subject.close();
    setProbe({});
    const path = join(this.#home, DATABASE);
    assertOrdinary(path);
    assert.not(existsSync(JOURNAL));
    await using again = openSqlite(path);
    const { clock } = this.#data;
    this.#states.push(stateOf(again, 0, (piece, i) => this.#data.tokenAt(clock, piece, i)));
    await this.#judgeAll();
  }
}
