// The life of a mounted volume in this process: until it is unmounted from outside or a signal asks for it.
import type { FuseSession } from "../fuse/session.ts";
import { UnmountError, unmount } from "../fuse/unmount.ts";
import { log } from "../util/log.ts";

const stopSignals = ["SIGINT", "SIGTERM"] as const;

/** Resolves when the connection to the kernel has ended. The first signal unmounts, lazily when files are open;
 *  the second ends the connection at once. */
export async function serveUntilUnmounted(session: FuseSession, mountPoint: string): Promise<void> {
  let asked = 0;
  const stop = (): void => {
    asked++;
    if (asked > 1) session.close();
    else void unmountForSignal(mountPoint);
  };
  // A closed terminal must not end a file system that others use.
  const ignore = (): void => undefined;
  for (const signal of stopSignals) process.on(signal, stop);
  process.on("SIGHUP", ignore);
  try {
    await session.closed;
  } finally {
    for (const signal of stopSignals) process.off(signal, stop);
    process.off("SIGHUP", ignore);
  }
}

async function unmountForSignal(mountPoint: string): Promise<void> {
  try {
    await unmount(mountPoint);
  } catch (error) {
    if (!(error instanceof UnmountError)) throw error;
    if (error.code !== "EBUSY") {
      log("error", error.message);
      return;
    }
    log("warn", `${mountPoint} is in use: it is unmounted when the last file is closed; stop once more to end it now`);
    await unmount(mountPoint, { lazy: true }).catch((e: Error) => log("error", e.message));
  }
}
