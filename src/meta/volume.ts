// What a body must know of the client that runs it, and the effects it may ask for: the settings that change behaviour,
// which inodes are open here, and who takes care of what was deleted.
import type { Format } from "./format.ts";
import type { Ino } from "./types.ts";

export interface Volume {
  /** This client's session; 0 = none, then nothing can be sustained. */
  readonly sid: number;
  /** Format.DirStats: usage of directories is kept. */
  readonly dirStats: boolean;
  /** Format.EnableACL */
  readonly acls: boolean;
  /** Bytes; 0 = unlimited. */
  readonly capacity: number;
  /** 0 = unlimited. */
  readonly inodes: number;
  /** 0 = no trash. */
  readonly trashDays: number;
  isOpen(ino: Ino): boolean;
  /** After the commit: this file has a delfile record now and its data may go. */
  fileDeleted(ino: Ino, length: number): void;
}

/** The members of a Volume that come from the setting. */
export function volumeSettings(
  format: Format,
): Pick<Volume, "dirStats" | "acls" | "capacity" | "inodes" | "trashDays"> {
  return {
    dirStats: format.DirStats ?? false,
    acls: format.EnableACL,
    capacity: format.Capacity ?? 0,
    inodes: format.Inodes ?? 0,
    trashDays: format.TrashDays,
  };
}
