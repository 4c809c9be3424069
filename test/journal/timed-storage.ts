// Objects in memory that remember when they came, became durable and went: what a crash leaves of them is a view.
import { MemStorage } from "../../src/object/mem.ts";
import type { ObjectInfo, ObjectStorage, PutOptions } from "../../src/object/storage.ts";

interface Kept {
  readonly bytes: Uint8Array;
  readonly putAt: number;
  durableAt: number;
}

export class TimedStorage implements ObjectStorage {
  readonly name = "timed://";
  readonly #now = new MemStorage();
  readonly #kept: Map<string, Kept> = new Map();
  readonly #deletedAt: Map<string, number> = new Map();
  clock = 0;
  hasUnsynced = false;

  get(key: string, range?: { readonly offset: number; readonly length: number }): Uint8Array {
    return this.#now.get(key, range);
  }
  put(key: string, body: readonly Uint8Array[], options?: PutOptions): void {
    this.#now.put(key, body);
    const putAt = ++this.clock;
    const isDurable = options?.durable === true;
    this.hasUnsynced ||= !isDurable;
    this.#kept.set(key, {
      bytes: this.#now.get(key),
      putAt,
      durableAt: isDurable ? putAt : Infinity,
    });
  }
  delete(key: string): void {
    this.#now.delete(key);
    this.#deletedAt.set(key, ++this.clock);
  }
  head(key: string): ObjectInfo {
    return this.#now.head(key);
  }
  list(prefix: string): AsyncIterable<ObjectInfo> {
    return this.#now.list(prefix);
  }
  sync(): void {
    this.hasUnsynced = false;
    const now = ++this.clock;
    for (const kept of this.#kept.values()) kept.durableAt = Math.min(kept.durableAt, now);
  }
  close(): void {}

  /** What is left at `clock`: everything after a kill, only what was durable when `isCut`. */
  left(clock: number, isCut: boolean): MemStorage {
    const left = new MemStorage();
    for (const [key, { bytes, putAt, durableAt }] of this.#kept) {
      if ((isCut ? durableAt : putAt) > clock) continue;
      if ((this.#deletedAt.get(key) ?? Infinity) > clock) left.put(key, [bytes]);
    }
    return left;
  }
}

/** A copy that changes alone. */
export async function copyOf(storage: MemStorage): Promise<MemStorage> {
  const copy = new MemStorage();
  for await (const { key } of storage.list("")) copy.put(key, [storage.get(key)]);
  return copy;
}
