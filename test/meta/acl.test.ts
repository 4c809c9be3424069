// ACL rules as values: the Linux xattr form, chmod, inheritance and who is let in.
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  ACL_UNSET,
  chmodRule,
  decodeAclXattr,
  encodeAclXattr,
  inheritRule,
  isEmptyRule,
  isMinimalRule,
  modeOfRule,
  rulePermits,
} from "../../src/meta/acl.ts";
import { newAttr } from "../../src/meta/attr.ts";
import type { AclRule } from "../../src/meta/types.ts";
import { EINVAL, EOPNOTSUPP } from "../../src/util/errno.ts";

const rule: AclRule = {
  owner: 6,
  group: 4,
  mask: 6,
  other: 0,
  namedUsers: [{ id: 1001, perm: 6 }],
  namedGroups: [{ id: 100, perm: 5 }],
};
// What setfacl(1) writes for u::rw-,u:1001:rw-,g::r--,g:100:r-x,m::rw-,o::---
const wire = Buffer.from(
  "02000000" +
    "01000600ffffffff" +
    "02000600e9030000" +
    "04000400ffffffff" +
    "0800050064000000" +
    "10000600ffffffff" +
    "20000000ffffffff",
  "hex",
);

test("the xattr form is that of Linux", () => {
  assert.equal(decodeAclXattr(wire), rule);
  assert.is(Buffer.from(encodeAclXattr(rule)).toString("hex"), wire.toString("hex"));
});

test("malformed values are refused", () => {
  const refused = (hex: string, errno: unknown): void => {
    assert.throws(
      () => decodeAclXattr(Buffer.from(hex, "hex")),
      (e: unknown) => e === errno,
    );
  };
  refused("0200", EINVAL);
  refused("0300000001000600ffffffff", EOPNOTSUPP);
  refused("0200000001000600ffff", EINVAL);
  refused("0200000003000600ffffffff", EINVAL);
  refused("0200000001000800ffffffff", EINVAL);
  // Named entries need a mask; no entry may come twice.
  refused("0200000002000600e9030000", EINVAL);
  refused("0200000001000600ffffffff01000600ffffffff", EINVAL);
});

test("an empty value is an empty rule", () => {
  assert.ok(isEmptyRule(decodeAclXattr(new Uint8Array(0))));
  assert.not(isEmptyRule(rule));
});

test("the mode shows owner, mask and other", () => {
  assert.is(modeOfRule(rule), 0o660);
  assert.is(modeOfRule({ ...rule, mask: ACL_UNSET, namedUsers: [], namedGroups: [] }), 0o640);
});

test("chmod changes the mask, or the group of a minimal rule", () => {
  assert.equal(chmodRule(rule, 0o751), { ...rule, owner: 7, mask: 5, other: 1 });
  const minimal = { ...rule, mask: ACL_UNSET, namedUsers: [], namedGroups: [] };
  assert.ok(isMinimalRule(minimal));
  assert.equal(chmodRule(minimal, 0o751), { ...minimal, owner: 7, group: 5, other: 1 });
});

test("a new node gets what both its maker and the default rule allow", () => {
  const inherited = inheritRule(rule, 0o4750);
  assert.equal(inherited.rule, { ...rule, owner: 6, mask: 4, other: 0 });
  assert.is(inherited.mode, 0o4640);
  const minimal = { ...rule, mask: ACL_UNSET, other: 5, namedUsers: [], namedGroups: [] };
  assert.equal(inheritRule(minimal, 0o777), { mode: 0o645, rule: undefined });
});

test("who is let in: owner, named user, any group that grants, else others", () => {
  const attr = { ...newAttr(1, 1, { sec: 0, nsec: 0 }), uid: 1000, gid: 50 };
  const as = (uid: number, groups: number[] = []) => ({
    uid,
    gid: uid,
    pid: 1,
    groups,
    trusted: false,
  });
  assert.ok(rulePermits(rule, as(1000), attr, 6));
  assert.not(rulePermits(rule, as(1000), attr, 1));
  assert.ok(rulePermits(rule, as(1001), attr, 6));
  // The mask limits named users and all groups.
  assert.not(rulePermits({ ...rule, mask: 4 }, as(1001), attr, 2));
  assert.ok(rulePermits(rule, as(2000, [50]), attr, 4));
  assert.ok(rulePermits(rule, as(2000, [50, 100]), attr, 4));
  // One group grants x, but the mask takes it away.
  assert.not(rulePermits(rule, as(2000, [100]), attr, 1));
  assert.ok(rulePermits({ ...rule, mask: 7 }, as(2000, [50, 100]), attr, 1));
  // Some group matched and none granted: others do not count.
  assert.not(rulePermits({ ...rule, other: 7 }, as(2000, [50]), attr, 2));
  assert.ok(rulePermits({ ...rule, other: 7 }, as(3000), attr, 2));
});

test.run();
