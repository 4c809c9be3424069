// Reads META-URL: where the metadata of a volume lies. SQLite only: a path, or sqlite3:// as JuiceFS reads it.
import { UsageError } from "clipanion";
import { resolve } from "node:path";

export interface MetaAddress {
  /** Absolute path of the database file. */
  readonly path: string;
  /** What the names of its tables start with: "jfs_", or "jfs_X_" for table_prefix=X. */
  readonly tablePrefix: string;
  /** For people; holds no secret. */
  readonly shown: string;
}

// What JuiceFS's driver is told by itself anyway, and its pool sizes, which one connection has no use for.
const harmless: Readonly<Record<string, RegExp>> = {
  cache: /^shared$/,
  _journal: /^wal$/i,
  _journal_mode: /^wal$/i,
  _timeout: /^\d+$/,
  _busy_timeout: /^\d+$/,
  max_open_conns: /^\d+$/,
  max_idle_conns: /^\d+$/,
  max_idle_time: /^\d+$/,
  max_life_time: /^\d+$/,
};

/** Throws UsageError for another engine or a parameter that would be ignored. Relative paths are resolved now. */
export function parseMetaAddress(text: string): MetaAddress {
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(text);
  if (scheme === null) return address(text, new URLSearchParams());
  if (scheme[1] !== "sqlite3") {
    throw new UsageError(
      `${scheme[1]}:// is not supported yet: give the path of a SQLite database, e.g. /var/lib/myjfs.db`,
    );
  }
  const rest = text.slice(scheme[0].length);
  if (/^[^/?]*:[^/?]*@/.test(rest)) {
    throw new UsageError("sqlite3:// takes a path alone: leave out the user and the password");
  }
  const mark = rest.indexOf("?");
  if (mark < 0) return address(rest, new URLSearchParams());
  return address(rest.slice(0, mark), new URLSearchParams(rest.slice(mark + 1)));
}

function address(given: string, parameters: URLSearchParams): MetaAddress {
  const file = given.startsWith("file:") ? decodeURIComponent(given.slice(5)) : given;
  if (file === "" || file === ":memory:") {
    throw new UsageError("META-URL needs the path of a database file: give e.g. /var/lib/myjfs.db");
  }
  let tablePrefix = "jfs_";
  for (const [name, value] of parameters) {
    if (name === "table_prefix") {
      if (!/^[A-Za-z0-9_]+$/.test(value)) {
        throw new UsageError(`table_prefix=${value}: use letters, digits and _ only`);
      }
      tablePrefix = `jfs_${value}_`;
    } else if (harmless[name]?.test(value) !== true) {
      // Not its value: it may be a password.
      throw new UsageError(
        `META-URL parameter ${name} is not supported with that value: leave it out`,
      );
    }
  }
  const path = resolve(file);
  const suffix = tablePrefix === "jfs_" ? "" : `?table_prefix=${tablePrefix.slice(4, -1)}`;
  return { path, tablePrefix, shown: `sqlite3://${path}${suffix}` };
}
