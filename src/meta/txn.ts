// The seam between meaning and storage: about forty small synchronous verbs on typed records. Operations (ops/*) are
// plain functions of a MetaTxn; engines own encoding, batching and commit, nothing else.
//
// Rules: reads return snapshots that nobody changes. A body judges first and writes last: one that throws has written
// nothing, so that many bodies may share one transaction without savepoints. A body is a pure function of records,
// arguments and `now`: engines may run it again. Effects go through `onCommit`. Unbounded scans are not here.
import type { Time } from "../util/clock.ts";
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

/** Names a record, for `load`: asynchronous engines fetch all that are named in one round trip. */
export type RecordKey =
  | readonly ["attr", Ino]
  | readonly ["dentry", Ino, Name]
  | readonly ["hasDentries", Ino]
  | readonly ["parents", Ino]
  | readonly ["symlink", Ino]
  | readonly ["xattr", Ino, string]
  | readonly ["xattrNames", Ino]
  | readonly ["chunk", Ino, number]
  | readonly ["chunkIndexes", Ino, number, number]
  | readonly ["sliceRefs", number]
  | readonly ["sustained", number, Ino]
  | readonly ["dirStat", Ino]
  | readonly ["dirQuota", Ino]
  | readonly ["counter", CounterName]
  | readonly ["acl", number]
  | readonly ["aclId", AclRule]
  | readonly ["session", number]
  | readonly ["setting"];

export interface MetaRead {
  /** The time of this transaction; the same in every re-run. */
  readonly now: Time;
  /** A hint: these records will be read. A no-op on engines that answer in place. */
  load(keys: readonly RecordKey[]): void;

  attr(ino: Ino): Attr | undefined;
  dentry(parent: Ino, name: Name): Dentry | undefined;
  hasDentries(dir: Ino): boolean;
  /** The directories that hold a link to `ino`, with the number of links in each; only for attr.parent = 0. */
  parents(ino: Ino): ReadonlyMap<Ino, number>;
  symlink(ino: Ino): string | undefined;
  xattr(ino: Ino, name: string): Uint8Array | undefined;
  xattrNames(ino: Ino): readonly string[];
  /** The records of a chunk as stored: n * 24 bytes, oldest first. */
  chunk(ino: Ino, index: number): Uint8Array | undefined;
  /** The chunks of `ino` that exist with first <= index <= last, ascending. */
  chunkIndexes(ino: Ino, first: number, last: number): readonly number[];
  /** True number of references; undefined when the slice is unknown. */
  sliceRefs(id: number): number | undefined;
  isSustained(sid: number, ino: Ino): boolean;
  dirStat(ino: Ino): DirStat | undefined;
  dirQuota(ino: Ino): Quota | undefined;
  /** 0 when absent. */
  counter(name: CounterName): number;
  acl(id: number): AclRule | undefined;
  /** The id under which an identical rule is stored. */
  aclId(rule: AclRule): number | undefined;
  session(sid: number): Session | undefined;
  /** The setting JSON, undefined when the store is not formatted. */
  setting(): string | undefined;
}

export interface MetaTxn extends MetaRead {
  putAttr(ino: Ino, attr: Attr): void;
  /** Deletes the inode record only; xattrs and the like have verbs of their own. */
  deleteAttr(ino: Ino): void;
  putDentry(parent: Ino, name: Name, dentry: Dentry): void;
  deleteDentry(parent: Ino, name: Name): void;
  addParent(ino: Ino, parent: Ino, delta: number): void;
  putSymlink(ino: Ino, target: string): void;
  deleteSymlink(ino: Ino): void;
  putXattr(ino: Ino, name: string, value: Uint8Array): void;
  deleteXattr(ino: Ino, name: string): void;
  deleteXattrs(ino: Ino): void;
  appendSlices(ino: Ino, index: number, records: Uint8Array): void;
  putChunk(ino: Ino, index: number, records: Uint8Array): void;
  deleteChunk(ino: Ino, index: number): void;
  addSliceRef(id: number, size: number, delta: number): void;
  deleteSliceRef(id: number, size: number): void;
  putSustained(sid: number, ino: Ino): void;
  deleteSustained(sid: number, ino: Ino): void;
  putDelfile(ino: Ino, length: number, expire: number): void;
  deleteDelfile(ino: Ino, length: number): void;
  putDelslices(id: number, deleted: number, items: Uint8Array): void;
  deleteDelslices(id: number, deleted: number): void;
  addDirStat(ino: Ino, stat: DirStat): void;
  putDirStat(ino: Ino, stat: DirStat): void;
  deleteDirStat(ino: Ino): void;
  deleteDirQuota(ino: Ino): void;
  addCounter(name: CounterName, delta: number): void;
  putCounter(name: CounterName, value: number): void;
  putAcl(id: number, rule: AclRule): void;
  putSession(sid: number, expire: number, info: string): void;
  deleteSession(sid: number): void;
  deleteLocks(sid: number): void;
  putSetting(value: string): void;
  /** Runs after the commit of this body, never when it is lost. Must not throw. */
  onCommit(effect: () => void): void;
}
