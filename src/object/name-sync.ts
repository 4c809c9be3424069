// Knows which file systems write a new file's name with its fsync, so that a durable put needs one disk flush, not two.
import { readFileSync, statSync } from "node:fs";

/**
 * True for ext3 and ext4. With a journal: the rename changes the file's own inode in the transaction that changes the directory,
 * and fsync waits for that commit. Without one: fsync of a new inode syncs its parents (ext4_sync_parent). Any doubt is false.
 */
export function namesSyncWithFiles(path: string): boolean {
  try {
    return /^ext[34]$/.test(fileSystemOf(statSync(path).dev));
  } catch {
    return false;
  }
}

function fileSystemOf(dev: number): string {
  const device = `${major(dev)}:${minor(dev)}`;
  for (const line of readFileSync("/proc/self/mountinfo", "latin1").split("\n")) {
    // "id parent major:minor root mountpoint options [tags] - type source options"
    if (line.split(" ")[2] === device) return / - (\S+) /.exec(line)?.[1] ?? "";
  }
  return "";
}

// glibc's layout of a 64-bit dev_t.
function major(dev: number): number {
  return (Math.floor(dev / 2 ** 8) % 2 ** 12) + Math.floor(dev / 2 ** 44) * 2 ** 12;
}
function minor(dev: number): number {
  return (dev % 2 ** 8) + (Math.floor(dev / 2 ** 20) % 2 ** 24) * 2 ** 8;
}
