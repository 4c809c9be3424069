// CRC-32C (Castagnoli) at the speed of the memory: for frames, and for buffers of any size.
import { nativeAddon } from "./native.ts";

interface Crc32c {
  crc32c(bytes: Uint8Array, before: number): number;
  crc32cByTable(bytes: Uint8Array, before: number): number;
}

/** Checksum of `bytes`, or of them behind bytes whose own checksum was `before`. */
export function crc32c(bytes: Uint8Array, before: number = 0): number {
  return (nativeAddon() as Crc32c).crc32c(bytes, before);
}

/** The same without the processor's instruction, as machines without it do it. */
export function crc32cByTable(bytes: Uint8Array, before: number = 0): number {
  return (nativeAddon() as Crc32c).crc32cByTable(bytes, before);
}
