// What each mutation means in JuiceFS's tables. The rows are those that JuiceFS itself would have written.
import type Database from "better-sqlite3";
import type { Mutation, MutationKind } from "../mutation.ts";
import { aclBytes, boundText } from "./reads.ts";
import { type Bound, boundIno, boundMicros, boundName, boundRest } from "./rows.ts";

type Of<K extends MutationKind> = Extract<Mutation, { readonly kind: K }>;
type Statement = Database.Statement<Bound[]>;

const ATTR_FIELDS = [
  "type", "flags", "mode", "uid", "gid", "atime", "mtime", "ctime", "atimensec", "mtimensec", "ctimensec",
  "nlink", "length", "rdev", "parent", "access_acl_id", "default_acl_id", "tier_id",
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
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Applies mutations on one connection, inside the transaction that the caller has open. */
export class SqliteWrites {
  readonly #do: Readonly<Record<Verb, Statement>>;

  constructor(db: Database.Database, prefix: string) {
    const prepared = Object.entries(writeSql(prefix)).map(([verb, sql]) => [verb, db.prepare<Bound[]>(sql)]);
    this.#do = Object.fromEntries(prepared) as Record<Verb, Statement>;
  }

  apply(m: Mutation): void {
    const s = this.#do;
    switch (m.kind) {
      case "putAttr": return this.#putAttr(m);
      case "deleteAttr": return run(s.deleteAttr, boundIno(m.ino));
      case "putDentry": return run(s.putDentry, boundIno(m.parent), boundName(m.name), boundIno(m.dentry.ino), m.dentry.type);
      case "deleteDentry": return run(s.deleteDentry, boundIno(m.parent), boundName(m.name));
      case "addParent": return; // Parents are read from the dentries.
      case "putSymlink": return run(s.putSymlink, boundIno(m.ino), boundName(m.target));
      case "deleteSymlink": return run(s.deleteSymlink, boundIno(m.ino));
      case "putXattr": return run(s.putXattr, boundIno(m.ino), boundText(m.name), buffer(m.value));
      case "deleteXattr": return run(s.deleteXattr, boundIno(m.ino), boundText(m.name));
      case "deleteXattrs": return run(s.deleteXattrs, boundIno(m.ino));
      case "appendSlices": return run(s.appendSlices, boundIno(m.ino), m.index, buffer(m.records));
      case "putChunk": return run(s.putChunk, boundIno(m.ino), m.index, buffer(m.records));
      case "deleteChunk": return run(s.deleteChunk, boundIno(m.ino), m.index);
      case "addSliceRef": return run(s.addSliceRef, m.id, m.size, m.delta);
      case "deleteSliceRef": return run(s.deleteSliceRef, m.id);
      case "putSustained": return run(s.putSustained, m.sid, boundIno(m.ino));
      case "deleteSustained": return run(s.deleteSustained, m.sid, boundIno(m.ino));
      case "putDelfile": return run(s.putDelfile, boundIno(m.ino), m.length, m.expire);
      case "deleteDelfile": return run(s.deleteDelfile, boundIno(m.ino));
      case "putDelslices": return run(s.putDelslices, m.id, m.deleted, buffer(m.items));
      case "deleteDelslices": return run(s.deleteDelslices, m.id);
      case "addDirStat": return run(s.addDirStat, m.length, m.space, m.inodes, boundIno(m.ino));
      case "putDirStat": return run(s.putDirStat, boundIno(m.ino), m.length, m.space, m.inodes);
      case "deleteDirStat": return run(s.deleteDirStat, boundIno(m.ino));
      case "deleteDirQuota": return run(s.deleteDirQuota, boundIno(m.ino));
      case "addCounter": return run(s.addCounter, m.name, m.delta);
      case "putCounter": return run(s.putCounter, m.name, m.value);
      case "putAcl": return this.#putAcl(m);
      case "putSession": return run(s.putSession, m.sid, m.expire, Buffer.from(m.info, "utf8"));
      case "deleteSession": return run(s.deleteSession, m.sid);
      case "deleteLocks":
        run(s.deleteFlocks, m.sid);
        return run(s.deletePlocks, m.sid);
      case "putSetting": return run(s.putSetting, m.value);
    }
  }

  #putAttr({ ino, attr: a }: Of<"putAttr">): void {
    this.#do.putAttr.run(
      boundIno(ino), a.type, a.flags, a.mode, a.uid, a.gid,
      boundMicros(a.atime, a.atimensec), boundMicros(a.mtime, a.mtimensec), boundMicros(a.ctime, a.ctimensec),
      boundRest(a.atime, a.atimensec), boundRest(a.mtime, a.mtimensec), boundRest(a.ctime, a.ctimensec),
      a.nlink, a.length, a.rdev, boundIno(a.parent), a.accessAcl, a.defaultAcl, a.tier,
    );
  }

  #putAcl({ id, rule: r }: Of<"putAcl">): void {
    const users = aclBytes(r.namedUsers);
    const groups = aclBytes(r.namedGroups);
    this.#do.putAcl.run(id, r.owner, r.group, r.mask, r.other, users, groups);
  }
}

function run(statement: Statement, ...values: readonly Bound[]): void {
  statement.run(...values);
}
