// unlink and rmdir: a name goes, and what becomes of the node is drop.ts's affair.
import type { Caller } from "../../util/caller.ts";
import { EINVAL, EISDIR, ENOENT, ENOTDIR, ENOTEMPTY, EPERM } from "../../util/errno.ts";
import { isPinned, judgeSticky } from "../access.ts";
import type { Entry } from "../api.ts";
import { newAttr, touch, withAttr } from "../attr.ts";
import { isDots, isTrashName, judgeName } from "../names.ts";
import type { MetaTxn } from "../txn.ts";
import type { Attr, Dentry, Ino, Name } from "../types.ts";
import { TRASH_INO, TYPE_DIRECTORY, isTrash } from "../types.ts";
import type { Volume } from "../volume.ts";
import { dropVictim, trashFor } from "./drop.ts";
import { dirForDelete } from "./nodes.ts";
import { countEntry } from "./usage.ts";

export interface UnlinkArgs {
  readonly parent: Ino;
  readonly name: Name;
  /** The hourly directory of this moment, 0 = deletions are final. */
  readonly trash: Ino;
}

/** EISDIR for a directory, as Linux has it. */
export function unlink(tx: MetaTxn, v: Volume, caller: Caller, args: UnlinkArgs): Entry {
  const { parent, name, trash } = args;
  judgeName(name);
  judgeTrash(caller, parent, name);
  tx.load([
    ["attr", parent],
    ["dentry", parent, name],
  ]);
  const dir = dirForDelete(tx, caller, parent);
  if (isDots(name)) throw EISDIR;
  const dentry = tx.dentry(parent, name);
  if (dentry === undefined) throw ENOENT;
  const attr = tx.attr(dentry.ino);
  if (attr !== undefined) judgeSticky(caller, dir, attr);
  if (attr !== undefined && isPinned(attr)) throw EPERM;
  if (dentry.type === TYPE_DIRECTORY) throw EISDIR;
  if (attr === undefined) return unlinkBroken(tx, v, dir, args, dentry);
  const goesTo = trashFor(tx, trash, parent, name, dentry, attr);

  const now = dropVictim(tx, v, { parent, name, dentry, attr, trash: goesTo });
  tx.deleteDentry(parent, name);
  touchParent(tx, parent, dir, 0);
  return { ino: dentry.ino, attr: now };
}

/** A name without a node (a crash of some other client) can still be removed. */
function unlinkBroken(tx: MetaTxn, v: Volume, dir: Attr, args: UnlinkArgs, dentry: Dentry): Entry {
  const attr = newAttr(dentry.type, args.parent, tx.now);
  attr.nlink = 0;
  attr.length = 0;
  tx.deleteDentry(args.parent, args.name);
  countEntry(tx, v, args.parent, attr, -1);
  touchParent(tx, args.parent, dir, dentry.type === TYPE_DIRECTORY ? -1 : 0);
  return { ino: dentry.ino, attr };
}

export function rmdir(tx: MetaTxn, v: Volume, caller: Caller, args: UnlinkArgs): Entry {
  const { parent, name, trash } = args;
  judgeName(name);
  if (name === ".") throw EINVAL;
  if (name === "..") throw ENOTEMPTY;
  judgeTrash(caller, parent, name);
  tx.load([
    ["attr", parent],
    ["dentry", parent, name],
  ]);
  const dir = dirForDelete(tx, caller, parent);
  const dentry = tx.dentry(parent, name);
  if (dentry === undefined) throw ENOENT;
  const attr = tx.attr(dentry.ino);
  if (attr !== undefined) judgeSticky(caller, dir, attr);
  if (attr !== undefined && isPinned(attr)) throw EPERM;
  if (dentry.type !== TYPE_DIRECTORY) throw ENOTDIR;
  if (tx.hasDentries(dentry.ino)) throw ENOTEMPTY;
  if (attr === undefined) return unlinkBroken(tx, v, dir, args, dentry);
  const goesTo = trashFor(tx, trash, parent, name, dentry, attr);

  const now = dropVictim(tx, v, { parent, name, dentry, attr, trash: goesTo });
  tx.deleteDentry(parent, name);
  touchParent(tx, parent, dir, -1);
  return { ino: dentry.ino, attr: now };
}

/** Only root deletes what lies in the trash, and nobody the trash itself. */
function judgeTrash(caller: Caller, parent: Ino, name: Name): void {
  if (isTrashName(parent, name)) throw EPERM;
  if (isTrash(parent) && caller.uid !== 0) throw EPERM;
}

/** The directory's times (and nlink); directories of the trash never change. */
export function touchParent(tx: MetaTxn, parent: Ino, dir: Attr, nlink: number): void {
  if (isTrash(parent)) return;
  const changed = withAttr(dir);
  changed.nlink += nlink;
  touch(changed, tx.now);
  tx.putAttr(parent, changed);
}

/** Takes an hourly directory out of the trash; 0 entries must be left in it. Answers whether it went. */
export function removeTrashHour(tx: MetaTxn, v: Volume, caller: Caller, name: Name): boolean {
  const dentry = tx.dentry(TRASH_INO, name);
  if (dentry === undefined || tx.hasDentries(dentry.ino)) return false;
  rmdir(tx, v, caller, { parent: TRASH_INO, name, trash: 0 });
  return true;
}
