// One MetaTxn per connection, used by every body in turn: the reads of SQLite plus what the open transaction has not
// written yet. Attributes and sums are written once, just before COMMIT, however many bodies changed them.
import type { Mutation } from "../mutation.ts";
import { RecordingTxn } from "../recording-txn.ts";
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
} from "../types.ts";
import type { DentryRow } from "../store.ts";
import { AttrCache } from "./attr-cache.ts";
import { Deltas } from "./deltas.ts";
import type { SqliteReads } from "./reads.ts";
import type { SqliteWrites } from "./writes.ts";

export class SqliteTxn extends RecordingTxn {
  /** Mutations applied since the transaction began. */
  applied = 0;
  readonly #reads: SqliteReads;
  readonly #writes: SqliteWrites;
  readonly #deltas = new Deltas();
  readonly #attrs = new AttrCache();
  /** Attributes changed by the open transaction; undefined = deleted. */
  readonly #changed = new Map<Ino, Attr | undefined>();

  constructor(reads: SqliteReads, writes: SqliteWrites) {
    super();
    this.#reads = reads;
    this.#writes = writes;
  }

  /** Writes what was kept back; the last step before COMMIT. */
  flush(): void {
    for (const [ino, attr] of this.#changed) {
      this.#writes.apply(
        attr === undefined ? { kind: "deleteAttr", ino } : { kind: "putAttr", ino, attr },
      );
    }
    this.#changed.clear();
    this.#deltas.flush(this.#writes);
  }
  /** The transaction ended and its effects are taken. */
  reset(): void {
    this.applied = 0;
    this.effects.length = 0;
  }
  /** The transaction is lost: nothing it has changed may be seen any more. */
  forget(): void {
    // What earlier frames of the transaction changed is gone as well.
    if (this.applied > 0 || this.#changed.size > 0) this.#attrs.clear();
    this.#changed.clear();
    this.#deltas.clear();
    this.reset();
  }
  /** Another connection has changed the database. */
  forgetRead(): void {
    this.#attrs.clear();
  }
  /** Rows of a scan as the open transaction has changed them. */
  overlay(rows: readonly DentryRow[]): readonly DentryRow[] {
    if (this.#changed.size === 0) return rows;
    return rows.map((row) => {
      if (!this.#changed.has(row.ino)) return row;
      const { name, ino, type } = row;
      const attr = this.#changed.get(ino);
      return attr === undefined ? { name, ino, type } : { name, ino, type, attr };
    });
  }
  get effectCount(): number {
    return this.effects.length;
  }
  /** Drops the effects from `count` on: those of a body that threw. */
  dropEffects(count: number): void {
    this.effects.length = count;
  }
  /** The effects of all bodies of the transaction, which are the caller's from now on. */
  takeEffects(): readonly (() => void)[] {
    return this.effects.length === 0 ? none : this.effects.splice(0);
  }

  /** Applies a change that was acknowledged before, and is recorded already. */
  again(m: Mutation): void {
    this.apply(m);
    this.applied--;
  }

  protected override apply(m: Mutation): void {
    this.applied++;
    if (this.#keepBack(m)) return;
    if (m.kind === "putCounter") this.#deltas.forgetCounter(m.name);
    else if (m.kind === "putDirStat" || m.kind === "deleteDirStat")
      this.#deltas.forgetDirStat(m.ino);
    this.#writes.apply(m);
  }

  /** True for a change that is written by `flush`. */
  #keepBack(m: Mutation): boolean {
    if (m.kind === "putAttr") {
      this.#attrs.set(m.ino, m.attr);
      this.#changed.set(m.ino, m.attr);
    } else if (m.kind === "deleteAttr") {
      this.#attrs.delete(m.ino);
      this.#changed.set(m.ino, undefined);
    } else if (m.kind === "addCounter") this.#deltas.addCounter(m.name, m.delta);
    else if (m.kind === "addDirStat") this.#deltas.addDirStat(m.ino, m);
    else return false;
    return true;
  }

  override load(): void {
    // Every read answers in place.
  }
  override attr(ino: Ino): Attr | undefined {
    const cached = this.#attrs.get(ino);
    if (cached !== undefined) return cached;
    // A big transaction may have pushed its own changes out of the cache.
    if (this.#changed.size > 0 && this.#changed.has(ino)) return this.#changed.get(ino);
    const stored = this.#reads.attr(ino);
    if (stored !== undefined) this.#attrs.set(ino, stored);
    return stored;
  }
  override dentry(parent: Ino, name: Name): Dentry | undefined {
    return this.#reads.dentry(parent, name);
  }
  override hasDentries(dir: Ino): boolean {
    return this.#reads.hasDentries(dir);
  }
  override parents(ino: Ino): ReadonlyMap<Ino, number> {
    return this.#reads.parents(ino);
  }
  override symlink(ino: Ino): string | undefined {
    return this.#reads.symlink(ino);
  }
  override xattr(ino: Ino, name: string): Uint8Array | undefined {
    return this.#reads.xattr(ino, name);
  }
  override xattrNames(ino: Ino): readonly string[] {
    return this.#reads.xattrNames(ino);
  }
  override chunk(ino: Ino, index: number): Uint8Array | undefined {
    return this.#reads.chunk(ino, index);
  }
  override chunkIndexes(ino: Ino, first: number, last: number): readonly number[] {
    return this.#reads.chunkIndexes(ino, first, last);
  }
  override sliceRefs(id: number): number | undefined {
    return this.#reads.sliceRefs(id);
  }
  override isSustained(sid: number, ino: Ino): boolean {
    return this.#reads.isSustained(sid, ino);
  }
  override dirStat(ino: Ino): DirStat | undefined {
    const stored = this.#reads.dirStat(ino);
    const added = this.#deltas.dirStat(ino);
    if (stored === undefined || added === undefined) return stored;
    return {
      length: stored.length + added.length,
      space: stored.space + added.space,
      inodes: stored.inodes + added.inodes,
    };
  }
  override dirQuota(ino: Ino): Quota | undefined {
    return this.#reads.dirQuota(ino);
  }
  override counter(name: CounterName): number {
    return this.#reads.counter(name) + this.#deltas.counter(name);
  }
  override acl(id: number): AclRule | undefined {
    return this.#reads.acl(id);
  }
  override aclId(rule: AclRule): number | undefined {
    return this.#reads.aclId(rule);
  }
  override session(sid: number): Session | undefined {
    return this.#reads.session(sid);
  }
  override setting(): string | undefined {
    return this.#reads.setting();
  }
}

const none: readonly (() => void)[] = [];
