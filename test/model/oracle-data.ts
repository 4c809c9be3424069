// The oracle for contents and extended attributes: bytes by offset, values by name.
import type { Caller } from "../../src/util/caller.ts";
import type { Time } from "../../src/util/clock.ts";
import type { Oracle } from "./oracle.ts";
import type { Node } from "./oracle-node.ts";
import { isRoot, later, may, refuse } from "./oracle-node.ts";

function file(oracle: Oracle, ino: number): Node {
  const node = oracle.node(ino);
  if (node.kind === "dir") refuse("EISDIR");
  return node.kind === "file" ? node : refuse("EPERM");
}

export function write(
  oracle: Oracle,
  ino: number,
  at: number,
  tokens: readonly string[],
  time: Time,
): void {
  const node = file(oracle, ino);
  tokens.forEach((token, i) => node.bytes.set(at + i, token));
  node.size = Math.max(node.size, at + tokens.length);
  node.mtime = later(time, node.mtime);
  node.ctime = later(time, node.ctime);
}

/** `mode`: 0 = grow, 1 = nothing but times, 3 = punch, 16 = zero and grow, 17 = zero. */
export function fallocate(
  oracle: Oracle,
  ino: number,
  mode: number,
  at: number,
  length: number,
): void {
  const node = file(oracle, ino);
  if (node.trashed) refuse("EPERM");
  if (mode > 1) {
    for (const offset of node.bytes.keys()) {
      if (offset >= at && offset < at + length) node.bytes.delete(offset);
    }
  }
  if ((mode & 1) === 0) node.size = Math.max(node.size, at + length);
  node.mtime = oracle.now;
  node.ctime = oracle.now;
}

export interface Copy {
  readonly from: number;
  readonly fromOffset: number;
  readonly to: number;
  readonly toOffset: number;
  readonly length: number;
}
export function copy(oracle: Oracle, { from, fromOffset, to, toOffset, length }: Copy): number {
  const source = oracle.node(from);
  if (source.kind === "dir") refuse("EISDIR");
  if (source.kind !== "file") refuse("EINVAL");
  const target = oracle.node(to);
  if (target.kind === "dir") refuse("EISDIR");
  if (target.kind !== "file") refuse("EINVAL");
  if (target.trashed) refuse("EPERM");
  const bytes = Math.min(length, source.size - fromOffset);
  if (bytes <= 0) return 0;
  if (from === to && Math.abs(fromOffset - toOffset) < bytes) refuse("EINVAL");
  const moved = new Map<number, string>();
  for (const [at, token] of source.bytes) {
    if (at >= fromOffset && at < fromOffset + bytes) moved.set(at - fromOffset + toOffset, token);
  }
  for (const at of target.bytes.keys()) {
    if (at >= toOffset && at < toOffset + bytes) target.bytes.delete(at);
  }
  for (const [at, token] of moved) target.bytes.set(at, token);
  target.size = Math.max(target.size, toOffset + bytes);
  target.mtime = oracle.now;
  target.ctime = oracle.now;
  return bytes;
}

export function seek(oracle: Oracle, ino: number, offset: number, whence: "data" | "hole"): number {
  const node = file(oracle, ino);
  if (offset >= node.size) refuse("ENXIO");
  if (whence === "hole") {
    let at = offset;
    while (node.bytes.has(at)) at++;
    return at;
  }
  const data = [...node.bytes.keys()].filter((at) => at >= offset);
  return data.length === 0 ? refuse("ENXIO") : Math.min(...data);
}

/** `flags`: 1 = make, 2 = replace. */
export function setxattr(
  oracle: Oracle,
  caller: Caller,
  ino: number,
  name: string,
  value: string,
  flags: number,
): void {
  const node = judged(oracle, caller, ino, name);
  if (flags === 1 && node.xattrs.has(name)) refuse("EEXIST");
  if (flags === 2 && !node.xattrs.has(name)) refuse("ENODATA");
  node.xattrs.set(name, value);
  node.ctime = oracle.now;
}
export function removexattr(oracle: Oracle, caller: Caller, ino: number, name: string): void {
  const node = judged(oracle, caller, ino, name);
  if (!node.xattrs.delete(name)) refuse("ENODATA");
  node.ctime = oracle.now;
}
function judged(oracle: Oracle, caller: Caller, ino: number, name: string): Node {
  const node = oracle.node(ino);
  if (node.trashed) refuse("EPERM");
  if (name.startsWith("trusted.")) return isRoot(caller) ? node : refuse("EPERM");
  const owns = isRoot(caller) || caller.uid === node.uid;
  if (name.startsWith("security.")) return owns ? node : refuse("EPERM");
  if (node.kind !== "file" && node.kind !== "dir") refuse("EPERM");
  if (node.kind === "dir" && (node.mode & 0o1000) !== 0 && !owns) refuse("EPERM");
  return may(node, caller, 2) ? node : refuse("EACCES");
}
