// Mutations that are kept for a while must not lie in somebody's buffer.
import type { Mutation } from "../mutation.ts";

/** The value of an extended attribute is a view of the request that brought it; all else is ours already. */
export function ownMutation(mutation: Mutation): Mutation {
  if (mutation.kind !== "putXattr") return mutation;
  return { ...mutation, value: Uint8Array.from(mutation.value) };
}
