// Attribute records against those of the real JuiceFS.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { decodeAttr, encodeAttr } from "../../src/meta/attr-record.ts";
import type { Attr } from "../../src/meta/types.ts";
import { TRASH_INO } from "../../src/meta/types.ts";

interface Golden extends Omit<Attr, "parent" | "accessAcl" | "defaultAcl"> {
  readonly hex: string;
  readonly bytes: number;
  readonly parent: number;
  readonly access_acl: number;
  readonly default_acl: number;
}
const codec = join(import.meta.dirname, "../golden/codec");
const lines = (text: string): Golden[] =>
  text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Golden);
const vectors = [
  ...lines(gunzipSync(readFileSync(join(codec, "attrs.jsonl.gz"))).toString()),
  ...lines(readFileSync(join(codec, "attrs-tier.jsonl"), "utf8")),
];

test("records of the real JuiceFS are read and written to the byte", () => {
  for (const golden of vectors) {
    const attr = decodeAttr(Buffer.from(golden.hex, "hex")) as Attr;
    const shown = { ...golden, accessAcl: golden.access_acl, defaultAcl: golden.default_acl };
    for (const member of [
      "type",
      "mode",
      "uid",
      "gid",
      "rdev",
      "nlink",
      "length",
      "tier",
    ] as const) {
      assert.is(attr[member], shown[member], member);
    }
    for (const member of [
      "atime",
      "mtime",
      "ctime",
      "atimensec",
      "mtimensec",
      "ctimensec",
    ] as const) {
      assert.is(attr[member], shown[member], member);
    }
    assert.is(attr.accessAcl, shown.accessAcl);
    assert.is(attr.defaultAcl, shown.defaultAcl);
    // Inodes of the trash are folded here, and no double in the vectors.
    if (attr.parent < TRASH_INO) assert.is(attr.parent, golden.parent);
    assert.is(encodeAttr(attr).toString("hex"), golden.hex);
    assert.is(encodeAttr(attr).length, golden.bytes);
  }
  assert.ok(new Set(vectors.map(({ bytes }) => bytes)).size >= 3, "several kinds of records");
});

test("short records of old versions are read, shorter ones refused", () => {
  const full = Buffer.from((vectors[0] as Golden).hex, "hex");
  assert.is(decodeAttr(full.subarray(0, 71))?.parent, 1);
  assert.is(decodeAttr(full.subarray(0, 63))?.parent, 0);
  assert.is(decodeAttr(full.subarray(0, 62)), undefined);
});

test("times before 1970 are kept", () => {
  const attr = decodeAttr(Buffer.from((vectors[0] as Golden).hex, "hex")) as Attr;
  const old: Attr = { ...attr, mtime: -1, mtimensec: 999_999_999 };
  assert.equal(decodeAttr(encodeAttr(old)), old);
});

test.run();
