// A part of a storage as a storage of its own: every volume lives below `{Name}/`.
import type { MaybePromise } from "../util/maybe.ts";
import type { ObjectInfo, ObjectStorage, PutOptions } from "./storage.ts";

export class PrefixStorage implements ObjectStorage {
  readonly name: string;
  readonly getInto?: (key: string, target: Uint8Array, offset: number) => MaybePromise<number>;
  readonly #inner: ObjectStorage;
  readonly #prefix: string;

  /** `prefix` is put before each key as it is: give it its slash. */
  constructor(inner: ObjectStorage, prefix: string) {
    this.#inner = inner;
    this.#prefix = prefix;
    this.name = inner.name + prefix;
    const getInto = inner.getInto?.bind(inner);
    if (getInto !== undefined) {
      this.getInto = (key, target, offset) => getInto(prefix + key, target, offset);
    }
  }

  get hasUnsynced(): boolean {
    return this.#inner.hasUnsynced;
  }

  get(
    key: string,
    range?: { readonly offset: number; readonly length: number },
  ): MaybePromise<Uint8Array> {
    return this.#inner.get(this.#prefix + key, range);
  }

  put(key: string, body: readonly Uint8Array[], options?: PutOptions): MaybePromise<void> {
    return this.#inner.put(this.#prefix + key, body, options);
  }

  delete(key: string): MaybePromise<void> {
    return this.#inner.delete(this.#prefix + key);
  }

  async head(key: string): Promise<ObjectInfo> {
    return { ...(await this.#inner.head(this.#prefix + key)), key };
  }

  async *list(prefix: string, options?: { readonly after?: string }): AsyncIterable<ObjectInfo> {
    const after = options?.after;
    const inner = after === undefined ? undefined : { after: this.#prefix + after };
    for await (const object of this.#inner.list(this.#prefix + prefix, inner)) {
      yield { ...object, key: object.key.slice(this.#prefix.length) };
    }
  }

  sync(): MaybePromise<void> {
    return this.#inner.sync();
  }
  close(): MaybePromise<void> {
    return this.#inner.close();
  }
}
