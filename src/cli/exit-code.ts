// What the process ends with when it did not do what was asked.

export const EXIT_FAILURE = 1;
export const EXIT_USAGE = 2;
