// Everything that a user of a volume can see, as text: two volumes are the same when their texts are.
import { decodeSlices, visible } from "../../src/meta/slices.ts";
import type { MetaStore } from "../../src/meta/store.ts";
import type { Ino, Slice } from "../../src/meta/types.ts";
import { CHUNK_BYTES, TYPE_DIRECTORY, TYPE_FILE, TYPE_SYMLINK } from "../../src/meta/types.ts";

const MANY = 100_000;

/** What a byte of a slice is. */
export type Token = (piece: Slice, i: number) => string | undefined;

function inPlace<T>(answer: T | Promise<T>): T {
  if (answer instanceof Promise) throw new Error("the engine did not answer in place");
  return answer;
}

/** One line per inode: its attributes, names below it, extended attributes, target and bytes. `sid` has files open. */
export function stateOf(store: MetaStore, sid: number, token: Token): string {
  const lines: string[] = [];
  const seen = new Set<Ino>();
  const waiting: Ino[] = [1, ...inPlace(store.scanSustained(sid, MANY))];
  for (let ino = waiting.pop(); ino !== undefined; ino = waiting.pop()) {
    if (seen.has(ino)) continue;
    seen.add(ino);
    lines.push(...nodeLines(store, ino, token, waiting));
  }
  const counters = inPlace(
    store.read((tx) => [tx.counter("usedSpace"), tx.counter("totalInodes")]),
  );
  lines.push(`used ${counters.join(" ")}`);
  return lines.sort().join("\n");
}

function nodeLines(store: MetaStore, ino: Ino, token: Token, waiting: Ino[]): string[] {
  const found = inPlace(
    store.read((tx) => {
      const attr = tx.attr(ino);
      const xattrs = tx
        .xattrNames(ino)
        .map((name) => [name, Buffer.from(tx.xattr(ino, name) ?? [])]);
      const stat = attr?.type === TYPE_DIRECTORY ? tx.dirStat(ino) : undefined;
      const target = attr?.type === TYPE_SYMLINK ? tx.symlink(ino) : undefined;
      const parents = attr?.parent === 0 ? [...tx.parents(ino)].map(String).sort() : [];
      return { attr, xattrs: xattrs.map(String).sort(), stat, target, parents };
    }),
  );
  const lines = [`${ino} ${JSON.stringify(found)}`];
  if (found.attr?.type === TYPE_DIRECTORY) {
    for (const row of inPlace(store.scanDentries(ino, undefined, MANY, false))) {
      lines.push(`${ino}/${row.name} ${row.ino} ${row.type}`);
      waiting.push(row.ino);
    }
  } else if (found.attr?.type === TYPE_FILE) {
    lines.push(`${ino} bytes ${bytesOf(store, ino, found.attr.length, token)}`);
  }
  return lines;
}

function bytesOf(store: MetaStore, ino: Ino, length: number, token: Token): string {
  const bytes: string[] = [];
  for (const { index, records } of inPlace(store.scanChunks(ino, 0, MANY))) {
    for (const piece of visible(decodeSlices(records) ?? [])) {
      const at = index * CHUNK_BYTES + piece.pos;
      for (let i = 0; piece.id > 0 && i < piece.len && at + i < length; i++) {
        const is = token(piece, i);
        if (is !== undefined) bytes.push(`${at + i}=${is}`);
      }
    }
  }
  return bytes.join(" ");
}

/** The first lines in which two states differ. */
export function difference(found: string, expected: string): string {
  const a = new Set(found.split("\n"));
  const b = new Set(expected.split("\n"));
  const extra = [...a].filter((line) => !b.has(line)).slice(0, 4);
  const missing = [...b].filter((line) => !a.has(line)).slice(0, 4);
  return `found ${extra.join("\n      ")}\ninstead of ${missing.join("\n           ")}`;
}
