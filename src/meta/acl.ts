// POSIX ACL rules as values: the Linux xattr form, what chmod and inheritance make of them, what they permit (formats
// 2.4). Knows no transaction; storing and sharing rules is ops/acl-store.ts.
import type { Caller } from "../util/caller.ts";
import { inGroup } from "../util/caller.ts";
import { EINVAL, EOPNOTSUPP } from "../util/errno.ts";
import type { AclEntry, AclRule, Attr } from "./types.ts";

/** "Not set" in owner, group, mask and other. */
export const ACL_UNSET = 0xffff;
export const ACCESS_ACL_XATTR = "system.posix_acl_access";
export const DEFAULT_ACL_XATTR = "system.posix_acl_default";

const VERSION = 2;
const TAG_OWNER = 1;
const TAG_USER = 2;
const TAG_GROUP = 4;
const TAG_NAMED_GROUP = 8;
const TAG_MASK = 16;
const TAG_OTHER = 32;
const NO_ID = 0xffffffff;
const ENTRY_BYTES = 8;

export function isEmptyRule(r: AclRule): boolean {
  return (
    (r.owner & r.group & r.mask & r.other) === ACL_UNSET &&
    r.namedUsers.length === 0 &&
    r.namedGroups.length === 0
  );
}
export function isMinimalRule(r: AclRule): boolean {
  return r.namedUsers.length === 0 && r.namedGroups.length === 0 && r.mask === ACL_UNSET;
}

/** Where the group bits of the mode live: the mask, or the owning group when there is none. */
function groupClass(r: AclRule): number {
  return r.mask === ACL_UNSET ? r.group : r.mask;
}
/** The nine mode bits that show a rule. */
export function modeOfRule(r: AclRule): number {
  return ((r.owner & 7) << 6) | ((groupClass(r) & 7) << 3) | (r.other & 7);
}
export function ruleOfMode(mode: number): AclRule {
  const owner = (mode >> 6) & 7;
  const group = (mode >> 3) & 7;
  return { owner, group, mask: ACL_UNSET, other: mode & 7, namedUsers: [], namedGroups: [] };
}

/** Members that the setter left open come from the mode. */
export function completeRule(r: AclRule, mode: number): AclRule {
  return {
    owner: r.owner === ACL_UNSET ? (mode >> 6) & 7 : r.owner,
    group: r.group === ACL_UNSET ? (mode >> 3) & 7 : r.group,
    mask: r.mask,
    other: r.other === ACL_UNSET ? mode & 7 : r.other,
    namedUsers: r.namedUsers,
    namedGroups: r.namedGroups,
  };
}

/** The rule after chmod: the bits of the mode replace those of the entries that the mode shows. */
export function chmodRule(r: AclRule, mode: number): AclRule {
  const bits = (mode >> 3) & 7;
  const minimal = isMinimalRule(r);
  return {
    owner: (r.owner & ~7) | ((mode >> 6) & 7),
    group: minimal ? (r.group & ~7) | bits : r.group,
    mask: minimal ? r.mask : (r.mask & ~7) | bits,
    other: (r.other & ~7) | (mode & 7),
    namedUsers: r.namedUsers,
    namedGroups: r.namedGroups,
  };
}

export interface Inherited {
  /** 12 bits of the new node. */
  readonly mode: number;
  /** Its access rule; undefined when the mode says it all. */
  readonly rule: AclRule | undefined;
}

/** What a node created with `mode` gets from its directory's default rule; the umask plays no part. */
export function inheritRule(parent: AclRule, mode: number): Inherited {
  if (isMinimalRule(parent)) {
    return { mode: mode & (0o7000 | modeOfRule(parent)), rule: undefined };
  }
  const rule: AclRule = {
    owner: parent.owner & ((mode >> 6) & 7),
    group: parent.group,
    mask: parent.mask & ((mode >> 3) & 7),
    other: parent.other & (mode & 7),
    namedUsers: parent.namedUsers,
    namedGroups: parent.namedGroups,
  };
  return { mode: (mode & 0o7000) | modeOfRule(rule), rule };
}

/** Whether a rule lets somebody who is neither owner nor root do all of `mask`. */
export function rulePermits(r: AclRule, caller: Caller, attr: Attr, mask: number): boolean {
  if (caller.uid === attr.uid) return (r.owner & mask) === mask;
  const limit = r.mask === ACL_UNSET ? 7 : r.mask;
  for (const { id, perm } of r.namedUsers) {
    if (id === caller.uid) return (perm & limit & mask) === mask;
  }
  let matched = false;
  if (inGroup(caller, attr.gid)) {
    if ((r.group & limit & mask) === mask) return true;
    matched = true;
  }
  for (const { id, perm } of r.namedGroups) {
    if (!inGroup(caller, id)) continue;
    if ((perm & limit & mask) === mask) return true;
    matched = true;
  }
  return !matched && (r.other & mask) === mask;
}

/** The value of system.posix_acl_*. */
export function encodeAclXattr(r: AclRule): Uint8Array {
  const entries: [tag: number, perm: number, id: number][] = [[TAG_OWNER, r.owner, NO_ID]];
  for (const { id, perm } of r.namedUsers) entries.push([TAG_USER, perm, id]);
  entries.push([TAG_GROUP, r.group, NO_ID]);
  for (const { id, perm } of r.namedGroups) entries.push([TAG_NAMED_GROUP, perm, id]);
  if (r.mask !== ACL_UNSET) entries.push([TAG_MASK, r.mask, NO_ID]);
  entries.push([TAG_OTHER, r.other, NO_ID]);
  const out = Buffer.alloc(4 + entries.length * ENTRY_BYTES);
  out.writeUInt32LE(VERSION, 0);
  entries.forEach(([tag, perm, id], i) => {
    out.writeUInt16LE(tag, 4 + i * ENTRY_BYTES);
    out.writeUInt16LE(perm, 6 + i * ENTRY_BYTES);
    out.writeUInt32LE(id, 8 + i * ENTRY_BYTES);
  });
  return out;
}

/** Reads what a user set. EINVAL for malformed values, EOPNOTSUPP for another version. An empty value is an empty rule. */
export function decodeAclXattr(value: Uint8Array): AclRule {
  const rule = {
    owner: ACL_UNSET,
    group: ACL_UNSET,
    mask: ACL_UNSET,
    other: ACL_UNSET,
    namedUsers: [] as AclEntry[],
    namedGroups: [] as AclEntry[],
  };
  if (value.byteLength === 0) return rule;
  if (value.byteLength < 4 || (value.byteLength - 4) % ENTRY_BYTES !== 0) throw EINVAL;
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  if (view.getUint32(0, true) !== VERSION) throw EOPNOTSUPP;
  for (let at = 4; at < value.byteLength; at += ENTRY_BYTES) {
    const perm = view.getUint16(at + 2, true);
    const id = view.getUint32(at + 4, true);
    if (perm > 7) throw EINVAL;
    readEntry(rule, view.getUint16(at, true), perm, id);
  }
  if (rule.namedUsers.length + rule.namedGroups.length > 0 && rule.mask === ACL_UNSET) throw EINVAL;
  return rule;
}

interface RuleDraft {
  owner: number;
  group: number;
  mask: number;
  other: number;
  readonly namedUsers: AclEntry[];
  readonly namedGroups: AclEntry[];
}

function once(old: number, perm: number): number {
  if (old !== ACL_UNSET) throw EINVAL;
  return perm;
}
function readEntry(rule: RuleDraft, tag: number, perm: number, id: number): void {
  switch (tag) {
    case TAG_OWNER:
      rule.owner = once(rule.owner, perm);
      return;
    case TAG_USER:
      rule.namedUsers.push({ id, perm });
      return;
    case TAG_GROUP:
      rule.group = once(rule.group, perm);
      return;
    case TAG_NAMED_GROUP:
      rule.namedGroups.push({ id, perm });
      return;
    case TAG_MASK:
      rule.mask = once(rule.mask, perm);
      return;
    case TAG_OTHER:
      rule.other = once(rule.other, perm);
      return;
    default:
      throw EINVAL;
  }
}
