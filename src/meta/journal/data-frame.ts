// The payload of a data frame: bytes of one file that were made durable before their slices were stored. A version byte,
// then numbers and lengths as mutations have them; all extents' bytes follow at the end (docs/journal.md).
import { ByteReader } from "../byte-writer.ts";
import type { DataExtent, DataFrame } from "./journal.ts";

const VERSION = 1;
/** A number has at most eight bytes. */
const NUMBER_BYTES = 8;

/** A new buffer; the extents' bytes are copied once. */
export function encodeData(frame: DataFrame): Uint8Array {
  let total = 1 + NUMBER_BYTES * 4;
  for (const extent of frame.extents) total += NUMBER_BYTES * 3 + extent.bytes.byteLength;
  const out = Buffer.allocUnsafe(total);
  out[0] = VERSION;
  let at = putUint(out, 1, frame.ino);
  at = putUint(out, at, frame.time.sec < 0 ? -frame.time.sec * 2 - 1 : frame.time.sec * 2);
  at = putUint(out, at, frame.time.nsec);
  at = putUint(out, at, frame.extents.length);
  for (const extent of frame.extents) {
    at = putUint(out, at, extent.sliceId);
    at = putUint(out, at, extent.offset);
    at = putUint(out, at, extent.bytes.byteLength);
  }
  for (const extent of frame.extents) {
    out.set(extent.bytes, at);
    at += extent.bytes.byteLength;
  }
  return out.subarray(0, at);
}

/** Extents are views of `payload`. Throws RangeError for bytes that are no data frame of this version. */
export function decodeData(payload: Uint8Array): DataFrame {
  const reader = new ByteReader(payload);
  const version = reader.byte();
  if (version !== VERSION) throw new RangeError(`data of version ${version}`);
  const ino = reader.uint();
  const time = { sec: reader.int(), nsec: reader.uint() };
  const count = reader.uint();
  const heads: { readonly sliceId: number; readonly offset: number; readonly length: number }[] =
    [];
  // Each takes three bytes at least: a damaged count ends where the bytes do.
  for (let i = 0; i < count; i++)
    heads.push({ sliceId: reader.uint(), offset: reader.uint(), length: reader.uint() });
  const extents = heads.map(({ sliceId, offset, length }): DataExtent => ({
    sliceId,
    offset,
    bytes: reader.view(length),
  }));
  if (!reader.atEnd) throw new RangeError("there are bytes behind the extents");
  return { ino, time, extents };
}

/** As ByteWriter's: seven bits a byte, the lowest first. Answers where the next number goes. */
function putUint(out: Buffer, at: number, value: number): number {
  let rest = value;
  let next = at;
  while (rest >= 0x80) {
    out[next++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  out[next++] = rest;
  return next;
}
