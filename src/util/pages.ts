// Memory that begins at a page, for transfers past the page cache.
import { nativeAddon } from "./native.ts";

interface Pages {
  /** Undefined when there is no memory. `bytes` is a multiple of 4096. */
  pages(bytes: number): ArrayBuffer | undefined;
}

/** Bytes that are whole pages. Throws RangeError when there is no memory. */
export function allocatePages(bytes: number): Uint8Array {
  const buffer = (nativeAddon() as Pages).pages(bytes);
  if (buffer === undefined) throw new RangeError(`no memory for ${bytes} bytes`);
  return new Uint8Array(buffer);
}
