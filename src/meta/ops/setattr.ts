// setattr: chmod, chown, utimens, truncate and flags in one body, with what Linux does to setuid and setgid on the way.
import type { Caller } from "../../util/caller.ts";
import { inGroup } from "../../util/caller.ts";
import type { Time } from "../../util/clock.ts";
import { EACCES, EPERM } from "../../util/errno.ts";
import { MAY_WRITE, isImmutable, isPinned, isTrashed } from "../access.ts";
import { judgeAccess, judgeOwner, permits } from "../access.ts";
import type { AttrChange } from "../api.ts";
import type { AttrDraft } from "../attr.ts";
import { setAtime, setCtime, setMtime, touch, withAttr } from "../attr.ts";
import type { MetaTxn } from "../txn.ts";
import type { Attr, Ino } from "../types.ts";
import { FLAG_APPEND, FLAG_IMMUTABLE, TYPE_DIRECTORY } from "../types.ts";
import type { Volume } from "../volume.ts";
import { chmodAcl } from "./acl-store.ts";
import { nodeAttr } from "./nodes.ts";
import { applyTruncate, planTruncate } from "./truncate.ts";

const SETUID = 0o4000;
const SETGID = 0o2000;
const CAPABILITY_XATTR = "security.capability";

/**
 * Permission to truncate is judged by the mode unless the caller is trusted: who holds a descriptor open for writing
 * must come as a trusted caller.
 */
export function setattr(
  tx: MetaTxn,
  v: Volume,
  caller: Caller,
  ino: Ino,
  change: AttrChange,
): Attr {
  const old = nodeAttr(tx, ino);
  judgeChange(tx, caller, old, change);
  const plan =
    change.length === undefined ? undefined : planTruncate(tx, v, ino, old, change.length);
  const kills = killsPrivileges(old, change);
  const dropsCapability = kills && tx.xattr(ino, CAPABILITY_XATTR) !== undefined;

  const attr = withAttr(old);
  changeOwner(attr, old, caller, change);
  if (change.killSuidgid === true) killSuidgid(attr);
  if (change.flags !== undefined) attr.flags = change.flags;
  if (change.mode !== undefined) changeMode(tx, attr, caller, change.mode);
  if (plan !== undefined) {
    attr.length = plan.length;
    touch(attr, tx.now);
    applyTruncate(tx, v, ino, old, plan);
  }
  changeTimes(attr, change, tx.now);
  if (dropsCapability) tx.deleteXattr(ino, CAPABILITY_XATTR);
  tx.putAttr(ino, attr);
  return attr;
}

function judgeChange(tx: MetaTxn, caller: Caller, old: Attr, change: AttrChange): void {
  // Nothing in the trash changes; the one way out is a rename.
  if (isTrashed(old)) throw EPERM;
  judgePinned(caller, old, change);
  if (caller.trusted) return;
  if (change.mode !== undefined) judgeOwner(caller, old);
  judgeChown(caller, old, change);
  judgeTimes(tx, caller, old, change);
  if (change.length !== undefined) judgeAccess(tx, caller, old, MAY_WRITE);
}

function judgePinned(caller: Caller, old: Attr, change: AttrChange): void {
  const { mode, uid, gid, atime, mtime, flags } = change;
  const setsTimes = isTime(atime) || isTime(mtime);
  if (
    isPinned(old) &&
    (mode !== undefined || uid !== undefined || gid !== undefined || setsTimes)
  ) {
    throw EPERM;
  }
  // touch(1) may still mark an append-only file.
  if (isImmutable(old) && (atime !== undefined || mtime !== undefined)) throw EPERM;
  if (flags === undefined) return;
  judgeOwner(caller, old);
  const capability = FLAG_IMMUTABLE | FLAG_APPEND;
  if (caller.uid !== 0 && ((flags ^ old.flags) & capability) !== 0) throw EPERM;
}

const isTime = (t: Time | "now" | undefined): boolean => t !== undefined && t !== "now";

function judgeChown(caller: Caller, old: Attr, change: AttrChange): void {
  if (caller.uid === 0) return;
  const { uid, gid } = change;
  if (uid !== undefined && (caller.uid !== old.uid || uid !== old.uid)) throw EPERM;
  if (gid === undefined) return;
  if (caller.uid !== old.uid || (gid !== old.gid && !inGroup(caller, gid))) throw EPERM;
}

function judgeTimes(tx: MetaTxn, caller: Caller, old: Attr, change: AttrChange): void {
  const { atime, mtime } = change;
  if ((atime === undefined && mtime === undefined) || change.length !== undefined) return;
  if (caller.uid === 0 || caller.uid === old.uid) return;
  // Setting both to now needs only the right to write; anything else is the owner's.
  if (isTime(atime) || isTime(mtime)) throw EPERM;
  if (!permits(tx, caller, old, MAY_WRITE)) throw EACCES;
}

function killsPrivileges(old: Attr, change: AttrChange): boolean {
  if (old.type === TYPE_DIRECTORY) return false;
  return change.uid !== undefined || change.gid !== undefined || change.killSuidgid === true;
}

function changeOwner(attr: AttrDraft, old: Attr, caller: Caller, change: AttrChange): void {
  if (change.uid === undefined && change.gid === undefined) return;
  if (change.uid !== undefined) attr.uid = change.uid;
  if (change.gid !== undefined) attr.gid = change.gid;
  if (old.type === TYPE_DIRECTORY) return;
  // Without group-execute setgid once marked mandatory locking: who is in the group or root keeps it.
  const keepsSetgid = (old.mode & 0o010) === 0 && (caller.uid === 0 || inGroup(caller, old.gid));
  attr.mode &= keepsSetgid ? ~SETUID : ~(SETUID | SETGID);
}

/** What a write by an ordinary user does; setgid without group-execute is no privilege. */
function killSuidgid(attr: AttrDraft): void {
  if (attr.type === TYPE_DIRECTORY) return;
  attr.mode &= (attr.mode & 0o010) !== 0 ? ~(SETUID | SETGID) : ~SETUID;
}

function changeMode(tx: MetaTxn, attr: AttrDraft, caller: Caller, wanted: number): void {
  let mode = wanted & 0o7777;
  // Only a member of the group (or root) may give its rights away.
  const judged = caller.trusted || caller.uid === 0 || inGroup(caller, attr.gid);
  if (!judged) mode &= ~SETGID;
  chmodAcl(tx, attr, mode);
}

function changeTimes(attr: AttrDraft, change: AttrChange, now: Time): void {
  const { atime, mtime, ctime } = change;
  if (atime !== undefined) setAtime(attr, atime === "now" ? now : atime);
  if (mtime !== undefined) setMtime(attr, mtime === "now" ? now : mtime);
  setCtime(attr, ctime ?? now);
}
