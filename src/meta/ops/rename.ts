// rename with NOREPLACE, EXCHANGE and WHITEOUT: one judgement and one writing half for all of them.
import type { Caller } from "../../util/caller.ts";
import {
  EBUSY,
  EEXIST,
  EINVAL,
  EISDIR,
  ENOENT,
  ENOTDIR,
  ENOTEMPTY,
  EPERM,
} from "../../util/errno.ts";
import { MAY_WRITE, isPinned, isTrashed, judgeAccess, judgeSticky } from "../access.ts";
import type { DentryRef, Renamed } from "../api.ts";
import { RENAME_EXCHANGE, RENAME_NOREPLACE, RENAME_WHITEOUT } from "../api.ts";
import type { AttrDraft } from "../attr.ts";
import { newAttr, setCtime, touch, withAttr } from "../attr.ts";
import { isDots, isTrashName, judgeName } from "../names.ts";
import type { MetaRead, MetaTxn } from "../txn.ts";
import type { Attr, Dentry, Ino } from "../types.ts";
import { ROOT_INO, TRASH_INO, TYPE_CHAR, TYPE_DIRECTORY, isTrash } from "../types.ts";
import type { Volume } from "../volume.ts";
import { dropVictim, trashFor } from "./drop.ts";
import { NODE_SPACE } from "./mknod.ts";
import { dirForCreate, dirForDelete } from "./nodes.ts";
import { countEntry, countVolume, judgeRoom } from "./usage.ts";

export interface RenameArgs {
  readonly from: DentryRef;
  readonly to: DentryRef;
  readonly flags: number;
  /** The hourly directory of this moment; 0 = what is replaced is gone. */
  readonly trash: Ino;
  /** A fresh inode for RENAME_WHITEOUT, else 0. */
  readonly whiteout: Ino;
}

/** One side of the rename as it was found. */
interface Side {
  readonly ref: DentryRef;
  readonly dir: Attr;
  readonly dentry: Dentry;
  readonly attr: Attr;
}

export function rename(tx: MetaTxn, v: Volume, caller: Caller, args: RenameArgs): Renamed {
  const { from, to, flags } = args;
  judgeArgs(caller, args);
  tx.load([
    ["attr", from.parent],
    ["attr", to.parent],
    ["dentry", from.parent, from.name],
    ["dentry", to.parent, to.name],
  ]);
  const fromDir = dirForDelete(tx, caller, from.parent);
  const toDir = from.parent === to.parent ? fromDir : dirForCreate(tx, caller, to.parent);
  if (isTrashed(toDir)) throw ENOENT;
  const dentry = tx.dentry(from.parent, from.name);
  if (dentry === undefined) throw ENOENT;
  const target = tx.dentry(to.parent, to.name);
  if (target !== undefined && (flags & RENAME_NOREPLACE) !== 0) throw EEXIST;
  if (target === undefined && (flags & RENAME_EXCHANGE) !== 0) throw ENOENT;
  const attr = tx.attr(dentry.ino);
  if (attr === undefined) throw ENOENT;
  const moved: Side = { ref: from, dir: fromDir, dentry, attr };
  judgeLoop(tx, dentry, from, to);
  if (target === undefined) {
    judgeMove(tx, caller, moved, to);
    return move(tx, v, args, moved, toDir, undefined);
  }
  const targetAttr = tx.attr(target.ino);
  if (targetAttr === undefined) throw ENOENT;
  if (target.ino === dentry.ino) return { ino: dentry.ino, attr };
  const other: Side = { ref: to, dir: toDir, dentry: target, attr: targetAttr };
  if ((flags & RENAME_EXCHANGE) !== 0) {
    judgeLoop(tx, target, to, from);
    judgeMove(tx, caller, moved, to);
    judgeMove(tx, caller, other, from);
    if (isPinned(toDir)) throw EPERM;
    return exchange(tx, v, moved, other);
  }
  judgeMove(tx, caller, moved, to);
  judgeReplace(tx, caller, moved, other);
  return move(tx, v, args, moved, toDir, other);
}

function judgeArgs(caller: Caller, args: RenameArgs): void {
  const { from, to, flags } = args;
  judgeName(from.name);
  judgeName(to.name);
  const known = RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT;
  const exchanges = (flags & RENAME_EXCHANGE) !== 0;
  if ((flags & ~known) !== 0) throw EINVAL;
  if (exchanges && (flags & (RENAME_NOREPLACE | RENAME_WHITEOUT)) !== 0) throw EINVAL;
  if ((flags & RENAME_WHITEOUT) !== 0 && !caller.trusted && caller.uid !== 0) throw EPERM;
  judgePlaces(caller, args);
}

function judgePlaces(caller: Caller, { from, to, flags }: RenameArgs): void {
  if (isDots(from.name) || isDots(to.name)) throw EBUSY;
  if (isTrashName(from.parent, from.name) || isTrashName(to.parent, to.name)) throw EPERM;
  // Nothing is moved into the trash by hand, and only root takes something out.
  if (isTrash(to.parent) || from.parent === TRASH_INO) throw EPERM;
  const leavesTrash = isTrash(from.parent);
  if (leavesTrash && (caller.uid !== 0 || (flags & ~RENAME_NOREPLACE) !== 0)) throw EPERM;
}

/** EINVAL when a directory would move below itself. */
function judgeLoop(tx: MetaRead, dentry: Dentry, from: DentryRef, to: DentryRef): void {
  if (dentry.type !== TYPE_DIRECTORY || from.parent === to.parent) return;
  for (let ino = to.parent; ino !== ROOT_INO && ino !== 0;) {
    if (ino === dentry.ino) throw EINVAL;
    const above = tx.attr(ino);
    // A directory that is its own parent ends a broken chain.
    if (above === undefined || above.parent === ino) return;
    ino = above.parent;
  }
}

/** May this node leave its directory for another? */
function judgeMove(tx: MetaRead, caller: Caller, side: Side, to: DentryRef): void {
  judgeSticky(caller, side.dir, side.attr);
  if (isPinned(side.attr)) throw EPERM;
  // A directory that changes its parent is itself written to ("..").
  const reparents = side.dentry.type === TYPE_DIRECTORY && side.ref.parent !== to.parent;
  if (reparents) judgeAccess(tx, caller, side.attr, MAY_WRITE);
}

function judgeReplace(tx: MetaRead, caller: Caller, moved: Side, victim: Side): void {
  judgeSticky(caller, victim.dir, victim.attr);
  if (isPinned(victim.dir) || isPinned(victim.attr)) throw EPERM;
  const movesDirectory = moved.dentry.type === TYPE_DIRECTORY;
  const replacesDirectory = victim.dentry.type === TYPE_DIRECTORY;
  if (movesDirectory && !replacesDirectory) throw ENOTDIR;
  if (!movesDirectory && replacesDirectory) throw EISDIR;
  if (replacesDirectory && tx.hasDentries(victim.dentry.ino)) throw ENOTEMPTY;
}

/** The node's attributes in its new directory; hard links are counted by the store. */
function reparented(tx: MetaTxn, side: Side, to: DentryRef): AttrDraft {
  const attr = withAttr(side.attr);
  setCtime(attr, tx.now);
  const from = side.ref.parent;
  if (from === to.parent) return attr;
  if (attr.parent === 0) {
    tx.addParent(side.dentry.ino, to.parent, 1);
    tx.addParent(side.dentry.ino, from, -1);
  } else {
    attr.parent = to.parent;
  }
  return attr;
}

function move(
  tx: MetaTxn,
  v: Volume,
  args: RenameArgs,
  moved: Side,
  toDir: Attr,
  victim: Side | undefined,
): Renamed {
  const { from, to } = args;
  const whiteout = (args.flags & RENAME_WHITEOUT) !== 0 ? args.whiteout : 0;
  if (whiteout !== 0) judgeRoom(tx, v, NODE_SPACE, 1);
  const trash =
    victim === undefined
      ? 0
      : trashFor(tx, args.trash, to.parent, to.name, victim.dentry, victim.attr);

  let replacedAttr: Attr | undefined;
  if (victim !== undefined) {
    const { dentry, attr } = victim;
    replacedAttr = dropVictim(tx, v, { parent: to.parent, name: to.name, dentry, attr, trash });
  }
  const attr = reparented(tx, moved, to);
  tx.putAttr(moved.dentry.ino, attr);
  tx.putDentry(to.parent, to.name, moved.dentry);
  if (whiteout === 0) tx.deleteDentry(from.parent, from.name);
  else putWhiteout(tx, v, args.from, whiteout);
  if (from.parent !== to.parent) {
    countEntry(tx, v, from.parent, attr, -1);
    countEntry(tx, v, to.parent, attr, 1);
  }
  const leaves = moved.dentry.type === TYPE_DIRECTORY && from.parent !== to.parent ? 1 : 0;
  const replaced = victim?.dentry.type === TYPE_DIRECTORY ? 1 : 0;
  touchDirs(tx, moved, { ref: to, dir: toDir }, -leaves, leaves - replaced);
  const ino = moved.dentry.ino;
  if (victim === undefined || replacedAttr === undefined) return { ino, attr };
  return replacedAttr.nlink > 0
    ? { ino, attr, replacedAttr }
    : { ino, attr, replaced: victim.dentry.ino, replacedAttr };
}

/** The mark of an overlay file system that a name is deleted: a character device 0/0. */
function putWhiteout(tx: MetaTxn, v: Volume, at: DentryRef, ino: Ino): void {
  const attr = newAttr(TYPE_CHAR, at.parent, tx.now);
  tx.putAttr(ino, attr);
  tx.putDentry(at.parent, at.name, { ino, type: TYPE_CHAR });
  countEntry(tx, v, at.parent, attr, 1);
  countVolume(tx, NODE_SPACE, 1);
}

function exchange(tx: MetaTxn, v: Volume, a: Side, b: Side): Renamed {
  const attr = reparented(tx, a, b.ref);
  const other = reparented(tx, b, a.ref);
  tx.putAttr(a.dentry.ino, attr);
  tx.putAttr(b.dentry.ino, other);
  tx.putDentry(b.ref.parent, b.ref.name, a.dentry);
  tx.putDentry(a.ref.parent, a.ref.name, b.dentry);
  if (a.ref.parent !== b.ref.parent) {
    countEntry(tx, v, a.ref.parent, attr, -1);
    countEntry(tx, v, b.ref.parent, attr, 1);
    countEntry(tx, v, b.ref.parent, other, -1);
    countEntry(tx, v, a.ref.parent, other, 1);
  }
  const isDir = (side: Side): number => (side.dentry.type === TYPE_DIRECTORY ? 1 : 0);
  touchDirs(tx, a, b, isDir(b) - isDir(a), isDir(a) - isDir(b));
  return { ino: a.dentry.ino, attr };
}

/** Times of both directories and their nlink; within one directory the two changes add up. */
function touchDirs(
  tx: MetaTxn,
  from: Pick<Side, "ref" | "dir">,
  to: Pick<Side, "ref" | "dir">,
  fromLinks: number,
  toLinks: number,
): void {
  const together = from.ref.parent === to.ref.parent;
  if (!isTrash(from.ref.parent)) {
    const dir = withAttr(from.dir);
    dir.nlink += together ? fromLinks + toLinks : fromLinks;
    touch(dir, tx.now);
    tx.putAttr(from.ref.parent, dir);
  }
  if (together) return;
  const dir = withAttr(to.dir);
  dir.nlink += toLinks;
  touch(dir, tx.now);
  tx.putAttr(to.ref.parent, dir);
}
