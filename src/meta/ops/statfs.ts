// statfs from the volume's counters and limits, and from the quotas above a directory (formats 16.9).
import type { StatFs } from "../api.ts";
import type { MetaRead } from "../txn.ts";
import { type Ino, ROOT_INO } from "../types.ts";
import type { Volume } from "../volume.ts";

const PIB = 2 ** 50;
const DEPTH_MAX = 10_000;
const INODES_SHOWN = 10 * 1024 * 1024;

/** Of the volume as seen from `ino`: the quotas of the directories above it leave less. */
export function statfs(tx: MetaRead, v: Volume, ino: Ino): StatFs {
  const all = statfsOfVolume(tx, v);
  return ino === ROOT_INO ? all : belowQuotas(tx, ino, all);
}

/** The innermost quota tells what is used, the tightest what is left. */
function belowQuotas(tx: MetaRead, from: Ino, all: StatFs): StatFs {
  let { availableBytes, availableInodes } = all;
  let used: { readonly bytes: number; readonly inodes: number } | undefined;
  let ino = from;
  // A chain longer than this is a circle.
  for (let depth = 0; ino > ROOT_INO && depth < DEPTH_MAX; depth++) {
    const quota = tx.dirQuota(ino);
    if (quota !== undefined) {
      const bytes = Math.max(0, quota.usedSpace);
      const inodes = Math.max(0, quota.usedInodes);
      used ??= { bytes, inodes };
      if (quota.maxSpace > 0) {
        availableBytes = Math.min(availableBytes, Math.max(0, quota.maxSpace - bytes));
      }
      if (quota.maxInodes > 0) {
        availableInodes = Math.min(availableInodes, Math.max(0, quota.maxInodes - inodes));
      }
    }
    ino = tx.attr(ino)?.parent ?? ROOT_INO;
  }
  if (used === undefined) return all;
  const totalBytes = used.bytes + availableBytes;
  return { totalBytes, availableBytes, usedInodes: used.inodes, availableInodes };
}

function statfsOfVolume(tx: MetaRead, v: Volume): StatFs {
  tx.load([
    ["counter", "usedSpace"],
    ["counter", "totalInodes"],
  ]);
  // Counters may be negative for a moment when clients add late.
  const used = Math.max(0, tx.counter("usedSpace"));
  const usedInodes = Math.max(0, tx.counter("totalInodes"));
  let totalBytes = PIB;
  if (v.capacity > 0) totalBytes = Math.max(v.capacity, used);
  else while (totalBytes * 8 < used * 10) totalBytes *= 2;
  let availableInodes = INODES_SHOWN;
  if (v.inodes > 0) availableInodes = Math.max(0, v.inodes - usedInodes);
  else while (availableInodes * 4 < usedInodes) availableInodes *= 2;
  return { totalBytes, availableBytes: totalBytes - used, usedInodes, availableInodes };
}
