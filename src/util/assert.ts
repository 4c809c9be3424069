// Bugs, not errors: a failed assertion is never caught below the dispatcher.

export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** The value, which the caller knows to be there. */
export function must<T>(value: T | undefined | null, message = "value expected"): T {
  if (value === undefined || value === null) throw new AssertionError(message);
  return value;
}

export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${String(value)}`);
}
