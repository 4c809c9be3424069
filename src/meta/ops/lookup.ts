// The operations that only look: lookup, getattr, access, readlink.
import type { Caller } from "../../util/caller.ts";
import { EACCES, EINVAL, ENOENT, ENOTDIR } from "../../util/errno.ts";
import { MAY_EXEC, judgeAccess, permits } from "../access.ts";
import type { Entry } from "../api.ts";
import { isDots, isTrashName } from "../names.ts";
import type { MetaRead } from "../txn.ts";
import type { Attr, Ino, Name } from "../types.ts";
import { TRASH_INO, TYPE_DIRECTORY, TYPE_SYMLINK } from "../types.ts";
import { dirAttr, nodeAttr } from "./nodes.ts";

/** ENOENT also for a name whose inode record is missing. */
export function lookup(tx: MetaRead, caller: Caller, parent: Ino, name: Name): Entry {
  if (isTrashName(parent, name)) return { ino: TRASH_INO, attr: nodeAttr(tx, TRASH_INO) };
  if (!caller.trusted) {
    tx.load([
      ["attr", parent],
      ["dentry", parent, name],
    ]);
    judgeAccess(tx, caller, dirAttr(tx, parent), MAY_EXEC);
  }
  if (isDots(name)) return lookupDots(tx, parent, name);
  const dentry = tx.dentry(parent, name);
  if (dentry === undefined) throw ENOENT;
  const attr = tx.attr(dentry.ino);
  if (attr === undefined) throw ENOENT;
  return { ino: dentry.ino, attr };
}

/** Asked by servers of file handles only; processes never send them. */
function lookupDots(tx: MetaRead, dir: Ino, name: Name): Entry {
  const attr = dirAttr(tx, dir);
  if (name === ".") return { ino: dir, attr };
  return { ino: attr.parent, attr: nodeAttr(tx, attr.parent) };
}

export function getattr(tx: MetaRead, ino: Ino): Attr {
  return nodeAttr(tx, ino);
}

/** access(2): the real answer also for trusted callers. */
export function access(tx: MetaRead, caller: Caller, ino: Ino, mask: number): void {
  const attr = nodeAttr(tx, ino);
  if (!permits(tx, caller, attr, mask)) throw EACCES;
}

export function readlink(tx: MetaRead, ino: Ino): string {
  tx.load([
    ["attr", ino],
    ["symlink", ino],
  ]);
  const target = tx.symlink(ino);
  if (target !== undefined) return target;
  const attr = nodeAttr(tx, ino);
  throw attr.type === TYPE_SYMLINK ? ENOENT : EINVAL;
}

/** Judges that a directory may be read (opendir). */
export function judgeOpendir(tx: MetaRead, caller: Caller, ino: Ino, mask: number): Attr {
  const attr = nodeAttr(tx, ino);
  if (attr.type !== TYPE_DIRECTORY) throw ENOTDIR;
  judgeAccess(tx, caller, attr, mask);
  return attr;
}
