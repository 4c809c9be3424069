// Pages over unbounded sets: directories, pending deletions, sessions. Each page is one statement, so it shows one
// moment of the volume.
import type Database from "better-sqlite3";
import type { DentryRow, LockRow, PlockRow } from "../store.ts";
import type { Attr, Delfile, Delslices, Ino, Name, Session } from "../types.ts";
import { sessionOf } from "./reads.ts";
import {
  attrOf,
  attrOfWide,
  type Bound,
  boundIno,
  boundName,
  folded,
  isAscii,
  isWide,
  nameOf,
  type Row,
  selectAttr,
} from "./rows.ts";

type Statement = Database.Statement<Bound[], Row>;
const NO_BYTES = Buffer.alloc(0);
const REPLACEMENT = "\ufffd";

export class SqliteScans {
  readonly #dentries: Statement;
  readonly #dentriesWithAttrs: Statement;
  readonly #attrWide: Statement;
  readonly #nameBytes: Statement;
  readonly #sessions: Statement;
  readonly #sustained: Statement;
  readonly #delfiles: Statement;
  readonly #delslices: Statement;
  readonly #deadSlices: Statement;
  readonly #chunks: Statement;
  readonly #flocks: Statement;
  readonly #plocks: Statement;

  constructor(db: Database.Database, p: string) {
    const raw = (sql: string): Statement => db.prepare<Bound[], Row>(sql).raw();
    // Strings come out of SQLite twice as fast as buffers, so names are read as TEXT; see #name.
    const name = `CAST(e.name AS TEXT),${folded("e.inode")},e.type,e.id`;
    const range = "e.parent=? AND e.name>? ORDER BY e.name LIMIT ?";
    this.#dentries = raw(`SELECT ${name} FROM ${p}edge e WHERE ${range}`);
    this.#dentriesWithAttrs = raw(
      `SELECT ${name},${selectAttr("n.")} FROM ${p}edge e LEFT JOIN ${p}node n ON n.inode=e.inode WHERE ${range}`,
    );
    this.#attrWide = raw(`SELECT ${selectAttr("")} FROM ${p}node WHERE inode=?`).safeIntegers();
    this.#nameBytes = raw(`SELECT name FROM ${p}edge WHERE id=?`);
    this.#sessions = raw(`SELECT sid,expire,CAST(info AS TEXT) FROM ${p}session2 ORDER BY sid`);
    this.#sustained = raw(
      `SELECT ${folded("inode")} FROM ${p}sustained WHERE sid=? ORDER BY inode LIMIT ?`,
    );
    this.#delfiles = raw(
      `SELECT ${folded("inode")},length,expire FROM ${p}delfile WHERE expire<? ORDER BY expire,inode LIMIT ?`,
    );
    this.#delslices = raw(
      `SELECT chunkid,deleted,CAST(slices AS BLOB) FROM ${p}delslices WHERE deleted<? ORDER BY deleted,chunkid LIMIT ?`,
    );
    this.#deadSlices = raw(`SELECT chunkid,size FROM ${p}chunk_ref WHERE refs<=0 LIMIT ?`);
    this.#chunks = raw(
      `SELECT indx,CAST(slices AS BLOB) FROM ${p}chunk WHERE inode=? AND indx>=? ORDER BY indx LIMIT ?`,
    );
    // Owners are unsigned 64-bit numbers stored by bit pattern.
    this.#flocks = raw(
      `SELECT inode,owner,ltype FROM ${p}flock WHERE sid=? ORDER BY id`,
    ).safeIntegers();
    this.#plocks = raw(
      `SELECT inode,owner,CAST(records AS BLOB) FROM ${p}plock WHERE sid=? ORDER BY id`,
    ).safeIntegers();
  }

  dentries(
    dir: Ino,
    after: Name | undefined,
    limit: number,
    withAttrs: boolean,
  ): readonly DentryRow[] {
    const statement = withAttrs ? this.#dentriesWithAttrs : this.#dentries;
    const rows = statement.all(
      boundIno(dir),
      after === undefined ? NO_BYTES : boundName(after),
      limit,
    );
    return rows.map((row) => {
      const name = this.#name(row);
      const ino = row[1] as number;
      const type = row[2] as number;
      const attr = withAttrs ? this.#attr(row, ino) : undefined;
      return attr === undefined ? { name, ino, type } : { name, ino, type, attr };
    });
  }

  /** A name read as UTF-8 is lossless unless a replacement character is in it: then its bytes are fetched. */
  #name(row: Row): Name {
    const text = row[0] as string;
    if (isAscii(text)) return text;
    if (!text.includes(REPLACEMENT)) return Buffer.from(text, "utf8").toString("latin1");
    return nameOf(this.#nameBytes.get(row[3] as number)?.[0]);
  }

  #attr(row: Row, ino: Ino): Attr | undefined {
    if (row[8] === null) return undefined;
    if (!isWide(row, 4)) return attrOf(row, 4);
    const wide = this.#attrWide.get(boundIno(ino));
    return wide === undefined ? undefined : attrOfWide(wide, 0);
  }

  sessions(): readonly Session[] {
    return this.#sessions.all().map(sessionOf);
  }

  sustained(sid: number, limit: number): readonly Ino[] {
    return this.#sustained.all(sid, limit).map((row) => row[0] as number);
  }

  delfiles(before: number, limit: number): readonly Delfile[] {
    const rows = this.#delfiles.all(before, limit) as unknown as (readonly [
      number,
      number,
      number,
    ])[];
    return rows.map(([ino, length, expire]) => ({ ino, length, expire }));
  }

  delslices(before: number, limit: number): readonly Delslices[] {
    const rows = this.#delslices.all(before, limit) as unknown as (readonly [
      number,
      number,
      Buffer,
    ])[];
    return rows.map(([id, deleted, items]) => ({ id, deleted, slices: sliceItems(items) }));
  }

  deadSlices(limit: number): readonly { readonly id: number; readonly size: number }[] {
    const rows = this.#deadSlices.all(limit) as unknown as (readonly [number, number])[];
    return rows.map(([id, size]) => ({ id, size }));
  }

  chunks(
    ino: Ino,
    first: number,
    limit: number,
  ): readonly { readonly index: number; readonly records: Uint8Array }[] {
    const rows = this.#chunks.all(boundIno(ino), first, limit) as unknown as (readonly [
      number,
      Buffer,
    ])[];
    return rows.map(([index, records]) => ({ index, records }));
  }

  locks(sid: number): {
    readonly flocks: readonly LockRow[];
    readonly plocks: readonly PlockRow[];
  } {
    const flocks = this.#flocks.all(sid) as unknown as (readonly [bigint, bigint, bigint])[];
    const plocks = this.#plocks.all(sid) as unknown as (readonly [bigint, bigint, Buffer])[];
    const owner = (stored: bigint): bigint => BigInt.asUintN(64, stored);
    return {
      flocks: flocks.map(([ino, o, type]) => ({
        ino: Number(ino),
        sid,
        owner: owner(o),
        type: type === 87n ? "W" : "R",
      })),
      plocks: plocks.map(([ino, o, records]) => ({
        ino: Number(ino),
        sid,
        owner: owner(o),
        records,
      })),
    };
  }
}

/** Items of 12 bytes: id u64, size u32, big-endian. */
function sliceItems(items: Buffer): readonly { readonly id: number; readonly size: number }[] {
  const found: { id: number; size: number }[] = [];
  for (let at = 0; at + 12 <= items.length; at += 12) {
    found.push({ id: Number(items.readBigUInt64BE(at)), size: items.readUInt32BE(at + 8) });
  }
  return found;
}
