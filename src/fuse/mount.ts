// Mounting: by mount(2) as root, else by fusermount3, which passes an open descriptor. Everything that may touch a
// mount point runs off the event loop. Failures are one sentence that says what to do.
import { spawn } from "node:child_process";
import { closeSync, constants, openSync } from "node:fs";
import { readdir, realpath, stat, writeFile } from "node:fs/promises";
import { getSystemErrorName } from "node:util";
import { nativeFuse } from "./channel.ts";
import { isVolume, mountAt, mountTable } from "./mountinfo.ts";
import type { MountEntry } from "./mountinfo.ts";
import { lockMountPoint } from "./mount-lock.ts";
import { unmount } from "./unmount.ts";

export interface MountOptions {
  readonly mountpoint: string;
  /** Shown as the device: "JuiceFS:<name>". */
  readonly name: string;
  readonly allowOther: boolean;
  /** The kernel judges permissions from mode, owner and ACLs. */
  readonly defaultPermissions: boolean;
  readonly maxRead: number;
  /** Flags of mount(8): ro, noexec, noatime, suid, dev */
  readonly flags: readonly string[];
  /** Mount over another file system, and hide it. */
  readonly over?: boolean;
}

export class MountError extends Error {
  override readonly name = "MountError";
}

/** MS_* bits of mount(2). Without "suid" and "dev" set-id bits and devices have no effect. */
const BITS: Readonly<Record<string, number>> = {
  ro: 1,
  nosuid: 2,
  nodev: 4,
  noexec: 8,
  sync: 16,
  dirsync: 128,
  noatime: 1024,
  nodiratime: 2048,
};
const NEUTRAL = new Set(["rw", "suid", "dev", "exec", "async", "atime", "relatime"]);
const STAT_MS = 5000;

/** Mounts and answers the descriptor of the connection. */
export async function mountFuse(options: MountOptions): Promise<number> {
  for (const flag of options.flags) {
    if (BITS[flag] === undefined && !NEUTRAL.has(flag)) {
      throw new MountError(`mount option "${flag}" is not known: leave it out`);
    }
  }
  using lock = await lockMountPoint(options.mountpoint);
  if (lock === undefined) {
    throw new MountError(
      `another process is mounting on ${options.mountpoint} at this moment: try again, or choose another place`,
    );
  }
  const mountpoint = await checkMountpoint(options.mountpoint, options.over);
  // Awaited here: the lock is held until the mount is made.
  return process.getuid?.() === 0
    ? await mountAsRoot(mountpoint, options)
    : await mountAsUser(mountpoint, options);
}

/** The resolved path. A dead mount that lies there is taken away. */
export async function checkMountpoint(path: string, over = false): Promise<string> {
  const kind = await kindOf(path);
  if (kind === "dead") await unmount(path, { lazy: true });
  if (kind === "hangs") {
    throw new MountError(
      `${path} does not answer: a mount there hangs, unmount it with umount -l ${path}`,
    );
  }
  const settled = kind === "dead" ? await kindOf(path) : kind;
  if (settled === "missing")
    throw new MountError(`mount point ${path} does not exist: create it with mkdir -p ${path}`);
  if (settled === "file")
    throw new MountError(`mount point ${path} is not a directory: name a directory`);
  if (settled === "EACCES")
    throw new MountError(`mount point ${path} is closed to this user: choose one of your own`);
  if (settled !== "directory")
    throw new MountError(`mount point ${path} cannot be used (${settled}): choose another place`);
  const real = await realpath(path);
  if (real === "/") throw new MountError("/ cannot be a mount point: name an empty directory");
  checkFree(mountAt(await mountTable(), real), real, over);
  return real;
}

function checkFree(existing: MountEntry | undefined, path: string, over: boolean): void {
  if (existing === undefined) return;
  if (isVolume(existing)) {
    throw new MountError(
      `${existing.source} is already mounted on ${path}: unmount it first with jfs umount ${path}`,
    );
  }
  // An automounter waits there for us.
  if (over || existing.type === "autofs") return;
  throw new MountError(
    `a ${existing.type} file system is mounted on ${path} and would be hidden: choose another place, or give -o nonempty`,
  );
}

/** Never waits long, for a server that hangs makes stat hang. */
async function kindOf(path: string): Promise<string> {
  const timer = Promise.withResolvers<string>();
  const timeout = setTimeout(() => timer.resolve("hangs"), STAT_MS);
  const look = stat(path).then(
    (s) => (s.isDirectory() ? "directory" : "file"),
    (e: unknown) => {
      const { code } = e as NodeJS.ErrnoException;
      if (code === "ENOENT") return "missing";
      if (code === "ENOTCONN" || code === "ECONNABORTED") return "dead";
      if (code === "ENOTDIR") return "file";
      return String(code);
    },
  );
  try {
    return await Promise.race([look, timer.promise]);
  } finally {
    clearTimeout(timeout);
  }
}

function openDevice(): number {
  try {
    return openSync("/dev/fuse", constants.O_RDWR | constants.O_NONBLOCK);
  } catch (e) {
    const { code } = e as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENXIO" || code === "ENODEV") {
      throw new MountError(
        "/dev/fuse is missing: load it with modprobe fuse, or give it to the container with --device /dev/fuse",
      );
    }
    throw new MountError(
      `/dev/fuse cannot be opened (${code}): in a container add --device /dev/fuse --cap-add SYS_ADMIN`,
    );
  }
}

async function mountAsRoot(mountpoint: string, options: MountOptions): Promise<number> {
  const fd = openDevice();
  const words = [
    `fd=${fd}`,
    "rootmode=40000",
    "user_id=0",
    "group_id=0",
    `max_read=${options.maxRead}`,
  ];
  if (options.defaultPermissions) words.push("default_permissions");
  if (options.allowOther) words.push("allow_other");
  const { flags } = options;
  let bits =
    (flags.includes("suid") ? 0 : (BITS["nosuid"] ?? 0)) |
    (flags.includes("dev") ? 0 : (BITS["nodev"] ?? 0));
  for (const flag of flags) bits |= BITS[flag] ?? 0;
  const target = Buffer.from(mountpoint).toString("latin1");
  const source = Buffer.from(`JuiceFS:${options.name}`).toString("latin1");
  const errno = await nativeFuse().mount(source, target, "fuse.jfs", bits, words.join(","));
  if (errno === 0) return fd;
  closeSync(fd);
  const code = getSystemErrorName(-errno);
  const hint = code === "EPERM" ? "in a container add --cap-add SYS_ADMIN" : "see dmesg";
  throw new MountError(`mounting on ${mountpoint} failed (${code}): ${hint}`);
}

async function mountAsUser(mountpoint: string, options: MountOptions): Promise<number> {
  const words = [`fsname=JuiceFS:${options.name}`, "subtype=jfs", `max_read=${options.maxRead}`];
  if (options.defaultPermissions) words.push("default_permissions");
  if (options.allowOther) words.push("allow_other");
  words.push("nosuid", "nodev", ...options.flags.filter((flag) => !NEUTRAL.has(flag)));
  const native = nativeFuse();
  const [ours, theirs] = native.socketPair();
  try {
    const said = await fusermount(["-o", words.join(","), "--", mountpoint], theirs);
    const fd = native.receiveDescriptor(ours);
    if (fd >= 0) return fd;
    throw new MountError(`fusermount3 could not mount on ${mountpoint}: ${advice(said)}`);
  } finally {
    closeSync(ours);
    closeSync(theirs);
  }
}

function advice(said: string): string {
  const line =
    said
      .trim()
      .split("\n")
      .at(-1)
      ?.replace(/^fusermount3: /, "") ?? "";
  if (line.includes("user_allow_other"))
    return "allow_other needs the line user_allow_other in /etc/fuse.conf";
  return line === "" ? "it did not say why" : line;
}

/** Runs fusermount3 with the socket as descriptor 3; answers what it said on stderr. */
async function fusermount(args: readonly string[], socket: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const env = { ...process.env, _FUSE_COMMFD: "3" };
  const child = spawn("fusermount3", args, { env, stdio: ["ignore", "ignore", "pipe", socket] });
  let said = "";
  child.stderr?.on("data", (data: Buffer) => (said += data.toString()));
  child.on("error", (e: NodeJS.ErrnoException) => {
    const hint =
      e.code === "ENOENT"
        ? "fusermount3 is missing: install it with sudo apt-get install -y fuse3"
        : e.message;
    reject(new MountError(hint));
  });
  child.on("close", () => resolve(said));
  return promise;
}

/** Lets the kernel read ahead further than its default of 128 KiB. Only root may; without it reads are just smaller. */
export async function raiseReadahead(mountpoint: string, bytes: number): Promise<boolean> {
  try {
    const entry = mountAt(await mountTable(), await realpath(mountpoint));
    if (entry === undefined) return false;
    const dir = `/sys/class/bdi/${entry.device}`;
    await readdir(dir);
    await writeFile(`${dir}/read_ahead_kb`, String(Math.floor(bytes / 1024)));
    return true;
  } catch {
    return false;
  }
}
