// Lets the file system tell the kernel to forget, in terms of the connection to it.
import type { FuseSession } from "../fuse/session.ts";
import type { Agreed } from "../fuse/negotiate.ts";
import type { KernelNotifier } from "../vfs/options.ts";

export function kernelNotifier(session: FuseSession, agreed: Agreed): KernelNotifier {
  return {
    canForgetAll: agreed.hasEpoch,
    forgetAll: () => void session.notifications?.incEpoch(),
    invalidateInode: (ino) => void session.notifications?.invalInode(ino, 0, 0),
  };
}
