// Turns what a local disk answers into the errors of the storage contract: an errno the program understands, and for the
// person a sentence that says what to do.
import { getSystemErrorName } from "node:util";
import type { FsError } from "../util/errno.ts";
import { EACCES, EDQUOT, EIO, ENOENT, ENOSPC, EROFS, fault } from "../util/errno.ts";

export type Verb = "get" | "put" | "delete" | "head" | "list" | "sync" | "open";

/** The name of a negative errno, e.g. "ENOSPC". */
function codeOf(result: number): string {
  return getSystemErrorName(result);
}

/** The error for a negative result of the addon. `name` is the storage, for the person. */
export function diskError(result: number, verb: Verb, key: string, name: string): FsError {
  return diskErrorByCode(codeOf(result), verb, key, name);
}

/** The same for Node's own calls, which carry the errno as `code`. */
export function diskErrorOf(cause: unknown, verb: Verb, key: string, name: string): FsError {
  const code = (cause as { code?: unknown } | null)?.code;
  return diskErrorByCode(typeof code === "string" ? code : "EIO", verb, key, name);
}

function diskErrorByCode(code: string, verb: Verb, key: string, name: string): FsError {
  const operation = `${verb} object`;
  if (code === "ENOENT" && (verb === "get" || verb === "head")) return ENOENT;
  // Expected answers: the process that writes is told, and nobody needs a line in the log for each write.
  if (code === "ENOSPC") return ENOSPC;
  if (code === "EDQUOT") return EDQUOT;
  if (code === "EACCES" || code === "EPERM") {
    const hint = `give user ${process.getuid?.() ?? "of jfs"} read and write permission on ${name}`;
    return fault(EACCES, operation, { key, hint });
  }
  if (code === "EROFS") {
    return fault(EROFS, operation, {
      key,
      hint: `${name} is mounted read-only: remount it writable`,
    });
  }
  if (code === "ENOTDIR" && verb === "open") {
    return fault(EIO, operation, { key, hint: `${name} is not a folder: choose another --bucket` });
  }
  if (code === "ENOENT" || code === "ESTALE") {
    const hint = `the folder ${name} has vanished: mount its disk again and remount the volume`;
    return fault(EIO, operation, { key, hint });
  }
  const hint = `${name} answered ${code}: check the disk (dmesg) and its file system`;
  return fault(EIO, operation, { key, hint, retryable: code === "EIO" });
}
