// The slices of one inode from their first byte to their commit: stored in the background, committed in the order in
// which they were begun, several in one transaction. What fails is dropped and reported once.
import type { MetaApi, SliceWrite } from "../meta/api.ts";
import type { Attr, Ino } from "../meta/types.ts";
import type { Time } from "../util/clock.ts";
import { compareTime } from "../util/clock.ts";
import { FsFault } from "../util/errno.ts";
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
}

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

  /** Stores and commits all that is here now. Never fails: what is lost goes to `onLost`. */
  flush(durable: boolean): MaybePromise<void> {
    const last = this.#slices[this.#slices.length - 1];
    if (last === undefined) return;
    const sequence = this.#begun;
    if (!last.isFrozen) this.freezeUpTo(last, durable);
    if (this.#done >= sequence) return;
    return new Promise((wake) => this.#waiters.push({ sequence, wake }));
  }

  #store(slice: OpenSlice, durable: boolean): void {
    slice.isFrozen = true;
    try {
      const stored = slice.writer.finish(durable);
      if (!isPromise(stored)) {
        slice.isSettled = true;
        return;
      }
      void stored
        .then(
          () => (slice.isSettled = true),
          (e: unknown) => this.#lose(slice, e),
        )
        .then(() => this.#commit());
    } catch (e) {
      this.#lose(slice, e);
    }
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
    if (attr !== undefined) this.#events.onCommitted(this.#ino, writes, attr, batch);
    this.#drop(batch.length);
  }

  #commitFailed(batch: readonly OpenSlice[], cause: unknown): void {
    // After a fault nobody knows whether the records are there: then the blocks stay, as garbage at worst.
    const isRefused = !(cause instanceof FsFault);
    for (const slice of batch) if (isRefused && !slice.failed) slice.writer.abort();
    this.#events.onLost(this.#ino, cause);
    this.#drop(batch.length);
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
  }
}
