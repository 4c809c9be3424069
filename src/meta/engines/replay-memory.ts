// The replay runner over an in-memory server that can be slow and can refuse commits: how Redis and TiKV behave, without
// them. For tests.
import type { Time } from "../../util/clock.ts";
import { firstId, initialCounter } from "../id-counter.ts";
import { decodeItems } from "../delslices.ts";
import type { Mutation } from "../mutation.ts";
import { changedGroups, versionGroup } from "../record-key.ts";
import type { MutationRecorder } from "../recording-txn.ts";
import type { FetchedRecord, ReadVersion, RecordServer } from "../replay.ts";
import { ReplayRunner } from "../replay.ts";
import type { DentryRow, IdCounter, LockRow, MetaStore, PlockRow } from "../store.ts";
import type { MetaRead, MetaTxn, RecordKey } from "../txn.ts";
import type { Delfile, Delslices, Ino, Name, Session } from "../types.ts";
import { scanDentries } from "./memory.ts";
import { MemoryRecords } from "./memory-records.ts";

export interface ServerOptions {
  /** Waited for before each answer. */
  readonly delay?: () => Promise<void>;
  /** True refuses a commit that could have gone through. */
  readonly refuses?: () => boolean;
}

/** Records and a version for each group of them that changes together. */
export class MemoryServer implements RecordServer {
  readonly records: MemoryRecords = new MemoryRecords();
  readonly #versions: Map<string, number> = new Map();
  readonly #options: ServerOptions;
  trips = 0;

  constructor(options: ServerOptions) {
    this.#options = options;
  }

  async answer(): Promise<void> {
    this.trips++;
    await (this.#options.delay?.() ?? Promise.resolve());
  }

  async fetch(keys: readonly RecordKey[]): Promise<readonly FetchedRecord[]> {
    await this.answer();
    return keys.map((key) => ({
      value: valueOf(this.records, key),
      version: this.#version(versionGroup(key)),
    }));
  }

  async commit(reads: readonly ReadVersion[], mutations: readonly Mutation[]): Promise<boolean> {
    await this.answer();
    if (this.#options.refuses?.() === true) return false;
    for (const { key, version } of reads) {
      if (this.#version(versionGroup(key)) !== version) return false;
    }
    for (const mutation of mutations) {
      this.records.apply(mutation);
      for (const text of changedGroups(mutation)) this.#versions.set(text, this.#version(text) + 1);
    }
    return true;
  }

  #version(text: string): number {
    return this.#versions.get(text) ?? 0;
  }
}

type Values = {
  readonly [K in RecordKey[0]]: (
    r: MemoryRecords,
    key: Extract<RecordKey, readonly [K, ...unknown[]]>,
  ) => unknown;
};

const values: Values = {
  attr: (r, [, ino]) => r.attrs.get(ino),
  dentry: (r, [, parent, name]) => r.dentries.get(parent)?.get(name),
  hasDentries: (r, [, dir]) => r.dentries.has(dir),
  parents: (r, [, ino]) => new Map(r.parentsOf(ino)),
  symlink: (r, [, ino]) => r.symlinks.get(ino),
  xattr: (r, [, ino, name]) => r.xattrs.get(ino)?.get(name),
  xattrNames: (r, [, ino]) => [...(r.xattrs.get(ino)?.keys() ?? [])],
  chunk: (r, [, ino, index]) => r.chunks.get(ino)?.get(index),
  chunkIndexes: (r, [, ino, first, last]) => r.chunkIndexes(ino, first, last),
  sliceRefs: (r, [, id]) => r.sliceRefs.get(id)?.refs,
  sustained: (r, [, sid, ino]) => r.isSustained(sid, ino),
  dirStat: (r, [, ino]) => r.dirStats.get(ino),
  dirQuota: (r, [, ino]) => r.dirQuotas.get(ino),
  counter: (r, [, name]) => r.counters.get(name) ?? 0,
  acl: (r, [, id]) => r.acls.get(id),
  aclId: (r, [, rule]) => r.aclId(rule),
  session: (r, [, sid]) => r.sessions.get(sid),
  setting: (r) => r.setting,
};

function valueOf(r: MemoryRecords, key: RecordKey): unknown {
  return (values[key[0]] as (r: MemoryRecords, key: RecordKey) => unknown)(r, key);
}

export interface ReplayMemoryOptions extends ServerOptions {
  readonly clock?: () => Time;
  readonly recorder?: MutationRecorder;
  readonly attemptsMax?: number;
}

export class ReplayMemoryStore implements MetaStore {
  readonly name = "replay-memory";
  readonly capabilities = { snapshotScan: false, counters: "transactional" } as const;
  readonly turnIsDirty = false;
  readonly server: MemoryServer;
  readonly runner: ReplayRunner;

  constructor(options: ReplayMemoryOptions = {}) {
    this.server = new MemoryServer(options);
    this.runner = new ReplayRunner(this.server, options);
  }

  read<T>(body: (tx: MetaRead) => T): Promise<T> {
    return this.runner.read(body);
  }
  write<T>(body: (tx: MetaTxn) => T): Promise<T> {
    return this.runner.write(body);
  }
  beginTurn(): void {}
  endTurn(): void {}

  async allocate(counter: IdCounter, count: number): Promise<number> {
    await this.server.answer();
    const { counters } = this.server.records;
    const stored = counters.get(counter) ?? initialCounter(counter);
    counters.set(counter, stored + count);
    return firstId(counter, stored);
  }
  sync(): Promise<void> {
    return this.server.answer();
  }
  onForeignChange(_listener: () => void): void {}

  async scanDentries(
    dir: Ino,
    after: Name | undefined,
    limit: number,
    withAttrs: boolean,
  ): Promise<DentryRow[]> {
    await this.server.answer();
    return scanDentries(this.server.records, dir, after, limit, withAttrs);
  }
  async scanSessions(): Promise<Session[]> {
    await this.server.answer();
    return [...this.server.records.sessions.values()];
  }
  async scanSustained(sid: number, limit: number): Promise<Ino[]> {
    await this.server.answer();
    return [...(this.server.records.sustained.get(sid) ?? [])].slice(0, limit);
  }
  async scanDelfiles(before: number, limit: number): Promise<Delfile[]> {
    await this.server.answer();
    const due = [...this.server.records.delfiles.values()].filter((d) => d.expire < before);
    return due.slice(0, limit);
  }
  async scanDelslices(before: number, limit: number): Promise<Delslices[]> {
    await this.server.answer();
    const due = [...this.server.records.delslices].filter(([, d]) => d.deleted < before);
    return due
      .slice(0, limit)
      .map(([id, d]) => ({ id, deleted: d.deleted, slices: decodeItems(d.items) }));
  }
  async scanDeadSlices(limit: number): Promise<{ id: number; size: number }[]> {
    await this.server.answer();
    const dead = [...this.server.records.sliceRefs].filter(([, ref]) => ref.refs <= 0);
    return dead.slice(0, limit).map(([id, ref]) => ({ id, size: ref.size }));
  }
  async scanChunks(
    ino: Ino,
    first: number,
    limit: number,
  ): Promise<{ index: number; records: Uint8Array }[]> {
    await this.server.answer();
    const chunks = this.server.records.chunks.get(ino);
    const indexes = this.server.records.chunkIndexes(ino, first, Infinity).slice(0, limit);
    return indexes.map((index) => ({ index, records: chunks?.get(index) ?? new Uint8Array(0) }));
  }
  async scanLocks(_sid: number): Promise<{ flocks: LockRow[]; plocks: PlockRow[] }> {
    await this.server.answer();
    return { flocks: [], plocks: [] };
  }
  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}
