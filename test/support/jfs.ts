// Runs the jfs command line of this checkout, or the executable that JFS_UNDER_TEST names, as a process.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");

export const jfsProgram: string = process.env["JFS_UNDER_TEST"] ?? join(root, "build/jfs");

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

export function jfs(args: readonly string[], options: RunOptions = {}): Outcome {
  const { status, signal, stdout, stderr } = spawnSync(jfsProgram, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    input: options.input ?? "",
    encoding: "utf8",
    timeout: 60_000,
  });
  return {
    code: status ?? -1,
    stdout,
    stderr: signal === null ? stderr : `${stderr}\nended by ${signal}`,
  };
}

/** Runs and expects success; returns what was printed. */
export function jfsOk(args: readonly string[], options: RunOptions = {}): string {
  const { code, stdout, stderr } = jfs(args, options);
  if (code !== 0) throw new Error(`jfs ${args.join(" ")}: exit ${code}\n${stdout}${stderr}`);
  return stdout;
}

export interface Volume {
  readonly dir: string;
  readonly db: string;
  readonly blocks: string;
  readonly mnt: string;
  readonly log: string;
}

/** Formats a volume in a new folder, calls `body`, then unmounts and removes everything. */
export async function withVolume(
  body: (volume: Volume) => void | Promise<void>,
  formatArgs: readonly string[] = [],
): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "jfs-test-"));
  const volume = {
    dir,
    db: join(dir, "meta.db"),
    blocks: join(dir, "blocks"),
    mnt: join(dir, "mnt"),
    log: join(dir, "log"),
  };
  try {
    jfsOk(["-q", "format", "--bucket", volume.blocks, ...formatArgs, volume.db, "testvol"]);
    await body(volume);
  } finally {
    if (isMounted(volume.mnt)) jfs(["umount", volume.mnt]);
    if (isMounted(volume.mnt)) jfs(["umount", "--force", volume.mnt]);
    rmSync(dir, { recursive: true, force: true });
  }
}

export function mountVolume(volume: Volume, args: readonly string[] = []): void {
  jfsOk(["mount", "-d", "--log", volume.log, ...args, volume.db, volume.mnt]);
}

export function isMounted(path: string): boolean {
  return readFileSync("/proc/self/mountinfo", "utf8").includes(` ${path} `);
}

/** Why nothing can be mounted on this machine; undefined when it can. */
export function whyNoMount(): string | undefined {
  if (!existsSync("/dev/fuse")) return "this machine has no /dev/fuse";
  return undefined;
}
