// The life of a mounted volume in this process: until it is unmounted from outside, a signal asks for it, or the
// volume is not ours any more.
import type { FuseSession } from "../fuse/session.ts";
import { UnmountError, unmount } from "../fuse/unmount.ts";
import { log } from "../util/log.ts";
import { EXIT_FAILURE } from "./exit-code.ts";
import { UserError } from "./user-error.ts";

const stopSignals = ["SIGINT", "SIGTERM"] as const;
// Ctrl-C under npm arrives twice: from the terminal and from npm.
const SECOND_SIGNAL_MS = 1000;

export class Serving {
  readonly mountPoint: string;
  /** Undefined while the volume is being mounted. */
  #session: FuseSession | undefined;
  /** When a signal first asked to stop; 0 = not yet. */
  #askedAt = 0;
  #exitCode = 0;

  /** From now on a signal ends this process in order. */
  constructor(mountPoint: string) {
    this.mountPoint = mountPoint;
    for (const signal of stopSignals) process.on(signal, () => this.#stop());
    // A closed terminal must not end a file system that others use.
    process.on("SIGHUP", () => undefined);
  }

  /** Throws UserError when a signal has come: for places where nothing is mounted yet. */
  checkAsked(): void {
    if (this.#askedAt === 0) return;
    throw new UserError(
      `stopped by a signal before ${this.mountPoint} was mounted: mount it again`,
    );
  }

  /** Resolves with the exit code when the connection to the kernel has ended. The first signal unmounts, lazily when
   *  files are open; the second ends the connection at once. */
  async untilUnmounted(session: FuseSession): Promise<number> {
    this.#session = session;
    if (this.#exitCode !== 0) this.#endNow(session);
    else if (this.#askedAt > 0) void this.#unmount();
    await session.closed;
    // The handlers stay: a signal that comes while the last blocks are written must not cut that short.
    return this.#exitCode;
  }

  /** Stops serving at once: nothing that is written now would be part of the volume. */
  terminate(reason: string): void {
    log("error", `${reason}: stop serving ${this.mountPoint}`);
    this.#exitCode = EXIT_FAILURE;
    if (this.#session !== undefined) this.#endNow(this.#session);
  }

  #stop(): void {
    const now = performance.now();
    const isAgain = this.#askedAt > 0 && now - this.#askedAt > SECOND_SIGNAL_MS;
    const isFirst = this.#askedAt === 0;
    this.#askedAt ||= now;
    if (this.#session === undefined) {
      // The start hangs, on a database that another process holds perhaps.
      if (isAgain) process.exit(EXIT_FAILURE);
    } else if (isFirst) void this.#unmount();
    else if (isAgain) this.#endNow(this.#session);
  }

  #endNow(session: FuseSession): void {
    session.close();
    // Nobody answers there any more: take it out of the tree.
    unmount(this.mountPoint, { lazy: true }).catch((e: Error) => log("debug", e.message));
  }

  async #unmount(): Promise<void> {
    try {
      await unmount(this.mountPoint);
    } catch (error) {
      if (!(error instanceof UnmountError) || error.code !== "EBUSY") {
        log("error", error instanceof Error ? error.message : String(error));
        return;
      }
      log(
        "warn",
        `${this.mountPoint} is in use: it ends when the last file is closed; stop once more to end it now`,
      );
      await unmount(this.mountPoint, { lazy: true }).catch((e: Error) => log("error", e.message));
    }
  }
}
