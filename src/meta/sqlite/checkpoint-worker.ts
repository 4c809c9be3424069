// A thread with a connection of its own that moves pages from the WAL into the database, so that the syncs of a
// checkpoint never run on the event loop. Each message asks for one round; the answer tells how far it came.
import Database from "better-sqlite3";
import { parentPort, workerData } from "node:worker_threads";

/** What comes back: frames in the WAL and how many of them are in the database, or why it failed. */
export interface CheckpointResult {
  readonly frames: number;
  readonly moved: number;
  readonly error?: string;
}

if (parentPort !== null) serve(parentPort, (workerData as { readonly path: string }).path);

function serve(port: NonNullable<typeof parentPort>, path: string): void {
  const db = new Database(path, { timeout: 0, fileMustExist: true });
  // NORMAL syncs the WAL before and the database after the pages are moved.
  db.pragma("synchronous=NORMAL");
  db.pragma("wal_autocheckpoint=0");
  const checkpoint = db
    .prepare<[], [number, number, number]>("PRAGMA wal_checkpoint(PASSIVE)")
    .raw();
  port.on("message", (ask: "checkpoint" | "close") => {
    if (ask === "close") {
      db.close();
      port.close();
      return;
    }
    try {
      const [, frames, moved] = checkpoint.get() as [number, number, number];
      port.postMessage({ frames, moved } satisfies CheckpointResult);
    } catch (cause) {
      port.postMessage({ frames: 0, moved: 0, error: String(cause) } satisfies CheckpointResult);
    }
  });
}
