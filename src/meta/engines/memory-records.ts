// All records of a volume in Maps, and what each mutation does to them. The memory engine runs on it directly, the
// in-memory server of the replay runner behind a wire that can fail.
import type { Mutation } from "../mutation.ts";
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
import { unreachable } from "../../util/assert.ts";

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

  /** Nodes, names and what hangs on them; the rest is `applyOther`'s. */
  apply(m: Mutation): void {
    switch (m.kind) {
      case "putAttr":
        return void this.attrs.set(m.ino, m.attr);
      case "deleteAttr":
        this.parents.delete(m.ino);
        return void this.attrs.delete(m.ino);
      case "putDentry":
        return void inner(this.dentries, m.parent).set(m.name, m.dentry);
      case "deleteDentry":
        return drop(this.dentries, m.parent, m.name);
      case "addParent":
        return this.#addParent(m.ino, m.parent, m.delta);
      case "putSymlink":
        return void this.symlinks.set(m.ino, m.target);
      case "deleteSymlink":
        return void this.symlinks.delete(m.ino);
      case "putXattr":
        return void inner(this.xattrs, m.ino).set(m.name, bytes(m.value));
      case "deleteXattr":
        return drop(this.xattrs, m.ino, m.name);
      case "deleteXattrs":
        return void this.xattrs.delete(m.ino);
      case "appendSlices": {
        const chunks = inner(this.chunks, m.ino);
        return void chunks.set(m.index, joined(chunks.get(m.index), m.records));
      }
      case "putChunk":
        return void inner(this.chunks, m.ino).set(m.index, bytes(m.records));
      case "deleteChunk":
        return drop(this.chunks, m.ino, m.index);
      default:
        return this.#applyOther(m);
    }
  }

  #applyOther(m: Mutation): void {
    switch (m.kind) {
      case "addSliceRef": {
        const refs = (this.sliceRefs.get(m.id)?.refs ?? 0) + m.delta;
        return void this.sliceRefs.set(m.id, { size: m.size, refs });
      }
      case "deleteSliceRef":
        return void this.sliceRefs.delete(m.id);
      case "putSustained": {
        const inos = this.sustained.get(m.sid) ?? new Set<Ino>();
        return void this.sustained.set(m.sid, inos.add(m.ino));
      }
      case "deleteSustained":
        this.sustained.get(m.sid)?.delete(m.ino);
        if (this.sustained.get(m.sid)?.size === 0) this.sustained.delete(m.sid);
        return;
      case "putDelfile":
        return void this.delfiles.set(m.ino, { ino: m.ino, length: m.length, expire: m.expire });
      case "deleteDelfile":
        return void this.delfiles.delete(m.ino);
      case "putDelslices":
        return void this.delslices.set(m.id, { deleted: m.deleted, items: bytes(m.items) });
      case "deleteDelslices":
        return void this.delslices.delete(m.id);
      case "addDirStat":
        return this.#addDirStat(m.ino, m);
      case "putDirStat":
        return void this.dirStats.set(m.ino, stat(m.length, m.space, m.inodes));
      case "deleteDirStat":
        return void this.dirStats.delete(m.ino);
      case "deleteDirQuota":
        return void this.dirQuotas.delete(m.ino);
      default:
        return this.#applyVolume(m);
    }
  }

  #applyVolume(m: Mutation): void {
    switch (m.kind) {
      case "addCounter":
        return void this.counters.set(m.name, (this.counters.get(m.name) ?? 0) + m.delta);
      case "putCounter":
        return void this.counters.set(m.name, m.value);
      case "putAcl":
        return void this.acls.set(m.id, m.rule);
      case "putSession":
        return void this.sessions.set(m.sid, { sid: m.sid, expire: m.expire, info: m.info });
      case "deleteSession":
        return void this.sessions.delete(m.sid);
      case "deleteLocks":
        return;
      case "putSetting":
        this.setting = m.value;
        return;
      default:
        return unreachable(m as never);
    }
  }

  #addParent(ino: Ino, parent: Ino, delta: number): void {
    const counts = inner(this.parents, ino);
    const count = (counts.get(parent) ?? 0) + delta;
    if (count > 0) counts.set(parent, count);
    else drop(this.parents, ino, parent);
  }
  #addDirStat(ino: Ino, delta: DirStat): void {
    const old = this.dirStats.get(ino);
    if (old === undefined) return;
    const { length, space, inodes } = delta;
    this.dirStats.set(ino, stat(old.length + length, old.space + space, old.inodes + inodes));
  }
}

const stat = (length: number, space: number, inodes: number): DirStat => ({
  length,
  space,
  inodes,
});
