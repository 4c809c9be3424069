// Makes any object answer later: every method returns a promise that resolves in another turn of the event loop.
// Engines and stores behind a network behave so; in-place ones would never take those paths.

/** `inPlace` = methods that answer at once all the same. Getters and errors pass; errors arrive as rejections. */
export function slowed<T extends object>(target: T, inPlace: readonly string[]): T {
  return new Proxy(target, {
    get(object, key): unknown {
      const value: unknown = Reflect.get(object, key, object);
      if (typeof value !== "function") return value;
      if (inPlace.includes(String(key))) return value.bind(object);
      return async (...args: unknown[]): Promise<unknown> => {
        await new Promise((resume) => setImmediate(resume));
        return Reflect.apply(value, object, args) as unknown;
      };
    },
  });
}

export const IN_PLACE_META: readonly string[] = [
  "beginTurn",
  "endTurn",
  "onForeignChange",
  "format",
  "openCount",
  "journalData",
  "forgetData",
  "onJournalPressure",
];
export const IN_PLACE_STORAGE: readonly string[] = ["list"];
