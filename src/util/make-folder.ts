// mkdir -p. Node's own recursive mkdir never returns where a parent cannot be made and the kernel says ENOENT (/proc).
import { mkdirSync } from "node:fs";
import { dirname, resolve } from "node:path";

const codeOf = (e: unknown): string | undefined => (e as NodeJS.ErrnoException).code;

/** Makes a folder and its missing parents. The topmost one it made, undefined when all were there. Throws the system's error. */
export function makeFolder(folder: string): string | undefined {
  const path = resolve(folder);
  const missing = [path];
  let first: string | undefined;
  for (let climbing = true; missing.length > 0;) {
    const next = missing[missing.length - 1] as string;
    try {
      mkdirSync(next);
      first ??= next;
    } catch (e) {
      const parent = dirname(next);
      if (codeOf(e) === "ENOENT" && climbing && parent !== next) {
        missing.push(parent);
        continue;
      }
      // A file in the way of a folder below it shows as ENOTDIR there.
      if (codeOf(e) !== "EEXIST") throw e;
    }
    climbing = false;
    missing.pop();
  }
  return first;
}
