// The addon's part for block files, typed. Results are numbers: negative ones are errnos (block-fault turns them into
// errors). Paths are relative to an open directory.
import type { MaybePromise } from "../util/maybe.ts";
import { nativeAddon } from "../util/native.ts";

/** The put survives a power cut when it returns. */
export const DURABLE = 1;
/** fsync of a new file also writes its name: no directory needs a sync (name-sync). */
export const NAME_WITH_FILE = 2;

export interface BlockIo {
  /** Directories made. `levels` parents are synced when durable. `inPlace` answers in this turn. */
  blockPut(
    root: number,
    path: string,
    pieces: readonly Uint8Array[],
    flags: number,
    levels: number,
    inPlace: boolean,
  ): MaybePromise<number>;
  /** Fills `target` from `offset` of the file and answers the file's size. `inPlace` answers in this turn what the page
   *  cache holds. */
  blockRead(
    root: number,
    path: string,
    target: Uint8Array,
    offset: number,
    inPlace: boolean,
  ): MaybePromise<number>;
  /** Writes files and directories to the disk, or with `whole` their file system; missing ones are no error. */
  blockSync(
    root: number,
    files: readonly string[],
    directories: readonly string[],
    whole: boolean,
  ): MaybePromise<number>;
  blockRemove(root: number, path: string): MaybePromise<number>;
  /** Sets result[0] to the size and result[1] to the modification time in Unix milliseconds. */
  blockStat(root: number, path: string, result: Float64Array): number;
}

/** Loads the addon on first use. */
export function blockIo(): BlockIo {
  return nativeAddon() as BlockIo;
}
