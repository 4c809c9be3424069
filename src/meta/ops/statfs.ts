// statfs from the volume's counters and limits (formats 16.9).
import type { StatFs } from "../api.ts";
import type { MetaRead } from "../txn.ts";
import type { Volume } from "../volume.ts";

const PIB = 2 ** 50;
const INODES_SHOWN = 10 * 1024 * 1024;

export function statfs(tx: MetaRead, v: Volume): StatFs {
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
