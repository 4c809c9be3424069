// What is mounted where, read from /proc/self/mountinfo: never by touching a mount point, which may hang.
import { readFileSync } from "node:fs";

export interface MountRow {
  /** "major:minor", unique among all mounts of this machine. */
  readonly device: string;
  readonly mountPoint: string;
  readonly type: string;
  readonly source: string;
  readonly options: string;
}

function unescape(field: string): string {
  const bytes = field.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
  return Buffer.from(bytes, "latin1").toString("utf8");
}

/** All mounts, the topmost of a place last. */
export function mountTable(): MountRow[] {
  const rows: MountRow[] = [];
  for (const line of readFileSync("/proc/self/mountinfo", "latin1").split("\n")) {
    const [left, right] = line.split(" - ");
    if (left === undefined || right === undefined) continue;
    const before = left.split(" ");
    const after = right.split(" ");
    rows.push({
      device: before[2] ?? "",
      mountPoint: unescape(before[4] ?? ""),
      options: before[5] ?? "",
      type: after[0] ?? "",
      source: unescape(after[1] ?? ""),
    });
  }
  return rows;
}

/** The topmost mount at exactly this absolute path. */
export function mountAt(path: string): MountRow | undefined {
  return mountTable().findLast((row) => row.mountPoint === path);
}

export function isOurs(row: MountRow): boolean {
  return row.type === "fuse.jfs" || (row.type === "fuse" && row.source.startsWith("jfs:"));
}
