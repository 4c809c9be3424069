// Inode numbers between their 64-bit form and ours. The numbers from 0x7FFFFFFF00000000 up (virtual files, trash) do
// not fit a double, so they are folded linearly: the trash root 0x7FFFFFFF10000000 becomes 2^52.

const TWO32 = 4294967296;
const SPECIAL_HIGH = 0x7fffffff;
const TRASH_LOW = 0x10000000;
/** The folded inode of the trash root. */
export const FOLDED_TRASH: number = 2 ** 52;
/** The lowest folded inode of the special range (0x7FFFFFFF00000000). */
export const FOLDED_SPECIAL: number = FOLDED_TRASH - TRASH_LOW;
const SPECIAL_BASE = 0x7fffffff00000000n;

/** Joins the two halves of a 64-bit inode number. */
export function foldIno(high: number, low: number): number {
  return high === SPECIAL_HIGH ? FOLDED_SPECIAL + low : high * TWO32 + low;
}
export function inoHigh(ino: number): number {
  return ino >= FOLDED_SPECIAL ? SPECIAL_HIGH : Math.floor(ino / TWO32);
}
export function inoLow(ino: number): number {
  return ino >= FOLDED_SPECIAL ? ino - FOLDED_SPECIAL : ino % TWO32;
}

/** The number as JuiceFS stores and prints it. */
export function unfoldIno(ino: number): number | bigint {
  return ino >= FOLDED_SPECIAL ? SPECIAL_BASE + BigInt(ino - FOLDED_SPECIAL) : ino;
}
export function foldBigIno(ino: bigint | number): number {
  if (typeof ino === "number") return ino;
  return ino >= SPECIAL_BASE ? FOLDED_SPECIAL + Number(ino - SPECIAL_BASE) : Number(ino);
}
