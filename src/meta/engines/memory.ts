// A MetaStore on Maps: for tests, and the plainest statement of what a store must do. Answers in place, keeps nothing.
import type { MutationRecorder } from "../recording-txn.ts";
import type { Mutation } from "../mutation.ts";
import type { DentryRow, IdCounter, LockRow, MetaStore, PlockRow } from "../store.ts";
import type { MetaRead, MetaTxn, RecordKey } from "../txn.ts";
import type { AclRule, Attr, CounterName, Delfile, Delslices, Dentry } from "../types.ts";
import type { DirStat, Ino, Name, Quota, Session } from "../types.ts";
import type { Time } from "../../util/clock.ts";
import { wallClock } from "../../util/clock.ts";
import { assert } from "../../util/assert.ts";
import { RecordingTxn } from "../recording-txn.ts";
import { firstId, initialCounter } from "../id-counter.ts";
import { decodeItems } from "../delslices.ts";
import { MemoryRecords } from "./memory-records.ts";

const noNames: readonly string[] = [];

class MemoryTxn extends RecordingTxn {
  readonly #r: MemoryRecords;
  /** Mutations of the body that runs. */
  applied = 0;
  constructor(records: MemoryRecords) {
    super();
    this.#r = records;
  }
  protected override apply(mutation: Mutation): void {
    this.applied++;
    this.#r.apply(mutation);
  }
  takeEffects(into: (() => void)[]): void {
    for (const effect of this.effects) into.push(effect);
    this.effects.length = 0;
  }

  override load(_keys: readonly RecordKey[]): void {}
  override attr(ino: Ino): Attr | undefined {
    return this.#r.attrs.get(ino);
  }
  override dentry(parent: Ino, name: Name): Dentry | undefined {
    return this.#r.dentries.get(parent)?.get(name);
  }
  override hasDentries(dir: Ino): boolean {
    return this.#r.dentries.has(dir);
  }
  override parents(ino: Ino): ReadonlyMap<Ino, number> {
    return this.#r.parentsOf(ino);
  }
  override symlink(ino: Ino): string | undefined {
    return this.#r.symlinks.get(ino);
  }
  override xattr(ino: Ino, name: string): Uint8Array | undefined {
    return this.#r.xattrs.get(ino)?.get(name);
  }
  override xattrNames(ino: Ino): readonly string[] {
    const xattrs = this.#r.xattrs.get(ino);
    return xattrs === undefined ? noNames : [...xattrs.keys()];
  }
  override chunk(ino: Ino, index: number): Uint8Array | undefined {
    return this.#r.chunks.get(ino)?.get(index);
  }
  override chunkIndexes(ino: Ino, first: number, last: number): readonly number[] {
    return this.#r.chunkIndexes(ino, first, last);
  }
  override sliceRefs(id: number): number | undefined {
    return this.#r.sliceRefs.get(id)?.refs;
  }
  override isSustained(sid: number, ino: Ino): boolean {
    return this.#r.isSustained(sid, ino);
  }
  override dirStat(ino: Ino): DirStat | undefined {
    return this.#r.dirStats.get(ino);
  }
  override dirQuota(ino: Ino): Quota | undefined {
    return this.#r.dirQuotas.get(ino);
  }
  override counter(name: CounterName): number {
    return this.#r.counters.get(name) ?? 0;
  }
  override acl(id: number): AclRule | undefined {
    return this.#r.acls.get(id);
  }
  override aclId(rule: AclRule): number | undefined {
    return this.#r.aclId(rule);
  }
  override session(sid: number): Session | undefined {
    return this.#r.sessions.get(sid);
  }
  override setting(): string | undefined {
    return this.#r.setting;
  }
}

export interface MemoryOptions {
  /** Reads the time for each body; the wall clock unless told. */
  readonly clock?: () => Time;
  readonly recorder?: MutationRecorder;
}

export class MemoryStore implements MetaStore {
  readonly name = "memory";
  readonly capabilities = { snapshotScan: true, counters: "transactional" } as const;
  readonly records: MemoryRecords = new MemoryRecords();
  readonly #tx: MemoryTxn = new MemoryTxn(this.records);
  readonly #clock: () => Time;
  readonly #effects: (() => void)[] = [];
  #inTurn = false;
  #dirty = false;

  constructor(options: MemoryOptions = {}) {
    this.#clock = options.clock ?? wallClock;
    this.#tx.recorder = options.recorder;
  }

  read<T>(body: (tx: MetaRead) => T): T {
    this.#tx.now = this.#clock();
    return body(this.#tx);
  }

  write<T>(body: (tx: MetaTxn) => T): T {
    const tx = this.#tx;
    tx.now = this.#clock();
    tx.applied = 0;
    let result: T;
    try {
      result = body(tx);
    } catch (e) {
      tx.takeEffects([]);
      assert(tx.applied === 0, `a body wrote ${tx.applied} times before it threw ${String(e)}`);
      throw e;
    }
    if (tx.applied > 0) this.#dirty = true;
    tx.takeEffects(this.#effects);
    if (!this.#inTurn) this.#commit();
    return result;
  }

  #commit(): void {
    this.#dirty = false;
    // An effect may write again and so bring effects of its own.
    for (let effect = this.#effects.shift(); effect !== undefined; effect = this.#effects.shift()) {
      effect();
    }
  }

  beginTurn(): void {
    assert(!this.#inTurn, "turns do not nest");
    this.#inTurn = true;
    this.#dirty = false;
  }
  endTurn(): void {
    this.#inTurn = false;
    this.#commit();
  }
  get turnIsDirty(): boolean {
    return this.#inTurn && this.#dirty;
  }

  allocate(counter: IdCounter, count: number): number {
    const stored = this.records.counters.get(counter) ?? initialCounter(counter);
    this.records.counters.set(counter, stored + count);
    return firstId(counter, stored);
  }
  sync(): Promise<void> {
    return Promise.resolve();
  }
  onForeignChange(_listener: () => void): void {}

  scanDentries(dir: Ino, after: Name | undefined, limit: number, withAttrs: boolean): DentryRow[] {
    return scanDentries(this.records, dir, after, limit, withAttrs);
  }
  scanSessions(): Session[] {
    return [...this.records.sessions.values()];
  }
  scanSustained(sid: number, limit: number): Ino[] {
    return [...(this.records.sustained.get(sid) ?? [])].slice(0, limit);
  }
  scanDelfiles(before: number, limit: number): Delfile[] {
    const due = [...this.records.delfiles.values()].filter((d) => d.expire < before);
    return due.sort((a, b) => a.expire - b.expire || a.ino - b.ino).slice(0, limit);
  }
  scanDelslices(before: number, limit: number): Delslices[] {
    const due = [...this.records.delslices].filter(([, d]) => d.deleted < before).slice(0, limit);
    return due.map(([id, d]) => ({ id, deleted: d.deleted, slices: decodeItems(d.items) }));
  }
  scanDeadSlices(limit: number): { id: number; size: number }[] {
    const dead = [...this.records.sliceRefs].filter(([, ref]) => ref.refs <= 0).slice(0, limit);
    return dead.map(([id, ref]) => ({ id, size: ref.size }));
  }
  scanChunks(ino: Ino, first: number, limit: number): { index: number; records: Uint8Array }[] {
    const indexes = this.records.chunkIndexes(ino, first, Infinity).slice(0, limit);
    const chunks = this.records.chunks.get(ino);
    return indexes.map((index) => ({ index, records: chunks?.get(index) ?? new Uint8Array(0) }));
  }
  scanLocks(_sid: number): { flocks: LockRow[]; plocks: PlockRow[] } {
    return { flocks: [], plocks: [] };
  }
  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

/** A page of a directory in the order of name bytes (latin1 strings compare as their bytes do). */
export function scanDentries(
  records: MemoryRecords,
  dir: Ino,
  after: Name | undefined,
  limit: number,
  withAttrs: boolean,
): DentryRow[] {
  const entries = [...(records.dentries.get(dir) ?? [])]
    .filter(([name]) => after === undefined || name > after)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.slice(0, limit).map(([name, { ino, type }]) => {
    const attr = withAttrs ? records.attrs.get(ino) : undefined;
    return attr === undefined ? { name, ino, type } : { name, ino, type, attr };
  });
}
