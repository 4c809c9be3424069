// What a file was given since its last frame in the journal, as the extents of the next one.
import type { DataExtent } from "../meta/journal/journal.ts";
import type { OpenSlice } from "./open-slice.ts";

/** The bytes of `slices` (all of a file, oldest first) that no frame has yet, in the order of writing; undefined when they are
 *  more than `bytesMax`, or not at hand any more. All of a file or nothing: what an older slice says must come first. */
export function unjournaled(
  slices: readonly OpenSlice[],
  bytesMax: number,
): DataExtent[] | undefined {
  let bytes = 0;
  for (const slice of slices) if (!slice.failed) bytes += slice.unjournaledBytes;
  if (bytes > bytesMax) return undefined;
  const extents: DataExtent[] = [];
  if (bytes === 0) return extents;
  for (const slice of slices) {
    if (!slice.failed && slice.unjournaledBytes > 0) slice.addUnjournaled(extents);
  }
  return extents;
}
