// What is known of an inode while processes have it open: its writer, the length that reads are cut to, errors to report.
import type { FsError } from "../util/errno.ts";
import type { Ino } from "../meta/types.ts";
import type { FileWriter } from "./file-writer.ts";
import type { Readahead } from "./readahead.ts";

export class OpenFile {
  readonly ino: Ino;
  /** Handles that are open or being closed. */
  opens = 0;
  /** Made by the first write. */
  writer: FileWriter | undefined = undefined;
  /** Committed length; -1 = ask the metadata. */
  length = -1;
  /** Setuid or setgid may be set: a write by an ordinary user must clear them. */
  isPrivileged = false;
  /** The last write that was lost, and how many were: each handle reports a new one once. */
  error: FsError | undefined = undefined;
  errorCount = 0;

  constructor(ino: Ino) {
    this.ino = ino;
  }

  get isDirty(): boolean {
    return this.writer?.isDirty === true;
  }
}

/** What open(2) returned a descriptor for. */
export class FileHandle {
  readonly file: OpenFile;
  readonly flags: number;
  /** Of file.errorCount, what this handle has reported. */
  errorsSeen: number;
  /** Made by the first read. */
  readahead: Readahead | undefined = undefined;

  constructor(file: OpenFile, flags: number) {
    this.file = file;
    this.flags = flags;
    this.errorsSeen = file.errorCount;
  }

  /** Throws the error of a lost write that this handle has not reported yet. */
  reportLost(): void {
    const { file } = this;
    if (file.errorCount === this.errorsSeen) return;
    this.errorsSeen = file.errorCount;
    if (file.error !== undefined) throw file.error;
  }
}
