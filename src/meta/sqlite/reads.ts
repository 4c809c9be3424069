// The reads of a transaction, each one prepared statement with plain rows. Statements that join are prepared anew by
// SQLite at every run (its STAT4 build looks at bound values), so single records never come from a join.
import type Database from "better-sqlite3";
import type {
  AclEntry,
  AclRule,
  Attr,
  CounterName,
  Dentry,
  DirStat,
  Ino,
  Name,
  Quota,
  Session,
} from "../types.ts";
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

/** TEXT columns hold bytes of UTF-8; ours are latin1 strings. Only names beyond ASCII differ. */
export function boundText(name: string): string | Uint8Array {
  return isAscii(name) ? name : boundName(name);
}

/** Reads of one volume on one connection; what a snapshot is, the caller decides by its transactions. */
export class SqliteReads {
  readonly #attr: Statement;
  readonly #attrWide: Statement;
  readonly #dentry: Statement;
  readonly #hasDentries: Statement;
  readonly #parents: Statement;
  readonly #symlink: Statement;
  readonly #xattr: Statement;
  readonly #xattrNames: Statement;
  readonly #chunk: Statement;
  readonly #chunkIndexes: Statement;
  readonly #sliceRefs: Statement;
  readonly #sustained: Statement;
  readonly #dirStat: Statement;
  readonly #dirQuota: Statement;
  readonly #counter: Statement;
  readonly #acl: Statement;
  readonly #aclId: Statement;
  readonly #session: Statement;
  readonly #setting: Statement;

  constructor(db: Database.Database, p: string) {
    const raw = (sql: string): Statement => db.prepare<Bound[], Row>(sql).raw();
    const attr = `SELECT ${selectAttr("")} FROM ${p}node WHERE inode=?`;
    this.#attr = raw(attr);
    this.#attrWide = raw(attr).safeIntegers();
    this.#dentry = raw(`SELECT ${folded("inode")},type FROM ${p}edge WHERE parent=? AND name=?`);
    this.#hasDentries = raw(`SELECT 1 FROM ${p}edge WHERE parent=? LIMIT 1`);
    this.#parents = raw(
      `SELECT ${folded("parent")},count(*) FROM ${p}edge WHERE inode=? GROUP BY 1`,
    );
    this.#symlink = raw(`SELECT CAST(target AS BLOB) FROM ${p}symlink WHERE inode=?`);
    this.#xattr = raw(
      `SELECT CAST(value AS BLOB) FROM ${p}xattr WHERE inode=? AND name=CAST(? AS TEXT)`,
    );
    this.#xattrNames = raw(`SELECT CAST(name AS BLOB) FROM ${p}xattr WHERE inode=? ORDER BY name`);
    this.#chunk = raw(`SELECT CAST(slices AS BLOB) FROM ${p}chunk WHERE inode=? AND indx=?`);
    this.#chunkIndexes = raw(
      `SELECT indx FROM ${p}chunk WHERE inode=? AND indx BETWEEN ? AND ? ORDER BY indx`,
    );
    this.#sliceRefs = raw(`SELECT refs FROM ${p}chunk_ref WHERE chunkid=?`);
    this.#sustained = raw(`SELECT 1 FROM ${p}sustained WHERE sid=? AND inode=?`);
    this.#dirStat = raw(
      `SELECT data_length,used_space,used_inodes FROM ${p}dir_stats WHERE inode=?`,
    );
    this.#dirQuota = raw(
      `SELECT max_space,max_inodes,used_space,used_inodes FROM ${p}dir_quota WHERE inode=?`,
    );
    this.#counter = raw(`SELECT value FROM ${p}counter WHERE name=?`);
    const rule = "ifnull(owner,0),ifnull(`group`,0),ifnull(mask,0),ifnull(other,0)";
    this.#acl = raw(`SELECT ${rule},named_users,named_groups FROM ${p}acl WHERE id=?`);
    this.#aclId = raw(
      `SELECT id FROM ${p}acl WHERE owner=? AND \`group\`=? AND mask=? AND other=?` +
        ` AND ifnull(named_users,x'')=? AND ifnull(named_groups,x'')=? ORDER BY id LIMIT 1`,
    );
    this.#session = raw(`SELECT sid,expire,CAST(info AS TEXT) FROM ${p}session2 WHERE sid=?`);
    this.#setting = raw(`SELECT value FROM ${p}setting WHERE name='format'`);
  }

  attr(ino: Ino): Attr | undefined {
    const row = this.#attr.get(boundIno(ino));
    if (row === undefined) return undefined;
    if (!isWide(row, 0)) return attrOf(row, 0);
    return attrOfWide(this.#attrWide.get(boundIno(ino)) as Row, 0);
  }

  dentry(parent: Ino, name: Name): Dentry | undefined {
    const row = this.#dentry.get(boundIno(parent), boundName(name)) as
      | readonly number[]
      | undefined;
    return row === undefined ? undefined : { ino: row[0] as number, type: row[1] as number };
  }

  hasDentries(dir: Ino): boolean {
    return this.#hasDentries.get(boundIno(dir)) !== undefined;
  }

  parents(ino: Ino): ReadonlyMap<Ino, number> {
    return new Map(this.#parents.all(boundIno(ino)) as unknown as [number, number][]);
  }

  symlink(ino: Ino): string | undefined {
    const row = this.#symlink.get(boundIno(ino));
    return row === undefined ? undefined : nameOf(row[0]);
  }

  xattr(ino: Ino, name: string): Uint8Array | undefined {
    const row = this.#xattr.get(boundIno(ino), boundText(name));
    return row === undefined ? undefined : (row[0] as Uint8Array);
  }

  xattrNames(ino: Ino): readonly string[] {
    return this.#xattrNames.all(boundIno(ino)).map((row) => nameOf(row[0]));
  }

  chunk(ino: Ino, index: number): Uint8Array | undefined {
    const row = this.#chunk.get(boundIno(ino), index);
    return row === undefined ? undefined : (row[0] as Uint8Array);
  }

  chunkIndexes(ino: Ino, first: number, last: number): readonly number[] {
    return this.#chunkIndexes.all(boundIno(ino), first, last).map((row) => row[0] as number);
  }

  sliceRefs(id: number): number | undefined {
    return this.#sliceRefs.get(id)?.[0] as number | undefined;
  }

  isSustained(sid: number, ino: Ino): boolean {
    return this.#sustained.get(sid, boundIno(ino)) !== undefined;
  }

  dirStat(ino: Ino): DirStat | undefined {
    const row = this.#dirStat.get(boundIno(ino)) as readonly number[] | undefined;
    if (row === undefined) return undefined;
    const [length = 0, space = 0, inodes = 0] = row;
    return { length, space, inodes };
  }

  dirQuota(ino: Ino): Quota | undefined {
    const row = this.#dirQuota.get(boundIno(ino)) as readonly number[] | undefined;
    if (row === undefined) return undefined;
    const [maxSpace = 0, maxInodes = 0, usedSpace = 0, usedInodes = 0] = row;
    return { maxSpace, maxInodes, usedSpace, usedInodes };
  }

  counter(name: CounterName): number {
    return (this.#counter.get(name)?.[0] as number | undefined) ?? 0;
  }

  acl(id: number): AclRule | undefined {
    const row = this.#acl.get(id);
    if (row === undefined) return undefined;
    const [owner, group, mask, other, users, groups] = row as [
      number,
      number,
      number,
      number,
      unknown,
      unknown,
    ];
    return {
      owner,
      group,
      mask,
      other,
      namedUsers: aclEntries(users),
      namedGroups: aclEntries(groups),
    };
  }

  aclId(rule: AclRule): number | undefined {
    const { owner, group, mask, other, namedUsers, namedGroups } = rule;
    const row = this.#aclId.get(
      owner,
      group,
      mask,
      other,
      aclBytes(namedUsers),
      aclBytes(namedGroups),
    );
    return row?.[0] as number | undefined;
  }

  session(sid: number): Session | undefined {
    const row = this.#session.get(sid);
    return row === undefined ? undefined : sessionOf(row);
  }

  setting(): string | undefined {
    return this.#setting.get()?.[0] as string | undefined;
  }
}

export function sessionOf(row: Row): Session {
  return { sid: row[0] as number, expire: row[1] as number, info: (row[2] as string | null) ?? "" };
}

/** Named entries of an ACL row: 6 bytes each, no count before them (formats 2.4). */
export function aclBytes(entries: readonly AclEntry[]): Uint8Array {
  const out = Buffer.allocUnsafe(entries.length * 6);
  for (const [i, { id, perm }] of entries.entries()) {
    out.writeUInt32BE(id, i * 6);
    out.writeUInt16BE(perm, i * 6 + 4);
  }
  return out;
}

function aclEntries(stored: unknown): readonly AclEntry[] {
  const found: AclEntry[] = [];
  if (!(stored instanceof Uint8Array)) return found;
  const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
  for (let at = 0; at + 6 <= bytes.length; at += 6) {
    found.push({ id: bytes.readUInt32BE(at), perm: bytes.readUInt16BE(at + 4) });
  }
  return found;
}
