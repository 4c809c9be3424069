// Makes time pass sooner for a test in which only the order of things matters.

/** From now on pauses of the program take a 25th of what it asks for. */
export function hurry(): void {
  const { setTimeout: real } = globalThis;
  const sooner = (call: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) =>
    real(call, ms / 25, ...args);
  globalThis.setTimeout = Object.assign(sooner, real);
}
