// The bodies that let data go: chunks of deleted files, delayed slices, and references nobody holds (formats 3.6).
import { RECORD_BYTES, decodeSlices } from "../slices.ts";
import type { MetaRead, MetaTxn } from "../txn.ts";
import type { Delfile, Delslices, Ino } from "../types.ts";

export interface DeadSlice {
  readonly id: number;
  readonly size: number;
}

/** Chunks of a deleted file that go now; `delfile` when they are its last. */
export interface FileRemains {
  readonly ino: Ino;
  readonly indexes: readonly number[];
  readonly delfile: Delfile | undefined;
}

/** Counts references down; the slices that nobody refers to any more come back. */
class Releases {
  readonly #counts: Map<number, { readonly size: number; count: number }> = new Map();

  add(id: number, size: number): void {
    const known = this.#counts.get(id);
    if (known === undefined) this.#counts.set(id, { size, count: 1 });
    else known.count++;
  }
  /** Reads what the references will be. A slice without a record is left alone: nothing is deleted on a guess. */
  judge(tx: MetaRead): DeadSlice[] {
    const dead: DeadSlice[] = [];
    for (const [id, { size, count }] of this.#counts) {
      const refs = tx.sliceRefs(id);
      if (refs === undefined) this.#counts.delete(id);
      else if (refs <= count) dead.push({ id, size });
    }
    return dead;
  }
  apply(tx: MetaTxn): void {
    for (const [id, { size, count }] of this.#counts) tx.addSliceRef(id, size, -count);
  }
  keys(): ["sliceRefs", number][] {
    return [...this.#counts.keys()].map((id) => ["sliceRefs", id]);
  }
}

/** Deletes chunk records and gives back the references; answers the slices whose objects can go. */
export function deleteChunks(tx: MetaTxn, files: readonly FileRemains[]): DeadSlice[] {
  const releases = new Releases();
  tx.load(
    files.flatMap(({ ino, indexes }) => indexes.map((index) => ["chunk", ino, index] as const)),
  );
  for (const { ino, indexes } of files) {
    for (const index of indexes) releaseRecords(releases, tx.chunk(ino, index));
  }
  tx.load(releases.keys());
  const dead = releases.judge(tx);

  releases.apply(tx);
  for (const { ino, indexes, delfile } of files) {
    for (const index of indexes) tx.deleteChunk(ino, index);
    if (delfile !== undefined) tx.deleteDelfile(ino, delfile.length);
  }
  return dead;
}

function releaseRecords(releases: Releases, records: Uint8Array | undefined): void {
  if (records === undefined) return;
  // Of a torn value the whole records still tell which slices it held.
  const whole = records.subarray(0, records.byteLength - (records.byteLength % RECORD_BYTES));
  for (const { id, size } of decodeSlices(whole) ?? []) if (id > 0) releases.add(id, size);
}

/** The time of a delayed-delete record has come. */
export function releaseDelslices(tx: MetaTxn, record: Delslices): DeadSlice[] {
  const releases = new Releases();
  for (const { id, size } of record.slices) if (id > 0) releases.add(id, size);
  tx.load(releases.keys());
  const dead = releases.judge(tx);
  releases.apply(tx);
  tx.deleteDelslices(record.id, record.deleted);
  return dead;
}

/** The objects of these slices are gone; a slice that was referred to again in between keeps its record. */
export function forgetSlices(tx: MetaTxn, slices: readonly DeadSlice[]): void {
  tx.load(slices.map(({ id }) => ["sliceRefs", id] as const));
  const dead = slices.filter(({ id }) => (tx.sliceRefs(id) ?? 1) <= 0);
  for (const { id, size } of dead) tx.deleteSliceRef(id, size);
}
