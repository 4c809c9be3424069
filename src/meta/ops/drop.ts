// What becomes of a node that loses a name, by unlink, rmdir or an overwriting rename: it moves to the trash, keeps its
// other names, stays while it is open here, or goes (formats 15.2, 16.5). Writing halves: everything was judged before.
import { setCtime, usageOf, withAttr } from "../attr.ts";
import { trashEntryName } from "../names.ts";
import type { MetaRead, MetaTxn } from "../txn.ts";
import type { Attr, Dentry, Ino, Name } from "../types.ts";
import { FLAG_SKIP_TRASH, TYPE_DIRECTORY, TYPE_FILE, TYPE_SYMLINK, isTrash } from "../types.ts";
import type { Volume } from "../volume.ts";
import { countEntry, countVolume } from "./usage.ts";

export interface Victim {
  readonly parent: Ino;
  readonly name: Name;
  readonly dentry: Dentry;
  readonly attr: Attr;
  /** The hourly directory it goes to; 0 = not to the trash. */
  readonly trash: Ino;
}

/** Where a victim really goes when deletions go to `trash` now. Reads only. */
export function trashFor(
  tx: MetaRead,
  trash: Ino,
  parent: Ino,
  name: Name,
  dentry: Dentry,
  attr: Attr,
): Ino {
  if (trash === 0 || isTrash(parent) || (attr.flags & FLAG_SKIP_TRASH) !== 0) return 0;
  // The same link was made and deleted twice in one hour: one trace of it is enough.
  const twice =
    attr.nlink > 1 &&
    attr.type !== TYPE_DIRECTORY &&
    tx.dentry(trash, trashEntryName(parent, dentry.ino, name)) !== undefined;
  return twice ? 0 : trash;
}

/** Takes the name's share out of the statistics and lets the node go where it goes. The dentry itself is the caller's. */
export function dropVictim(tx: MetaTxn, v: Volume, victim: Victim): Attr {
  countEntry(tx, v, victim.parent, victim.attr, -1);
  if (victim.dentry.type === TYPE_DIRECTORY) {
    if (v.dirStats) tx.deleteDirStat(victim.dentry.ino);
    tx.deleteDirQuota(victim.dentry.ino);
  }
  return victim.trash > 0 ? moveToTrash(tx, v, victim) : dropName(tx, v, victim);
}

function moveToTrash(tx: MetaTxn, v: Volume, victim: Victim): Attr {
  const { dentry, parent, name, trash } = victim;
  const { ino } = dentry;
  const attr = withAttr(victim.attr);
  setCtime(attr, tx.now);
  if (attr.parent > 0) {
    attr.parent = trash;
  } else {
    tx.addParent(ino, trash, 1);
    tx.addParent(ino, parent, -1);
  }
  tx.putAttr(ino, attr);
  tx.putDentry(trash, trashEntryName(parent, ino, name), dentry);
  countEntry(tx, v, trash, attr, 1);
  return attr;
}

function dropName(tx: MetaTxn, v: Volume, victim: Victim): Attr {
  const { ino, type } = victim.dentry;
  const attr = withAttr(victim.attr);
  setCtime(attr, tx.now);
  attr.nlink = type === TYPE_DIRECTORY ? 0 : Math.max(0, attr.nlink - 1);
  if (attr.parent === 0) tx.addParent(ino, victim.parent, -1);
  if (attr.nlink > 0) {
    tx.putAttr(ino, attr);
    return attr;
  }
  tx.deleteXattrs(ino);
  if (type === TYPE_FILE && v.sid > 0 && v.isOpen(ino)) {
    tx.putAttr(ino, attr);
    tx.putSustained(v.sid, ino);
    return attr;
  }
  if (type === TYPE_SYMLINK) tx.deleteSymlink(ino);
  deleteNode(tx, v, ino, attr);
  return attr;
}

/** Takes an inode out of the volume; the data of a file is queued for deletion. */
export function deleteNode(tx: MetaTxn, v: Volume, ino: Ino, attr: Attr): void {
  tx.deleteAttr(ino);
  countVolume(tx, -usageOf(attr), -1);
  if (attr.type !== TYPE_FILE) return;
  const { length } = attr;
  tx.putDelfile(ino, length, tx.now.sec);
  tx.onCommit(() => v.fileDeleted(ino, length));
}
