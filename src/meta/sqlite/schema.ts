// JuiceFS's tables on SQLite, to the byte of sqlite_master (formats 4.2): its schema sync reads that text with regular
// expressions, drops indexes it does not know and fails to mount on some. Never put a table or index of our own here.
import type Database from "better-sqlite3";

const ID = "`id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL";
const INODE = "`inode` INTEGER PRIMARY KEY NOT NULL";

/** Columns as "name" (INTEGER NOT NULL), "name TYPE" (NOT NULL), or a whole clause in back-ticks. */
function columns(...clauses: readonly string[]): string {
  return clauses.map((clause) => (clause.includes("`") ? clause : plainColumn(clause))).join(", ");
}

function plainColumn(clause: string): string {
  const [name = "", type = "INTEGER", ...rest] = clause.split(" ");
  return `\`${name}\` ${type} ${rest.length === 0 ? "NOT NULL" : rest.join(" ")}`;
}

interface Table {
  readonly name: string;
  readonly columns: string;
  /** "UQE name column,column" or "IDX name column". */
  readonly indexes?: readonly string[];
  /** False for tables that only later versions of JuiceFS have, or that we never touch. */
  readonly needed: boolean;
}

const tables: readonly Table[] = [
  {
    name: "setting",
    needed: true,
    columns: columns("`name` TEXT PRIMARY KEY NOT NULL", "value TEXT"),
  },
  { name: "counter", needed: true, columns: columns("`name` TEXT PRIMARY KEY NOT NULL", "value") },
  {
    name: "edge",
    needed: true,
    columns: columns(ID, "parent", "name BLOB", "inode", "type"),
    indexes: ["UQE edge parent,name", "IDX inode inode"],
  },
  {
    name: "node",
    needed: true,
    columns: columns(
      INODE,
      "type",
      "flags",
      "mode",
      "uid",
      "gid",
      "atime",
      "mtime",
      "ctime",
      "atimensec INTEGER DEFAULT 0 NOT NULL",
      "mtimensec INTEGER DEFAULT 0 NOT NULL",
      "ctimensec INTEGER DEFAULT 0 NOT NULL",
      "nlink",
      "length",
      "rdev INTEGER NULL",
      "parent INTEGER NULL",
      "access_acl_id INTEGER NULL",
      "default_acl_id INTEGER NULL",
      "tier_id INTEGER NULL",
    ),
  },
  { name: "symlink", needed: true, columns: columns(INODE, "target BLOB") },
  {
    name: "xattr",
    needed: true,
    columns: columns(ID, "inode", "name TEXT", "value BLOB"),
    indexes: ["UQE name inode,name"],
  },
  {
    name: "chunk",
    needed: true,
    columns: columns(ID, "inode", "indx", "slices BLOB"),
    indexes: ["UQE chunk inode,indx"],
  },
  {
    name: "chunk_ref",
    needed: true,
    columns: columns("`chunkid` INTEGER PRIMARY KEY NOT NULL", "size", "refs"),
    indexes: ["IDX refs refs"],
  },
  {
    name: "delslices",
    needed: true,
    columns: columns("`chunkid` INTEGER PRIMARY KEY NOT NULL", "deleted", "slices BLOB"),
  },
  {
    name: "session2",
    needed: true,
    columns: columns("`sid` INTEGER PRIMARY KEY NOT NULL", "expire", "info BLOB NULL"),
  },
  {
    name: "sustained",
    needed: true,
    columns: columns(ID, "sid", "inode"),
    indexes: ["UQE sustained sid,inode"],
  },
  { name: "delfile", needed: true, columns: columns(INODE, "length", "expire") },
  {
    name: "flock",
    needed: true,
    columns: columns(ID, "inode", "sid", "owner", "ltype"),
    indexes: ["UQE flock inode,sid,owner"],
  },
  {
    name: "plock",
    needed: true,
    columns: columns(ID, "inode", "sid", "owner", "records BLOB"),
    indexes: ["UQE plock inode,sid,owner"],
  },
  {
    name: "dir_quota",
    needed: true,
    columns: columns(INODE, "max_space", "max_inodes", "used_space", "used_inodes"),
  },
  {
    name: "user_group_quota",
    needed: false,
    columns:
      columns("qtype", "qkey", "max_space", "max_inodes", "used_space", "used_inodes") +
      ", PRIMARY KEY ( `qtype`,`qkey` )",
  },
  {
    name: "dir_stats",
    needed: true,
    columns: columns(INODE, "data_length", "used_space", "used_inodes"),
  },
  { name: "detached_node", needed: false, columns: columns(INODE, "added") },
  {
    name: "acl",
    needed: true,
    columns: columns(
      ID,
      "owner INTEGER NULL",
      "group INTEGER NULL",
      "mask INTEGER NULL",
      "other INTEGER NULL",
      "named_users BLOB NULL",
      "named_groups BLOB NULL",
    ),
  },
  { name: "delegation_token", needed: false, columns: columns(ID, "token BLOB NULL") },
  { name: "change_log", needed: false, columns: columns(ID, "entry TEXT") },
];

function statementsOf(table: Table, prefix: string): string[] {
  const name = prefix + table.name;
  const made = [`CREATE TABLE IF NOT EXISTS \`${name}\` (${table.columns})`];
  for (const index of table.indexes ?? []) {
    const [kind, short, fields = ""] = index.split(" ");
    const quoted = fields
      .split(",")
      .map((field) => `\`${field}\``)
      .join(",");
    const unique = kind === "UQE" ? "UNIQUE INDEX" : "INDEX";
    // sqlite_master keeps the text without IF NOT EXISTS.
    made.push(
      `CREATE ${unique} IF NOT EXISTS \`${kind}_${name}_${short}\` ON \`${name}\` (${quoted})`,
    );
  }
  return made;
}

/** Makes the tables and indexes that are missing. Runs inside the caller's transaction. */
export function createTables(db: Database.Database, prefix: string): void {
  for (const table of tables) {
    for (const statement of statementsOf(table, prefix)) db.prepare(statement).run();
  }
}

/** What this database lacks to be a volume we can serve, as "table" or "table.column"; undefined when it has all. */
export function missingPart(db: Database.Database, prefix: string): string | undefined {
  const list = db.prepare("SELECT name FROM pragma_table_info(?)").pluck();
  for (const table of tables) {
    if (!table.needed) continue;
    const present = new Set(list.all(prefix + table.name));
    if (present.size === 0) return prefix + table.name;
    for (const [, column = ""] of table.columns.matchAll(/`(\w+)` [A-Z]/g)) {
      if (!present.has(column)) return `${prefix}${table.name}.${column}`;
    }
  }
  return undefined;
}

/** The `table_prefix` of an address as JuiceFS applies it: X becomes jfs_X_. */
export function tablePrefix(given: string | undefined): string {
  if (given === undefined || given === "") return "jfs_";
  // It becomes part of statements; JuiceFS would fail later and worse.
  if (!/^[A-Za-z0-9_]{1,64}$/.test(given)) {
    throw new Error(
      `table_prefix "${given}" is not usable: take letters, digits and underscores only`,
    );
  }
  return `jfs_${given}_`;
}
