// Turns a range of a file into bytes: the view of each chunk, its pieces from the chunk store, zeros for holes. Answers in
// place with views of cache memory when everything is at hand; else copies what arrives into one buffer.
import type { ChunkStore } from "../chunk/store.ts";
import type { MetaApi } from "../meta/api.ts";
import type { Ino, Slice } from "../meta/types.ts";
import { CHUNK_BYTES } from "../meta/types.ts";
import { visible } from "../meta/slices.ts";
import type { MaybePromise } from "../util/maybe.ts";
import { isPromise } from "../util/maybe.ts";
import { ViewCache } from "./view-cache.ts";

type Pieces = readonly Uint8Array[];

const ZEROS = new Uint8Array(1024 * 1024);
const NOTHING: Pieces = [];
const RETRIES_MAX = 3;
const NO_SLICES: readonly Slice[] = [];

export class Reader {
  readonly views: ViewCache = new ViewCache();
  readonly #meta: MetaApi;
  readonly #chunks: ChunkStore;

  constructor(meta: MetaApi, chunks: ChunkStore) {
    this.#meta = meta;
    this.#chunks = chunks;
  }

  /** `size` bytes from `offset`, which must lie inside the file. Uncommitted writes are not seen. */
  read(ino: Ino, offset: number, size: number): MaybePromise<Pieces> {
    if (size <= 0) return NOTHING;
    const { epoch } = this.views;
    let reply: MaybePromise<Pieces> | undefined;
    try {
      reply = this.#readInPlace(ino, offset, size);
    } catch (e) {
      return this.#retry(ino, offset, size, epoch, e);
    }
    reply ??= this.#readSlowly(ino, offset, size);
    if (!isPromise(reply)) return reply;
    return reply.catch((e: unknown) => this.#retry(ino, offset, size, epoch, e));
  }

  /** Undefined when something must be waited for. */
  #readInPlace(ino: Ino, offset: number, size: number): MaybePromise<Pieces> | undefined {
    let out: Uint8Array[] | undefined;
    let single: Pieces = NOTHING;
    for (let done = 0; done < size;) {
      const pos = (offset + done) % CHUNK_BYTES;
      const index = (offset + done - pos) / CHUNK_BYTES;
      const view = this.#view(ino, index);
      if (isPromise(view)) return undefined;
      const at = pieceAt(view, pos);
      const piece = view[at];
      const end = piece === undefined ? CHUNK_BYTES : piece.pos + piece.len;
      const n = Math.min(size - done, end - pos);
      const part = this.#part(piece, pos, n);
      // The usual wait: all bytes come from one slice. They pass on without a copy.
      if (isPromise(part)) return n === size ? part : drop(part);
      if (done === 0) single = part;
      else (out ??= [...single]).push(...part);
      done += n;
    }
    return out ?? single;
  }

  #part(piece: Slice | undefined, pos: number, n: number): MaybePromise<Pieces> {
    if (piece === undefined || piece.id === 0) return zeros(n);
    return this.#chunks.read(piece.id, piece.size, piece.off + (pos - piece.pos), n);
  }

  /** A compaction, here or by another client, may have replaced and deleted a slice that the view named: look again, once
   *  for a view that was kept, and as long as views change while we read. */
  async #retry(
    ino: Ino,
    offset: number,
    size: number,
    since: number,
    cause: unknown,
  ): Promise<Pieces> {
    if (this.views.epoch === since && !this.#knows(ino, offset, size)) throw cause;
    for (let left = RETRIES_MAX; ; left--) {
      this.views.invalidate(ino);
      const { epoch } = this.views;
      try {
        return await this.#readSlowly(ino, offset, size);
      } catch (e) {
        if (this.views.epoch === epoch || left === 0) throw e;
      }
    }
  }

  #knows(ino: Ino, offset: number, size: number): boolean {
    const last = Math.floor((offset + size - 1) / CHUNK_BYTES);
    for (let index = Math.floor(offset / CHUNK_BYTES); index <= last; index++) {
      if (this.views.get(ino, index) !== undefined) return true;
    }
    return false;
  }

  async #readSlowly(ino: Ino, offset: number, size: number): Promise<Pieces> {
    const target = Buffer.allocUnsafe(size);
    const arriving: Promise<void>[] = [];
    try {
      for (let done = 0; done < size;) {
        const pos = (offset + done) % CHUNK_BYTES;
        const found = this.#view(ino, (offset + done - pos) / CHUNK_BYTES);
        const view = isPromise(found) ? await found : found;
        const piece = view[pieceAt(view, pos)];
        const end = piece === undefined ? CHUNK_BYTES : piece.pos + piece.len;
        const n = Math.min(size - done, end - pos);
        const part = this.#part(piece, pos, n);
        const at = done;
        if (isPromise(part)) {
          arriving.push(part.then((pieces) => copyInto(target, at, pieces)));
          // It may fail while a view is awaited, before anybody listens.
          arriving.at(-1)?.catch(() => {});
        } else copyInto(target, at, part);
        done += n;
      }
    } catch (e) {
      await Promise.allSettled(arriving);
      throw e;
    }
    await Promise.all(arriving);
    return [target];
  }

  #view(ino: Ino, index: number): MaybePromise<readonly Slice[]> {
    const cached = this.views.get(ino, index);
    if (cached !== undefined) return cached;
    const records = this.#meta.readChunk(ino, index);
    if (!isPromise(records)) return this.#keep(ino, index, records);
    const epoch = this.views.epoch;
    // Not kept when something was invalidated meanwhile: it may have been this.
    return records.then((r) =>
      this.views.epoch === epoch ? this.#keep(ino, index, r) : visible(r),
    );
  }

  #keep(ino: Ino, index: number, records: readonly Slice[]): readonly Slice[] {
    const view = records.length === 0 ? NO_SLICES : visible(records);
    this.views.put(ino, index, view);
    return view;
  }

  /** Loads what covers the range, in the background. Errors are left to the read that will want the bytes. */
  prefetch(ino: Ino, from: number, to: number): void {
    for (let offset = from; offset < to;) {
      const pos = offset % CHUNK_BYTES;
      const n = Math.min(to - offset, CHUNK_BYTES - pos);
      try {
        const view = this.#view(ino, (offset - pos) / CHUNK_BYTES);
        if (isPromise(view)) view.then((v) => this.#prefetchIn(v, pos, n)).catch(() => {});
        else this.#prefetchIn(view, pos, n);
      } catch {
        return;
      }
      offset += n;
    }
  }

  #prefetchIn(view: readonly Slice[], pos: number, n: number): void {
    for (let at = pieceAt(view, pos); at < view.length; at++) {
      const piece = view[at] as Slice;
      if (piece.pos >= pos + n) return;
      const start = Math.max(pos, piece.pos);
      const len = Math.min(pos + n, piece.pos + piece.len) - start;
      if (piece.id !== 0)
        this.#chunks.prefetch(piece.id, piece.size, piece.off + (start - piece.pos), len);
    }
  }
}

/** Index of the piece that holds `pos`; view.length when it lies behind all. Views begin at 0 and have no gaps. */
function pieceAt(view: readonly Slice[], pos: number): number {
  let low = 0;
  let high = view.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const piece = view[middle] as Slice;
    if (piece.pos + piece.len > pos) high = middle;
    else low = middle + 1;
  }
  return low;
}

function zeros(n: number): Pieces {
  if (n <= ZEROS.length) return [ZEROS.subarray(0, n)];
  const out: Uint8Array[] = [];
  for (let left = n; left > 0; left -= ZEROS.length) {
    out.push(ZEROS.subarray(0, Math.min(left, ZEROS.length)));
  }
  return out;
}

function copyInto(target: Uint8Array, at: number, pieces: Pieces): void {
  let offset = at;
  for (const piece of pieces) {
    target.set(piece, offset);
    offset += piece.length;
  }
}

/** Its result will be asked for again; only its failure must not go unheard as an unhandled one. */
function drop(part: Promise<Pieces>): undefined {
  part.catch(() => {});
}
