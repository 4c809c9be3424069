// What is mounted where, from /proc/self/mountinfo: it tells without touching a mount point, which may hang.
import { readFile } from "node:fs/promises";

export interface MountEntry {
  /** Bytes as latin1. */
  readonly mountpoint: string;
  readonly type: string;
  readonly source: string;
  /** "major:minor", the name of the mount's directory in /sys/class/bdi. */
  readonly device: string;
}

/** All mounts of this process's namespace, later ones (on top) last. */
export async function mountTable(): Promise<MountEntry[]> {
  return parseMountinfo(await readFile("/proc/self/mountinfo", "latin1"));
}

export function parseMountinfo(text: string): MountEntry[] {
  const entries: MountEntry[] = [];
  for (const line of text.split("\n")) {
    const [left, right] = line.split(" - ");
    const fields = left?.split(" ") ?? [];
    const tail = right?.split(" ") ?? [];
    const [, , device, , mountpoint] = fields;
    const [type, source] = tail;
    if (device === undefined || mountpoint === undefined || type === undefined) continue;
    entries.push({
      mountpoint: unescape(mountpoint),
      type,
      source: unescape(source ?? ""),
      device,
    });
  }
  return entries;
}

/** The kernel writes blanks and backslashes as octal. */
function unescape(field: string): string {
  return field.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}

/** The mount on top at this path. */
export function mountAt(table: readonly MountEntry[], path: string): MountEntry | undefined {
  const bytes = Buffer.from(path, "utf8").toString("latin1");
  return table.findLast((entry) => entry.mountpoint === bytes);
}

/** True for a volume of this kind, whoever serves it. */
export function isVolume(entry: MountEntry): boolean {
  return entry.type === "fuse.jfs" || entry.type === "fuse.juicefs";
}
