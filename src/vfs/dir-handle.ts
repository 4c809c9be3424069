// One reader of a directory. Offsets count the names it was given; the handle remembers which name each offset stands
// for, so that reading goes on after that name whatever was created or deleted meanwhile, and seekdir finds its place.
import type { MetaApi } from "../meta/api.ts";
import type { DentryRow } from "../meta/store.ts";
import type { Ino, Name } from "../meta/types.ts";
import type { MaybePromise } from "../util/maybe.ts";
import { isPromise } from "../util/maybe.ts";

export const PAGE_ROWS_MAX = 4096;
const PAGE_ROWS_FIRST = 256;
/** Names whose offsets are known exactly; older ones are found by counting from a mark. */
const NAMES_KEPT = 65_536;
const NO_ROWS: readonly DentryRow[] = [];

interface Mark {
  readonly position: number;
  /** The name before `position`. */
  readonly after: Name | undefined;
}

export class DirHandle {
  readonly ino: Ino;
  readonly #meta: MetaApi;
  #rows: readonly DentryRow[] = NO_ROWS;
  /** Position of the first row; a position is the number of names before it. */
  #start = 0;
  #hasAttrs = false;
  /** The volume's change count when the rows were fetched. */
  #changes = -1;
  #limit = PAGE_ROWS_FIRST;
  /** Names given out, the first of them standing at `#namesStart`. */
  #names: Name[] = [];
  #namesStart = 0;
  #marks: Mark[] = [];

  constructor(ino: Ino, meta: MetaApi) {
    this.ino = ino;
    this.#meta = meta;
  }

  /** The rows from `position` on, at most a page, none at the end. With attributes they are those of now: `changes` is
   *  the count of changes to the volume, and rows of an earlier count are fetched again. */
  rows(position: number, withAttrs: boolean, changes: number): MaybePromise<readonly DentryRow[]> {
    if (position === 0) this.#rewind();
    const fresh = !withAttrs || (this.#hasAttrs && this.#changes === changes);
    const at = position - this.#start;
    if (fresh && at >= 0 && at < this.#rows.length)
      return at === 0 ? this.#rows : this.#rows.slice(at);
    this.#limit = this.#nextLimit(fresh, at);
    const after = this.#nameBefore(position);
    if (after === null) return this.#seek(position, withAttrs, changes);
    return this.#fetch(position, after, withAttrs, changes);
  }

  /** Pages grow while nothing changes; after a change what is left of a large page would be fetched for nothing. */
  #nextLimit(fresh: boolean, at: number): number {
    if (!fresh) return PAGE_ROWS_FIRST;
    const isNext = at === this.#rows.length && at > 0;
    return isNext ? Math.min(PAGE_ROWS_MAX, this.#limit * 4) : this.#limit;
  }

  #rewind(): void {
    this.#rows = NO_ROWS;
    this.#start = 0;
    this.#names = [];
    this.#namesStart = 0;
    this.#marks = [];
    this.#limit = PAGE_ROWS_FIRST;
  }

  /** Undefined = the beginning; null = no longer known exactly. */
  #nameBefore(position: number): Name | undefined | null {
    if (position === 0) return undefined;
    return this.#names[position - 1 - this.#namesStart] ?? null;
  }

  #fetch(
    position: number,
    after: Name | undefined,
    withAttrs: boolean,
    changes: number,
  ): MaybePromise<readonly DentryRow[]> {
    const rows = this.#meta.readdir(this.ino, after, this.#limit, withAttrs);
    if (isPromise(rows)) return rows.then((r) => this.#keep(position, r, withAttrs, changes));
    return this.#keep(position, rows, withAttrs, changes);
  }

  #keep(
    position: number,
    rows: readonly DentryRow[],
    withAttrs: boolean,
    changes: number,
  ): readonly DentryRow[] {
    this.#rows = rows;
    this.#start = position;
    this.#hasAttrs = withAttrs;
    this.#changes = changes;
    return rows;
  }

  /** Remembers that `name` stands at `position`. */
  gave(position: number, name: Name): void {
    const at = position - this.#namesStart;
    if (at === this.#names.length) this.#names.push(name);
    else if (at >= 0 && at < this.#names.length) this.#names[at] = name;
    else {
      this.#names = [name];
      this.#namesStart = position;
    }
    if (this.#names.length <= NAMES_KEPT) return;
    this.#dropOldNames();
  }

  #dropOldNames(): void {
    const dropped = NAMES_KEPT / 2;
    for (let at = PAGE_ROWS_MAX; at <= dropped; at += PAGE_ROWS_MAX) {
      this.#marks.push({ position: this.#namesStart + at, after: this.#names[at - 1] });
    }
    this.#names.splice(0, dropped);
    this.#namesStart += dropped;
  }

  /** An offset from long ago, or from another handle (NFS): counts from the last mark before it. */
  async #seek(
    position: number,
    withAttrs: boolean,
    changes: number,
  ): Promise<readonly DentryRow[]> {
    let mark: Mark = { position: 0, after: undefined };
    for (const m of this.#marks) if (m.position <= position) mark = m;
    let at = mark.position;
    let { after } = mark;
    while (at < position) {
      const rows = await this.#meta.readdir(
        this.ino,
        after,
        Math.min(PAGE_ROWS_MAX, position - at),
        false,
      );
      if (rows.length === 0) return NO_ROWS;
      at += rows.length;
      after = rows[rows.length - 1]?.name;
    }
    return this.#fetch(position, after, withAttrs, changes);
  }
}
