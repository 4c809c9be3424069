// What each mutation means in JuiceFS's tables. The rows are those that JuiceFS itself would have written.
import type Database from "better-sqlite3";
import type { Mutation, MutationKind } from "../mutation.ts";
import { aclBytes, boundText } from "./reads.ts";
import { type Bound, boundIno, boundMicros, boundName, boundRest } from "./rows.ts";

type Of<K extends MutationKind> = Extract<Mutation, { readonly kind: K }>;
type Statement = Database.Statement<Bound[]>;

const ATTR_FIELDS = [
  "type",
  "flags",
  "mode",
  "uid",
  "gid",
  "atime",
  "mtime",
  "ctime",
  "atimensec",
  "mtimensec",
  "ctimensec",
  "nlink",
  "length",
  "rdev",
  "parent",
  "access_acl_id",
  "default_acl_id",
  "tier_id",
];

// Upserts keep a row's id, as JuiceFS's updates do; REPLACE would give it a new one.
function writeSql(p: string) {
  const set = (...columns: readonly string[]): string =>
    `DO UPDATE SET ${columns.map((column) => `${column}=excluded.${column}`).join(",")}`;
  const marks = (count: number): string => Array.from({ length: count }, () => "?").join(",");
  return {
    putAttr: `INSERT INTO ${p}node(inode,${ATTR_FIELDS.join(",")}) VALUES(${marks(19)}) ON CONFLICT(inode) ${set(...ATTR_FIELDS)}`,
    deleteAttr: `DELETE FROM ${p}node WHERE inode=?`,
    putDentry: `INSERT INTO ${p}edge(parent,name,inode,type) VALUES(?,?,?,?) ON CONFLICT(parent,name) ${set("inode", "type")}`,
    deleteDentry: `DELETE FROM ${p}edge WHERE parent=? AND name=?`,
    putSymlink: `INSERT INTO ${p}symlink(inode,target) VALUES(?,?) ON CONFLICT(inode) ${set("target")}`,
    deleteSymlink: `DELETE FROM ${p}symlink WHERE inode=?`,
    putXattr: `INSERT INTO ${p}xattr(inode,name,value) VALUES(?,CAST(? AS TEXT),?) ON CONFLICT(inode,name) ${set("value")}`,
    deleteXattr: `DELETE FROM ${p}xattr WHERE inode=? AND name=CAST(? AS TEXT)`,
    deleteXattrs: `DELETE FROM ${p}xattr WHERE inode=?`,
    // Without the CAST the column would become TEXT (formats 4.4).
    appendSlices: `INSERT INTO ${p}chunk(inode,indx,slices) VALUES(?,?,?) ON CONFLICT(inode,indx) DO UPDATE SET slices=CAST(slices||excluded.slices AS BLOB)`,
    putChunk: `INSERT INTO ${p}chunk(inode,indx,slices) VALUES(?,?,?) ON CONFLICT(inode,indx) ${set("slices")}`,
    deleteChunk: `DELETE FROM ${p}chunk WHERE inode=? AND indx=?`,
    addSliceRef: `INSERT INTO ${p}chunk_ref(chunkid,size,refs) VALUES(?,?,?) ON CONFLICT(chunkid) DO UPDATE SET refs=refs+excluded.refs`,
    deleteSliceRef: `DELETE FROM ${p}chunk_ref WHERE chunkid=?`,
    putSustained: `INSERT INTO ${p}sustained(sid,inode) VALUES(?,?) ON CONFLICT(sid,inode) DO NOTHING`,
    deleteSustained: `DELETE FROM ${p}sustained WHERE sid=? AND inode=?`,
    putDelfile: `INSERT INTO ${p}delfile(inode,length,expire) VALUES(?,?,?) ON CONFLICT(inode) ${set("length", "expire")}`,
    deleteDelfile: `DELETE FROM ${p}delfile WHERE inode=?`,
    putDelslices: `INSERT INTO ${p}delslices(chunkid,deleted,slices) VALUES(?,?,?) ON CONFLICT(chunkid) ${set("deleted", "slices")}`,
    deleteDelslices: `DELETE FROM ${p}delslices WHERE chunkid=?`,
    addDirStat: `UPDATE ${p}dir_stats SET data_length=data_length+?,used_space=used_space+?,used_inodes=used_inodes+? WHERE inode=?`,
    putDirStat: `INSERT INTO ${p}dir_stats(inode,data_length,used_space,used_inodes) VALUES(?,?,?,?) ON CONFLICT(inode) ${set("data_length", "used_space", "used_inodes")}`,
    deleteDirStat: `DELETE FROM ${p}dir_stats WHERE inode=?`,
    deleteDirQuota: `DELETE FROM ${p}dir_quota WHERE inode=?`,
    addCounter: `INSERT INTO ${p}counter(name,value) VALUES(?,?) ON CONFLICT(name) DO UPDATE SET value=value+excluded.value`,
    putCounter: `INSERT INTO ${p}counter(name,value) VALUES(?,?) ON CONFLICT(name) ${set("value")}`,
    putAcl: `INSERT INTO ${p}acl(id,owner,\`group\`,mask,other,named_users,named_groups) VALUES(?,?,?,?,?,?,?)`,
    putSession: `INSERT INTO ${p}session2(sid,expire,info) VALUES(?,?,?) ON CONFLICT(sid) ${set("expire", "info")}`,
    deleteSession: `DELETE FROM ${p}session2 WHERE sid=?`,
    deleteFlocks: `DELETE FROM ${p}flock WHERE sid=?`,
    deletePlocks: `DELETE FROM ${p}plock WHERE sid=?`,
    putSetting: `INSERT INTO ${p}setting(name,value) VALUES('format',?) ON CONFLICT(name) ${set("value")}`,
  } as const;
}
type Verb = keyof ReturnType<typeof writeSql>;

/** Bytes to bind: better-sqlite3 takes Buffers only. */
function buffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

type Statements = Readonly<Record<Verb, Statement>>;

/** Each kind of mutation by name; `addParent` does nothing, since parents are read from the dentries. */
const meaning: { readonly [K in MutationKind]: (s: Statements, m: Of<K>) => void } = {
  putAttr: (s, m) => putAttr(s.putAttr, m),
  deleteAttr: (s, m) => void s.deleteAttr.run(boundIno(m.ino)),
  putDentry: (s, { parent, name, dentry }) =>
    void s.putDentry.run(boundIno(parent), boundName(name), boundIno(dentry.ino), dentry.type),
  deleteDentry: (s, m) => void s.deleteDentry.run(boundIno(m.parent), boundName(m.name)),
  addParent: () => undefined,
  putSymlink: (s, m) => void s.putSymlink.run(boundIno(m.ino), boundName(m.target)),
  deleteSymlink: (s, m) => void s.deleteSymlink.run(boundIno(m.ino)),
  putXattr: (s, m) => void s.putXattr.run(boundIno(m.ino), boundText(m.name), buffer(m.value)),
  deleteXattr: (s, m) => void s.deleteXattr.run(boundIno(m.ino), boundText(m.name)),
  deleteXattrs: (s, m) => void s.deleteXattrs.run(boundIno(m.ino)),
  appendSlices: (s, m) => void s.appendSlices.run(boundIno(m.ino), m.index, buffer(m.records)),
  putChunk: (s, m) => void s.putChunk.run(boundIno(m.ino), m.index, buffer(m.records)),
  deleteChunk: (s, m) => void s.deleteChunk.run(boundIno(m.ino), m.index),
  addSliceRef: (s, m) => void s.addSliceRef.run(m.id, m.size, m.delta),
  deleteSliceRef: (s, m) => void s.deleteSliceRef.run(m.id),
  putSustained: (s, m) => void s.putSustained.run(m.sid, boundIno(m.ino)),
  deleteSustained: (s, m) => void s.deleteSustained.run(m.sid, boundIno(m.ino)),
  putDelfile: (s, m) => void s.putDelfile.run(boundIno(m.ino), m.length, m.expire),
  deleteDelfile: (s, m) => void s.deleteDelfile.run(boundIno(m.ino)),
  putDelslices: (s, m) => void s.putDelslices.run(m.id, m.deleted, buffer(m.items)),
  deleteDelslices: (s, m) => void s.deleteDelslices.run(m.id),
  addDirStat: (s, m) => void s.addDirStat.run(m.length, m.space, m.inodes, boundIno(m.ino)),
  putDirStat: (s, m) => void s.putDirStat.run(boundIno(m.ino), m.length, m.space, m.inodes),
  deleteDirStat: (s, m) => void s.deleteDirStat.run(boundIno(m.ino)),
  deleteDirQuota: (s, m) => void s.deleteDirQuota.run(boundIno(m.ino)),
  addCounter: (s, m) => void s.addCounter.run(m.name, m.delta),
  putCounter: (s, m) => void s.putCounter.run(m.name, m.value),
  putAcl: (s, m) => putAcl(s.putAcl, m),
  putSession: (s, m) => void s.putSession.run(m.sid, m.expire, Buffer.from(m.info, "utf8")),
  deleteSession: (s, m) => void s.deleteSession.run(m.sid),
  deleteLocks: (s, m) => {
    s.deleteFlocks.run(m.sid);
    s.deletePlocks.run(m.sid);
  },
  putSetting: (s, m) => void s.putSetting.run(m.value),
};

/** Applies mutations on one connection, inside the transaction that the caller has open. */
export class SqliteWrites {
  readonly #statements: Statements;

  constructor(db: Database.Database, prefix: string) {
    const prepared = Object.entries(writeSql(prefix)).map(([verb, sql]) => [
      verb,
      db.prepare<Bound[]>(sql),
    ]);
    this.#statements = Object.fromEntries(prepared) as Statements;
  }

  apply(mutation: Mutation): void {
    const change = meaning[mutation.kind] as (s: Statements, m: Mutation) => void;
    change(this.#statements, mutation);
  }
}

function putAttr(statement: Statement, { ino, attr: a }: Of<"putAttr">): void {
  statement.run(
    boundIno(ino),
    a.type,
    a.flags,
    a.mode,
    a.uid,
    a.gid,
    boundMicros(a.atime, a.atimensec),
    boundMicros(a.mtime, a.mtimensec),
    boundMicros(a.ctime, a.ctimensec),
    boundRest(a.atime, a.atimensec),
    boundRest(a.mtime, a.mtimensec),
    boundRest(a.ctime, a.ctimensec),
    a.nlink,
    a.length,
    a.rdev,
    boundIno(a.parent),
    a.accessAcl,
    a.defaultAcl,
    a.tier,
  );
}

function putAcl(statement: Statement, { id, rule: r }: Of<"putAcl">): void {
  const users = aclBytes(r.namedUsers);
  const groups = aclBytes(r.namedGroups);
  statement.run(id, r.owner, r.group, r.mask, r.other, users, groups);
}
