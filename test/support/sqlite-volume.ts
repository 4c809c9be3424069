// Databases for tests of the engine: golden ones without their objects, and new ones.
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import Database from "better-sqlite3";
import { formatVolume, openSqlite, type SqliteStore } from "../../src/meta/engines/sqlite.ts";
import type { Format } from "../../src/meta/format.ts";
import { type Attr, type Ino, TYPE_FILE } from "../../src/meta/types.ts";
import { type GoldenName, goldenFile, readJsonLines } from "./golden.ts";

let root: string | undefined;

/** A folder of the test's own, removed when the process ends. */
export function scratchDir(): string {
  if (root === undefined) {
    const made = mkdtempSync(join(tmpdir(), "jfs-sqlite-"));
    process.on("exit", () => rmSync(made, { recursive: true, force: true }));
    root = made;
  }
  return mkdtempSync(join(root, "d"));
}

/** Unpacks the database (and the WAL beside it) of a golden volume into `dir`; answers its path. */
export function restoreDatabase(name: GoldenName, folder: string, dir: string): string {
  mkdirSync(dir, { recursive: true });
  const target = join(dir, "meta.db");
  for (const suffix of ["", "-wal"]) {
    const packed = goldenFile(name, folder, `meta.db${suffix}.gz`);
    const plain = goldenFile(name, folder, `meta.db${suffix}`);
    if (existsSync(packed)) writeFileSync(`${target}${suffix}`, gunzipSync(readFileSync(packed)));
    else if (existsSync(plain)) copyFileSync(plain, `${target}${suffix}`);
  }
  return target;
}

export function goldenRecords<T>(name: GoldenName | "codec", file: string): readonly T[] {
  return readJsonLines(goldenFile(name, file)).map((line) => JSON.parse(line) as T);
}

/** A setting as `format` makes it. */
export function testFormat(changed: Partial<Format> = {}): Format {
  return {
    Name: "test",
    UUID: "11111111-2222-4333-8444-555555555555",
    Storage: "file",
    Tiers: { "0": { ID: 0, StorageClass: "", Tag: "" } },
    Bucket: "/var/jfs/",
    BlockSize: 4096,
    Compression: "none",
    EncryptAlgo: "aes256gcm-rsa",
    TrashDays: 1,
    MetaVersion: 1,
    MinClientVersion: "1.1.0-A",
    DirStats: true,
    EnableACL: false,
    ...changed,
  };
}

/** Formats a new volume in a new folder; answers the path of its database. */
export async function newVolume(changed: Partial<Format> = {}): Promise<string> {
  const path = join(scratchDir(), "meta.db");
  await formatVolume(path, testFormat(changed));
  return path;
}

export async function openNewVolume(): Promise<SqliteStore> {
  return openSqlite(await newVolume());
}

/** Attributes of a file. */
export function fileAttr(changed: Partial<Attr> = {}): Attr {
  return {
    type: TYPE_FILE,
    flags: 0,
    mode: 0o644,
    uid: 1,
    gid: 2,
    rdev: 0,
    atime: 1700000000,
    mtime: 1700000000,
    ctime: 1700000000,
    atimensec: 123456789,
    mtimensec: 0,
    ctimensec: 999999999,
    nlink: 1,
    length: 0,
    parent: 1,
    accessAcl: 0,
    defaultAcl: 0,
    tier: 0,
    ...changed,
  };
}

/** The answer, which must not be a promise. */
export function inPlace<T>(answer: T | Promise<T>): T {
  if (answer instanceof Promise) throw new Error("expected an answer in place");
  return answer;
}

/** Whether another connection sees the inode. */
export function isCommitted(path: string, ino: Ino): boolean {
  const db = new Database(path, { readonly: true });
  try {
    return db.prepare("SELECT 1 FROM jfs_node WHERE inode=?").get(ino) !== undefined;
  } finally {
    db.close();
  }
}

/** An empty file in the root. */
export const sampleAttr: Attr = {
  type: 1,
  flags: 0,
  mode: 0o644,
  uid: 0,
  gid: 0,
  rdev: 0,
  atime: 0,
  mtime: 0,
  ctime: 0,
  atimensec: 0,
  mtimensec: 0,
  ctimensec: 0,
  nlink: 1,
  length: 0,
  parent: 1,
  accessAcl: 0,
  defaultAcl: 0,
  tier: 0,
};
