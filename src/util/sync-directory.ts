// Puts the entries of a directory on disk: what was made, renamed or removed in it survives a power cut.
import { close, closeSync, fsync, fsyncSync, open, openSync } from "node:fs";
import { called } from "./called.ts";

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

/** Blocks: for the rare moment that nothing may come between. */
export function syncDirectoryNow(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
