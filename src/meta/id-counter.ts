// How a counter of ids is read: two kinds hold the next free id, two the last one handed out (formats 1.6, 4.6).
import type { IdCounter } from "./store.ts";

/** What an absent counter counts as. */
export function initialCounter(counter: IdCounter): number {
  if (counter === "nextInode") return 2;
  return counter === "nextChunk" ? 1 : 0;
}

/** The first id of a batch taken from a counter whose stored value is `stored`. */
export function firstId(counter: IdCounter, stored: number): number {
  const holdsNextFree = counter === "nextInode" || counter === "nextChunk";
  return holdsNextFree ? stored : stored + 1;
}
