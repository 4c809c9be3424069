// Asks the kernel to have a part of a file in its page cache by the time it is needed.
import { nativeAddon } from "./native.ts";

interface ReadAhead {
  readAhead(fd: number, offset: number, length: number): void;
}

/** Returns at once; costs some microseconds a MiB when all of it is there already. */
export function readAhead(fd: number, offset: number, length: number): void {
  (nativeAddon() as ReadAhead).readAhead(fd, offset, length);
}
