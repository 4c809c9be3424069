// The payload of a mutation frame, made while a body runs: each mutation is encoded at once, into one buffer.
import { ByteWriter } from "../byte-writer.ts";
import type { Mutation } from "../mutation.ts";
import { beginMutations, encodeMutation } from "../mutation-codec.ts";

export class MutationFrame {
  readonly #out = new ByteWriter();
  #isEmpty = true;

  get isEmpty(): boolean {
    return this.#isEmpty;
  }

  record(mutation: Mutation): void {
    if (this.#isEmpty) beginMutations(this.#out);
    this.#isEmpty = false;
    encodeMutation(this.#out, mutation);
  }

  /** What was recorded since `clear`, as decodeMutations reads it: a view, valid until the next `record`. */
  take(): Uint8Array {
    return this.#out.view();
  }

  clear(): void {
    this.#out.reset();
    this.#isEmpty = true;
  }
}
