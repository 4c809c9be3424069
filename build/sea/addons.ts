// Loads the native addons that the single executable carries: part of the executable, not of a checkout.
// dlopen needs a file, so each addon is written to one without a name and opened through /proc: nothing
// is left behind, nobody can swap it, and no cache directory has to exist.
import { constants, mkdtempSync, openSync, rmdirSync, unlinkSync, writeSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { getRawAsset } from "node:sea";
import {
  getEnvironmentData,
  setEnvironmentData,
  Worker,
  type WorkerOptions,
} from "node:worker_threads";
import { setNativeAddon } from "../../src/util/native.ts";

// Linux's O_TMPFILE, which node:fs does not name: __O_TMPFILE | O_DIRECTORY.
const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY;

function candidates(): string[] {
  const dirs = [tmpdir(), "/tmp", "/var/tmp", "/dev/shm", process.env["XDG_RUNTIME_DIR"]];
  try {
    dirs.push(homedir());
  } catch {
    // An empty root has no passwd file and perhaps no HOME.
  }
  return [...new Set(dirs.filter((dir) => dir !== undefined && dir !== ""))] as string[];
}

function nameless(dir: string): number {
  try {
    return openSync(dir, O_TMPFILE | constants.O_RDWR, 0o700);
  } catch {
    // File systems without O_TMPFILE: the name lives for an instant in a directory of our own.
    const own = mkdtempSync(join(dir, "jfs-"));
    const file = join(own, "addon");
    const fd = openSync(file, "wx+", 0o700);
    unlinkSync(file);
    rmdirSync(own);
    return fd;
  }
}

function dlopen(path: string): unknown {
  const holder: { exports: unknown } = { exports: {} };
  process.dlopen(holder, path);
  return holder.exports;
}

/** Loads the addon that was packed under `name`. One file per process: two copies of SQLite in one process
 *  would drop each other's POSIX locks, so worker threads open the file that the main thread made. */
export function loadAddon(name: string): unknown {
  const shared = getEnvironmentData(`addon:${name}`);
  if (typeof shared === "string") return dlopen(shared);
  const bytes = Buffer.from(getRawAsset(name));
  let lastError: unknown;
  for (const dir of candidates()) {
    try {
      const fd = nameless(dir);
      for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done);
      const path = `/proc/self/fd/${fd}`;
      const addon = dlopen(path);
      setEnvironmentData(`addon:${name}`, path);
      return addon;
    } catch (error) {
      lastError = error;
    }
  }
  const reason = lastError instanceof Error ? lastError.message : String(lastError);
  throw new Error(
    `cannot load ${name}: set TMPDIR to a folder that is writable and not noexec (${reason})`,
  );
}

/** `new Worker(new URL("./name.ts", import.meta.url), options)` of the sources becomes a call of this. */
export function packedWorker(name: string, options: WorkerOptions = {}): Worker {
  const code = Buffer.from(getRawAsset(`worker:${name}`)).toString("utf8");
  return new Worker(code, { ...options, eval: true });
}

/** Stands in for `import.meta.url`. */
export const executableUrl: string = `file://${process.execPath}`;

setNativeAddon(() => loadAddon("jfs.node"));
