// The nodes of the oracle: a plain tree in Maps, written without a look at the operations it judges.
import type { Caller } from "../../src/util/caller.ts";
import type { Time } from "../../src/util/clock.ts";

/** The errno that the oracle expects. */
export class Refused extends Error {
  readonly code: string;
  constructor(code: string) {
    super(code);
    this.code = code;
  }
}
export function refuse(code: string): never {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  const refused = new Refused(code);
  Error.stackTraceLimit = limit;
  throw refused;
}

export type Kind = "file" | "dir" | "link" | "fifo" | "char";
export const codeOfKind: Readonly<Record<Kind, number>> = {
  file: 1,
  dir: 2,
  link: 3,
  fifo: 4,
  char: 6,
};

export interface Node {
  readonly ino: number;
  readonly kind: Kind;
  mode: number;
  uid: number;
  gid: number;
  size: number;
  /** Names of a file; 2 + subdirectories of a directory. */
  nlink: number;
  /** The one parent, 0 once there was a second name. */
  parent: number;
  /** Lies in the trash under its only name. */
  trashed: boolean;
  target: string;
  opens: number;
  readonly entries: Map<string, number>;
  readonly xattrs: Map<string, string>;
  /** Bytes that are data, by offset: what was written there. */
  readonly bytes: Map<number, string>;
  atime: Time;
  mtime: Time;
  ctime: Time;
}

export function newNode(ino: number, kind: Kind, parent: number, now: Time): Node {
  return {
    ino,
    kind,
    mode: 0,
    uid: 0,
    gid: 0,
    size: kind === "dir" ? 4096 : 0,
    nlink: kind === "dir" ? 2 : 1,
    parent,
    trashed: false,
    target: "",
    opens: 0,
    entries: new Map(),
    xattrs: new Map(),
    bytes: new Map(),
    atime: now,
    mtime: now,
    ctime: now,
  };
}

export const isRoot = (caller: Caller): boolean => caller.uid === 0;
export const belongs = (caller: Caller, gid: number): boolean =>
  [caller.gid, ...caller.groups].some((group) => group === gid);

/** rwx as 4, 2, 1. */
export function may(node: Node, caller: Caller, mask: number): boolean {
  if (isRoot(caller)) return true;
  const shift = caller.uid === node.uid ? 6 : belongs(caller, node.gid) ? 3 : 0;
  return ((node.mode >> shift) & mask) === mask;
}

/** Space of a node: files by the 4 KiB, at least one; everything else 4 KiB. */
export function spaceOfNode(node: Node): number {
  return node.kind === "file" ? Math.max(1, Math.ceil(node.size / 4096)) * 4096 : 4096;
}
export function later(a: Time, b: Time): Time {
  return a.sec > b.sec || (a.sec === b.sec && a.nsec > b.nsec) ? a : b;
}
