// How a record looks in JuiceFS's SQL rows (formats 4.4): inode numbers beyond 2^53, times as microseconds and a rest,
// names and targets as BLOBs. Pure functions between rows as better-sqlite3 gives them and our types.
import { FOLDED_SPECIAL, unfoldIno } from "../../util/ino64.ts";
import type { Attr, Ino } from "../types.ts";

/** A bound parameter. Numbers are bound as doubles; columns of INTEGER affinity store them as the integers they are. */
export type Bound = number | bigint | string | Uint8Array | null;
export type Row = readonly unknown[];

/** SQL that folds an inode column: values from 0x7FFFFFFF00000000 up would lose their last digits in a double. */
export function folded(column: string): string {
  const base = 0x7fffffff00000000n;
  return `iif(${column}>=${base},${column}-${base - BigInt(FOLDED_SPECIAL)},ifnull(${column},0))`;
}

/** An inode number to bind. */
export function boundIno(ino: Ino): number | bigint {
  return ino < FOLDED_SPECIAL ? ino : unfoldIno(ino);
}

/** Bytes to bind for a latin1 string. */
export function boundName(name: string): Uint8Array {
  return Buffer.from(name, "latin1");
}
export function nameOf(bytes: unknown): string {
  return bytes instanceof Uint8Array ? (bytes as Buffer).toString("latin1") : "";
}

// oxlint-disable-next-line no-control-regex
const nonAscii = /[^\x00-\x7f]/;
export const isAscii = (text: string): boolean => !nonAscii.test(text);

/** The columns of an Attr, in the order of `attrOf` and `boundAttr`. The times come first: see `isWide`. */
const attrColumns = [
  "atime",
  "mtime",
  "ctime",
  "length",
  "type",
  "mode",
  "uid",
  "gid",
  "nlink",
  "parent",
  "flags",
  "rdev",
  "atimensec",
  "mtimensec",
  "ctimensec",
  "access_acl_id",
  "default_acl_id",
  "tier_id",
] as const;
export const ATTR_COLUMNS: string = attrColumns.join(",");
export const ATTR_COUNT: number = attrColumns.length;

/** `alias` is "" or a table alias with its dot. */
export function selectAttr(alias: string): string {
  const nullable = ["rdev", "access_acl_id", "default_acl_id", "tier_id"];
  return attrColumns
    .map((column) => {
      if (column === "parent") return folded(alias + column);
      return nullable.includes(column) ? `ifnull(${alias}${column},0)` : alias + column;
    })
    .join(",");
}

const SAFE = Number.MAX_SAFE_INTEGER;

/** True when a time is beyond 2^53 microseconds (before 1684 or after 2255): then read the row again as BigInts. */
export function isWide(row: Row, at: number): boolean {
  for (let i = at; i < at + 3; i++) {
    const t = row[i] as number;
    if (t > SAFE || t < -SAFE) return true;
  }
  return false;
}

/** An Attr of the columns from `at` on, none of them wide. */
export function attrOf(row: Row, at: number): Attr {
  const r = row as readonly number[];
  const atime = r[at] as number;
  const mtime = r[at + 1] as number;
  const ctime = r[at + 2] as number;
  const an = r[at + 12] as number;
  const mn = r[at + 13] as number;
  const cn = r[at + 14] as number;
  return {
    type: r[at + 4] as number,
    flags: r[at + 10] as number,
    mode: r[at + 5] as number,
    uid: r[at + 6] as number,
    gid: r[at + 7] as number,
    rdev: r[at + 11] as number,
    atime: secondsOf(atime, an),
    mtime: secondsOf(mtime, mn),
    ctime: secondsOf(ctime, cn),
    atimensec: nanosOf(atime, an),
    mtimensec: nanosOf(mtime, mn),
    ctimensec: nanosOf(ctime, cn),
    nlink: r[at + 8] as number,
    length: r[at + 3] as number,
    parent: r[at + 9] as number,
    accessAcl: r[at + 15] as number,
    defaultAcl: r[at + 16] as number,
    tier: r[at + 17] as number,
  };
}

// The pair is exact: t * 1000 + rest nanoseconds, both parts truncated toward zero, so negative before 1970. JuiceFS
// reads such pairs back wrongly; we do not.
function secondsOf(t: number, rest: number): number {
  const sec = Math.floor(t / 1e6);
  return rest < 0 && t === sec * 1e6 ? sec - 1 : sec;
}
function nanosOf(t: number, rest: number): number {
  const ns = (t - Math.floor(t / 1e6) * 1e6) * 1000 + rest;
  return ns < 0 ? ns + 1e9 : ns;
}

/** As attrOf, from a row of BigInts. */
export function attrOfWide(row: Row, at: number): Attr {
  const numbers = row.map((v) => (typeof v === "bigint" ? Number(v) : v));
  const plain = { ...attrOf(numbers, at) };
  const fields = ["atime", "mtime", "ctime"] as const;
  for (const [i, field] of fields.entries()) {
    const total = (row[at + i] as bigint) * 1000n + (row[at + 12 + i] as bigint);
    const rest = ((total % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
    plain[field] = Number((total - rest) / 1_000_000_000n);
    plain[`${field}nsec`] = Number(rest);
  }
  return plain;
}

/** The two columns of a time: microseconds and the 0..999 nanoseconds that remain, truncated toward zero. */
export function boundMicros(sec: number, nsec: number): number | bigint {
  const micros = Math.floor(nsec / 1000);
  const up = sec < 0 && nsec % 1000 !== 0 ? 1 : 0;
  const t = sec * 1e6 + micros + up;
  if (t <= SAFE && t >= -SAFE) return t;
  const exact = BigInt(Math.trunc(sec)) * 1_000_000n + BigInt(micros + up);
  // A time that 64 bits of microseconds cannot hold (290,000 years off) is kept at the edge.
  return BigInt.asIntN(64, exact) === exact ? exact : exact < 0n ? -(2n ** 63n) : 2n ** 63n - 1n;
}
export function boundRest(sec: number, nsec: number): number {
  const rest = nsec % 1000;
  return sec < 0 && rest !== 0 ? rest - 1000 : rest;
}
