// How the plain bytes of a block become the bytes of an object and back: the seam for compression and encryption.
import type { MaybePromise } from "../util/maybe.ts";
import { EINVAL, fault } from "../util/errno.ts";

export interface Codec {
  readonly name: string;
  /** True when object bytes are block bytes, so that parts of an object can be read alone. */
  readonly isIdentity: boolean;
  /** The object of a block, as pieces. May return its argument. */
  encode(block: readonly Uint8Array[]): MaybePromise<readonly Uint8Array[]>;
  /** Exactly `plainBytes` bytes, or it throws. May return its argument. */
  decode(object: Uint8Array, plainBytes: number): MaybePromise<Uint8Array>;
}

export const PLAIN: Codec = Object.freeze({
  name: "none",
  isIdentity: true,
  encode: (block: readonly Uint8Array[]) => block,
  decode: (object: Uint8Array, plainBytes: number) => {
    if (object.length !== plainBytes)
      throw new RangeError(`${object.length} bytes, not ${plainBytes}`);
    return object;
  },
});

/** The codec for a setting's `Compression`. Throws one sentence for those not supported. */
export function codecFor(compression: string | undefined): Codec {
  const name = (compression ?? "").toLowerCase();
  if (name === "" || name === "none") return PLAIN;
  const cause = new Error(`this version does not support compression "${name}"`);
  throw fault(EINVAL, "open storage", { cause, hint: "mount this volume with juicefs" });
}
