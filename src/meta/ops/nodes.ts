// Small judgements that most operations begin with: the node is there, it is of the right kind, names in it may change.
import type { Caller } from "../../util/caller.ts";
import { EISDIR, ENOENT, ENOTDIR, EPERM } from "../../util/errno.ts";
import { MAY_EXEC, MAY_WRITE, isImmutable, isPinned, isTrashed, judgeAccess } from "../access.ts";
import type { MetaRead } from "../txn.ts";
import type { Attr, Ino } from "../types.ts";
import { ROOT_INO, TRASH_INO, TYPE_DIRECTORY, TYPE_FILE } from "../types.ts";

/** What the two roots look like when a store lacks their records (formats 16.7). */
function builtInRoot(ino: Ino): Attr | undefined {
  if (ino !== ROOT_INO && ino !== TRASH_INO) return undefined;
  return {
    type: TYPE_DIRECTORY,
    flags: 0,
    mode: ino === ROOT_INO ? 0o777 : 0o555,
    uid: 0,
    gid: 0,
    rdev: 0,
    atime: 0,
    mtime: 0,
    ctime: 0,
    atimensec: 0,
    mtimensec: 0,
    ctimensec: 0,
    nlink: 2,
    length: 4096,
    parent: ROOT_INO,
    accessAcl: 0,
    defaultAcl: 0,
    tier: 0,
  };
}

/** The attributes of a node; ENOENT when it is gone. */
export function nodeAttr(tx: MetaRead, ino: Ino): Attr {
  const attr = tx.attr(ino) ?? builtInRoot(ino);
  if (attr === undefined) throw ENOENT;
  return attr;
}

/** As nodeAttr; ENOTDIR unless it is a directory. */
export function dirAttr(tx: MetaRead, ino: Ino): Attr {
  const attr = nodeAttr(tx, ino);
  if (attr.type !== TYPE_DIRECTORY) throw ENOTDIR;
  return attr;
}

/** As nodeAttr; EISDIR for a directory, EPERM for what is no regular file. */
export function fileAttr(tx: MetaRead, ino: Ino): Attr {
  const attr = nodeAttr(tx, ino);
  if (attr.type === TYPE_DIRECTORY) throw EISDIR;
  if (attr.type !== TYPE_FILE) throw EPERM;
  return attr;
}

/** The directory, in which the caller may make names: ENOENT (it was removed), EACCES, EPERM (immutable). */
export function dirForCreate(tx: MetaRead, caller: Caller, ino: Ino): Attr {
  const dir = dirAttr(tx, ino);
  if (isTrashed(dir)) throw ENOENT;
  judgeAccess(tx, caller, dir, MAY_WRITE | MAY_EXEC);
  if (isImmutable(dir)) throw EPERM;
  return dir;
}
/** The directory, from which the caller may take names: EACCES, EPERM (immutable, append-only). */
export function dirForDelete(tx: MetaRead, caller: Caller, ino: Ino): Attr {
  const dir = dirAttr(tx, ino);
  judgeAccess(tx, caller, dir, MAY_WRITE | MAY_EXEC);
  if (isPinned(dir)) throw EPERM;
  return dir;
}
