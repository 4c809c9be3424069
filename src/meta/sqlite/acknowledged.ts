// The changes of the open transaction that frames have acknowledged already. A rollback takes them from the database, but
// not from the world: they are told again before anybody reads or writes.
import { EIO, fault } from "../../util/errno.ts";
import type { ConnectionState } from "./connection-state.ts";
import type { Early } from "./early.ts";
import type { SqliteTxn } from "./txn.ts";

export class Acknowledged {
  readonly #state: ConnectionState;
  readonly #tx: SqliteTxn;
  readonly #early: Early;
  /** Frames since the last COMMIT, and the mutations in them. */
  #frames = 0;
  #mutations = 0;
  #isOwing = false;

  constructor(state: ConnectionState, tx: SqliteTxn, early: Early) {
    this.#state = state;
    this.#tx = tx;
    this.#early = early;
  }

  get frames(): number {
    return this.#frames;
  }
  get mutations(): number {
    return this.#mutations;
  }
  /** A rollback took them away, and they could not be told again yet. */
  get isOwing(): boolean {
    return this.#isOwing;
  }

  /** One frame stands for what the transaction has applied since the last. */
  add(mutations: number): void {
    this.#frames++;
    this.#mutations += mutations;
  }
  committed(): void {
    this.#frames = 0;
    this.#mutations = 0;
  }
  rolledBack(): void {
    this.#isOwing = this.#frames > 0;
  }

  /** Tells the database again, in a new transaction that stays open. Throws EIO while it cannot. */
  payBack(): void {
    const state = this.#state;
    try {
      if (state.open === "read") state.end();
      if (state.open === "none") state.start("write");
      for (const mutations of this.#early.owed()) for (const m of mutations) this.#tx.again(m);
    } catch (cause) {
      this.#tx.forget();
      state.end();
      throw fault(EIO, "apply the journal", {
        cause,
        hint: "acknowledged changes are safe in the journal, but the metadata database does not take them: look at its disk",
      });
    }
    this.#isOwing = false;
  }
}
