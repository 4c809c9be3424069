// What transactions need of a journal: a place where changes are safe before their COMMIT.
import type { Mutation } from "../mutation.ts";

export interface Early {
  /** True while changes are acknowledged by a frame. May become false with any call of `append` and any look at the database. */
  readonly isOn: boolean;
  /** Appends what was recorded since the last call as one frame; false = it must be committed before it is acknowledged. */
  append(): boolean;
  /** The open transaction is about to be committed: writes into it how far the journal is applied then. */
  beforeCommit(): void;
  committed(): void;
  /** The open transaction was rolled back: what was recorded and not appended has not happened. */
  lost(): void;
  /** What the frames since the last COMMIT say, in order: the database has lost it and must be told again. */
  owed(): readonly (readonly Mutation[])[];
  /** COMMIT failed: until further notice nothing is acknowledged before it. */
  failed(): void;
}

/** For volumes without a journal. */
export const NEVER_EARLY: Early = {
  isOn: false,
  append: () => false,
  beforeCommit: () => undefined,
  committed: () => undefined,
  lost: () => undefined,
  owed: () => [],
  failed: () => undefined,
};
