// The oracle for names and attributes: says which errno an operation must give and what the tree is afterwards.
import type { Caller } from "../../src/util/caller.ts";
import type { Time } from "../../src/util/clock.ts";
import type { Kind, Node } from "./oracle-node.ts";
import { belongs, isRoot, may, newNode, refuse } from "./oracle-node.ts";

export const ROOT = 1;
export interface Place {
  readonly parent: number;
  readonly name: string;
}
export interface Change {
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly length?: number;
  readonly mtime?: Time | "now";
}

export class Oracle {
  readonly nodes: Map<number, Node> = new Map();
  /** Names in the trash of this hour; undefined = deletions are final. */
  readonly trash: Set<string> | undefined;
  now: Time = { sec: 0, nsec: 0 };

  constructor(withTrash: boolean, now: Time) {
    this.trash = withTrash ? new Set() : undefined;
    const root = newNode(ROOT, "dir", ROOT, now);
    root.mode = 0o777;
    this.nodes.set(ROOT, root);
  }

  node(ino: number): Node {
    return this.nodes.get(ino) ?? refuse("ENOENT");
  }
  dir(ino: number): Node {
    const node = this.node(ino);
    return node.kind === "dir" ? node : refuse("ENOTDIR");
  }
  /** A directory in which the caller may change names. */
  #writable(ino: number, caller: Caller, makes: boolean): Node {
    const dir = this.dir(ino);
    if (makes && dir.trashed) refuse("ENOENT");
    if (!may(dir, caller, 3)) refuse("EACCES");
    return dir;
  }
  #sticky(dir: Node, node: Node, caller: Caller): void {
    const free = (dir.mode & 0o1000) === 0 || isRoot(caller);
    if (!free && caller.uid !== dir.uid && caller.uid !== node.uid) refuse("EPERM");
  }
  #touch(dir: Node): void {
    dir.mtime = this.now;
    dir.ctime = this.now;
  }

  lookup(caller: Caller, at: Place): Node {
    const dir = this.dir(at.parent);
    if (!may(dir, caller, 1)) refuse("EACCES");
    return this.node(dir.entries.get(at.name) ?? refuse("ENOENT"));
  }

  judgeMake(caller: Caller, at: Place, kind: Kind): void {
    if (kind === "char" && !isRoot(caller)) refuse("EPERM");
    const dir = this.#writable(at.parent, caller, true);
    if (dir.entries.has(at.name)) refuse("EEXIST");
  }
  make(caller: Caller, at: Place, kind: Kind, mode: number, target: string, ino: number): void {
    const dir = this.dir(at.parent);
    const node = this.#born(caller, dir, kind, mode, ino);
    node.target = target;
    if (kind === "link") {
      node.mode = 0o777;
      node.size = target.length;
    }
    dir.entries.set(at.name, ino);
    if (kind === "dir") dir.nlink++;
    this.#touch(dir);
  }
  #born(caller: Caller, dir: Node, kind: Kind, mode: number, ino: number): Node {
    const node = newNode(ino, kind, dir.ino, this.now);
    node.uid = caller.uid;
    node.gid = caller.gid;
    node.mode = mode;
    if ((dir.mode & 0o2000) !== 0) {
      node.gid = dir.gid;
      if (kind === "dir") node.mode |= 0o2000;
      else if ((mode & 0o2010) === 0o2010 && !isRoot(caller) && !belongs(caller, dir.gid)) {
        node.mode &= ~0o2000;
      }
    }
    this.nodes.set(ino, node);
    return node;
  }
  judgeTmpfile(caller: Caller, parent: number): void {
    this.#writable(parent, caller, true);
  }
  tmpfile(caller: Caller, parent: number, mode: number, ino: number): void {
    const node = this.#born(caller, this.dir(parent), "file", mode, ino);
    node.nlink = 0;
    node.opens = 1;
  }

  link(caller: Caller, ino: number, at: Place): void {
    const node = this.node(ino);
    const dir = this.#writable(at.parent, caller, true);
    if (dir.entries.has(at.name)) refuse("EEXIST");
    if (node.kind === "dir" || node.trashed) refuse("EPERM");
    node.parent = node.nlink === 0 ? at.parent : 0;
    node.nlink++;
    node.ctime = this.now;
    dir.entries.set(at.name, ino);
    this.#touch(dir);
  }

  /** A name of `node` is gone from `at`; the entry itself is the caller's. */
  #lose(node: Node, at: Place): void {
    node.ctime = this.now;
    const trace = `${at.parent}-${node.ino}-${at.name}`;
    const known = node.kind !== "dir" && node.nlink > 1 && this.trash?.has(trace) === true;
    if (this.trash !== undefined && !known) {
      this.trash.add(trace);
      if (node.parent !== 0) node.trashed = true;
      return;
    }
    node.nlink = node.kind === "dir" ? 0 : node.nlink - 1;
    if (node.nlink > 0) return;
    node.xattrs.clear();
    if (node.kind !== "file" || node.opens === 0) this.nodes.delete(node.ino);
  }
  unlink(caller: Caller, at: Place): void {
    const dir = this.#writable(at.parent, caller, false);
    const node = this.node(dir.entries.get(at.name) ?? refuse("ENOENT"));
    this.#sticky(dir, node, caller);
    if (node.kind === "dir") refuse("EISDIR");
    dir.entries.delete(at.name);
    this.#touch(dir);
    this.#lose(node, at);
  }
  rmdir(caller: Caller, at: Place): void {
    const dir = this.#writable(at.parent, caller, false);
    const node = this.node(dir.entries.get(at.name) ?? refuse("ENOENT"));
    this.#sticky(dir, node, caller);
    if (node.kind !== "dir") refuse("ENOTDIR");
    if (node.entries.size > 0) refuse("ENOTEMPTY");
    dir.entries.delete(at.name);
    dir.nlink--;
    this.#touch(dir);
    this.#lose(node, at);
  }

  #below(dir: Node, ino: number): boolean {
    for (let at = dir; ; at = this.node(at.parent)) {
      if (at.ino === ino) return true;
      if (at.ino === ROOT || at.trashed || !this.nodes.has(at.parent)) return false;
    }
  }
  /** `flags`: 1 = keep what is there, 2 = exchange, 4 = leave a whiteout with inode `whiteout`. */
  rename(caller: Caller, from: Place, to: Place, flags: number): void {
    if ((flags & 4) !== 0 && !isRoot(caller)) refuse("EPERM");
    const fromDir = this.#writable(from.parent, caller, false);
    const toDir = this.dir(to.parent);
    if (toDir.trashed) refuse("ENOENT");
    this.#writable(to.parent, caller, true);
    const node = this.node(fromDir.entries.get(from.name) ?? refuse("ENOENT"));
    const otherIno = toDir.entries.get(to.name);
    if (otherIno !== undefined && (flags & 1) !== 0) refuse("EEXIST");
    if (otherIno === undefined && (flags & 2) !== 0) refuse("ENOENT");
    const crosses = from.parent !== to.parent;
    if (crosses && node.kind === "dir" && this.#below(toDir, node.ino)) refuse("EINVAL");
    if (otherIno === node.ino) return;
    const other = otherIno === undefined ? undefined : this.node(otherIno);
    if ((flags & 2) !== 0 && other !== undefined) {
      if (crosses && other.kind === "dir" && this.#below(fromDir, other.ino)) refuse("EINVAL");
      this.#judgeMove(caller, fromDir, node, crosses);
      this.#judgeMove(caller, toDir, other, crosses);
      this.#place(node, fromDir, toDir, to.name);
      this.#place(other, toDir, fromDir, from.name);
    } else {
      this.#judgeMove(caller, fromDir, node, crosses);
      if (other !== undefined) this.#replace(caller, toDir, node, other, to);
      fromDir.entries.delete(from.name);
      this.#place(node, fromDir, toDir, to.name);
    }
    this.#touch(fromDir);
    this.#touch(toDir);
  }
  #judgeMove(caller: Caller, dir: Node, node: Node, crosses: boolean): void {
    this.#sticky(dir, node, caller);
    if (crosses && node.kind === "dir" && !may(node, caller, 2)) refuse("EACCES");
  }
  #replace(caller: Caller, dir: Node, node: Node, victim: Node, at: Place): void {
    this.#sticky(dir, victim, caller);
    if (node.kind === "dir" && victim.kind !== "dir") refuse("ENOTDIR");
    if (node.kind !== "dir" && victim.kind === "dir") refuse("EISDIR");
    if (victim.entries.size > 0) refuse("ENOTEMPTY");
    if (victim.kind === "dir") dir.nlink--;
    this.#lose(victim, at);
  }
  #place(node: Node, from: Node, to: Node, name: string): void {
    to.entries.set(name, node.ino);
    if (node.kind === "dir") {
      from.nlink--;
      to.nlink++;
    }
    if (node.parent !== 0) node.parent = to.ino;
    node.ctime = this.now;
  }
  whiteout(at: Place, ino: number): void {
    const node = newNode(ino, "char", at.parent, this.now);
    this.nodes.set(ino, node);
    this.dir(at.parent).entries.set(at.name, ino);
  }

  setattr(caller: Caller, ino: number, change: Change): void {
    const node = this.node(ino);
    if (node.trashed) refuse("EPERM");
    const owns = isRoot(caller) || caller.uid === node.uid;
    const { mode, uid, gid, length, mtime } = change;
    if (mode !== undefined && !owns) refuse("EPERM");
    if (uid !== undefined && !isRoot(caller) && (!owns || uid !== node.uid)) refuse("EPERM");
    if (gid !== undefined && !isRoot(caller)) {
      if (!owns || (gid !== node.gid && !belongs(caller, gid))) refuse("EPERM");
    }
    if (mtime !== undefined && length === undefined && !owns) {
      if (mtime !== "now") refuse("EPERM");
      if (!may(node, caller, 2)) refuse("EACCES");
    }
    if (length !== undefined) {
      if (!may(node, caller, 2)) refuse("EACCES");
      if (node.kind === "dir") refuse("EISDIR");
      if (node.kind !== "file") refuse("EPERM");
    }
    this.#change(caller, node, change);
  }
  #change(caller: Caller, node: Node, { mode, uid, gid, length, mtime }: Change): void {
    if ((uid !== undefined || gid !== undefined) && node.kind !== "dir") {
      const member = isRoot(caller) || belongs(caller, node.gid);
      if ((node.mode & 0o010) !== 0 || !member) node.mode &= ~0o2000;
      node.mode &= ~0o4000;
    }
    node.uid = uid ?? node.uid;
    node.gid = gid ?? node.gid;
    if (mode !== undefined) {
      const drops = !isRoot(caller) && !belongs(caller, node.gid);
      node.mode = drops ? mode & ~0o2000 : mode;
    }
    if (length !== undefined) {
      for (const at of node.bytes.keys()) if (at >= length) node.bytes.delete(at);
      node.size = length;
      node.mtime = this.now;
    }
    if (mtime !== undefined) node.mtime = mtime === "now" ? this.now : mtime;
    node.ctime = this.now;
  }

  open(caller: Caller, ino: number, writes: boolean): void {
    const node = this.node(ino);
    if (writes && node.kind === "dir") refuse("EISDIR");
    if (!may(node, caller, writes ? 6 : 4)) refuse("EACCES");
    if (writes && node.trashed) refuse("EPERM");
    node.opens++;
  }
  close(ino: number): void {
    const node = this.nodes.get(ino);
    // Only regular files are kept for those who have them open.
    if (node === undefined) return;
    node.opens--;
    if (node.opens === 0 && node.nlink === 0) this.nodes.delete(ino);
  }
}
