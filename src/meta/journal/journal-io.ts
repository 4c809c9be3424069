// What the journal needs of the system beyond node:fs: a lock, space, and frames written in one call.
import { nativeAddon } from "../../util/native.ts";

/** Results below 0 are negative errnos. */
export interface JournalIo {
  /** Writes a frame whose checksum goes on from `seed`, and answers its length in the file. */
  journalFrame(
    fd: number,
    offset: number,
    seed: number,
    sequence: number,
    kind: number,
    payload: Uint8Array,
  ): number;
  /** 0 when these bytes are durable, whatever else of the file is not. */
  journalWriteThrough(fd: number, offset: number, bytes: Uint8Array): number;
  /** 0 = the file is ours as long as the descriptor is open. */
  journalLock(fd: number): number;
  /** Gives the file its space on disk, with zeros in it. */
  journalAllocate(fd: number, bytes: number): number;
}

export function journalIo(): JournalIo {
  return nativeAddon() as JournalIo;
}
