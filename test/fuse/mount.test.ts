// A real mount of a file system in memory, served by a child process, used by real system calls.
import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import {
  accessSync,
  chownSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  opendirSync,
  readFileSync,
  readSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  rmdirSync,
  statSync,
  statfsSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  writeSync,
  copyFileSync,
} from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { unmount } from "../../src/fuse/unmount.ts";
import type { UnmountError } from "../../src/fuse/unmount.ts";
import { hasCommand, skip, skipMissing } from "../support/skip.ts";

const here = import.meta.dirname;

/** The serving child and its lines. */
class Server {
  readonly mountpoint = mkdtempSync(join(tmpdir(), "jfs-fuse-"));
  readonly child: ChildProcess;
  readonly #lines: string[] = [];
  #wake: (() => void) | undefined;

  constructor(entryTimeoutMs: number) {
    const script = join(here, "serve-memory.ts");
    this.child = spawn(process.execPath, [script, this.mountpoint, String(entryTimeoutMs)], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    let rest = "";
    this.child.stdout?.on("data", (data: Buffer) => {
      const parts = (rest + data.toString()).split("\n");
      rest = parts.pop() ?? "";
      this.#lines.push(...parts);
      this.#wake?.();
    });
    this.child.on("exit", () => this.#wake?.());
  }
  /** The next line that begins so, without the beginning. */
  async line(prefix: string): Promise<string> {
    for (;;) {
      const at = this.#lines.findIndex((line) => line.startsWith(prefix));
      if (at >= 0) return this.#lines.splice(at, 1)[0]!.slice(prefix.length).trim();
      if (this.child.exitCode !== null)
        throw new Error(`the server ended: ${this.#lines.join("; ")}`);
      const { promise, resolve } = Promise.withResolvers<undefined>();
      this.#wake = () => resolve(undefined);
      await promise;
    }
  }
  async ask(command: string, prefix: string = command): Promise<string> {
    this.child.stdin?.write(`${command}\n`);
    return this.line(prefix);
  }
  async stop(): Promise<void> {
    if (this.child.exitCode === null) {
      const exited = new Promise((resolve) => void this.child.once("exit", resolve));
      this.child.stdin?.write("unmount\n");
      await exited;
    }
    rmdirSync(this.mountpoint);
  }
  path(name: string): string {
    return join(this.mountpoint, name);
  }
}

function canMount(): boolean {
  if (process.getuid?.() !== 0) return false;
  try {
    accessSync("/dev/fuse", constants.R_OK | constants.W_OK);
  } catch {
    return false;
  }
  return true;
}

const test = suite("mount");
let server: Server;
test.before(async () => {
  server = new Server(0);
  await server.line("ready");
});
test.after(async () => server.stop());

test("is seen in the mount table", () => {
  const line = readFileSync("/proc/mounts", "utf8")
    .split("\n")
    .find((l) => l.includes(server.mountpoint));
  assert.match(
    line ?? "",
    /^JuiceFS:memory .* fuse\.jfs rw,nosuid,nodev.*default_permissions,allow_other,max_read=1048576/,
  );
});

test("names of any bytes", () => {
  const dir = server.path("names");
  mkdirSync(dir);
  const bytes = Buffer.from(Array.from({ length: 255 }, (_, i) => i + 1).filter((b) => b !== 0x2f));
  const names = [
    bytes,
    Buffer.from("Gr\u00fc\u00dfe"),
    Buffer.from([0xff, 0xfe]),
    Buffer.alloc(255, "x"),
  ];
  for (const name of names) writeFileSync(Buffer.concat([Buffer.from(`${dir}/`), name]), name);
  const listed = readdirSync(dir, { encoding: "buffer" });
  assert.equal(
    listed.map((b) => b.toString("hex")).toSorted(),
    names.map((b) => b.toString("hex")).toSorted(),
  );
  for (const name of names)
    assert.equal(readFileSync(Buffer.concat([Buffer.from(`${dir}/`), name])), name);
  assert.throws(
    () => writeFileSync(join(dir, "y".repeat(256)), ""),
    (e: { code: string }) => e.code === "ENAMETOOLONG",
  );
});

test("a directory of 10,000 entries", () => {
  const dir = server.path("many");
  mkdirSync(dir);
  for (let i = 0; i < 10_000; i++) symlinkSync("t", join(dir, `entry-${i}`));
  const expected = Array.from({ length: 10_000 }, (_, i) => `entry-${i}`).toSorted();
  assert.equal(readdirSync(dir).toSorted(), expected);
  const typed = readdirSync(dir, { withFileTypes: true });
  assert.is(typed.filter((d) => d.isSymbolicLink()).length, 10_000);
  // Long listing: READDIRPLUS and READDIR mixed as the kernel likes.
  const ls = spawnSync("ls", ["-l", dir], { encoding: "utf8", maxBuffer: 1 << 24 });
  assert.is(ls.stdout.split("\n").filter((l) => l.startsWith("l")).length, 10_000);
});

test("reads and writes of 1 MiB, in pieces", () => {
  const data = Buffer.allocUnsafe(5 * (1 << 20) + 123);
  for (let i = 0; i < data.length; i++) data[i] = (i * 31 + (i >> 12)) & 0xff;
  const path = server.path("big");
  const fd = openSync(path, "w+");
  for (let at = 0; at < data.length; at += 1 << 20)
    writeSync(fd, data, at, Math.min(1 << 20, data.length - at));
  fsyncSync(fd);
  closeSync(fd);
  assert.is(statSync(path).size, data.length);
  assert.ok(readFileSync(path).equals(data));
  const direct = openSync(path, constants.O_RDWR | constants.O_DIRECT);
  const page = Buffer.alloc(8192);
  const into = page.subarray(4096 - (page.byteOffset % 4096 || 4096)).subarray(0, 4096);
  try {
    assert.is(readSync(direct, into, 0, 4096, 8192), 4096);
    assert.ok(into.equals(data.subarray(8192, 12288)));
  } finally {
    closeSync(direct);
  }
  truncateSync(path, 10);
  assert.equal(readFileSync(path), data.subarray(0, 10));
});

test("the everyday calls", () => {
  const a = server.path("a");
  writeFileSync(a, "one", { mode: 0o640 });
  assert.is(statSync(a).mode & 0o7777, 0o640);
  linkSync(a, server.path("b"));
  assert.is(statSync(server.path("b")).nlink, 2);
  renameSync(a, server.path("c"));
  assert.not(existsSync(a));
  symlinkSync("c", server.path("l"));
  assert.is(readlinkSync(server.path("l")), "c");
  copyFileSync(server.path("c"), server.path("copy"));
  assert.is(readFileSync(server.path("copy"), "utf8"), "one");
  unlinkSync(server.path("c"));
  chownSync(server.path("b"), 12, 34);
  assert.equal([statSync(server.path("b")).uid, statSync(server.path("b")).gid], [12, 34]);
  mkdirSync(server.path("d/e/f"), { recursive: true });
  rmSync(server.path("d"), { recursive: true });
  assert.not(existsSync(server.path("d")));
  assert.is(statfsSync(server.mountpoint).blocks, 1000);
  const dir = opendirSync(server.mountpoint);
  assert.ok(dir.readSync() !== null);
  dir.closeSync();
});

/** What Node.js has no call for. Prints one line for each. */
const rareCalls = `
import os, sys, errno
d = sys.argv[1]
fd = os.open(d, os.O_TMPFILE | os.O_RDWR, 0o600)
os.write(fd, b"0123456789")
print("tmpfile", os.fstat(fd).st_size)
out = os.open(d + "/copied", os.O_CREAT | os.O_RDWR, 0o600)
print("copy", os.copy_file_range(fd, out, 8, 1, 0), os.pread(out, 100, 0))
print("hole", os.lseek(out, 0, os.SEEK_HOLE), os.lseek(out, 3, os.SEEK_DATA))
os.posix_fallocate(out, 0, 5000)
print("fallocate", os.fstat(out).st_size)
os.setxattr(d + "/copied", "user.a", b"value")
os.setxattr(d + "/copied", "user.b", b"x" * 60000)
print("xattr", os.getxattr(d + "/copied", "user.a"), len(os.getxattr(d + "/copied", "user.b")), sorted(os.listxattr(d + "/copied")))
os.removexattr(d + "/copied", "user.a")
try: os.getxattr(d + "/copied", "user.a")
except OSError as e: print(errno.errorcode[e.errno])
os.mkfifo(d + "/fifo")
os.umask(0)
os.mknod(d + "/null", 0o20666, os.makedev(1, 3))
st = os.stat(d + "/null")
print("device", oct(st.st_mode), os.major(st.st_rdev), os.minor(st.st_rdev))
os.utime(d + "/copied", (1, -5))
print("times", int(os.stat(d + "/copied").st_mtime))
os.sync()
os.fsync(os.open(d, os.O_RDONLY))
`;

test("the rare calls", () => {
  if (!hasCommand("python3")) {
    skipMissing("mount: the rare calls", "python3");
    return;
  }
  const run = spawnSync("python3", ["-c", rareCalls, server.mountpoint], { encoding: "utf8" });
  assert.is(run.stderr, "");
  assert.equal(run.stdout.trim().split("\n"), [
    "tmpfile 10",
    "copy 8 b'12345678'",
    "hole 8 3",
    "fallocate 5000",
    "xattr b'value' 60000 ['user.a', 'user.b']",
    "ENODATA",
    "device 0o20666 1 3",
    "times -5",
  ]);
});

test("many callers at once", () => {
  const script = `for i in $(seq 100); do echo $i > ${server.mountpoint}/$1-$i; cat ${server.mountpoint}/$1-$i; rm ${server.mountpoint}/$1-$i; done`;
  const all = spawnSync("sh", ["-c", `for p in 1 2 3 4; do sh -c '${script}' sh $p & done; wait`], {
    encoding: "utf8",
  });
  assert.is(all.stdout.split("\n").length - 1, 400);
  assert.is(all.stderr, "");
});

test("a turn that cannot be committed is an error for its callers", async () => {
  server.child.stdin?.write("fail\n");
  await server.ask("counters");
  assert.throws(
    () => mkdirSync(server.path("not-committed")),
    (e: { code: string }) => e.code === "ENOSPC",
  );
  mkdirSync(server.path("committed"));
});

test("a signal interrupts a request that waits", async () => {
  if (!hasCommand("flock")) {
    skip("mount: a signal interrupts a request that waits", "flock is not installed");
    return;
  }
  writeFileSync(server.path("locked"), "");
  const waiter = spawn("flock", [server.path("locked"), "-c", "true"], { stdio: "ignore" });
  const exited = new Promise<string | null>(
    (resolve) => void waiter.once("exit", (_code, signal) => resolve(signal)),
  );
  // Until it sleeps in the request.
  while (
    !(
      await readFile(`/proc/${waiter.pid}/stack`, "utf8").catch(() => "request_wait_answer")
    ).includes("request_wait_answer")
  ) {
    await new Promise((resolve) => void setTimeout(resolve, 5));
  }
  waiter.kill("SIGTERM");
  assert.is(await exited, "SIGTERM");
  assert.is((JSON.parse(await server.ask("counters")) as { interrupts: number }).interrupts, 1);
});

test("notifications are taken by the kernel", async () => {
  writeFileSync(server.path("cached"), "");
  assert.is(await server.ask("invalidate", "invalidated"), "true");
  assert.match(await server.ask("epoch"), /^(true|false)$/);
  assert.ok(existsSync(server.path("cached")));
});

test("an idle mount uses no CPU", async () => {
  const used = async (): Promise<number> => {
    const cpu = JSON.parse(await server.ask("cpu")) as { user: number; system: number };
    return cpu.user + cpu.system;
  };
  statSync(server.path("cached"));
  await used();
  const before = await used();
  await new Promise((resolve) => void setTimeout(resolve, 1000));
  const micros = (await used()) - before;
  // A server that polls would have used a second.
  assert.ok(micros < 100_000, `${micros} us of CPU in an idle second`);
});

test("a mount point in use is refused, and a busy one is not unmounted", async () => {
  const fd = openSync(server.path("cached"), "r");
  const refused = await unmount(server.mountpoint).catch((e: unknown) => e as UnmountError);
  closeSync(fd);
  assert.is(refused?.code, "EBUSY");
  const second = spawnSync(process.execPath, [join(here, "serve-memory.ts"), server.mountpoint], {
    encoding: "utf8",
  });
  assert.is(second.status, 1);
  assert.match(second.stdout, /^failed JuiceFS:memory is already mounted on .*: unmount it first/);
});

test("mount points that cannot be", () => {
  const tries: [string, RegExp][] = [
    ["/", /cannot be a mount point/],
    ["/nowhere/at/all", /does not exist: create it/],
    [join(here, "serve-memory.ts"), /is not a directory/],
  ];
  for (const [path, message] of tries) {
    const run = spawnSync(process.execPath, [join(here, "serve-memory.ts"), path], {
      encoding: "utf8",
    });
    assert.is(run.status, 1);
    assert.match(run.stdout, message);
  }
});

test("a server that is killed leaves a mount that the next one replaces; unmounting ends the server", async () => {
  const first = new Server(3_600_000);
  await first.line("ready");
  const exited = new Promise((resolve) => void first.child.once("exit", resolve));
  first.child.kill("SIGKILL");
  await exited;
  assert.throws(
    () => statSync(first.mountpoint),
    (e: { code: string }) => e.code === "ENOTCONN",
  );
  const next = spawn(process.execPath, [join(here, "serve-memory.ts"), first.mountpoint], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  let said = "";
  next.stdout.on("data", (data: Buffer) => (said += data.toString()));
  const ended = new Promise<number | null>((resolve) => void next.once("exit", resolve));
  while (!said.includes("ready") && next.exitCode === null)
    await new Promise((resolve) => void setTimeout(resolve, 5));
  writeFileSync(first.path("x"), "y");
  assert.is(spawnSync("umount", [first.mountpoint]).status, 0);
  assert.is(await ended, 0);
  assert.match(said, /closed/);
  rmdirSync(first.mountpoint);
});

test("an ordinary user mounts through fusermount3", () => {
  const name = "mount: an ordinary user mounts through fusermount3";
  if (!hasCommand("fusermount3") || !hasCommand("setpriv") || !hasCommand("unshare")) {
    skip(name, "fusermount3, setpriv or unshare is not installed");
    return;
  }
  // In a mount namespace of its own, with a /dev/fuse that everybody may open, as desktops have it.
  const dir = mkdtempSync(join(tmpdir(), "jfs-user-"));
  chownSync(dir, 65534, 65534);
  const script = `set -e; mount -t tmpfs -o mode=755 none /mnt; mknod /mnt/fuse c 10 229; chmod 666 /mnt/fuse
    mount --bind /mnt/fuse /dev/fuse
    exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"`;
  const readable = spawnSync("setpriv", [
    "--reuid=65534",
    "--clear-groups",
    "test",
    "-r",
    join(here, "as-user.ts"),
  ]);
  if (readable.status !== 0) {
    skip(name, "the checkout is not readable by other users");
    return;
  }
  const args = ["-m", "sh", "-c", script, "sh", process.execPath, join(here, "as-user.ts"), dir];
  const run = spawnSync("unshare", args, { encoding: "utf8", timeout: 30_000 });
  rmdirSync(dir);
  assert.is(run.stderr, "");
  assert.is(run.stdout, "done as 65534\n");
});

if (canMount()) test.run();
else skip("mount", "this needs root and /dev/fuse");
