// Drives a volume and the oracle with the same random operations and compares what both say: the errno, the answer,
// and in between the whole state.
import * as assert from "uvu/assert";
import type { Entry } from "../../src/meta/api.ts";
import { decodeSlices, visible } from "../../src/meta/slices.ts";
import type { Attr, Ino } from "../../src/meta/types.ts";
import { CHUNK_BYTES } from "../../src/meta/types.ts";
import type { Caller } from "../../src/util/caller.ts";
import type { Time } from "../../src/util/clock.ts";
import { FsError } from "../../src/util/errno.ts";
import type { MaybePromise } from "../../src/util/maybe.ts";
import { isPromise } from "../../src/util/maybe.ts";
import { Oracle } from "./oracle.ts";
import type { Node } from "./oracle-node.ts";
import { Refused, codeOfKind } from "./oracle-node.ts";
import type { Subject } from "./subject.ts";

/** Numbers that a seed decides (mulberry32), in 0 <= x < 1. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const user = (uid: number, groups: readonly number[]): Caller => ({
  uid,
  gid: uid,
  pid: 1,
  groups,
  trusted: false,
});
export const callers: readonly Caller[] = [user(0, []), user(1000, [2000]), user(1001, [])];

type Outcome<T> = { readonly value: T } | { readonly code: string };

export class Driver {
  readonly subject: Subject;
  readonly oracle: Oracle;
  readonly random: () => number;
  /** Errnos seen, to know that the run has met them. */
  readonly histogram: Map<string, number> = new Map();
  readonly handles: Ino[] = [];
  now: Time;
  steps = 0;
  /** What the last operation was, for the message of a difference. */
  last = "";
  #live: Ino[] = [];

  constructor(subject: Subject, seed: number, withTrash: boolean) {
    this.subject = subject;
    this.random = randomOf(seed);
    this.now = { sec: 1_700_000_000, nsec: 0 };
    this.oracle = new Oracle(withTrash, this.now);
    this.#live.push(1);
  }

  below(n: number): number {
    return Math.floor(this.random() * n);
  }
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }
  caller(): Caller {
    return this.random() < 0.5 ? (callers[0] as Caller) : this.pick(callers);
  }

  born(ino: Ino): void {
    this.#live.push(ino);
  }
  /** A node that lives, or now and then one that is gone. */
  anyIno(): Ino {
    if (this.random() < 0.02) return 2 + this.below(1000);
    for (;;) {
      const at = this.below(this.#live.length);
      const ino = this.#live[at] as Ino;
      if (this.oracle.nodes.has(ino)) return ino;
      this.#live[at] = this.#live.at(-1) as Ino;
      this.#live.pop();
    }
  }
  /** Mostly a node that `fits`. */
  inoWhere(fits: (node: Node) => boolean): Ino {
    for (let tries = 0; tries < 6; tries++) {
      const ino = this.anyIno();
      const node = this.oracle.nodes.get(ino);
      if (node !== undefined && fits(node)) return ino;
    }
    return this.anyIno();
  }

  tick(): void {
    this.steps++;
    this.now = { sec: 1_700_000_000 + this.steps, nsec: this.below(1_000_000) * 1000 };
    this.oracle.now = this.now;
    this.subject.setNow(this.now);
  }

  /**
   * Runs one operation on both sides. `judge` throws what the oracle expects or answers; when both sides succeed `apply`
   * changes the oracle with what the volume said.
   */
  async both<T, U>(
    name: string,
    run: () => MaybePromise<T>,
    judge: () => U,
    apply: (value: T, expected: U) => void = () => {},
  ): Promise<void> {
    this.last = name;
    const actual = await outcomeOf(run);
    let expected: Outcome<U>;
    try {
      expected = { value: judge() };
    } catch (e) {
      if (!(e instanceof Refused)) throw e;
      expected = { code: e.code };
    }
    const code = (o: Outcome<unknown>): string => ("code" in o ? o.code : "ok");
    this.histogram.set(code(expected), (this.histogram.get(code(expected)) ?? 0) + 1);
    if (code(actual) !== code(expected)) {
      assert.unreachable(
        `step ${this.steps}: ${name}: volume ${code(actual)}, oracle ${code(expected)}`,
      );
    }
    if ("value" in actual && "value" in expected) apply(actual.value, expected.value);
  }

  same(actual: unknown, expected: unknown, what: string): void {
    const [a, e] = [JSON.stringify(actual), JSON.stringify(expected)];
    if (a !== e)
      assert.unreachable(`step ${this.steps}: ${this.last}: ${what}: volume ${a}, oracle ${e}`);
  }

  sameAttr(attr: Attr, node: Node): void {
    const kind = codeOfKind[node.kind];
    const parent = node.trashed ? attr.parent : node.parent;
    const shown = [attr.type, attr.mode, attr.uid, attr.gid, attr.nlink, attr.length, attr.parent];
    this.same(
      shown,
      [kind, node.mode, node.uid, node.gid, node.nlink, node.size, parent],
      `node ${node.ino}`,
    );
    if (!this.subject.hasClock) return;
    const times = [attr.mtime, attr.mtimensec, attr.ctime, attr.ctimensec];
    const { mtime, ctime } = node;
    this.same(times, [mtime.sec, mtime.nsec, ctime.sec, ctime.nsec], `times of ${node.ino}`);
  }
  sameEntry(entry: Entry, node: Node): void {
    this.same(entry.ino, node.ino, "inode");
    this.sameAttr(entry.attr, node);
  }

  /** Everything the oracle knows against everything the volume says. */
  async compareAll(): Promise<void> {
    this.last = "full comparison";
    for (const node of this.oracle.nodes.values()) {
      this.sameAttr(await this.subject.meta.getattr(node.ino), node);
      if (node.kind === "dir") await this.compareDir(node);
      if (node.kind === "file") await this.compareBytes(node);
      if (node.kind === "link") {
        this.same(
          await this.subject.meta.readlink(callers[0] as Caller, node.ino),
          node.target,
          "target",
        );
      }
      await this.compareXattrs(node);
    }
  }
  async compareDir(node: Node): Promise<void> {
    const rows = await this.subject.meta.readdir(node.ino, undefined, 1000, true);
    const entries = [...node.entries].sort(([a], [b]) => (a < b ? -1 : 1));
    this.same(
      rows.map(({ name, ino }) => [name, ino]),
      entries,
      `entries of ${node.ino}`,
    );
  }
  async compareXattrs(node: Node): Promise<void> {
    const root = callers[0] as Caller;
    const names = [...(await this.subject.meta.listxattr(root, node.ino))].sort();
    this.same(names, [...node.xattrs.keys()].sort(), `xattrs of ${node.ino}`);
    for (const [name, value] of node.xattrs) {
      const stored = Buffer.from(await this.subject.meta.getxattr(root, node.ino, name));
      this.same(stored.toString("latin1"), value, `${name} of ${node.ino}`);
    }
  }
  async compareBytes(node: Node): Promise<void> {
    const found = new Map<number, string>();
    for (const { index, records } of await this.subject.store.scanChunks(node.ino, 0, 100)) {
      for (const piece of visible(decodeSlices(records) ?? [])) {
        const at = index * CHUNK_BYTES + piece.pos;
        for (let i = 0; piece.id > 0 && i < piece.len && at + i < node.size; i++) {
          const token = this.subject.data.token(piece, i);
          if (token !== undefined) found.set(at + i, token);
        }
      }
    }
    const sorted = (bytes: ReadonlyMap<number, string>): unknown =>
      [...bytes].sort((a, b) => a[0] - b[0]);
    this.same(sorted(found), sorted(node.bytes), `bytes of ${node.ino}`);
  }
}

async function outcomeOf<T>(run: () => MaybePromise<T>): Promise<Outcome<T>> {
  try {
    const value = run();
    return { value: isPromise(value) ? await value : value };
  } catch (e) {
    if (e instanceof FsError) return { code: e.code };
    throw e;
  }
}
