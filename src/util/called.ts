// Functions of node:fs with callbacks as promises: half of what node:fs/promises costs.
import { close, fsync, open } from "node:fs";

export function called(start: (done: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => (error === null ? resolve() : reject(error)));
  });
}

/** Puts the entries of a directory on disk. */
export async function syncDirectory(path: string): Promise<void> {
  const fd = await new Promise<number>((resolve, reject) => {
    open(path, "r", (error, opened) => (error === null ? resolve(opened) : reject(error)));
  });
  try {
    await called((done) => fsync(fd, done));
  } finally {
    await called((done) => close(fd, done));
  }
}
