// Objects in memory: for tests, and for trying out a volume that nobody needs.
import { ENOENT } from "../util/errno.ts";
import type { ObjectInfo, ObjectStorage } from "./storage.ts";

interface Stored {
  readonly bytes: Uint8Array;
  readonly modifiedMs: number;
}

export class MemStorage implements ObjectStorage {
  readonly name = "mem://";
  readonly hasUnsynced = false;
  readonly #objects = new Map<string, Stored>();

  get(key: string, range?: { readonly offset: number; readonly length: number }): Uint8Array {
    const { bytes } = this.#find(key);
    if (range === undefined) return bytes.slice();
    return bytes.slice(range.offset, range.offset + range.length);
  }

  put(key: string, body: readonly Uint8Array[]): void {
    const bytes = Buffer.allocUnsafeSlow(body.reduce((sum, piece) => sum + piece.length, 0));
    let offset = 0;
    for (const piece of body) {
      bytes.set(piece, offset);
      offset += piece.length;
    }
    this.#objects.set(key, { bytes, modifiedMs: Date.now() });
  }

  delete(key: string): void {
    this.#objects.delete(key);
  }

  head(key: string): ObjectInfo {
    const { bytes, modifiedMs } = this.#find(key);
    return { key, size: bytes.length, modifiedMs };
  }

  async *list(prefix: string, options?: { readonly after?: string }): AsyncIterable<ObjectInfo> {
    const after = options?.after ?? "";
    for (const key of [...this.#objects.keys()].sort()) {
      if (!key.startsWith(prefix) || key <= after || !this.#objects.has(key)) continue;
      yield this.head(key);
    }
  }

  sync(): void {}
  close(): void {}

  #find(key: string): Stored {
    const stored = this.#objects.get(key);
    if (stored === undefined) throw ENOENT;
    return stored;
  }
}
