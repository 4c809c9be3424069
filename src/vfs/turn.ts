// The open turn as the Vfs sees it: what to take back when its commit fails, and who waits for its end.
import type { MetaApi } from "../meta/api.ts";
import type { OpenFile } from "./open-file.ts";
import type { OpenSlice } from "./open-slice.ts";

export interface Committed {
  readonly file: OpenFile;
  readonly slices: readonly OpenSlice[];
}

export class Turn {
  readonly #meta: MetaApi;
  isOpen = false;
  /** Slices whose records are part of the turn. */
  committed: Committed[] = [];
  /** Handles opened by answers that wait for the commit. */
  opened: number[] = [];
  #end: PromiseWithResolvers<void> | undefined;

  constructor(meta: MetaApi) {
    this.#meta = meta;
  }

  /** Resolves when what the turn has changed is committed; undefined when it already is. */
  ended(): Promise<void> | undefined {
    if (!this.isOpen || !this.#meta.turnIsDirty) return undefined;
    this.#end ??= Promise.withResolvers();
    return this.#end.promise;
  }

  begin(): void {
    this.isOpen = true;
    this.#meta.beginTurn();
  }

  /** Throws what the commit threw, after `undo` has been told what is lost. */
  end(
    undo: (committed: readonly Committed[], opened: readonly number[], cause: unknown) => void,
  ): void {
    const { committed, opened } = this;
    const end = this.#end;
    this.isOpen = false;
    if (committed.length > 0) this.committed = [];
    if (opened.length > 0) this.opened = [];
    this.#end = undefined;
    try {
      this.#meta.endTurn();
    } catch (e) {
      undo(committed, opened, e);
      end?.reject(e);
      throw e;
    }
    end?.resolve();
  }
}
