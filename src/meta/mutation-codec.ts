// Lists of mutations as bytes: for the journal, and for whoever follows it later. A version byte, then for each
// mutation its kind and its members in the order of the table below. Kinds are numbered for ever: add at the end only.
import { attrBytes, decodeAttr, putAttr } from "./attr-record.ts";
import { ByteReader, ByteWriter } from "./byte-writer.ts";
import type { Mutation, MutationKind } from "./mutation.ts";
import type { AclEntry, AclRule, Attr, CounterName, Dentry } from "./types.ts";

const VERSION = 1;

/** How one member is written. `uint`: ids, inodes, lengths; `int`: deltas and what may be negative. */
type Coding = "uint" | "int" | "name" | "text" | "bytes" | "attr" | "dentry" | "counter" | "rule";

type Members = readonly (readonly [member: string, coding: Coding])[];

/** Inodes of the trash are folded, so they fit too. */
const ino = ["ino", "uint"] as const;
const parent = ["parent", "uint"] as const;
const name = ["name", "name"] as const;
const index = ["index", "uint"] as const;
const id = ["id", "uint"] as const;
const sid = ["sid", "uint"] as const;
const size = ["size", "uint"] as const;
const length = ["length", "uint"] as const;
const deleted = ["deleted", "int"] as const;
const records = ["records", "bytes"] as const;
const stat = [
  ["length", "int"],
  ["space", "int"],
  ["inodes", "int"],
] as const;

/** Insertion order is the number of a kind. */
const table: Readonly<Record<MutationKind, Members>> = {
  putAttr: [ino, ["attr", "attr"]],
  deleteAttr: [ino],
  putDentry: [parent, name, ["dentry", "dentry"]],
  deleteDentry: [parent, name],
  addParent: [ino, parent, ["delta", "int"]],
  putSymlink: [ino, ["target", "name"]],
  deleteSymlink: [ino],
  // Names of xattrs are bytes as those of files are.
  putXattr: [ino, name, ["value", "bytes"]],
  deleteXattr: [ino, name],
  deleteXattrs: [ino],
  appendSlices: [ino, index, records],
  putChunk: [ino, index, records],
  deleteChunk: [ino, index],
  addSliceRef: [id, size, ["delta", "int"]],
  deleteSliceRef: [id, size],
  putSustained: [sid, ino],
  deleteSustained: [sid, ino],
  putDelfile: [ino, length, ["expire", "int"]],
  deleteDelfile: [ino, length],
  putDelslices: [id, deleted, ["items", "bytes"]],
  deleteDelslices: [id, deleted],
  addDirStat: [ino, ...stat],
  putDirStat: [ino, ...stat],
  deleteDirStat: [ino],
  deleteDirQuota: [ino],
  addCounter: [
    ["name", "counter"],
    ["delta", "int"],
  ],
  putCounter: [
    ["name", "counter"],
    ["value", "int"],
  ],
  putAcl: [id, ["rule", "rule"]],
  putSession: [sid, ["expire", "int"], ["info", "text"]],
  deleteSession: [sid],
  deleteLocks: [sid],
  putSetting: [["value", "text"]],
};

const kinds = Object.keys(table) as MutationKind[];
const numberOf: ReadonlyMap<MutationKind, number> = new Map(kinds.map((kind, i) => [kind, i]));

/** Numbered for ever as well. */
const counters: readonly CounterName[] = [
  "nextInode",
  "nextChunk",
  "nextSession",
  "nextTrash",
  "usedSpace",
  "totalInodes",
  "nextCleanupSlices",
  "lastCleanupSessions",
  "lastCleanupFiles",
  "lastCleanupTrash",
  "lastCleanupChangelog",
];

type Loose = Readonly<Record<string, unknown>>;

/** What stands before the first mutation of a list. */
export function beginMutations(out: ByteWriter): void {
  out.byte(VERSION);
}

/** Appends one mutation to a list that was begun. */
export function encodeMutation(out: ByteWriter, mutation: Mutation): void {
  out.byte(numberOf.get(mutation.kind) as number);
  const values = mutation as unknown as Loose;
  for (const [member, coding] of table[mutation.kind])
    writers[coding](out, values[member] as never);
}

export function encodeMutations(mutations: readonly Mutation[]): Buffer {
  const out = new ByteWriter();
  beginMutations(out);
  for (const mutation of mutations) encodeMutation(out, mutation);
  return out.take();
}

/** Throws RangeError for bytes that are no list of mutations of this version. */
export function decodeMutations(bytes: Uint8Array): Mutation[] {
  const reader = new ByteReader(bytes);
  const version = reader.byte();
  if (version !== VERSION) throw new RangeError(`mutations of version ${version}`);
  const out: Mutation[] = [];
  while (!reader.atEnd) {
    const kind = kinds[reader.byte()];
    if (kind === undefined) throw new RangeError("a mutation of an unknown kind");
    const mutation: Record<string, unknown> = { kind };
    for (const [member, coding] of table[kind]) mutation[member] = readers[coding](reader);
    out.push(mutation as unknown as Mutation);
  }
  return out;
}

const writers = {
  uint: (out: ByteWriter, value: number) => out.uint(value),
  int: (out: ByteWriter, value: number) => out.int(value),
  name: (out: ByteWriter, value: string) => out.latin1(value),
  text: (out: ByteWriter, value: string) => out.utf8(value),
  bytes: (out: ByteWriter, value: Uint8Array) => out.blob(value),
  attr: (out: ByteWriter, value: Attr) => out.placed(attrBytes(value), value, putAttr),
  dentry: (out: ByteWriter, value: Dentry) => {
    out.uint(value.ino);
    out.byte(value.type);
  },
  counter: (out: ByteWriter, value: CounterName) => out.byte(counters.indexOf(value)),
  rule: writeRule,
} satisfies Readonly<Record<Coding, (out: ByteWriter, value: never) => void>>;

const readers: Readonly<Record<Coding, (reader: ByteReader) => unknown>> = {
  uint: (reader) => reader.uint(),
  int: (reader) => reader.int(),
  name: (reader) => reader.latin1(),
  text: (reader) => reader.utf8(),
  bytes: (reader) => reader.blob(),
  attr: (reader) => {
    const attr = decodeAttr(reader.blob());
    if (attr === undefined) throw new RangeError("attributes that are too short");
    return attr;
  },
  dentry: (reader) => ({ ino: reader.uint(), type: reader.byte() }),
  counter: (reader) => {
    const counter = counters[reader.byte()];
    if (counter === undefined) throw new RangeError("an unknown counter");
    return counter;
  },
  rule: readRule,
};

function writeRule(out: ByteWriter, rule: AclRule): void {
  for (const perm of [rule.owner, rule.group, rule.mask, rule.other]) out.uint(perm);
  for (const entries of [rule.namedUsers, rule.namedGroups]) {
    out.uint(entries.length);
    for (const entry of entries) {
      out.uint(entry.id);
      out.uint(entry.perm);
    }
  }
}

function readRule(reader: ByteReader): AclRule {
  const [owner, group, mask, other] = [reader.uint(), reader.uint(), reader.uint(), reader.uint()];
  const entries = (): AclEntry[] =>
    Array.from({ length: reader.uint() }, () => ({ id: reader.uint(), perm: reader.uint() }));
  return { owner, group, mask, other, namedUsers: entries(), namedGroups: entries() };
}
