// All records of a volume in Maps, and what each mutation does to them. The memory engine runs on it directly, the
// in-memory server of the replay runner behind a wire that can fail.
import type { Mutation, MutationKind } from "../mutation.ts";
import type {
  AclRule,
  Attr,
  CounterName,
  Delfile,
  Dentry,
  DirStat,
  Ino,
  Name,
  Quota,
  Session,
} from "../types.ts";

export interface SliceRef {
  readonly size: number;
  readonly refs: number;
}
export interface StoredDelslices {
  readonly deleted: number;
  readonly items: Uint8Array;
}

const noParents: ReadonlyMap<Ino, number> = new Map();

function inner<K, L, V>(outer: Map<K, Map<L, V>>, key: K): Map<L, V> {
  let map = outer.get(key);
  if (map === undefined) outer.set(key, (map = new Map<L, V>()));
  return map;
}
/** Takes one value out, and the inner map with it when that was the last. */
function drop<K, L, V>(outer: Map<K, Map<L, V>>, key: K, sub: L): void {
  const map = outer.get(key);
  if (map === undefined) return;
  map.delete(sub);
  if (map.size === 0) outer.delete(key);
}
const bytes = (value: Uint8Array): Uint8Array => Uint8Array.from(value);

function joined(a: Uint8Array | undefined, b: Uint8Array): Uint8Array {
  if (a === undefined) return bytes(b);
  const out = new Uint8Array(a.length + b.length);
  out.set(a);
  out.set(b, a.length);
  return out;
}

export class MemoryRecords {
  readonly attrs: Map<Ino, Attr> = new Map();
  readonly dentries: Map<Ino, Map<Name, Dentry>> = new Map();
  readonly parents: Map<Ino, Map<Ino, number>> = new Map();
  readonly symlinks: Map<Ino, string> = new Map();
  readonly xattrs: Map<Ino, Map<string, Uint8Array>> = new Map();
  readonly chunks: Map<Ino, Map<number, Uint8Array>> = new Map();
  readonly sliceRefs: Map<number, SliceRef> = new Map();
  readonly sustained: Map<number, Set<Ino>> = new Map();
  readonly delfiles: Map<Ino, Delfile> = new Map();
  readonly delslices: Map<number, StoredDelslices> = new Map();
  readonly dirStats: Map<Ino, DirStat> = new Map();
  readonly dirQuotas: Map<Ino, Quota> = new Map();
  readonly counters: Map<CounterName, number> = new Map();
  readonly acls: Map<number, AclRule> = new Map();
  readonly sessions: Map<number, Session> = new Map();
  setting: string | undefined = undefined;

  parentsOf(ino: Ino): ReadonlyMap<Ino, number> {
    return this.parents.get(ino) ?? noParents;
  }
  chunkIndexes(ino: Ino, first: number, last: number): number[] {
    const chunks = this.chunks.get(ino);
    if (chunks === undefined) return [];
    const indexes = [...chunks.keys()].filter((index) => index >= first && index <= last);
    return indexes.sort((a, b) => a - b);
  }
  aclId(rule: AclRule): number | undefined {
    const wanted = JSON.stringify(rule);
    for (const [id, stored] of this.acls) if (JSON.stringify(stored) === wanted) return id;
    return undefined;
  }
  isSustained(sid: number, ino: Ino): boolean {
    return this.sustained.get(sid)?.has(ino) ?? false;
  }

  apply(mutation: Mutation): void {
    const apply = appliers[mutation.kind] as (r: MemoryRecords, m: Mutation) => void;
    apply(this, mutation);
  }

  dropSustained(sid: number, ino: Ino): void {
    const inos = this.sustained.get(sid);
    inos?.delete(ino);
    if (inos?.size === 0) this.sustained.delete(sid);
  }
  addParent(ino: Ino, parent: Ino, delta: number): void {
    const counts = inner(this.parents, ino);
    const count = (counts.get(parent) ?? 0) + delta;
    if (count > 0) counts.set(parent, count);
    else drop(this.parents, ino, parent);
  }
  addDirStat(ino: Ino, delta: DirStat): void {
    const old = this.dirStats.get(ino);
    if (old === undefined) return;
    const { length, space, inodes } = delta;
    this.dirStats.set(ino, stat(old.length + length, old.space + space, old.inodes + inodes));
  }
}

type Applier<K extends MutationKind> = (
  r: MemoryRecords,
  m: Extract<Mutation, { readonly kind: K }>,
) => void;

/** One line per kind; the type says when one is missing. */
const appliers: { readonly [K in MutationKind]: Applier<K> } = {
  putAttr: (r, m) => r.attrs.set(m.ino, m.attr),
  deleteAttr: (r, m) => {
    r.parents.delete(m.ino);
    r.attrs.delete(m.ino);
  },
  putDentry: (r, m) => inner(r.dentries, m.parent).set(m.name, m.dentry),
  deleteDentry: (r, m) => drop(r.dentries, m.parent, m.name),
  addParent: (r, m) => r.addParent(m.ino, m.parent, m.delta),
  putSymlink: (r, m) => r.symlinks.set(m.ino, m.target),
  deleteSymlink: (r, m) => r.symlinks.delete(m.ino),
  putXattr: (r, m) => inner(r.xattrs, m.ino).set(m.name, bytes(m.value)),
  deleteXattr: (r, m) => drop(r.xattrs, m.ino, m.name),
  deleteXattrs: (r, m) => r.xattrs.delete(m.ino),
  appendSlices: (r, m) => {
    const chunks = inner(r.chunks, m.ino);
    chunks.set(m.index, joined(chunks.get(m.index), m.records));
  },
  putChunk: (r, m) => inner(r.chunks, m.ino).set(m.index, bytes(m.records)),
  deleteChunk: (r, m) => drop(r.chunks, m.ino, m.index),
  addSliceRef: (r, m) => {
    const refs = (r.sliceRefs.get(m.id)?.refs ?? 0) + m.delta;
    r.sliceRefs.set(m.id, { size: m.size, refs });
  },
  deleteSliceRef: (r, m) => r.sliceRefs.delete(m.id),
  putSustained: (r, m) => r.sustained.set(m.sid, (r.sustained.get(m.sid) ?? new Set()).add(m.ino)),
  deleteSustained: (r, m) => r.dropSustained(m.sid, m.ino),
  putDelfile: (r, { ino, length, expire }) => r.delfiles.set(ino, { ino, length, expire }),
  deleteDelfile: (r, m) => r.delfiles.delete(m.ino),
  putDelslices: (r, m) => r.delslices.set(m.id, { deleted: m.deleted, items: bytes(m.items) }),
  deleteDelslices: (r, m) => r.delslices.delete(m.id),
  addDirStat: (r, m) => r.addDirStat(m.ino, m),
  putDirStat: (r, m) => r.dirStats.set(m.ino, stat(m.length, m.space, m.inodes)),
  deleteDirStat: (r, m) => r.dirStats.delete(m.ino),
  deleteDirQuota: (r, m) => r.dirQuotas.delete(m.ino),
  addCounter: (r, m) => r.counters.set(m.name, (r.counters.get(m.name) ?? 0) + m.delta),
  putCounter: (r, m) => r.counters.set(m.name, m.value),
  putAcl: (r, m) => r.acls.set(m.id, m.rule),
  putSession: (r, { sid, expire, info }) => r.sessions.set(sid, { sid, expire, info }),
  deleteSession: (r, m) => r.sessions.delete(m.sid),
  deleteLocks: () => {},
  putSetting: (r, m) => {
    r.setting = m.value;
  },
};

const stat = (length: number, space: number, inodes: number): DirStat => ({
  length,
  space,
  inodes,
});
