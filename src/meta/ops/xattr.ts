// Extended attributes: user, trusted and security names are stored; the two POSIX ACL names are made of the ACL
// records and go back into them (formats 2.4).
import type { Caller } from "../../util/caller.ts";
import { inGroup } from "../../util/caller.ts";
import {
  E2BIG,
  EACCES,
  EEXIST,
  EINVAL,
  ENODATA,
  EOPNOTSUPP,
  EPERM,
  ERANGE,
} from "../../util/errno.ts";
import { ACCESS_ACL_XATTR, DEFAULT_ACL_XATTR } from "../acl.ts";
import { completeRule, decodeAclXattr, encodeAclXattr, isEmptyRule } from "../acl.ts";
import { isMinimalRule, modeOfRule } from "../acl.ts";
import { MAY_READ, MAY_WRITE, isPinned, isTrashed, judgeAccess, judgeOwner } from "../access.ts";
import { XATTR_CREATE, XATTR_REPLACE } from "../api.ts";
import { setCtime, withAttr } from "../attr.ts";
import type { MetaRead, MetaTxn } from "../txn.ts";
import type { AclRule, Attr, Ino } from "../types.ts";
import {
  TYPE_DIRECTORY,
  TYPE_FILE,
  TYPE_SYMLINK,
  XATTR_NAME_BYTES_MAX,
  XATTR_VALUE_BYTES_MAX,
} from "../types.ts";
import type { Volume } from "../volume.ts";
import { internRule } from "./acl-store.ts";
import { nodeAttr } from "./nodes.ts";

const isAclName = (name: string): boolean =>
  name === ACCESS_ACL_XATTR || name === DEFAULT_ACL_XATTR;

/** ERANGE for a name of a wrong length, EOPNOTSUPP for one of a namespace that is not kept. */
function judgeXattrName(name: string): void {
  if (name.length === 0 || name.length > XATTR_NAME_BYTES_MAX) throw ERANGE;
  const dot = name.indexOf(".");
  const namespace = name.slice(0, dot + 1);
  if (namespace !== "user." && namespace !== "trusted." && namespace !== "security.") {
    throw EOPNOTSUPP;
  }
  if (dot === name.length - 1) throw EINVAL;
}

export function getxattr(
  tx: MetaRead,
  v: Volume,
  caller: Caller,
  ino: Ino,
  name: string,
): Uint8Array {
  if (isAclName(name)) return getAclXattr(tx, v, ino, name);
  // JuiceFS keeps names of its own without a namespace (`lastBackup` of the root): what is there can be read.
  if (name.includes(".") || tx.xattr(ino, name) === undefined) judgeXattrName(name);
  // Trusted names do not exist for others than root.
  if (name.startsWith("trusted.") && caller.uid !== 0) throw ENODATA;
  if (!caller.trusted && name.startsWith("user.")) {
    judgeAccess(tx, caller, nodeAttr(tx, ino), MAY_READ);
  }
  const value = tx.xattr(ino, name);
  if (value !== undefined) return value;
  nodeAttr(tx, ino);
  throw ENODATA;
}

export function listxattr(tx: MetaRead, v: Volume, caller: Caller, ino: Ino): readonly string[] {
  tx.load([
    ["attr", ino],
    ["xattrNames", ino],
  ]);
  const attr = nodeAttr(tx, ino);
  const stored = tx.xattrNames(ino);
  const names =
    caller.uid === 0 ? [...stored] : stored.filter((name) => !name.startsWith("trusted."));
  if (v.acls && attr.accessAcl !== 0) names.push(ACCESS_ACL_XATTR);
  if (v.acls && attr.defaultAcl !== 0) names.push(DEFAULT_ACL_XATTR);
  return names;
}

/** Who may change a name: the kernel's xattr_permission. */
function judgeXattrChange(tx: MetaRead, caller: Caller, attr: Attr, name: string): void {
  if (isTrashed(attr) || isPinned(attr)) throw EPERM;
  if (name.startsWith("trusted.") && caller.uid !== 0) throw EPERM;
  if (caller.trusted) return;
  if (name.startsWith("security.")) return judgeOwner(caller, attr);
  if (!name.startsWith("user.")) return;
  if (attr.type !== TYPE_FILE && attr.type !== TYPE_DIRECTORY) throw EPERM;
  if (attr.type === TYPE_DIRECTORY && (attr.mode & 0o1000) !== 0) judgeOwner(caller, attr);
  judgeAccess(tx, caller, attr, MAY_WRITE);
}

export interface SetXattrArgs {
  readonly ino: Ino;
  readonly name: string;
  readonly value: Uint8Array;
  readonly flags: number;
}

export function setxattr(tx: MetaTxn, v: Volume, caller: Caller, args: SetXattrArgs): void {
  const { ino, name, value, flags } = args;
  if ((flags & ~(XATTR_CREATE | XATTR_REPLACE)) !== 0) throw EINVAL;
  if (isAclName(name)) return setAclXattr(tx, v, caller, ino, name, decodeAclXattr(value));
  judgeXattrName(name);
  if (value.byteLength > XATTR_VALUE_BYTES_MAX) throw E2BIG;
  const old = nodeAttr(tx, ino);
  judgeXattrChange(tx, caller, old, name);
  if (flags !== 0) {
    const exists = tx.xattr(ino, name) !== undefined;
    if (exists && (flags & XATTR_CREATE) !== 0) throw EEXIST;
    if (!exists && (flags & XATTR_REPLACE) !== 0) throw ENODATA;
  }
  tx.putXattr(ino, name, value);
  touchCtime(tx, ino, old);
}

export function removexattr(tx: MetaTxn, v: Volume, caller: Caller, ino: Ino, name: string): void {
  if (isAclName(name)) return removeAclXattr(tx, v, caller, ino, name);
  judgeXattrName(name);
  const old = nodeAttr(tx, ino);
  judgeXattrChange(tx, caller, old, name);
  if (tx.xattr(ino, name) === undefined) throw ENODATA;
  tx.deleteXattr(ino, name);
  touchCtime(tx, ino, old);
}

function touchCtime(tx: MetaTxn, ino: Ino, old: Attr): void {
  const attr = withAttr(old);
  setCtime(attr, tx.now);
  tx.putAttr(ino, attr);
}

function aclIdOf(attr: Attr, name: string): number {
  return name === ACCESS_ACL_XATTR ? attr.accessAcl : attr.defaultAcl;
}

function getAclXattr(tx: MetaRead, v: Volume, ino: Ino, name: string): Uint8Array {
  if (!v.acls) throw EOPNOTSUPP;
  const rule = tx.acl(aclIdOf(nodeAttr(tx, ino), name));
  if (rule === undefined) throw ENODATA;
  return encodeAclXattr(rule);
}

function removeAclXattr(tx: MetaTxn, v: Volume, caller: Caller, ino: Ino, name: string): void {
  if (!v.acls) throw EOPNOTSUPP;
  if (aclIdOf(nodeAttr(tx, ino), name) === 0) throw ENODATA;
  setAclXattr(tx, v, caller, ino, name, decodeAclXattr(new Uint8Array(0)));
}

function setAclXattr(
  tx: MetaTxn,
  v: Volume,
  caller: Caller,
  ino: Ino,
  name: string,
  rule: AclRule,
): void {
  if (!v.acls) throw EOPNOTSUPP;
  const old = nodeAttr(tx, ino);
  if (old.type === TYPE_SYMLINK) throw EOPNOTSUPP;
  if (isTrashed(old) || isPinned(old)) throw EPERM;
  judgeOwner(caller, old);
  if (name === DEFAULT_ACL_XATTR && old.type !== TYPE_DIRECTORY) {
    // Linux refuses it with EACCES; removing what cannot be there is fine.
    if (isEmptyRule(rule)) return;
    throw EACCES;
  }
  const attr = withAttr(old);
  const mayKeepSetgid = caller.trusted || caller.uid === 0 || inGroup(caller, old.gid);
  if (!mayKeepSetgid) attr.mode &= ~0o2000;
  if (name === DEFAULT_ACL_XATTR) {
    attr.defaultAcl = isEmptyRule(rule) ? 0 : internRule(tx, completeRule(rule, old.mode));
  } else if (isEmptyRule(rule)) {
    attr.accessAcl = 0;
  } else {
    const complete = completeRule(rule, old.mode);
    attr.accessAcl = isMinimalRule(rule) ? 0 : internRule(tx, complete);
    attr.mode = (attr.mode & 0o7000) | modeOfRule(complete);
  }
  setCtime(attr, tx.now);
  tx.putAttr(ino, attr);
}
