// Open files: what an open may do, the end of an unlinked one, and the access time of those that are read.
import { constants } from "node:fs";
import type { Caller } from "../../util/caller.ts";
import type { Time } from "../../util/clock.ts";
import { EISDIR, EPERM } from "../../util/errno.ts";
import { MAY_READ, MAY_WRITE, isImmutable, isTrashed, judgeAccess } from "../access.ts";
import { setAtime, withAttr } from "../attr.ts";
import type { MetaRead, MetaTxn } from "../txn.ts";
import type { Attr, Ino } from "../types.ts";
import { FLAG_APPEND, TYPE_DIRECTORY } from "../types.ts";
import type { Volume } from "../volume.ts";
import { deleteNode } from "./drop.ts";
import { nodeAttr } from "./nodes.ts";

const { O_ACCMODE, O_APPEND, O_RDONLY, O_TRUNC, O_WRONLY } = {
  O_ACCMODE: 3,
  O_APPEND: constants.O_APPEND,
  O_RDONLY: constants.O_RDONLY,
  O_TRUNC: constants.O_TRUNC,
  O_WRONLY: constants.O_WRONLY,
};

/** Judges the flags of open(2); truncating is a setattr of its own. */
export function judgeOpen(tx: MetaRead, caller: Caller, ino: Ino, flags: number): Attr {
  const attr = nodeAttr(tx, ino);
  const mode = flags & O_ACCMODE;
  const writes = mode !== O_RDONLY || (flags & O_TRUNC) !== 0;
  let mask = writes ? MAY_WRITE : 0;
  if (mode !== O_WRONLY) mask |= MAY_READ;
  if (writes && attr.type === TYPE_DIRECTORY) throw EISDIR;
  judgeAccess(tx, caller, attr, mask);
  if (!writes) return attr;
  if (isTrashed(attr) || isImmutable(attr)) throw EPERM;
  const appends = (flags & O_APPEND) !== 0 && (flags & O_TRUNC) === 0;
  if ((attr.flags & FLAG_APPEND) !== 0 && !appends) throw EPERM;
  return attr;
}

/** The last close (or the death of the session) of a file without names: its data may go. */
export function releaseSustained(tx: MetaTxn, v: Volume, sid: number, ino: Ino): void {
  tx.load([
    ["sustained", sid, ino],
    ["attr", ino],
  ]);
  if (!tx.isSustained(sid, ino)) return;
  const attr = tx.attr(ino);
  tx.deleteSustained(sid, ino);
  // It may have got a name again behind the back of the session that died.
  if (attr !== undefined && attr.nlink === 0) deleteNode(tx, v, ino, attr);
}

export type AtimeMode = "noatime" | "relatime" | "strictatime";

/** Does reading a node with these attributes call for a new access time (formats 16.6)? */
export function atimeIsStale(mode: AtimeMode, attr: Attr, now: Time): boolean {
  if (mode === "noatime") return false;
  if (mode === "strictatime") return now.sec - attr.atime > 1;
  const notAfter = (sec: number, nsec: number): boolean =>
    attr.atime < sec || (attr.atime === sec && attr.atimensec <= nsec);
  return (
    notAfter(attr.mtime, attr.mtimensec) ||
    notAfter(attr.ctime, attr.ctimensec) ||
    now.sec - attr.atime > 24 * 3600
  );
}

/** A read has happened. Changes the access time and nothing else. */
export function touchAtime(tx: MetaTxn, ino: Ino, mode: AtimeMode): void {
  const old = tx.attr(ino);
  if (old === undefined || isImmutable(old) || !atimeIsStale(mode, old, tx.now)) return;
  const attr = withAttr(old);
  setAtime(attr, tx.now);
  tx.putAttr(ino, attr);
}
