// A storage that fails or waits on demand, in front of any other: how tests and the `fault` checks reach the error paths.
import type { FsError } from "../util/errno.ts";
import type { MaybePromise } from "../util/maybe.ts";
import { then } from "../util/maybe.ts";
import type { ObjectInfo, ObjectStorage, PutOptions } from "./storage.ts";

export type FaultLabel = "get" | "put" | "put:after" | "delete" | "head" | "list" | "sync";

interface Plan {
  /** Counts down to the call that it is for. */
  left: number;
  readonly act: () => MaybePromise<void>;
}

/** `put:after` acts when the object is stored already: the answer is lost, not the object. */
export class FaultStorage implements ObjectStorage {
  readonly name: string;
  readonly getInto?: (key: string, target: Uint8Array, offset: number) => MaybePromise<number>;
  readonly #inner: ObjectStorage;
  readonly #plans = new Map<FaultLabel, Plan[]>();
  readonly #calls = new Map<FaultLabel, number>();

  constructor(inner: ObjectStorage) {
    this.#inner = inner;
    this.name = inner.name;
    const getInto = inner.getInto?.bind(inner);
    if (getInto === undefined) return;
    this.getInto = (key, target, offset) =>
      then(this.#at("get"), () => getInto(key, target, offset));
  }

  /** The n-th call from now (1 = the next) throws. */
  fail(label: FaultLabel, n: number, error: FsError): void {
    this.#plan(label, n, () => {
      throw error;
    });
  }

  /** The n-th call from now waits for `gate`. */
  delay(label: FaultLabel, n: number, gate: Promise<void>): void {
    this.#plan(label, n, () => gate);
  }

  /** How often the label was passed. */
  calls(label: FaultLabel): number {
    return this.#calls.get(label) ?? 0;
  }

  #plan(label: FaultLabel, n: number, act: () => MaybePromise<void>): void {
    const plans = this.#plans.get(label) ?? [];
    plans.push({ left: n, act });
    this.#plans.set(label, plans);
  }

  #at(label: FaultLabel): MaybePromise<void> {
    this.#calls.set(label, this.calls(label) + 1);
    const plans = this.#plans.get(label);
    if (plans === undefined) return undefined;
    for (const plan of plans) plan.left--;
    const due = plans.find((plan) => plan.left === 0);
    this.#plans.set(
      label,
      plans.filter((plan) => plan.left > 0),
    );
    return due?.act();
  }

  get hasUnsynced(): boolean {
    return this.#inner.hasUnsynced;
  }

  get(
    key: string,
    range?: { readonly offset: number; readonly length: number },
  ): MaybePromise<Uint8Array> {
    return then(this.#at("get"), () => this.#inner.get(key, range));
  }

  put(key: string, body: readonly Uint8Array[], options?: PutOptions): MaybePromise<void> {
    return then(this.#at("put"), () =>
      then(this.#inner.put(key, body, options), () => this.#at("put:after")),
    );
  }

  delete(key: string): MaybePromise<void> {
    return then(this.#at("delete"), () => this.#inner.delete(key));
  }

  head(key: string): MaybePromise<ObjectInfo> {
    return then(this.#at("head"), () => this.#inner.head(key));
  }

  async *list(prefix: string, options?: { readonly after?: string }): AsyncIterable<ObjectInfo> {
    await this.#at("list");
    yield* this.#inner.list(prefix, options);
  }

  sync(): MaybePromise<void> {
    return then(this.#at("sync"), () => this.#inner.sync());
  }

  close(): MaybePromise<void> {
    return this.#inner.close();
  }
}
