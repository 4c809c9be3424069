// Making nodes: files, directories, symlinks, devices, unnamed files and the hourly directories of the trash.
import type { Caller } from "../../util/caller.ts";
import { inGroup } from "../../util/caller.ts";
import { EEXIST, EINVAL, ENAMETOOLONG, ENOENT, EOPNOTSUPP, EPERM } from "../../util/errno.ts";
import type { Entry, NodeRequest } from "../api.ts";
import type { AttrDraft } from "../attr.ts";
import { newAttr, touch, withAttr } from "../attr.ts";
import { isDots, isTrashName, judgeName } from "../names.ts";
import type { MetaTxn } from "../txn.ts";
import type { Attr, Ino, Name } from "../types.ts";
import { FLAG_SKIP_TRASH, SYMLINK_BYTES_MAX, TRASH_INO, isTrash } from "../types.ts";
import {
  TYPE_BLOCK,
  TYPE_CHAR,
  TYPE_DIRECTORY,
  TYPE_FIFO,
  TYPE_FILE,
  TYPE_SOCKET,
  TYPE_SYMLINK,
} from "../types.ts";
import type { Volume } from "../volume.ts";
import { inheritAcl } from "./acl-store.ts";
import { dirForCreate } from "./nodes.ts";
import { countEntry, countVolume, judgeRoom } from "./usage.ts";

/** What one node and its name use. */
export const NODE_SPACE = 4096;

export interface MknodArgs {
  readonly parent: Ino;
  readonly name: Name;
  /** Allocated before the body. */
  readonly ino: Ino;
  readonly request: NodeRequest;
}

/** Errors in the order they are judged: name, EPERM (trash), ENOENT, ENOTDIR, EACCES, EPERM, EEXIST, ENOSPC. */
export function mknod(tx: MetaTxn, v: Volume, caller: Caller, args: MknodArgs): Entry {
  const { parent, name, ino, request } = args;
  judgeName(name);
  judgeRequest(caller, request);
  if (isTrash(parent) || isTrashName(parent, name)) throw EPERM;
  tx.load([
    ["attr", parent],
    ["dentry", parent, name],
  ]);
  const dir = dirForCreate(tx, caller, parent);
  if (isDots(name) || tx.dentry(parent, name) !== undefined) throw EEXIST;
  judgeRoom(tx, v, NODE_SPACE, 1);

  const attr = makeAttr(tx, v, caller, dir, parent, request);
  tx.putAttr(ino, attr);
  tx.putDentry(parent, name, { ino, type: request.type });
  if (request.type === TYPE_SYMLINK) tx.putSymlink(ino, request.target ?? "");
  if (request.type === TYPE_DIRECTORY && v.dirStats) {
    tx.putDirStat(ino, { length: 0, space: 0, inodes: 0 });
  }
  const grown = withAttr(dir);
  if (request.type === TYPE_DIRECTORY) grown.nlink++;
  touch(grown, tx.now);
  tx.putAttr(parent, grown);
  // A new symlink counts no length in its directory, whatever its target.
  countEntry(tx, v, parent, attr, 1);
  countVolume(tx, NODE_SPACE, 1);
  return { ino, attr };
}

function judgeRequest(caller: Caller, request: NodeRequest): void {
  switch (request.type) {
    case TYPE_SYMLINK: {
      const target = request.target ?? "";
      if (target.length === 0) throw ENOENT;
      if (target.length > SYMLINK_BYTES_MAX) throw ENAMETOOLONG;
      if (target.includes("\0")) throw EINVAL;
      return;
    }
    case TYPE_BLOCK:
    case TYPE_CHAR:
      if (!caller.trusted && caller.uid !== 0) throw EPERM;
      return;
    case TYPE_FILE:
    case TYPE_DIRECTORY:
    case TYPE_FIFO:
    case TYPE_SOCKET:
      return;
    default:
      throw EINVAL;
  }
}

/** The attributes of a new node: its owner, and what it takes over from its directory. */
function makeAttr(
  tx: MetaTxn,
  v: Volume,
  caller: Caller,
  dir: Attr,
  parent: Ino,
  request: NodeRequest,
): Attr {
  const attr = newAttr(request.type, parent, tx.now);
  attr.uid = caller.uid;
  attr.gid = caller.gid;
  attr.flags = dir.flags & FLAG_SKIP_TRASH;
  attr.tier = dir.tier;
  attr.mode = request.mode & 0o7777;
  const { type } = request;
  if (type === TYPE_BLOCK || type === TYPE_CHAR) attr.rdev = request.rdev;
  if (type === TYPE_SYMLINK) {
    attr.mode = 0o777;
    attr.length = (request.target ?? "").length;
  } else if (!v.acls || !inheritAcl(tx, dir, attr, type === TYPE_DIRECTORY)) {
    attr.mode &= ~request.umask;
  }
  if ((dir.mode & 0o2000) !== 0) inheritGroup(attr, caller, dir);
  return attr;
}

function inheritGroup(attr: AttrDraft, caller: Caller, dir: Attr): void {
  attr.gid = dir.gid;
  if (attr.type === TYPE_DIRECTORY) {
    attr.mode |= 0o2000;
    return;
  }
  // Nobody gets the rights of a group he is not in; the kernel has seen to that for trusted callers.
  const runsAsGroup = (attr.mode & 0o2010) === 0o2010;
  const judged = caller.trusted || caller.uid === 0 || inGroup(caller, dir.gid);
  if (runsAsGroup && !judged) attr.mode &= ~0o2000;
}

/** A file without a name, kept by this session until its last close or until it gets a name. */
export function tmpfile(
  tx: MetaTxn,
  v: Volume,
  caller: Caller,
  parent: Ino,
  ino: Ino,
  request: NodeRequest,
): Entry {
  if (v.sid === 0) throw EOPNOTSUPP;
  if (isTrash(parent)) throw EPERM;
  const dir = dirForCreate(tx, caller, parent);
  judgeRoom(tx, v, NODE_SPACE, 1);
  const attr = withAttr(makeAttr(tx, v, caller, dir, parent, request));
  attr.nlink = 0;
  tx.putAttr(ino, attr);
  tx.putSustained(v.sid, ino);
  countVolume(tx, NODE_SPACE, 1);
  return { ino, attr };
}

/** The hourly directory `name` of the trash, made with `ino` when it is not there (formats 15.1). */
export function makeTrashHour(tx: MetaTxn, v: Volume, name: Name, ino: Ino): Ino {
  const known = tx.dentry(TRASH_INO, name);
  if (known !== undefined) return known.ino;
  const attr = newAttr(TYPE_DIRECTORY, TRASH_INO, tx.now);
  attr.mode = 0o555;
  tx.putAttr(ino, attr);
  tx.putDentry(TRASH_INO, name, { ino, type: TYPE_DIRECTORY });
  if (v.dirStats) tx.putDirStat(ino, { length: 0, space: 0, inodes: 0 });
  countVolume(tx, NODE_SPACE, 1);
  return ino;
}
