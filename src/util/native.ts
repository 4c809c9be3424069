// Finds and loads the C addon once: beside the checkout's build outputs, or unpacked by the single executable.
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { join, dirname } from "node:path";

let loaded: unknown;

/** The addon's exports; the caller casts them to the part it uses. Throws a sentence when it is not built. */
export function nativeAddon(): unknown {
  loaded ??= packed === undefined ? createRequire(import.meta.url)(locate()) : packed();
  return loaded;
}

let packed: (() => unknown) | undefined;
/** For the single executable: how its copy of the addon is loaded. */
export function setNativeAddon(load: () => unknown): void {
  packed = load;
}

function locate(): string {
  const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
  const file = join(root, "build", "out", "native", "jfs.node");
  if (!existsSync(file))
    throw new Error("the C addon is not built: run sh build/setup.sh in the checkout of jfs");
  return file;
}
