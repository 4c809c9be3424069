// The wall clock with microseconds, read before a body runs and handed to it.

export interface Time {
  /** Whole seconds since 1970, negative before. */
  readonly sec: number;
  /** Nanoseconds within the second, 0..999999999. */
  readonly nsec: number;
}

/** Now. Microsecond resolution: finer than the kernel's own tick for inode times. */
export function wallClock(): Time {
  // timeOrigin + now() drifts from a stepped clock; Date.now() does not. Take the second from the latter.
  const ms = Date.now();
  const fine = performance.now();
  const nsec = (ms % 1000) * 1_000_000 + Math.floor((fine % 1) * 1000) * 1000;
  return { sec: Math.floor(ms / 1000), nsec };
}

export function compareTime(a: Time, b: Time): number {
  return a.sec - b.sec || a.nsec - b.nsec;
}
