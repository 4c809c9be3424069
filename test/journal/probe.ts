// Stands between the program and the system: tells of each write and sync that matters for a crash, before and after it.
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import Database from "better-sqlite3";
import { nativeAddon } from "../../src/util/native.ts";

export type Point =
  | "append"
  | "appended"
  | "header"
  | "begun"
  | "commit"
  | "committed"
  | "sync"
  | "synced";

export interface Probe {
  /** Something is about to happen, or has just happened. */
  at?(point: Point): void;
  /** Where a frame is about to be written. */
  frame?(offset: number): void;
  /** Thrown in place of a COMMIT when it answers something. */
  refuse?(): Error | undefined;
}

/** Keeps account of what is durable; told all the time, of all files. */
export interface Account {
  /** An fdatasync of the file at `path` begins; what it answers is called when it is done. */
  syncs(path: string): () => void;
  /** `bytes` at `offset` of the file are durable, whatever else of it is not. */
  wroteThrough(path: string, offset: number, bytes: Uint8Array): void;
}

let probe: Probe = {};
const accounts = new Set<Account>();

export function keepAccount(account: Account): Disposable {
  accounts.add(account);
  return { [Symbol.dispose]: () => void accounts.delete(account) };
}

function told(path: string): () => void {
  const done = [...accounts].map((account) => account.syncs(path));
  return () => {
    for (const one of done) one();
  };
}

/** Everything in this process is told to `next` from now on. Answers what was told before. */
export function setProbe(next: Probe): Probe {
  const before = probe;
  probe = next;
  return before;
}

type Done = (error: NodeJS.ErrnoException | null) => void;

function pathOf(fd: number): string {
  return fs.readlinkSync(`/proc/self/fd/${fd}`);
}

function watchSyncs(): void {
  const { fdatasync, fdatasyncSync } = fs;
  const watched = (fd: number, done: Done): void => {
    probe.at?.("sync");
    const synced = told(pathOf(fd));
    fdatasync(fd, (error) => {
      if (error === null) synced();
      probe.at?.("synced");
      done(error);
    });
  };
  fs.fdatasync = watched as typeof fs.fdatasync;
  fs.fdatasyncSync = (fd) => {
    probe.at?.("sync");
    const synced = told(pathOf(fd));
    fdatasyncSync(fd);
    synced();
    probe.at?.("synced");
  };
  syncBuiltinESMExports();
}

interface Io {
  journalFrame(fd: number, offset: number, ...rest: unknown[]): number;
  journalWriteThrough(fd: number, offset: number, bytes: Uint8Array): number;
}

function watchJournal(): void {
  const io = nativeAddon() as Io;
  const journalFrame = io.journalFrame.bind(io);
  const journalWriteThrough = io.journalWriteThrough.bind(io);
  io.journalFrame = (fd, offset, ...rest) => {
    probe.frame?.(offset);
    probe.at?.("append");
    const wrote = journalFrame(fd, offset, ...rest);
    probe.at?.("appended");
    return wrote;
  };
  io.journalWriteThrough = (fd, offset, bytes) => {
    probe.at?.("header");
    const result = journalWriteThrough(fd, offset, bytes);
    for (const account of accounts) account.wroteThrough(pathOf(fd), offset, bytes);
    probe.at?.("begun");
    return result;
  };
}

interface Runs {
  run: (this: Database.Statement, ...args: unknown[]) => Database.RunResult;
}

function watchCommits(): void {
  const db = new Database(":memory:");
  const prototype = Object.getPrototypeOf(db.prepare("SELECT 1")) as Runs;
  const { run } = prototype;
  /** Connections with a transaction that writes: the end of one that reads changes nothing. */
  const writing = new WeakSet<Database.Database>();
  prototype.run = function (this: Database.Statement, ...args: unknown[]) {
    const { source, database } = this;
    if (source === "BEGIN IMMEDIATE" || source.endsWith("SET value=value WHERE 0")) {
      writing.add(database);
    } else if (source === "BEGIN") writing.delete(database);
    if (source !== "COMMIT" || !writing.has(database)) return run.apply(this, args);
    probe.at?.("commit");
    const refusal = probe.refuse?.();
    if (refusal !== undefined) throw refusal;
    const result = run.apply(this, args);
    probe.at?.("committed");
    return result;
  };
  db.close();
}

watchSyncs();
watchJournal();
watchCommits();
