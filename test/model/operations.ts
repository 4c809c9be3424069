// The random operations of the model test: how often each comes, with what arguments, and what the oracle is asked.
import { constants } from "node:fs";
import type { AttrChange, SliceWrite } from "../../src/meta/api.ts";
import { CHUNK_BYTES } from "../../src/meta/types.ts";
import { chunkIndexOf, chunkPosOf } from "../../src/meta/slices.ts";
import type { Driver } from "./driver.ts";
import type { Change, Place } from "./oracle.ts";
import * as data from "./oracle-data.ts";
import type { Kind, Node } from "./oracle-node.ts";
import { codeOfKind } from "./oracle-node.ts";

const names = ["a", "b", "c", "d", "e"] as const;
const DIRS_MAX = 24;

const isDir = (node: Node): boolean => node.kind === "dir";
const isFile = (node: Node): boolean => node.kind === "file";

const place = (d: Driver): Place => ({ parent: d.inoWhere(isDir), name: d.pick(names) });
/** Mostly a place where something is. */
function taken(d: Driver): Place {
  const parent = d.inoWhere((node) => node.kind === "dir" && node.entries.size > 0);
  const there = [...(d.oracle.nodes.get(parent)?.entries.keys() ?? [])];
  return there.length > 0 && d.random() < 0.9
    ? { parent, name: d.pick(there) }
    : { parent, name: d.pick(names) };
}
const modes = [0o644, 0o755, 0o777, 0o1777, 0o2775, 0o4755, 0o600, 0o2070, 0o000, 0o6711];
/** Offsets around the places where something can go wrong: the start, 4 KiB, the ends of chunks. */
function offset(d: Driver): number {
  const base = d.pick([0, 0, 0, 4096, CHUNK_BYTES, 2 * CHUNK_BYTES]);
  return Math.max(0, base + d.below(120) - 60);
}

async function mknod(d: Driver): Promise<void> {
  const [caller, at, mode] = [d.caller(), place(d), d.pick(modes)];
  let kind: Kind = d.pick(["file", "file", "dir", "dir", "link", "fifo", "char"]);
  const dirs = [...d.oracle.nodes.values()].filter(isDir).length;
  if (kind === "dir" && dirs >= DIRS_MAX) kind = "file";
  const target = kind === "link" ? "t".repeat(1 + d.below(20)) : "";
  const request = { type: codeOfKind[kind], mode, umask: 0, rdev: 0, target };
  await d.both(
    `mknod ${kind} ${at.parent}/${at.name} ${mode.toString(8)} by ${caller.uid}`,
    () => d.subject.meta.mknod(caller, at.parent, at.name, request),
    () => d.oracle.judgeMake(caller, at, kind),
    (entry) => {
      d.oracle.make(caller, at, kind, mode, target, entry.ino);
      d.born(entry.ino);
      d.sameEntry(entry, d.oracle.node(entry.ino));
    },
  );
}

async function create(d: Driver): Promise<void> {
  const [caller, at, mode] = [d.caller(), place(d), d.pick(modes)];
  await d.both(
    `create ${at.parent}/${at.name}`,
    () => d.subject.meta.create(caller, at.parent, at.name, mode, 0),
    () => d.oracle.judgeMake(caller, at, "file"),
    ({ ino }) => {
      d.oracle.make(caller, at, "file", mode, "", ino);
      d.oracle.node(ino).opens++;
      d.handles.push(ino);
      d.born(ino);
    },
  );
}

async function tmpfile(d: Driver): Promise<void> {
  const [caller, parent] = [d.caller(), d.inoWhere(isDir)];
  await d.both(
    `tmpfile in ${parent}`,
    () => d.subject.meta.tmpfile(caller, parent, 0o600, 0),
    () => d.oracle.judgeTmpfile(caller, parent),
    ({ ino }) => {
      d.oracle.tmpfile(caller, parent, 0o600, ino);
      d.handles.push(ino);
      d.born(ino);
    },
  );
}

async function look(d: Driver): Promise<void> {
  const [caller, at] = [d.caller(), taken(d)];
  await d.both(
    `lookup ${at.parent}/${at.name}`,
    () => d.subject.meta.lookup(caller, at.parent, at.name),
    () => d.oracle.lookup(caller, at),
    (entry, node) => d.sameEntry(entry, node),
  );
}

async function link(d: Driver): Promise<void> {
  const [caller, at, ino] = [d.caller(), place(d), d.anyIno()];
  // The kernel lets nobody link what was unlinked; unnamed files have their own way.
  if (d.oracle.nodes.get(ino)?.nlink === 0 && d.random() < 0.7) return;
  await d.both(
    `link ${ino} to ${at.parent}/${at.name}`,
    () => d.subject.meta.link(caller, ino, at.parent, at.name),
    () => d.oracle.link(caller, ino, at),
    (entry) => d.sameEntry(entry, d.oracle.node(ino)),
  );
}

async function remove(d: Driver): Promise<void> {
  const [caller, at] = [d.caller(), taken(d)];
  const node = d.oracle.nodes.get(d.oracle.nodes.get(at.parent)?.entries.get(at.name) ?? 0);
  const asDir = d.random() < 0.1 ? node?.kind !== "dir" : node?.kind === "dir";
  await d.both(
    `${asDir ? "rmdir" : "unlink"} ${at.parent}/${at.name} by ${caller.uid}`,
    () =>
      asDir
        ? d.subject.meta.rmdir(caller, at.parent, at.name)
        : d.subject.meta.unlink(caller, at.parent, at.name),
    () => (asDir ? d.oracle.rmdir(caller, at) : d.oracle.unlink(caller, at)),
    ({ ino }) => d.same(ino, node?.ino, "removed inode"),
  );
}

async function rename(d: Driver): Promise<void> {
  const [caller, from] = [d.caller(), taken(d)];
  const to = d.random() < 0.5 ? taken(d) : place(d);
  const flags = d.pick([0, 0, 0, 0, 1, 2, 2, 4]);
  let before: number | undefined;
  await d.both(
    `rename ${from.parent}/${from.name} to ${to.parent}/${to.name} flags ${flags} by ${caller.uid}`,
    () => d.subject.meta.rename(caller, from, to, flags),
    () => {
      before = d.oracle.nodes.get(from.parent)?.entries.get(from.name);
      d.oracle.rename(caller, from, to, flags);
    },
    (renamed) => d.same(renamed.ino, before, "renamed inode"),
  );
  await findWhiteout(d, from, flags);
}

/** The inode of a whiteout is known only to the volume. */
async function findWhiteout(d: Driver, from: Place, flags: number): Promise<void> {
  const dir = d.oracle.nodes.get(from.parent);
  if (flags !== 4 || dir?.kind !== "dir" || dir.entries.has(from.name)) return;
  const rows = await d.subject.meta.readdir(from.parent, undefined, 100, false);
  const row = rows.find(({ name }) => name === from.name);
  if (row === undefined) return;
  d.oracle.whiteout(from, row.ino);
  d.born(row.ino);
}

async function setattr(d: Driver): Promise<void> {
  const [caller, ino] = [d.caller(), d.anyIno()];
  const change: Change = d.pick<() => Change>([
    () => ({ mode: d.pick(modes) }),
    () => ({ uid: d.pick([0, 1000, 1001]) }),
    () => ({ gid: d.pick([0, 1000, 1001, 2000]) }),
    () => ({ uid: d.pick([0, 1000]), gid: d.pick([1000, 2000]) }),
    () => ({ length: offset(d) }),
    () => ({ length: offset(d) }),
    () => ({ mtime: "now" }),
    () => ({ mtime: { sec: 1_600_000_000 + d.below(1000), nsec: d.below(1000) } }),
  ])();
  await d.both(
    `setattr ${ino} ${JSON.stringify(change)} by ${caller.uid}`,
    () => d.subject.meta.setattr(caller, ino, change as AttrChange),
    () => d.oracle.setattr(caller, ino, change),
    (attr) => d.sameAttr(attr, d.oracle.node(ino)),
  );
}

async function open(d: Driver): Promise<void> {
  const [caller, ino, writes] = [d.caller(), d.inoWhere(isFile), d.random() < 0.5];
  const flags = writes ? constants.O_RDWR : constants.O_RDONLY;
  await d.both(
    `open ${ino}`,
    () => d.subject.meta.open(caller, ino, flags),
    () => d.oracle.open(caller, ino, writes),
    () => d.handles.push(ino),
  );
}
async function close(d: Driver): Promise<void> {
  if (d.handles.length === 0) return;
  const [ino] = d.handles.splice(d.below(d.handles.length), 1) as [number];
  await d.both(
    `close ${ino}`,
    () => d.subject.meta.close(ino),
    () => d.oracle.close(ino),
  );
}

async function write(d: Driver): Promise<void> {
  const ino = d.inoWhere(isFile);
  const writes: SliceWrite[] = [];
  const done: (readonly [number, readonly string[]])[] = [];
  for (let n = 1 + d.below(2); n > 0; n--) {
    const at = offset(d);
    const room = CHUNK_BYTES - chunkPosOf(at);
    const len = Math.min(1 + d.below(48), room);
    const id = await d.subject.meta.newSliceId();
    const tokens = Array.from({ length: len }, (_, i) => `${id}:${i}`);
    d.subject.data.slices.set(id, tokens);
    writes.push({
      index: chunkIndexOf(at),
      slice: { pos: chunkPosOf(at), id, size: len, off: 0, len },
    });
    done.push([at, tokens]);
  }
  await d.both(
    `write ${ino} at ${done.map(([at, tokens]) => `${at}+${tokens.length}`).join(",")}`,
    () => d.subject.meta.writeSlices(ino, writes, d.now),
    () => {
      for (const [at, tokens] of done) data.write(d.oracle, ino, at, tokens, d.now);
    },
    (attr) => d.sameAttr(attr, d.oracle.node(ino)),
  );
  const node = d.oracle.nodes.get(ino);
  if (node?.kind === "file" && d.random() < 0.2) await d.compareBytes(node);
}

async function fallocate(d: Driver): Promise<void> {
  const [caller, ino, mode] = [d.caller(), d.inoWhere(isFile), d.pick([0, 1, 3, 3, 16, 17])];
  const [at, length] = [offset(d), 1 + d.below(d.random() < 0.1 ? CHUNK_BYTES : 80)];
  await d.both(
    `fallocate ${ino} mode ${mode} ${at}+${length}`,
    () => d.subject.meta.fallocate(caller, ino, mode, at, length),
    () => data.fallocate(d.oracle, ino, mode, at, length),
    (attr) => d.sameAttr(attr, d.oracle.node(ino)),
  );
}

async function copy(d: Driver): Promise<void> {
  const args = {
    from: d.inoWhere(isFile),
    fromOffset: offset(d),
    to: d.inoWhere(isFile),
    toOffset: offset(d),
    length: 1 + d.below(d.random() < 0.05 ? 2 * CHUNK_BYTES : 150),
  };
  const { from, fromOffset, to, toOffset, length } = args;
  await d.both(
    `copy ${from}@${fromOffset} to ${to}@${toOffset} ${length}`,
    () => d.subject.meta.copyFileRange(d.caller(), from, fromOffset, to, toOffset, length),
    () => data.copy(d.oracle, args),
    (bytes, expected) => d.same(bytes, expected, "bytes copied"),
  );
  const node = d.oracle.nodes.get(to);
  if (node?.kind === "file") await d.compareBytes(node);
}

async function seek(d: Driver): Promise<void> {
  const [ino, at, whence] = [d.inoWhere(isFile), offset(d), d.pick(["data", "hole"] as const)];
  await d.both(
    `seek ${whence} ${ino}@${at}`,
    () => d.subject.meta.lseek(ino, at, whence),
    () => data.seek(d.oracle, ino, at, whence),
    (found, expected) => d.same(found, expected, "offset found"),
  );
}

async function xattr(d: Driver): Promise<void> {
  const [caller, ino] = [d.caller(), d.anyIno()];
  const name = d.pick(["user.x", "user.y", "trusted.t", "security.s"]);
  if (d.random() < 0.3) {
    return d.both(
      `removexattr ${ino} ${name} by ${caller.uid}`,
      () => d.subject.meta.removexattr(caller, ino, name),
      () => data.removexattr(d.oracle, caller, ino, name),
    );
  }
  const [value, flags] = ["v".repeat(d.below(5)), d.pick([0, 0, 1, 2])];
  return d.both(
    `setxattr ${ino} ${name} flags ${flags} by ${caller.uid}`,
    () => d.subject.meta.setxattr(caller, ino, name, Buffer.from(value), flags),
    () => data.setxattr(d.oracle, caller, ino, name, value, flags),
  );
}

/** Each as often as it stands here. */
const mix: readonly ((d: Driver) => Promise<void>)[] = [
  mknod,
  mknod,
  mknod,
  mknod,
  create,
  create,
  tmpfile,
  look,
  look,
  link,
  link,
  remove,
  remove,
  remove,
  remove,
  rename,
  rename,
  rename,
  rename,
  rename,
  setattr,
  setattr,
  setattr,
  open,
  close,
  close,
  close,
  write,
  write,
  fallocate,
  copy,
  seek,
  xattr,
];

const withHandles: ReadonlySet<(d: Driver) => Promise<void>> = new Set([
  create,
  tmpfile,
  open,
  close,
]);
const withoutHandles = mix.filter((operation) => !withHandles.has(operation));

/** One random operation, on both sides; `opens`: files may stay open after it. */
export async function randomStep(d: Driver, opens: boolean = true): Promise<void> {
  d.tick();
  await d.pick(opens ? mix : withoutHandles)(d);
}

export interface RunOptions {
  readonly steps: number;
  /** Steps between two comparisons of everything. */
  readonly every: number;
  /** Merging makes data of holes: then nobody can say where they are. */
  readonly seeks: boolean;
}

export async function runModel(d: Driver, { steps, every, seeks }: RunOptions): Promise<void> {
  const operations = seeks ? mix : mix.filter((operation) => operation !== seek);
  for (let step = 1; step <= steps; step++) {
    d.tick();
    await d.pick(operations)(d);
    if (step % every === 0) await d.compareAll();
  }
  await d.compareAll();
}
