// The journal of a SQLite volume while it is open here: acknowledges changes by frames as long as nobody else lives on
// the volume, keeps the bytes of small fsyncs, and forgets frames when the database holds them durably.
import { log } from "../../util/log.ts";
import { encodeData } from "../journal/data-frame.ts";
import { FRAME_DATA, FRAME_MUTATIONS } from "../journal/journal.ts";
import type { DataFrame, Journal } from "../journal/journal.ts";
import { MutationFrame } from "../journal/mutation-frame.ts";
import type { Mutation } from "../mutation.ts";
import type { DataJournal } from "../store.ts";
import type { Ino } from "../types.ts";
import { isBusy } from "./connection.ts";
import { beginJournal } from "./begin-journal.ts";
import type { Early } from "./early.ts";
import { JournalProgress, dropJournalRow, putJournalRow, sessionsOf } from "./journal-row.ts";
import type { JournalHost, JournalOptions } from "./journal-host.ts";
import { JournalRoom, Pressure } from "./journal-room.ts";
import { LiveData } from "./live-data.ts";
import { ownMutation } from "./own-mutation.ts";

/** After others have changed the volume: so long it must be quiet before frames acknowledge again. */
const QUIET_MS = 1000;
const RETRY_MS = 100;
/** A journal that cannot be made now (no room) may be later. */
const BEGIN_RETRY_MS = 60_000;

export class StoreJournal implements Early, DataJournal {
  readonly #options: JournalOptions;
  readonly #host: JournalHost;
  readonly #frame = new MutationFrame();
  readonly #live = new LiveData();
  readonly #pressure = new Pressure();
  #journal: Journal | undefined;
  /** The journal of a mount that died is not emptied yet. */
  #isHeld = false;
  #progress: JournalProgress | undefined;
  #isOn = false;
  #isExclusive = false;
  #sid = 0;
  /** A write to the journal failed, or it is being closed: it takes nothing any more. */
  #isDone = false;
  /** Mutations since the last frame, and those of the frames since the last COMMIT. */
  #current: Mutation[] = [];
  #owed: (readonly Mutation[])[] = [];
  #activating: Promise<void> | undefined;
  #room: JournalRoom | undefined;
  #timer: NodeJS.Timeout | undefined;
  #quietAt = 0;
  /** Why it could not begin the last time: said once. */
  #complaint = "";

  /** `deadSession` as DataJournal has it. */
  constructor(options: JournalOptions, host: JournalHost, deadSession: number) {
    this.#options = options;
    this.#host = host;
    this.deadSession = deadSession;
  }

  // What transactions ask.

  get isOn(): boolean {
    return this.#isOn;
  }

  /** The recorder of the store's transactions. */
  readonly record = (mutation: Mutation): void => {
    this.#live.see(mutation);
    if (!this.#isOn) return;
    this.#frame.record(mutation);
    this.#current.push(ownMutation(mutation));
  };

  append(): boolean {
    let sequence = 0;
    try {
      sequence = (this.#journal as Journal).append(FRAME_MUTATIONS, this.#frame.take());
    } catch (cause) {
      this.#isDone = true;
      log(
        "error",
        `the journal takes no more changes, they are committed at once: ${String(cause)}`,
      );
    }
    this.#frame.clear();
    const mutations = this.#current;
    this.#current = [];
    if (sequence === 0) {
      this.#suspend();
      return false;
    }
    this.#owed.push(mutations);
    this.#live.cover();
    this.#room?.tend();
    return true;
  }

  owed(): readonly (readonly Mutation[])[] {
    return this.#owed;
  }

  beforeCommit(): void {
    if (this.#journal === undefined) return;
    const { lastSequence } = this.#journal;
    const dataFrom = this.#live.neededFrom(lastSequence + 1);
    // Where frames tell what is committed, the row need not.
    const covered = this.#isOn || dataFrom > lastSequence ? [] : this.#live.coveredIds();
    this.#progress?.write(lastSequence, dataFrom, covered);
  }

  committed(): void {
    this.#owed = [];
    this.#frame.clear();
    this.#current = [];
    this.#live.cover();
    this.#room?.tend();
    if (!this.#isOn) this.#activateSoon(RETRY_MS);
  }

  lost(): void {
    this.#frame.clear();
    this.#current = [];
    this.#live.drop();
  }

  failed(): void {
    this.#suspend();
  }

  // What the layers above ask.

  readonly deadSession: number;

  get takesData(): boolean {
    return this.#isOn && this.#options.data;
  }

  appendData(frame: DataFrame): boolean {
    if (!this.takesData) return false;
    // No transaction looks for us whether somebody else has come.
    this.#host.pollForeign();
    if (!this.#isOn) return false;
    let sequence = 0;
    try {
      sequence = (this.#journal as Journal).append(FRAME_DATA, encodeData(frame));
    } catch (cause) {
      this.#isDone = true;
      this.#suspend();
      log("error", `the journal takes no more data, it is stored at once: ${String(cause)}`);
    }
    this.#room?.tend();
    if (sequence === 0) return false;
    for (const { sliceId } of frame.extents) this.#live.add(frame.ino, sliceId, sequence);
    return true;
  }
  forgetData(ino: Ino): void {
    if (!this.#live.isEmpty) this.#live.coverInode(ino);
  }

  onPressure(listener: () => void): void {
    this.#pressure.add(listener);
  }

  setExclusive(isExclusive: boolean, sid: number): void {
    this.#isExclusive = isExclusive;
    this.#sid = sid;
    if (!isExclusive) this.#suspend();
    else if (!this.#isOn) this.#activateSoon(0);
  }

  /** Another connection has changed the database. */
  foreign(): void {
    this.#isExclusive = false;
    this.#quietAt = performance.now() + QUIET_MS;
    this.#suspend();
    if (!this.#live.isEmpty) setImmediate(() => this.#pressure.press());
  }

  /** All frames are durable when it resolves. */
  async sync(): Promise<void> {
    await this.#journal?.sync();
  }

  /** While another journal has the volume's row. */
  hold(isHeld: boolean): void {
    this.#isHeld = isHeld;
    if (!isHeld) this.#activateSoon(0);
  }

  // Taking frames, or not.

  #suspend(): void {
    this.#isOn = false;
  }

  #activateSoon(afterMs: number): void {
    if (this.#isDone || this.#isHeld || !this.#isExclusive) return;
    if (this.#activating !== undefined) return;
    if (this.#timer !== undefined) return;
    const wait = Math.max(afterMs, this.#quietAt - performance.now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#activating = this.#activate()
        .catch((cause: unknown) => {
          if (!isBusy(cause)) this.#failedToBegin(cause);
          return false;
        })
        .then((isDone) => {
          this.#activating = undefined;
          if (!isDone) this.#activateSoon(RETRY_MS);
        });
    }, wait);
    this.#timer.unref();
  }

  /** Changes are committed one by one until it can: slower, and nothing else. */
  #failedToBegin(cause: unknown): void {
    const text = cause instanceof Error ? cause.message : String(cause);
    this.#quietAt = performance.now() + BEGIN_RETRY_MS;
    if (text !== this.#complaint) log("warn", `the journal cannot begin yet: ${text}`);
    this.#complaint = text;
  }

  /** Everything committed so far is made durable, for frames stand on it. True when there is nothing left to do. */
  #activate(): Promise<boolean> {
    const host = this.#host;
    return host.durably(async () => {
      await host.wal.sync();
      if (this.#isDone || this.#isOn || !this.#isExclusive) return true;
      host.commitEarly();
      if (!host.isIdle || !host.isCommitted) return false;
      if (this.#live.hasUncovered) {
        this.#pressure.press();
        return false;
      }
      // In place from here: nothing can be committed between the last sync and the first frame.
      return this.#begin();
    });
  }

  #begin(): boolean {
    const { db, prefix, wal } = this.#host;
    const journal = (this.#journal ??= beginJournal(this.#options, this.#host));
    this.#room ??= new JournalRoom(journal, this.#live, this.#pressure, this.#host, () =>
      this.beforeCommit(),
    );
    const { lastSequence } = journal;
    db.transaction(() => {
      putJournalRow(db, prefix, {
        journal: journal.identity.journal,
        path: journal.path,
        applied: lastSequence,
        dataFrom: lastSequence + 1,
        covered: [],
        sessions: sessionsOf(db, prefix),
        sid: this.#sid,
      });
    }).immediate();
    wal.committed();
    wal.syncNow();
    this.#host.pollForeign();
    if (!this.#isExclusive) return false;
    this.#progress ??= new JournalProgress(db, prefix, journal.identity.journal);
    this.#live.forget(this.#live.coveredIds());
    journal.forget(lastSequence);
    this.#isOn = true;
    return true;
  }

  /** Everything is committed: an empty journal is removed, so that the volume is an ordinary one. */
  async close(): Promise<void> {
    this.#isDone = true;
    this.#suspend();
    clearTimeout(this.#timer);
    await this.#activating;
    await this.#room?.stop();
    const journal = this.#journal;
    if (journal === undefined) return;
    const { db, prefix, wal, isCommitted } = this.#host;
    if (!isCommitted || this.#live.hasUncovered) {
      // What is committed yet must be told in the row, or it would be replayed as well.
      log("warn", `${journal.path} keeps what could not be stored: it is put at the next mount`);
      await journal.close();
      return;
    }
    this.#journal = undefined;
    try {
      // A journal without its row says nothing; a row without its journal would be a loss.
      dropJournalRow(db, prefix, journal.identity.journal);
      wal.committed();
      await wal.sync();
      await journal.remove();
    } catch (cause) {
      // The next one who opens the volume finds that there is nothing to do.
      log("info", `the empty journal stays: ${String(cause)}`);
      await journal.close().catch(() => undefined);
    }
  }
}
