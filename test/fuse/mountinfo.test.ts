// Reading the mount table, from lines as Linux writes them.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { isVolume, mountAt, parseMountinfo } from "../../src/fuse/mountinfo.ts";

const table = parseMountinfo(
  [
    "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw",
    "90 22 0:39 / /mnt/with\\040blank\\134 rw,nosuid - fuse.jfs JuiceFS:a rw,user_id=0",
    "91 22 0:40 / /mnt/x rw - fuse.juicefs JuiceFS:b rw",
    "92 91 0:41 / /mnt/x rw shared:2 master:3 - tmpfs tmpfs rw",
    "93 22 0:42 / /mnt/\u00c3\u00bc rw - fuse.jfs JuiceFS:c rw",
    "",
  ].join("\n"),
);

test("escapes and optional fields", () => {
  assert.is(table.length, 5);
  assert.equal(mountAt(table, "/mnt/with blank\\"), {
    mountpoint: "/mnt/with blank\\",
    type: "fuse.jfs",
    source: "JuiceFS:a",
    device: "0:39",
  });
});

test("the mount on top counts", () => {
  const top = mountAt(table, "/mnt/x");
  assert.is(top?.type, "tmpfs");
  assert.is(top !== undefined && isVolume(top), false);
  assert.is(mountAt(table, "/mnt/y"), undefined);
});

test("paths are bytes", () => {
  assert.is(mountAt(table, "/mnt/\u00fc")?.source, "JuiceFS:c");
});

test.run();
