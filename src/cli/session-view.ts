// Sessions and their locks as JuiceFS's `status` shows them.
import { UserError } from "./user-error.ts";
import type { LockRow, MetaStore, PlockRow } from "../meta/store.ts";
import type { Session } from "../meta/types.ts";
import { unfoldIno } from "../util/ino64.ts";

/** Members in the order in which they are printed. */
export type SessionView = Readonly<Record<string, unknown>>;

const two = (part: number): string => String(Math.abs(part)).padStart(2, "0");

/** RFC 3339 in the local zone, without a fraction: Go's text of time.Unix(seconds, 0). */
export function rfc3339(seconds: number): string {
  const time = new Date(seconds * 1000);
  const offset = -time.getTimezoneOffset();
  const zone =
    offset === 0
      ? "Z"
      : `${offset < 0 ? "-" : "+"}${two(Math.trunc(offset / 60))}:${two(offset % 60)}`;
  const date = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return `${date}T${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}${zone}`;
}

/** One element of "Sessions". A record that cannot be read shows its number and expiry only. */
export function sessionView({ sid, expire, info }: Session): SessionView {
  return { Sid: sid, Expire: rfc3339(expire), ...parseInfo(info) };
}

function parseInfo(info: string): SessionView {
  try {
    const { Version, HostName, IPAddrs, MountPoint, MountTime, ProcessID } = JSON.parse(
      info,
    ) as SessionView;
    const addresses = Array.isArray(IPAddrs) && IPAddrs.length > 0 ? IPAddrs : undefined;
    return { Version, HostName, IPAddrs: addresses, MountPoint, MountTime, ProcessID };
  } catch {
    return {};
  }
}

/** `status --session`: what the session holds besides. Throws UserError when there is no such session. */
export async function sessionDetails(store: MetaStore, sid: number): Promise<SessionView> {
  const session = (await store.scanSessions()).find((each) => each.sid === sid);
  if (session === undefined)
    throw new UserError(`no session ${sid}: jfs status META-URL lists them`);
  const sustained = await store.scanSustained(sid, Number.MAX_SAFE_INTEGER);
  const { flocks, plocks } = await store.scanLocks(sid);
  return {
    ...sessionView(session),
    Sustained: nonEmpty(sustained.map(unfoldIno)),
    Flocks: nonEmpty(flocks.map(flockView)),
    Plocks: nonEmpty(plocks.map(plockView)),
  };
}

function nonEmpty<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length === 0 ? undefined : list;
}

function flockView({ ino, owner, type }: LockRow): SessionView {
  return { Inode: unfoldIno(ino), Owner: owner, Ltype: type };
}

/** Records of 24 bytes, big-endian: type u32, pid u32, start u64, end u64. */
function plockView({ ino, owner, records }: PlockRow): SessionView {
  const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
  const list: SessionView[] = [];
  for (let at = 0; at + 24 <= records.byteLength; at += 24) {
    list.push({
      Type: view.getUint32(at),
      Pid: view.getUint32(at + 4),
      Start: view.getBigUint64(at + 8),
      End: view.getBigUint64(at + 16),
    });
  }
  return { Inode: unfoldIno(ino), Owner: owner, Records: list };
}
