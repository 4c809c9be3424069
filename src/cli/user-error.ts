// A failure that the person at the keyboard can mend: printed as one sentence, exit code 1, no stack.

export class UserError extends Error {
  override readonly name = "UserError";
}

/** One line for any error: its message without a stack, with what a Node.js system error leaves unsaid. */
export function sentenceOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, path } = error as NodeJS.ErrnoException;
  const known = code === undefined ? undefined : systemReasons[code];
  if (known !== undefined) return path === undefined ? known : `${path}: ${known}`;
  return error.message;
}

const systemReasons: Readonly<Record<string, string>> = {
  EACCES: "permission denied: run as a user who may, or choose another place",
  EPERM: "not permitted: run as root, or choose another place",
  EROFS: "the file system is read-only: choose another place",
  ENOSPC: "no space left on the disk: free some, then try again",
  ENOENT: "no such file or directory",
  ENOTDIR: "a part of the path is not a directory",
  EISDIR: "is a directory",
  EDQUOT: "disk quota exceeded: free some space, then try again",
};
