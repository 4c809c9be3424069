// The transaction that a replayed body sees: records fetched so far, with its own writes laid over them. A record that
// is not there yet ends the run by throwing MISS.
import { AssertionError } from "../util/assert.ts";
import type { Time } from "../util/clock.ts";
import type { Mutation, MutationKind } from "./mutation.ts";
import { keyText } from "./record-key.ts";
import { RecordingTxn } from "./recording-txn.ts";
import type { FetchedRecord, ReadVersion } from "./replay.ts";
import type { RecordKey } from "./txn.ts";
import type { AclRule, Attr, CounterName, Dentry } from "./types.ts";
import type { DirStat, Ino, Name, Quota, Session } from "./types.ts";

/** Thrown, one for all, when a record must be fetched first. Bodies must not catch it. */
export const MISS: object = Object.freeze({ miss: true });

/** Laid over a record whose value after a blind write is not known here. */
const UNKNOWN: object = Object.freeze({ unknown: true });

export class ReplayTxn extends RecordingTxn {
  readonly mutations: Mutation[] = [];
  /** Round trips of this attempt. */
  fetches = 0;
  readonly #seen: Map<string, { readonly key: RecordKey; readonly record: FetchedRecord }> =
    new Map();
  readonly #overlay: Map<string, unknown> = new Map();
  #wanted: RecordKey[] = [];

  constructor(now: Time) {
    super();
    this.now = now;
  }

  /** A new attempt: what was read may have changed. */
  forget(): void {
    this.#seen.clear();
    this.fetches = 0;
  }
  /** A new run over the same records. */
  reset(): void {
    this.mutations.length = 0;
    this.effects.length = 0;
    this.#overlay.clear();
    this.#wanted = [];
  }
  takeWanted(): readonly RecordKey[] {
    return this.#wanted;
  }
  learn(keys: readonly RecordKey[], records: readonly FetchedRecord[]): void {
    this.fetches++;
    keys.forEach((key, i) => {
      const record = records[i];
      if (record === undefined) throw new AssertionError("a fetch answered too few records");
      this.#seen.set(keyText(key), { key, record });
    });
  }
  /** What the commit must find unchanged. Usage counters bind nobody: limits are soft by a few nodes. */
  readVersions(): ReadVersion[] {
    const out: ReadVersion[] = [];
    for (const { key, record } of this.#seen.values()) {
      if (key[0] === "counter" && (key[1] === "usedSpace" || key[1] === "totalInodes")) continue;
      out.push({ key, version: record.version });
    }
    return out;
  }
  runEffects(): void {
    for (const effect of this.effects.splice(0)) effect();
  }

  override load(keys: readonly RecordKey[]): void {
    for (const key of keys) if (!this.#seen.has(keyText(key))) this.#wanted.push(key);
    if (this.#wanted.length > 0) throw MISS;
  }

  #get(key: RecordKey): unknown {
    const text = keyText(key);
    const own = this.#overlay.get(text);
    if (own === UNKNOWN) throw new AssertionError(`${text} is read after a blind write to it`);
    if (own !== undefined || this.#overlay.has(text)) return own;
    const seen = this.#seen.get(text);
    if (seen !== undefined) return seen.record.value;
    this.#wanted.push(key);
    throw MISS;
  }

  override attr(ino: Ino): Attr | undefined {
    return this.#get(["attr", ino]) as Attr | undefined;
  }
  override dentry(parent: Ino, name: Name): Dentry | undefined {
    return this.#get(["dentry", parent, name]) as Dentry | undefined;
  }
  override hasDentries(dir: Ino): boolean {
    return this.#get(["hasDentries", dir]) as boolean;
  }
  override parents(ino: Ino): ReadonlyMap<Ino, number> {
    return this.#get(["parents", ino]) as ReadonlyMap<Ino, number>;
  }
  override symlink(ino: Ino): string | undefined {
    return this.#get(["symlink", ino]) as string | undefined;
  }
  override xattr(ino: Ino, name: string): Uint8Array | undefined {
    return this.#get(["xattr", ino, name]) as Uint8Array | undefined;
  }
  override xattrNames(ino: Ino): readonly string[] {
    return this.#get(["xattrNames", ino]) as readonly string[];
  }
  override chunk(ino: Ino, index: number): Uint8Array | undefined {
    return this.#get(["chunk", ino, index]) as Uint8Array | undefined;
  }
  override chunkIndexes(ino: Ino, first: number, last: number): readonly number[] {
    return this.#get(["chunkIndexes", ino, first, last]) as readonly number[];
  }
  override sliceRefs(id: number): number | undefined {
    return this.#get(["sliceRefs", id]) as number | undefined;
  }
  override isSustained(sid: number, ino: Ino): boolean {
    return this.#get(["sustained", sid, ino]) as boolean;
  }
  override dirStat(ino: Ino): DirStat | undefined {
    return this.#get(["dirStat", ino]) as DirStat | undefined;
  }
  override dirQuota(ino: Ino): Quota | undefined {
    return this.#get(["dirQuota", ino]) as Quota | undefined;
  }
  override counter(name: CounterName): number {
    return this.#get(["counter", name]) as number;
  }
  override acl(id: number): AclRule | undefined {
    return this.#get(["acl", id]) as AclRule | undefined;
  }
  override aclId(rule: AclRule): number | undefined {
    return this.#get(["aclId", rule]) as number | undefined;
  }
  override session(sid: number): Session | undefined {
    return this.#get(["session", sid]) as Session | undefined;
  }
  override setting(): string | undefined {
    return this.#get(["setting"]) as string | undefined;
  }

  protected override apply(m: Mutation): void {
    this.mutations.push(m);
    for (const [key, value] of overlaid(m)) this.#overlay.set(keyText(key), value);
  }
}

type Overlaid = readonly (readonly [RecordKey, unknown])[];
type Overlays = {
  readonly [K in MutationKind]: (m: Extract<Mutation, { readonly kind: K }>) => Overlaid;
};
const nothing = (): Overlaid => [];
const chunkUnknown = (m: { readonly ino: Ino; readonly index: number }): Overlaid => [
  [["chunk", m.ino, m.index], UNKNOWN],
];

/** What later reads of the same body see. Bodies write last, so most of this is never read. */
const overlays: Overlays = {
  putAttr: (m) => [[["attr", m.ino], m.attr]],
  deleteAttr: (m) => [[["attr", m.ino], undefined]],
  putDentry: (m) => [
    [["dentry", m.parent, m.name], m.dentry],
    [["hasDentries", m.parent], true],
  ],
  deleteDentry: (m) => [
    [["dentry", m.parent, m.name], undefined],
    [["hasDentries", m.parent], UNKNOWN],
  ],
  addParent: (m) => [[["parents", m.ino], UNKNOWN]],
  putSymlink: (m) => [[["symlink", m.ino], m.target]],
  deleteSymlink: (m) => [[["symlink", m.ino], undefined]],
  putXattr: (m) => [
    [["xattr", m.ino, m.name], m.value],
    [["xattrNames", m.ino], UNKNOWN],
  ],
  deleteXattr: (m) => [
    [["xattr", m.ino, m.name], undefined],
    [["xattrNames", m.ino], UNKNOWN],
  ],
  deleteXattrs: (m) => [[["xattrNames", m.ino], []]],
  appendSlices: chunkUnknown,
  putChunk: chunkUnknown,
  deleteChunk: chunkUnknown,
  addSliceRef: (m) => [[["sliceRefs", m.id], UNKNOWN]],
  deleteSliceRef: (m) => [[["sliceRefs", m.id], undefined]],
  putSustained: (m) => [[["sustained", m.sid, m.ino], true]],
  deleteSustained: (m) => [[["sustained", m.sid, m.ino], false]],
  putDelfile: nothing,
  deleteDelfile: nothing,
  putDelslices: nothing,
  deleteDelslices: nothing,
  addDirStat: (m) => [[["dirStat", m.ino], UNKNOWN]],
  putDirStat: (m) => [[["dirStat", m.ino], UNKNOWN]],
  deleteDirStat: (m) => [[["dirStat", m.ino], undefined]],
  deleteDirQuota: (m) => [[["dirQuota", m.ino], undefined]],
  addCounter: (m) => [[["counter", m.name], UNKNOWN]],
  putCounter: (m) => [[["counter", m.name], m.value]],
  putAcl: (m) => [
    [["acl", m.id], m.rule],
    [["aclId", m.rule], m.id],
  ],
  putSession: (m) => [[["session", m.sid], { sid: m.sid, expire: m.expire, info: m.info }]],
  deleteSession: (m) => [[["session", m.sid], undefined]],
  deleteLocks: nothing,
  putSetting: (m) => [[["setting"], m.value]],
};

function overlaid(m: Mutation): Overlaid {
  return (overlays[m.kind] as (m: Mutation) => Overlaid)(m);
}
