// Who may do what: mode bits, access ACLs, supplementary groups, the sticky bit, immutable and append-only flags.
// Permissions of `trusted` callers were judged by the kernel; flags bind everybody, for the kernel does not see them.
import type { Caller } from "../util/caller.ts";
import { inGroup } from "../util/caller.ts";
import { EACCES, EPERM } from "../util/errno.ts";
import { rulePermits } from "./acl.ts";
import type { MetaRead } from "./txn.ts";
import type { Attr } from "./types.ts";
import { FLAG_APPEND, FLAG_IMMUTABLE, TRASH_INO, TYPE_DIRECTORY } from "./types.ts";

export const MAY_READ = 4;
export const MAY_WRITE = 2;
export const MAY_EXEC = 1;

/** Throws EACCES unless the caller may do all of `mask`. */
export function judgeAccess(tx: MetaRead, caller: Caller, attr: Attr, mask: number): void {
  if (caller.trusted) return;
  if (!permits(tx, caller, attr, mask)) throw EACCES;
}

/** As judgeAccess, for callers that ask what they may do (access(2)): `trusted` makes no difference. */
export function permits(tx: MetaRead, caller: Caller, attr: Attr, mask: number): boolean {
  if (caller.uid === 0) {
    // Root may run only what somebody may run.
    const runs = (mask & MAY_EXEC) === 0 || attr.type === TYPE_DIRECTORY;
    return runs || (attr.mode & 0o111) !== 0;
  }
  if (attr.accessAcl !== 0 && (attr.mode & 0o070) !== 0) {
    const rule = tx.acl(attr.accessAcl);
    if (rule !== undefined) return rulePermits(rule, caller, attr, mask);
  }
  let bits = attr.mode;
  if (caller.uid === attr.uid) bits >>= 6;
  else if (inGroup(caller, attr.gid)) bits >>= 3;
  return (bits & mask) === mask;
}

/** Throws EPERM when the directory's sticky bit keeps the caller from taking `child` out of it. */
export function judgeSticky(caller: Caller, dir: Attr, child: Attr): void {
  if (caller.trusted || caller.uid === 0 || (dir.mode & 0o1000) === 0) return;
  if (caller.uid !== dir.uid && caller.uid !== child.uid) throw EPERM;
}

export function isImmutable(attr: Attr): boolean {
  return (attr.flags & FLAG_IMMUTABLE) !== 0;
}
/** Immutable or append-only: names in it (or it itself) cannot go away. */
export function isPinned(attr: Attr): boolean {
  return (attr.flags & (FLAG_IMMUTABLE | FLAG_APPEND)) !== 0;
}
/** A node that lies in an hourly trash directory: it may be looked at and taken out, not changed. */
export function isTrashed(attr: Attr): boolean {
  return attr.parent > TRASH_INO;
}

/** Throws EPERM unless root or the owner asks. */
export function judgeOwner(caller: Caller, attr: Attr): void {
  if (!caller.trusted && caller.uid !== 0 && caller.uid !== attr.uid) throw EPERM;
}
