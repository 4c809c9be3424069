// Mounts a file system and serves it: what the command line and the tests call.
import { defaultOptions } from "./negotiate.ts";
import type { Agreed, SessionOptions } from "./negotiate.ts";
import { mountFuse, raiseReadahead } from "./mount.ts";
import type { MountOptions } from "./mount.ts";
import type { FuseOperations } from "./operations.ts";
import { FuseSession } from "./session.ts";
import { unmount } from "./unmount.ts";
import type { UnmountOptions } from "./unmount.ts";

export interface Mounted {
  readonly session: FuseSession;
  readonly agreed: Agreed;
  /** Throws UnmountError, with code EBUSY while somebody uses the mount. `session.closed` follows. */
  unmount(options?: UnmountOptions): Promise<void>;
}

/** Resolves when the kernel has said INIT, so that the mount point answers. Throws MountError. */
export async function mountAndServe(
  ops: FuseOperations,
  mount: MountOptions,
  options: Partial<SessionOptions> = {},
): Promise<Mounted> {
  const settings = { ...defaultOptions, ...options, trusted: mount.defaultPermissions };
  const session = new FuseSession(await mountFuse(mount), ops, settings);
  const agreed = await session.ready;
  if (process.getuid?.() === 0) await raiseReadahead(mount.mountpoint, settings.maxReadahead);
  return {
    session,
    agreed,
    unmount: (how) => unmount(mount.mountpoint, how),
  };
}
