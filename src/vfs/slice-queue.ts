// The slices of one inode from their first byte to their commit: stored in the background, committed in the order in
// which they were begun, several in one transaction. What fails is dropped and reported once; but bytes that the journal has
// were acknowledged as durable, so slices with such bytes stay, and are tried again.
import type { MetaApi, SliceWrite } from "../meta/api.ts";
import type { Attr, Ino } from "../meta/types.ts";
import type { Time } from "../util/clock.ts";
import { compareTime } from "../util/clock.ts";
import type { FsError } from "../util/errno.ts";
import { ENOENT, FsFault, errnoOf } from "../util/errno.ts";
import type { MaybePromise } from "../util/maybe.ts";
import { isPromise } from "../util/maybe.ts";
import type { OpenSlice } from "./open-slice.ts";

/** What becomes of the writes of an inode. */
export interface WriterEvents {
  onDirty(ino: Ino): void;
  /** Everything is committed or lost. */
  onClean(ino: Ino): void;
  onCommitted(
    ino: Ino,
    writes: readonly SliceWrite[],
    attr: Attr,
    slices: readonly OpenSlice[],
  ): void;
  /** Data that was acknowledged to a writer could not be stored or committed. */
  onLost(ino: Ino, cause: unknown): void;
  /** It could not, is in the journal, and stays in memory until it can. `isFirst`: this is news. */
  onStuck(ino: Ino, cause: FsError, isFirst: boolean): void;
  /** The inode of journaled data is gone: so is the data, and nobody misses it. */
  onGone(ino: Ino): void;
}

/** A slice of the journal's bytes that is so large is made durable as it is stored. */
const SYNCED_BYTES_MIN = 1024 * 1024;
const RETRY_MS_MIN = 1000;
const RETRY_MS_MAX = 30_000;

interface Waiter {
  readonly sequence: number;
  readonly wake: () => void;
}

export class SliceQueue {
  readonly #ino: Ino;
  readonly #meta: MetaApi;
  readonly #events: WriterEvents;
  /** Oldest first. */
  #slices: OpenSlice[] = [];
  /** So many at the front take no more bytes. */
  #frozen = 0;
  #isCommitting = false;
  /** Slices begun, and those of them that are done with. */
  #begun = 0;
  #done = 0;
  #waiters: Waiter[] = [];
  #stuckBy: FsError | undefined;
  #retryPauseMs = 0;
  /** When to try again (of Date.now()). */
  retryMs = 0;
  /** Somebody asked for the attempt that is being made, and wants to hear its error. */
  #isAwaited = false;

  constructor(ino: Ino, meta: MetaApi, events: WriterEvents) {
    this.#ino = ino;
    this.#meta = meta;
    this.#events = events;
  }

  get slices(): readonly OpenSlice[] {
    return this.#slices;
  }
  /** Index of the oldest slice that still takes bytes. */
  get firstOpen(): number {
    return this.#frozen;
  }

  /** Why slices at the front cannot be stored. */
  get stuckBy(): FsError | undefined {
    return this.#stuckBy;
  }

  push(slice: OpenSlice): void {
    if (this.#slices.length === 0) this.#events.onDirty(this.#ino);
    this.#slices.push(slice);
    this.#begun++;
  }

  /** Begins to store `last` and all that are older: none may be overtaken. */
  freezeUpTo(last: OpenSlice, durable: boolean): void {
    for (let slice: OpenSlice | undefined; slice !== last && this.#frozen < this.#slices.length;) {
      slice = this.#slices[this.#frozen++] as OpenSlice;
      this.#store(slice, durable);
    }
    this.#commit();
  }

  /** Stores and commits all that is here now, or finds out that it cannot be. */
  flush(durable: boolean): MaybePromise<void> {
    const last = this.#slices[this.#slices.length - 1];
    if (last === undefined) return;
    const sequence = this.#begun;
    this.#isAwaited = true;
    if (this.#stuckBy !== undefined) this.retry();
    if (!last.isFrozen) this.freezeUpTo(last, durable);
    if (this.#done >= sequence || this.#isAllStuck()) {
      this.#isAwaited = this.#waiters.length > 0;
      return;
    }
    return new Promise((wake) => this.#waiters.push({ sequence, wake }));
  }

  /** Nothing is on its way: waiting would be for the next attempt. */
  #isAllStuck(): boolean {
    return (
      this.#stuckBy !== undefined &&
      !this.#isCommitting &&
      this.#slices.every((slice) => slice.isStuck || slice.isSettled)
    );
  }

  /** Tries again what is stuck. */
  retry(): void {
    this.#stuckBy = undefined;
    for (const slice of this.#slices) if (slice.isStuck) this.#store(slice, false);
    this.#commit();
  }

  #store(slice: OpenSlice, durable: boolean): void {
    slice.isFrozen = true;
    slice.isStuck = false;
    // A large one would hold up the next fsync of any file: its blocks are synced on their way.
    const syncs = durable || (slice.isJournaled && slice.writer.length >= SYNCED_BYTES_MIN);
    try {
      const stored = slice.writer.finish(syncs);
      if (!isPromise(stored)) {
        slice.isSettled = true;
        return;
      }
      void stored
        .then(
          () => (slice.isSettled = true),
          (e: unknown) => this.#failed(slice, e),
        )
        .then(() => this.#commit());
    } catch (e) {
      this.#failed(slice, e);
    }
  }

  #failed(slice: OpenSlice, cause: unknown): void {
    if (slice.failed) return;
    if (!slice.isJournaled) {
      this.#lose(slice, cause);
      return;
    }
    slice.isStuck = true;
    this.#stick(errnoOf(cause));
  }

  /** Nobody waits for the next attempt: the error is the answer. */
  #stick(cause: FsError): void {
    const isFirst = this.#retryPauseMs === 0;
    this.#stuckBy = cause;
    this.#retryPauseMs = Math.min(RETRY_MS_MAX, Math.max(RETRY_MS_MIN, 2 * this.#retryPauseMs));
    this.retryMs = Date.now() + this.#retryPauseMs;
    if (isFirst || this.#isAwaited) this.#events.onStuck(this.#ino, cause, isFirst);
    this.#isAwaited = false;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const { wake } of waiters) wake();
  }

  /** Drops all that is not committed. */
  abandon(): void {
    for (const slice of this.#slices) {
      if (slice.failed) continue;
      slice.isFrozen = slice.isSettled = slice.failed = true;
      slice.isStuck = false;
      slice.writer.abort();
    }
    this.#frozen = this.#slices.length;
    this.#stuckBy = undefined;
    this.#commit();
  }

  #lose(slice: OpenSlice, cause: unknown): void {
    slice.isSettled = true;
    slice.failed = true;
    slice.writer.abort();
    this.#events.onLost(this.#ino, cause);
  }

  /** Commits the settled slices at the front, in place when the engine answers in place. */
  #commit(): void {
    while (!this.#isCommitting) {
      let count = 0;
      while (count < this.#frozen && (this.#slices[count] as OpenSlice).isSettled) count++;
      if (count === 0) return;
      const batch = this.#slices.slice(0, count);
      const writes: SliceWrite[] = [];
      let { time } = batch[0] as OpenSlice;
      for (const slice of batch) {
        if (slice.failed) continue;
        slice.addWrites(writes);
        if (compareTime(slice.time, time) > 0) ({ time } = slice);
      }
      this.#isCommitting = true;
      this.#commitBatch(batch, writes, time);
    }
  }

  #commitBatch(batch: readonly OpenSlice[], writes: readonly SliceWrite[], time: Time): void {
    let attr: MaybePromise<Attr> | undefined;
    try {
      if (writes.length > 0) attr = this.#meta.writeSlices(this.#ino, writes, time);
    } catch (e) {
      this.#commitFailed(batch, e);
      return;
    }
    if (!isPromise(attr)) {
      this.#committed(batch, writes, attr);
      return;
    }
    void attr
      .then(
        (later) => this.#committed(batch, writes, later),
        (e: unknown) => this.#commitFailed(batch, e),
      )
      .then(() => this.#commit());
  }

  #committed(
    batch: readonly OpenSlice[],
    writes: readonly SliceWrite[],
    attr: Attr | undefined,
  ): void {
    this.#retryPauseMs = 0;
    if (attr !== undefined) this.#events.onCommitted(this.#ino, writes, attr, batch);
    this.#drop(batch.length);
  }

  #commitFailed(batch: readonly OpenSlice[], cause: unknown): void {
    // After a fault nobody knows whether the records are there: then the blocks stay, as garbage at worst.
    const isRefused = !(cause instanceof FsFault);
    if (isRefused && batch.some((slice) => slice.isJournaled && !slice.failed)) {
      this.#commitRefused(batch, errnoOf(cause));
      return;
    }
    for (const slice of batch) if (isRefused && !slice.failed) slice.writer.abort();
    this.#events.onLost(this.#ino, cause);
    this.#drop(batch.length);
  }

  /** Slices with journaled bytes: the next attempt finds them stored. */
  #commitRefused(batch: readonly OpenSlice[], cause: FsError): void {
    this.#isCommitting = false;
    if (cause === ENOENT) {
      this.abandon();
      this.#events.onGone(this.#ino);
      return;
    }
    for (const slice of batch) {
      if (slice.failed) continue;
      slice.isSettled = false;
      slice.isStuck = true;
    }
    this.#stick(cause);
  }

  #drop(count: number): void {
    this.#isCommitting = false;
    this.#frozen -= count;
    this.#done += count;
    if (count === this.#slices.length) {
      this.#slices = [];
      this.#events.onClean(this.#ino);
    } else this.#slices.splice(0, count);
    if (this.#waiters.length === 0) return;
    const ready = this.#waiters.filter((w) => w.sequence <= this.#done);
    this.#waiters = this.#waiters.filter((w) => w.sequence > this.#done);
    for (const w of ready) w.wake();
    this.#isAwaited = this.#waiters.length > 0;
  }
}
