// Walks a folder of objects in key order without following what is half written.
import type { Dirent } from "node:fs";
import { statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { ObjectInfo } from "./storage.ts";

/** The loop is given back after this many stat calls. */
const STATS_PER_TURN = 64;

/** A put that was not finished: by us or by JuiceFS. */
export const isTemporary = (name: string): boolean => /^\.jfs\..*\.tmp\.[^.]*$/.test(name);

/**
 * Objects below `folder` whose key starts with `prefix` and comes after `after`, in the order of their keys. Keys are paths relative
 * to the folder without their leading `stem`. Node's errors pass through; a missing folder has no objects.
 */
export async function* listFiles(
  folder: string,
  stem: string,
  prefix: string,
  after: string,
): AsyncGenerator<ObjectInfo> {
  const from = stem + prefix;
  // Only the folder that the prefix reaches into has to be read.
  const start = from.slice(0, from.lastIndexOf("/") + 1);
  const walk: Walk = { folder, from, after: after === "" ? "" : stem + after, stats: 0 };
  for await (const file of walkFolder(walk, start)) {
    yield { ...file, key: file.key.slice(stem.length) };
  }
}

interface Walk {
  readonly folder: string;
  readonly from: string;
  readonly after: string;
  stats: number;
}

async function* walkFolder(walk: Walk, path: string): AsyncGenerator<ObjectInfo> {
  for (const name of await sortedNames(join(walk.folder, path))) {
    const key = path + name;
    if (name.endsWith("/")) {
      const within = key.startsWith(walk.from) || walk.from.startsWith(key);
      const passed = walk.after >= key && !walk.after.startsWith(key);
      if (within && !passed) yield* walkFolder(walk, key);
      continue;
    }
    if (!key.startsWith(walk.from) || key <= walk.after) continue;
    if (++walk.stats % STATS_PER_TURN === 0) await new Promise((done) => setImmediate(done));
    const file = statSync(join(walk.folder, key), { throwIfNoEntry: false });
    // Deleted since the folder was read, or nothing that a put has made.
    if (file === undefined || !file.isFile()) continue;
    yield { key, size: file.size, modifiedMs: Math.floor(file.mtimeMs) };
  }
}

/** Directories end in a slash, so that they sort where their objects do. */
async function sortedNames(folder: string): Promise<string[]> {
  let entries: Dirent[];
  try {
    entries = await readdir(folder, { withFileTypes: true });
  } catch (e) {
    if ((e as { code?: string }).code === "ENOENT") return [];
    throw e;
  }
  const names: string[] = [];
  for (const entry of entries) {
    if (isDirectory(folder, entry)) names.push(`${entry.name}/`);
    else if (!isTemporary(entry.name)) names.push(entry.name);
  }
  return names.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

function isDirectory(folder: string, entry: Dirent): boolean {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  const target = statSync(join(folder, entry.name), { throwIfNoEntry: false });
  return target?.isDirectory() ?? false;
}
