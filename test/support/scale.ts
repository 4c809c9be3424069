// How much work the tests of real programs do: WORK_SCALE multiplies their sizes and counts, for runs
// by hand.

export const scale: number = Number(process.env["WORK_SCALE"] ?? 1);

/** `count` times the scale, at least 1. */
export function scaled(count: number): number {
  return Math.max(1, Math.round(count * scale));
}
