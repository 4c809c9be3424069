// Two sessions that come and go, each with a journal while it is alone, under random operations that go to either: what one
// was answered, the other sees, as one oracle says. JFS_OPERATIONS = how many (10,000 unless told), JFS_SEED = the seed.
import { existsSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { formatVolume, openSqlite, type SqliteStore } from "../../src/meta/engines/sqlite.ts";
import { type Meta, openMeta } from "../../src/meta/meta.ts";
import { setLogLevel } from "../../src/util/log.ts";
import { Driver, randomOf } from "../model/driver.ts";
import { fsck } from "../model/invariants.ts";
import { randomStep } from "../model/operations.ts";
import { FakeData, type Subject, testFormat } from "../model/subject.ts";
import { scratchDir } from "../support/sqlite-volume.ts";
import { hurry } from "./hurry.ts";
import { optionsFor, until } from "./journal-volume.ts";

const wanted = Number(process.env["JFS_OPERATIONS"] ?? 10_000);
const seed = Number(process.env["JFS_SEED"] ?? 1);
/** Below it lie values that only this test knows, one for each session that ever was. */
const ASIDE = 9_000_000;

interface Session {
  readonly store: SqliteStore;
  readonly meta: Meta;
  readonly number: number;
  /** The last value that was acknowledged to it. */
  last: number;
}

class Sessions {
  readonly #path: string;
  readonly data: FakeData = new FakeData();
  readonly alive: Session[] = [];
  readonly #ended: Session[] = [];
  #current = 0;
  #count = 0;
  #pending: Promise<void>[] = [];

  constructor(path: string) {
    this.#path = path;
  }

  get current(): Session {
    return this.alive[this.#current % this.alive.length] as Session;
  }
  turn(to: number): void {
    this.#current = to;
  }

  async open(): Promise<void> {
    // A mount has a journal of its own name when it is on another host; here they share it.
    const store = openSqlite(this.#path, optionsFor(this.#path, 32_768));
    const meta = await openMeta(store, { sessionInfo: "{}", heartbeatSeconds: 0, noBgJob: true });
    this.alive.push({ store, meta, number: this.#count++, last: 0 });
  }
  async end(session: Session): Promise<void> {
    await this.settle();
    this.alive.splice(this.alive.indexOf(session), 1);
    this.#ended.push(session);
    await session.meta.shutdown();
    await session.store[Symbol.asyncDispose]();
  }

  /** Writes in both at once, without waiting. */
  load(): void {
    for (const session of this.alive) {
      const value = session.last + 1;
      session.last = value;
      const written = session.store.write((tx) =>
        tx.putXattr(ASIDE + session.number, "user.n", Buffer.from(String(value))),
      );
      if (written instanceof Promise) this.#pending.push(written);
    }
  }
  async settle(): Promise<void> {
    await Promise.all(this.#pending);
    this.#pending = [];
  }

  async judge(): Promise<void> {
    await this.settle();
    for (const { store } of this.alive) {
      for (const { number, last } of [...this.alive, ...this.#ended.slice(-3)]) {
        const value = await store.read((tx) => tx.xattr(ASIDE + number, "user.n"));
        assert.is(value === undefined ? 0 : Number(Buffer.from(value)), last, `of ${number}`);
      }
    }
  }
}

test("two sessions coming and going under load agree with one oracle", async () => {
  hurry();
  setLogLevel("error");
  const path = `${scratchDir()}/meta.db`;
  await formatVolume(path, testFormat(0, false));
  const sessions = new Sessions(path);
  await sessions.open();
  const subject: Subject = {
    get store() {
      return sessions.current.store;
    },
    get meta() {
      return sessions.current.meta;
    },
    data: sessions.data,
    hasClock: false,
    setNow: () => {},
    close: () => Promise.resolve(),
  };
  const driver = new Driver(subject, seed, false);
  const random = randomOf(seed + 99);
  let [alone, together] = [0, 0];
  for (let done = 0; done < wanted;) {
    const steps = 20 + Math.floor(random() * 300);
    const isAlone = sessions.alive.length === 1;
    if (isAlone && random() < 0.8) {
      await until(() => sessions.current.store.journal?.isOn === true);
      alone++;
    } else if (!isAlone) together++;
    for (let i = 0; i < steps && done < wanted; i++, done++) {
      sessions.turn(Math.floor(random() * 2));
      if (random() < 0.3) sessions.load();
      await randomStep(driver, false);
      if (random() < 0.02) await new Promise((resolve) => setImmediate(resolve));
      if (random() < 0.01) await sessions.current.meta.sync();
    }
    await sessions.judge();
    for (let i = 0; i < sessions.alive.length; i++) {
      sessions.turn(i);
      await driver.compareAll();
    }
    if (sessions.alive.length === 1) await sessions.open();
    else await sessions.end(sessions.alive[random() < 0.5 ? 0 : 1] as Session);
  }
  assert.ok(alone > 0 && together > 0);
  assert.equal(await fsck(sessions.current.store, sessions.current.meta.sid), []);
  while (sessions.alive.length > 0) await sessions.end(sessions.current);
  assert.not(existsSync(`${path}.journal`));
  assert.not(existsSync(`${path}.journal`));
});

test.run();
