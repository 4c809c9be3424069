// The session of this client: its record and heartbeat, what it hears of the setting and of other sessions, and the
// clean-up of sessions that died (formats 14.2, 14.3).
import { errnoOf } from "../util/errno.ts";
import { log } from "../util/log.ts";
import type { Format } from "./format.ts";
import { parseFormat } from "./format-text.ts";
import type { LocalVolume } from "./local-volume.ts";
import {
  endSession,
  newSession,
  refreshSession,
  releaseAllSustained,
  setIfSmall,
} from "./ops/session.ts";
import type { MetaStore } from "./store.ts";

/** The newest layout that this program knows. */
export const META_VERSION = 1;
export const HEARTBEAT_SECONDS = 12;
const YEAR_SECONDS = 365 * 86_400;
const STALE_MAX = 1000;
const SUSTAINED_PER_BODY = 100;

export interface SessionOptions {
  /** Seconds between heartbeats; 0 = none, the record lasts a year. */
  readonly heartbeatSeconds: number;
  /** The JSON of formats 14.1; undefined = no record: read-only clients and tools. */
  readonly info: string | undefined;
  readonly cleansStale: boolean;
  /** The volume is not ours any more: stop serving. Called at most once, with a sentence. */
  terminate(reason: string): void;
}

const unixNow = (): number => Math.floor(Date.now() / 1000);

export class SessionKeeper {
  readonly #store: MetaStore;
  readonly #volume: LocalVolume;
  readonly #options: SessionOptions;
  #timer: NodeJS.Timeout | undefined;
  #beating: Promise<void> | undefined;
  #checking = false;
  #stopped = false;
  #isShared = false;

  constructor(store: MetaStore, volume: LocalVolume, options: SessionOptions) {
    this.#store = store;
    this.#volume = volume;
    this.#options = options;
    store.onForeignChange(() => this.#foreignChange());
  }

  /** Another unexpired session exists, as far as we have heard. */
  get isShared(): boolean {
    return this.#isShared;
  }

  async start(): Promise<void> {
    const { info, heartbeatSeconds } = this.#options;
    if (info !== undefined) await this.#register(info);
    const dead = this.#store.journal?.deadSession ?? 0;
    if (info !== undefined && dead > 0 && dead !== this.#volume.sid) {
      log("info", `cleaning up session ${dead}, whose process died`);
      await this.clean(dead);
    }
    await this.#checkOthers();
    if (heartbeatSeconds > 0) this.#schedule();
  }

  async #register(info: string): Promise<void> {
    while (this.#volume.sid === 0) {
      const sid = await this.#store.allocate("nextSession", 1);
      // A loaded dump may know sessions that the counter does not.
      const made = await this.#store.write((tx) => newSession(tx, sid, this.#expiry(), info));
      if (made) this.#volume.sid = sid;
    }
  }

  /** Ends the session: what it kept is released, its record goes. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#beating;
    const { sid } = this.#volume;
    if (sid === 0) return;
    await this.clean(sid);
    this.#volume.sid = 0;
  }

  #expiry(): number {
    const { heartbeatSeconds } = this.#options;
    return unixNow() + (heartbeatSeconds > 0 ? heartbeatSeconds * 5 : YEAR_SECONDS);
  }

  #schedule(): void {
    if (this.#stopped) return;
    const jitter = 0.95 + Math.random() * 0.1;
    this.#timer = setTimeout(
      () => {
        void this.beat().then(() => this.#schedule());
      },
      this.#options.heartbeatSeconds * 1000 * jitter,
    );
    this.#timer.unref();
  }

  /** One heartbeat: refresh, reload the setting, look for others, clean up after the dead. Never rejects. */
  beat(): Promise<void> {
    this.#beating ??= this.#beat()
      .catch((e: unknown) => log("warn", `heartbeat failed: ${errnoOf(e).code} (${String(e)})`))
      .finally(() => (this.#beating = undefined));
    return this.#beating;
  }

  async #beat(): Promise<void> {
    const { info, cleansStale, heartbeatSeconds } = this.#options;
    const { sid } = this.#volume;
    const text =
      sid > 0 && info !== undefined
        ? await this.#store.write((tx) => refreshSession(tx, sid, this.#expiry(), info))
        : await this.#store.read((tx) => tx.setting());
    this.#reload(text);
    await this.#checkOthers();
    if (!cleansStale || sid === 0 || this.#stopped) return;
    const period = Math.floor(heartbeatSeconds * 0.9);
    const now = unixNow();
    const mine = await this.#store.write((tx) =>
      setIfSmall(tx, "lastCleanupSessions", now, period),
    );
    if (mine) await this.cleanStale();
  }

  #reload(text: string | undefined): void {
    let format: Format;
    try {
      if (text === undefined) return this.#terminate("the volume's setting is gone");
      format = parseFormat(text);
    } catch {
      return this.#terminate("the volume's setting cannot be read any more");
    }
    const { UUID, MetaVersion = 0 } = format;
    if (UUID !== this.#volume.format.UUID) {
      return this.#terminate(
        `the metadata belongs to another volume now (UUID ${UUID} instead of ${this.#volume.format.UUID})`,
      );
    }
    if (MetaVersion > META_VERSION) {
      return this.#terminate(`the volume was upgraded to metadata version ${MetaVersion}`);
    }
    this.#volume.use(format);
  }

  #terminate(reason: string): void {
    if (this.#stopped) return;
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#options.terminate(reason);
  }

  async #checkOthers(): Promise<void> {
    const now = unixNow();
    const sessions = await this.#store.scanSessions();
    this.#isShared = sessions.some(({ sid, expire }) => sid !== this.#volume.sid && expire >= now);
    const { sid } = this.#volume;
    this.#store.journal?.setExclusive(sid !== 0 && !this.#isShared && !this.#stopped, sid);
  }

  /** The engine tells it in the middle of its own work: look later. */
  #foreignChange(): void {
    if (this.#checking || this.#stopped) return;
    this.#checking = true;
    setImmediate(() => {
      this.#checking = false;
      if (this.#stopped) return;
      this.#checkOthers().catch((e: unknown) => {
        log("warn", `looking for other sessions failed: ${errnoOf(e).code}`);
      });
    });
  }

  /** Cleans the sessions whose heartbeat has stopped. */
  async cleanStale(): Promise<void> {
    const now = unixNow();
    const stale = (await this.#store.scanSessions()).filter(({ expire }) => expire < now);
    for (const { sid } of stale.slice(0, STALE_MAX)) {
      if (sid === this.#volume.sid) continue;
      log("info", `cleaning up stale session ${sid}`);
      await this.clean(sid);
    }
  }

  /** Locks first, then files, then the record: a clean-up that fails is begun again by the next one. */
  async clean(sid: number): Promise<void> {
    await this.#store.write((tx) => tx.deleteLocks(sid));
    for (;;) {
      const inos = await this.#store.scanSustained(sid, SUSTAINED_PER_BODY);
      if (inos.length === 0) break;
      await this.#store.write((tx) => releaseAllSustained(tx, this.#volume, sid, inos));
    }
    await this.#store.write((tx) => endSession(tx, sid));
  }
}
