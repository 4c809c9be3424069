// Values that are usually there at once. SQLite answers in place, so most operations never allocate a promise;
// these few functions are the only places that look at whether one came back.

export type MaybePromise<T> = T | Promise<T>;

export function isPromise<T>(v: MaybePromise<T>): v is Promise<T> {
  return (
    typeof v === "object" && v !== null && typeof (v as { then?: unknown }).then === "function"
  );
}

/** Calls `done` in this turn when the value is here, else when it arrives. */
export function settle<T>(
  v: MaybePromise<T>,
  done: (v: T) => void,
  fail: (e: unknown) => void,
): void {
  if (isPromise(v)) v.then(done, fail);
  else done(v);
}

/** Maps a value without making a promise of it unless it already is one. */
export function then<T, U>(v: MaybePromise<T>, next: (v: T) => MaybePromise<U>): MaybePromise<U> {
  return isPromise(v) ? v.then(next) : next(v);
}
