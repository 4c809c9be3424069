// The journal as the rest of metadata sees it: frames are appended in order, made durable together, and forgotten when
// the database (and the blocks) hold what they say. The layout on disk is docs/journal.md.
import type { Time } from "../../util/clock.ts";
import type { Ino } from "../types.ts";

/** What a frame carries. Numbered for ever: add at the end only. */
export const FRAME_MUTATIONS = 1;
export const FRAME_DATA = 2;

export interface Frame {
  /** One more than that of the frame before it; the first of a volume is 1. */
  readonly sequence: number;
  readonly kind: number;
  readonly payload: Uint8Array;
}

/** Whose journal it is. */
export interface JournalIdentity {
  /** UUID of the volume, as its setting has it. */
  readonly volume: string;
  /** 32 hexadecimal digits, new each time that a journal is begun. */
  readonly journal: string;
}

/** Bytes of a file that were made durable before their slice was stored. */
export interface DataExtent {
  /** The slice that will hold them: when its records are committed, they are not needed any more. */
  readonly sliceId: number;
  /** Where they belong in the file, in bytes. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export interface DataFrame {
  readonly ino: Ino;
  /** Of the last write. */
  readonly time: Time;
  /** In the order of writing: later ones lie over earlier ones. */
  readonly extents: readonly DataExtent[];
}

/** A journal that is open for appending. */
export interface Journal {
  readonly path: string;
  readonly identity: JournalIdentity;
  /** Of the newest frame; before the first append the number before the first. */
  readonly lastSequence: number;
  /** Writes one frame (it survives the death of the process when this returns) and answers its sequence number;
   *  0 = no room: nothing was written, and nothing will fit until `forget` has made room. Throws EIO, and then takes no more. */
  append(kind: number, payload: Uint8Array): number;
  /** All frames so far survive a power cut when this resolves. One sync runs, one waits, shared by all. Rejects with EIO. */
  sync(): Promise<void>;
  /** The frames up to `sequence` will never be asked for again: a segment that holds no other may be written over. */
  forget(sequence: number): void;
  /** Frames up to here should be forgotten soon, or appends will find no room; 0 = there is no hurry. */
  readonly wanted: number;
  close(): Promise<void>;
  /** Closes it and deletes the file, durably. */
  remove(): Promise<void>;
}
