// link: another name for a file, or the first one for an unnamed file.
import type { Caller } from "../../util/caller.ts";
import { EEXIST, ENOENT, EPERM } from "../../util/errno.ts";
import { isPinned, isTrashed } from "../access.ts";
import type { Entry } from "../api.ts";
import { setCtime, touch, withAttr } from "../attr.ts";
import { isDots, isTrashName, judgeName } from "../names.ts";
import type { MetaTxn } from "../txn.ts";
import type { Ino, Name } from "../types.ts";
import { TYPE_DIRECTORY, isTrash } from "../types.ts";
import type { Volume } from "../volume.ts";
import { dirForCreate, nodeAttr } from "./nodes.ts";
import { countEntry } from "./usage.ts";

export function link(
  tx: MetaTxn,
  v: Volume,
  caller: Caller,
  ino: Ino,
  parent: Ino,
  name: Name,
): Entry {
  judgeName(name);
  if (isTrash(parent) || isTrashName(parent, name)) throw EPERM;
  tx.load([
    ["attr", parent],
    ["dentry", parent, name],
    ["attr", ino],
  ]);
  const old = nodeAttr(tx, ino);
  const dir = dirForCreate(tx, caller, parent);
  if (isDots(name) || tx.dentry(parent, name) !== undefined) throw EEXIST;
  if (old.type === TYPE_DIRECTORY || isPinned(old) || isTrashed(old)) throw EPERM;
  // Without a name only what this session keeps (an O_TMPFILE, judged by the kernel) can get one.
  const unnamed = old.nlink === 0;
  if (unnamed && !tx.isSustained(v.sid, ino)) throw ENOENT;

  const attr = withAttr(old);
  attr.nlink++;
  setCtime(attr, tx.now);
  if (unnamed) {
    attr.parent = parent;
    tx.deleteSustained(v.sid, ino);
  } else {
    if (old.parent > 0) tx.addParent(ino, old.parent, 1);
    tx.addParent(ino, parent, 1);
    attr.parent = 0;
  }
  tx.putAttr(ino, attr);
  tx.putDentry(parent, name, { ino, type: old.type });
  const grown = withAttr(dir);
  touch(grown, tx.now);
  tx.putAttr(parent, grown);
  countEntry(tx, v, parent, attr, 1);
  return { ino, attr };
}
