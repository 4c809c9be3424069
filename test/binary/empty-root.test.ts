// npm run build makes one file that needs nothing: it formats, mounts and serves a volume in a root directory that
// holds only the file itself, /dev/fuse, /proc and /tmp, and without any environment variable.
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { skip } from "../support/skip.ts";

const root = join(import.meta.dirname, "../..");
const NAME = "the executable in an empty root";

// Runs in a mount namespace of its own, so that nothing is left mounted whatever happens. "outside" is the path of the
// root as this machine sees it: files are looked at from there, because the root itself has no cat.
const script = `
set -eu
outside=$1
mount -t proc proc "$outside/proc"
mount --bind /dev/fuse "$outside/dev/fuse"
jfs() { env -i "$chroot" "$outside" /jfs "$@"; }
chroot=$(command -v chroot)
jfs -q format --bucket /tmp/blocks /tmp/meta.db lonely
jfs -q mount -d --log /tmp/log /tmp/meta.db /tmp/mnt > /dev/null
head -c 9000000 /dev/urandom > "$outside/tmp/original"
mkdir "$outside/tmp/mnt/dir"
cp "$outside/tmp/original" "$outside/tmp/mnt/dir/copy"
cmp "$outside/tmp/original" "$outside/tmp/mnt/dir/copy"
jfs -q umount /tmp/mnt
[ ! -e "$outside/tmp/mnt/dir" ]
jfs -q mount -d --log /tmp/log /tmp/meta.db /tmp/mnt > /dev/null
cp "$outside/tmp/mnt/dir/copy" "$outside/tmp/back"
jfs -q umount /tmp/mnt
cmp "$outside/tmp/original" "$outside/tmp/back"
jfs status /tmp/meta.db
`;

const canUnshare = (): boolean => spawnSync("unshare", ["-m", "true"]).status === 0;

if (process.getuid?.() !== 0) skip(NAME, "chroot needs root");
else if (!existsSync("/dev/fuse")) skip(NAME, "this machine has no /dev/fuse");
else if (!canUnshare()) skip(NAME, "mount namespaces are not allowed here");
else {
  test("one file, nothing else: format, mount, copy in and out, unmount", () => {
    const built = spawnSync(process.execPath, [join(root, "build/binary.ts")], {
      encoding: "utf8",
    });
    assert.is(built.status, 0, built.stdout + built.stderr);
    const dir = mkdtempSync(join(tmpdir(), "jfs-empty-"));
    try {
      for (const name of ["proc", "tmp", "dev"]) mkdirSync(join(dir, name));
      copyFileSync("/dev/null", join(dir, "dev/fuse"));
      copyFileSync(join(root, "build/out/jfs"), join(dir, "jfs"));
      const ran = spawnSync("unshare", ["-m", "sh", "-c", script, "sh", dir], { encoding: "utf8" });
      assert.is(ran.status, 0, ran.stdout + ran.stderr);
      const { Sessions, Stat } = JSON.parse(ran.stdout) as {
        Sessions: unknown[];
        Stat: { UsedInodes: number };
      };
      assert.equal(Sessions, []);
      assert.is(Stat.UsedInodes, 2);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
}

test.run();
