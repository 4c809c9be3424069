// Names of blocks in the object store (formats 9.1) and how a slice is cut into them.

/** Blocks of a slice of `size` bytes; none for an empty one. */
export function blockCount(size: number, blockBytes: number): number {
  return Math.ceil(size / blockBytes);
}

/** Bytes of block `index`: all blocks are full but the last. */
export function blockSize(size: number, index: number, blockBytes: number): number {
  return Math.min(blockBytes, size - index * blockBytes);
}

/** The object key below the volume's prefix; `size` = plain bytes of this block. */
export function blockKey(id: number, index: number, size: number, hashPrefix: boolean): string {
  const millions = Math.floor(id / 1_000_000);
  if (!hashPrefix) {
    return `chunks/${millions}/${Math.floor(id / 1000)}/${id}_${index}_${size}`;
  }
  const hash = (id % 256).toString(16).toUpperCase().padStart(2, "0");
  return `chunks/${hash}/${millions}/${id}_${index}_${size}`;
}

// 64 MiB in blocks of 64 KiB, the smallest that JuiceFS makes.
const BLOCKS_MAX = 1024;
const COMPACT_ID_MAX = Math.floor(Number.MAX_SAFE_INTEGER / BLOCKS_MAX);

/** A block's identity in memory: a number where it fits (no string is built for each read), else a string. */
export type BlockId = number | string;

export function blockId(id: number, index: number): BlockId {
  if (id < COMPACT_ID_MAX && index < BLOCKS_MAX) return id * BLOCKS_MAX + index;
  return `${id}_${index}`;
}
