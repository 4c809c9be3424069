// The bodies of sessions and of the locks that let one client per period do a job (formats 1.6, 14.2, 14.3).
import type { MetaTxn } from "../txn.ts";
import type { CounterName, Ino } from "../types.ts";
import type { Volume } from "../volume.ts";
import { releaseSustained } from "./open.ts";

/** False when somebody has this sid already. */
export function newSession(tx: MetaTxn, sid: number, expire: number, info: string): boolean {
  if (tx.session(sid) !== undefined) return false;
  tx.putSession(sid, expire, info);
  return true;
}

/** Puts the expiry off (the record comes back when somebody has cleaned it); answers the setting of this moment. */
export function refreshSession(
  tx: MetaTxn,
  sid: number,
  expire: number,
  info: string,
): string | undefined {
  const known = tx.session(sid);
  tx.putSession(sid, expire, known === undefined ? info : known.info);
  return tx.setting();
}

/** Files that a session kept without a name. */
export function releaseAllSustained(
  tx: MetaTxn,
  v: Volume,
  sid: number,
  inos: readonly Ino[],
): void {
  tx.load(inos.flatMap((ino) => [["sustained", sid, ino] as const, ["attr", ino] as const]));
  for (const ino of inos) releaseSustained(tx, v, sid, ino);
}

/** The end of a session whose locks and files are cleaned. */
export function endSession(tx: MetaTxn, sid: number): void {
  tx.deleteLocks(sid);
  tx.deleteSession(sid);
}

/** True for one client in `diff` seconds: its job is done until then. */
export function setIfSmall(tx: MetaTxn, name: CounterName, value: number, diff: number): boolean {
  if (tx.counter(name) > value - diff) return false;
  tx.putCounter(name, value);
  return true;
}
