// One at a time at a mount point: between looking at it and mounting there nobody else may mount. The lock is an
// abstract socket, which ends with the process whatever happens to it.
import { createServer } from "node:net";

/** Undefined when another process is mounting there right now. The lock is released by disposing of it. */
export async function lockMountPoint(path: string): Promise<Disposable | undefined> {
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<boolean>();
  server.once("error", () => resolve(false));
  server.listen(`\0jfs-mounting-${path}`.slice(0, NAME_MAX), () => resolve(true));
  if (!(await promise)) return undefined;
  return { [Symbol.dispose]: () => void server.close() };
}

/** Longer names are no names of sockets; two mount points that share so much of theirs take turns, no harm done. */
const NAME_MAX = 100;
