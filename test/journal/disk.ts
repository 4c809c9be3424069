// The three files of a volume as a crash leaves them: all that was written (the process died), or what a power cut left of
// what was not synced.
import { existsSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import type { Account } from "./probe.ts";

export const DATABASE = "meta.db";
export const WAL = "meta.db-wal";
export const JOURNAL = "meta.journal";
const PAGE = 4096;
const WAL_HEADER = 32;

export interface Image {
  readonly db: Buffer;
  readonly wal: Buffer | undefined;
  readonly journal: Buffer | undefined;
}

export type Random = () => number;
const below = (random: Random, n: number): number => Math.floor(random() * n);

function read(path: string): Buffer | undefined {
  return existsSync(path) ? readFileSync(path) : undefined;
}

export function writeImage(folder: string, image: Image): void {
  writeFileSync(join(folder, DATABASE), image.db);
  for (const [name, bytes] of [
    [WAL, image.wal],
    [JOURNAL, image.journal],
  ] as const) {
    if (bytes === undefined) rmSync(join(folder, name), { force: true });
    else writeFileSync(join(folder, name), bytes);
  }
  rmSync(join(folder, "meta.db-shm"), { force: true });
}

/** Follows what is durable of the files in a folder. The database changes by `checkpoint` only. */
export class Disk implements Account {
  readonly folder: string;
  #db: Buffer;
  #durable = new Map<string, Buffer>();
  /** What was made durable at once, whatever syncs were under way. */
  #through: (readonly [number, Uint8Array])[] = [];

  /** `image`: what the disk has, when something was written there before. */
  constructor(folder: string, image?: Image) {
    this.folder = realpathSync(folder);
    this.#db = image?.db ?? readFileSync(join(folder, DATABASE));
    if (image?.wal !== undefined) this.#durable.set(WAL, image.wal);
    if (image?.journal !== undefined) this.#durable.set(JOURNAL, image.journal);
  }

  syncs(path: string): () => void {
    const name = [WAL, JOURNAL].find((known) => path === join(this.folder, known));
    if (name === undefined) return () => {};
    const bytes = readFileSync(path);
    const since = this.#through.length;
    return () => {
      this.#durable.set(name, bytes);
      const through = name === JOURNAL ? this.#through.slice(since) : [];
      for (const [offset, header] of through) this.#put(offset, header);
    };
  }
  wroteThrough(path: string, offset: number, bytes: Uint8Array): void {
    // While it is made a journal has another name.
    if (!path.startsWith(join(this.folder, JOURNAL))) return;
    this.#through.push([offset, bytes]);
    this.#put(offset, bytes);
  }
  #put(offset: number, bytes: Uint8Array): void {
    const durable = this.#durable.get(JOURNAL) ?? Buffer.alloc(0);
    const grown = Buffer.alloc(Math.max(durable.length, offset + bytes.length));
    durable.copy(grown);
    grown.set(bytes, offset);
    this.#durable.set(JOURNAL, grown);
  }

  /** Moves what is committed into the database, durably; the WAL begins anew with the next commit. */
  checkpoint(): void {
    const db = new Database(join(this.folder, DATABASE));
    db.pragma("synchronous=NORMAL");
    db.pragma("wal_checkpoint(PASSIVE)");
    this.#durable.set(WAL, readFileSync(join(this.folder, WAL)));
    this.#db = readFileSync(join(this.folder, DATABASE));
    db.close();
  }

  /** What another process would find now. */
  now(): Image {
    const journal = read(join(this.folder, JOURNAL));
    return { db: this.#db, wal: read(join(this.folder, WAL)), journal };
  }

  /** What a power cut might leave; `isExact`: nothing but what was synced. */
  afterPowerCut(now: Image, random: Random, isExact: boolean = false): Image {
    const cut = (name: string, bytes: Buffer | undefined): Buffer | undefined => {
      const durable = this.#durable.get(name);
      if (bytes === undefined) return undefined;
      const kept = Buffer.from(durable ?? []);
      // SQLite syncs the header of a WAL that begins anew before it writes behind it.
      if (name === WAL) bytes.copy(kept, 0, 0, WAL_HEADER);
      return isExact ? kept : torn(kept, bytes, random);
    };
    return { db: now.db, wal: cut(WAL, now.wal), journal: cut(JOURNAL, now.journal) };
  }
}

/** What was durable, and some of what was written since: none, all, what lies before a byte, or random pages. */
function torn(durable: Buffer, now: Buffer, random: Random): Buffer {
  const kind = below(random, 5);
  if (kind === 0) return now;
  if (kind === 1) return durable;
  const left = Buffer.alloc(now.length);
  durable.copy(left, 0, 0, Math.min(durable.length, now.length));
  const dirty: number[] = [];
  for (let at = 0; at < now.length; at += PAGE) {
    const end = Math.min(at + PAGE, now.length);
    if (now.compare(left, at, end, at, end) !== 0) dirty.push(at);
  }
  if (dirty.length === 0) return left;
  if (kind === 4) {
    const share = random();
    for (const at of dirty) if (random() < share) now.copy(left, at, at, at + PAGE);
    return left;
  }
  // Pages reach the disk in any order, but mostly in this one; the last of them may be torn.
  const first = below(random, dirty.length);
  const order = kind === 2 ? dirty : [...dirty.slice(first), ...dirty.slice(0, first)];
  const whole = below(random, order.length);
  for (const at of order.slice(0, whole)) now.copy(left, at, at, at + PAGE);
  const last = order[whole] as number;
  now.copy(left, last, last, last + below(random, PAGE + 1));
  return left;
}

/** The same with the newest frame, which begins at `offset`, written in part. */
export function tornFrame(image: Image, offset: number, random: Random): Image {
  if (image.journal === undefined) return image;
  const journal = Buffer.from(image.journal);
  const length = 24 + Math.ceil(journal.readUInt32LE(offset + 4) / 8) * 8;
  journal.fill(0, offset + below(random, length), offset + length);
  return { ...image, journal };
}
