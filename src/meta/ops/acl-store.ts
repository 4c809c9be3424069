// Rules of ACLs are shared: equal rules have one id, ids are never reused (formats 2.4). Finds or makes the id.
import type { MetaRead, MetaTxn } from "../txn.ts";
import type { AclRule, Attr } from "../types.ts";
import type { AttrDraft } from "../attr.ts";
import { chmodRule, inheritRule, modeOfRule } from "../acl.ts";

/** The id of a rule, stored now if nobody has it yet. Part of the writing half of a body. */
export function internRule(tx: MetaTxn, rule: AclRule): number {
  const known = tx.aclId(rule);
  if (known !== undefined) return known;
  const id = firstFreeId(tx);
  tx.putAcl(id, rule);
  return id;
}

/** Ids are dense from 1, so doubling and halving finds the first free one in a few reads. */
function firstFreeId(tx: MetaRead): number {
  let free = 1;
  while (tx.acl(free) !== undefined) free *= 2;
  let used = free >>> 1;
  while (free - used > 1) {
    const middle = (free + used) >>> 1;
    if (tx.acl(middle) === undefined) free = middle;
    else used = middle;
  }
  return free;
}

/** Gives a new node the mode and the ACLs that its directory's default rule asks for; false when there is no rule. */
export function inheritAcl(
  tx: MetaTxn,
  parent: Attr,
  attr: AttrDraft,
  isDirectory: boolean,
): boolean {
  if (parent.defaultAcl === 0) return false;
  const rule = tx.acl(parent.defaultAcl);
  if (rule === undefined) return false;
  const inherited = inheritRule(rule, attr.mode);
  attr.mode = inherited.mode;
  if (isDirectory) attr.defaultAcl = parent.defaultAcl;
  if (inherited.rule !== undefined) attr.accessAcl = internRule(tx, inherited.rule);
  return true;
}

/** chmod of a node with an access rule: the rule follows the mode. */
export function chmodAcl(tx: MetaTxn, attr: AttrDraft, mode: number): void {
  attr.mode = mode;
  if (attr.accessAcl === 0) return;
  const rule = tx.acl(attr.accessAcl);
  if (rule === undefined) return;
  const changed = chmodRule(rule, mode);
  attr.accessAcl = internRule(tx, changed);
  attr.mode = (mode & 0o7000) | modeOfRule(changed);
}
