// The write half of every MetaTxn: each verb becomes one Mutation, is told to the recorder (the journal) and handed to
// the engine's `apply`. Engines add the reads and what a mutation means in their store; nothing writes around this.
import type { Time } from "../util/clock.ts";
import type { Mutation } from "./mutation.ts";
import type { MetaTxn, RecordKey } from "./txn.ts";
import type {
  AclRule,
  Attr,
  CounterName,
  Dentry,
  DirStat,
  Ino,
  Name,
  Quota,
  Session,
} from "./types.ts";

export type MutationRecorder = (mutation: Mutation) => void;

export abstract class RecordingTxn implements MetaTxn {
  /** Set by the engine before each body runs. */
  now: Time = { sec: 0, nsec: 0 };
  /** Receives every mutation in order, after the engine has applied it (one that failed is not recorded). */
  recorder: MutationRecorder | undefined = undefined;
  /** Effects of the body that runs; the engine runs them after its commit, and drops them when the body is lost. */
  protected readonly effects: (() => void)[] = [];

  /** Makes one change visible to the reads of this transaction. */
  protected abstract apply(mutation: Mutation): void;

  abstract load(keys: readonly RecordKey[]): void;
  abstract attr(ino: Ino): Attr | undefined;
  abstract dentry(parent: Ino, name: Name): Dentry | undefined;
  abstract hasDentries(dir: Ino): boolean;
  abstract parents(ino: Ino): ReadonlyMap<Ino, number>;
  abstract symlink(ino: Ino): string | undefined;
  abstract xattr(ino: Ino, name: string): Uint8Array | undefined;
  abstract xattrNames(ino: Ino): readonly string[];
  abstract chunk(ino: Ino, index: number): Uint8Array | undefined;
  abstract chunkIndexes(ino: Ino, first: number, last: number): readonly number[];
  abstract sliceRefs(id: number): number | undefined;
  abstract isSustained(sid: number, ino: Ino): boolean;
  abstract dirStat(ino: Ino): DirStat | undefined;
  abstract dirQuota(ino: Ino): Quota | undefined;
  abstract counter(name: CounterName): number;
  abstract acl(id: number): AclRule | undefined;
  abstract aclId(rule: AclRule): number | undefined;
  abstract session(sid: number): Session | undefined;
  abstract setting(): string | undefined;

  putAttr(ino: Ino, attr: Attr): void {
    this.#emit({ kind: "putAttr", ino, attr });
  }
  deleteAttr(ino: Ino): void {
    this.#emit({ kind: "deleteAttr", ino });
  }
  putDentry(parent: Ino, name: Name, dentry: Dentry): void {
    this.#emit({ kind: "putDentry", parent, name, dentry });
  }
  deleteDentry(parent: Ino, name: Name): void {
    this.#emit({ kind: "deleteDentry", parent, name });
  }
  addParent(ino: Ino, parent: Ino, delta: number): void {
    this.#emit({ kind: "addParent", ino, parent, delta });
  }
  putSymlink(ino: Ino, target: string): void {
    this.#emit({ kind: "putSymlink", ino, target });
  }
  deleteSymlink(ino: Ino): void {
    this.#emit({ kind: "deleteSymlink", ino });
  }
  putXattr(ino: Ino, name: string, value: Uint8Array): void {
    this.#emit({ kind: "putXattr", ino, name, value });
  }
  deleteXattr(ino: Ino, name: string): void {
    this.#emit({ kind: "deleteXattr", ino, name });
  }
  deleteXattrs(ino: Ino): void {
    this.#emit({ kind: "deleteXattrs", ino });
  }
  appendSlices(ino: Ino, index: number, records: Uint8Array): void {
    this.#emit({ kind: "appendSlices", ino, index, records });
  }
  putChunk(ino: Ino, index: number, records: Uint8Array): void {
    this.#emit({ kind: "putChunk", ino, index, records });
  }
  deleteChunk(ino: Ino, index: number): void {
    this.#emit({ kind: "deleteChunk", ino, index });
  }
  addSliceRef(id: number, size: number, delta: number): void {
    this.#emit({ kind: "addSliceRef", id, size, delta });
  }
  deleteSliceRef(id: number, size: number): void {
    this.#emit({ kind: "deleteSliceRef", id, size });
  }
  putSustained(sid: number, ino: Ino): void {
    this.#emit({ kind: "putSustained", sid, ino });
  }
  deleteSustained(sid: number, ino: Ino): void {
    this.#emit({ kind: "deleteSustained", sid, ino });
  }
  putDelfile(ino: Ino, length: number, expire: number): void {
    this.#emit({ kind: "putDelfile", ino, length, expire });
  }
  deleteDelfile(ino: Ino, length: number): void {
    this.#emit({ kind: "deleteDelfile", ino, length });
  }
  putDelslices(id: number, deleted: number, items: Uint8Array): void {
    this.#emit({ kind: "putDelslices", id, deleted, items });
  }
  deleteDelslices(id: number, deleted: number): void {
    this.#emit({ kind: "deleteDelslices", id, deleted });
  }
  addDirStat(ino: Ino, stat: DirStat): void {
    const { length, space, inodes } = stat;
    this.#emit({ kind: "addDirStat", ino, length, space, inodes });
  }
  putDirStat(ino: Ino, stat: DirStat): void {
    const { length, space, inodes } = stat;
    this.#emit({ kind: "putDirStat", ino, length, space, inodes });
  }
  deleteDirStat(ino: Ino): void {
    this.#emit({ kind: "deleteDirStat", ino });
  }
  deleteDirQuota(ino: Ino): void {
    this.#emit({ kind: "deleteDirQuota", ino });
  }
  addCounter(name: CounterName, delta: number): void {
    this.#emit({ kind: "addCounter", name, delta });
  }
  putCounter(name: CounterName, value: number): void {
    this.#emit({ kind: "putCounter", name, value });
  }
  putAcl(id: number, rule: AclRule): void {
    this.#emit({ kind: "putAcl", id, rule });
  }
  putSession(sid: number, expire: number, info: string): void {
    this.#emit({ kind: "putSession", sid, expire, info });
  }
  deleteSession(sid: number): void {
    this.#emit({ kind: "deleteSession", sid });
  }
  deleteLocks(sid: number): void {
    this.#emit({ kind: "deleteLocks", sid });
  }
  putSetting(value: string): void {
    this.#emit({ kind: "putSetting", value });
  }

  onCommit(effect: () => void): void {
    this.effects.push(effect);
  }

  #emit(mutation: Mutation): void {
    this.apply(mutation);
    if (this.recorder !== undefined) this.recorder(mutation);
  }
}
