// The table of opcodes: how each is decoded, which method of the file system it calls and how its result is encoded.
// An opcode that is not here, or whose method is missing, is answered ENOSYS; the kernel then stops sending it.
import { EINVAL, ENOTTY, ERANGE } from "../util/errno.ts";
import { then } from "../util/maybe.ts";
import type { MaybePromise } from "../util/maybe.ts";
import { op } from "./abi.ts";
import * as decode from "./decode.ts";
import * as files from "./decode-files.ts";
import type { Dirents, DirentsPool } from "./dirents.ts";
import * as encode from "./encode.ts";
import type { Input } from "./input.ts";
import type { FuseOperations } from "./operations.ts";
import type { Output } from "./output.ts";
import type { FuseRequest } from "./pending.ts";

/** What the rows need to know of the session. */
export interface Terms {
  readonly maxWrite: number;
  readonly setxattrExtension: boolean;
  readonly dirents: DirentsPool;
}

export interface Row {
  readonly name: string;
  readonly decode: (input: Input, terms: Terms) => unknown;
  readonly call: (
    ops: FuseOperations,
    q: FuseRequest,
    args: unknown,
    terms: Terms,
  ) => MaybePromise<unknown>;
  /** Absent: the reply has no payload. Pieces are sent from where they lie. */
  readonly encode: ((out: Output, result: unknown) => void) | "pieces" | undefined;
  /** Gives back what the result borrowed, after it was sent. */
  readonly done: ((result: unknown, terms: Terms) => void) | undefined;
}

const table: (Row | undefined)[] = [];

/** Adds a row; the types of its three columns must fit. */
function row<A, R>(
  name: keyof typeof op,
  read: (input: Input, terms: Terms) => A,
  call: (ops: FuseOperations, q: FuseRequest, args: A, terms: Terms) => MaybePromise<R>,
  write?: ((out: Output, result: R) => void) | "pieces",
  done?: (result: R, terms: Terms) => void,
): void {
  table[op[name]] = { name, decode: read, call, encode: write, done } as unknown as Row;
}

row("LOOKUP", decode.name, (ops, q, name) => ops.lookup(q, q.nodeid, name), encode.entry);
row("GETATTR", decode.getattr, (ops, q, fh) => ops.getattr(q, q.nodeid, fh), encode.attrOut);
row("SETATTR", decode.setattr, (ops, q, a) => ops.setattr(q, q.nodeid, a), encode.attrOut);
row("READLINK", decode.nothing, (ops, q) => ops.readlink(q, q.nodeid), encode.text);
row(
  "SYMLINK",
  decode.symlink,
  (ops, q, a) => ops.symlink(q, q.nodeid, a.name, a.target),
  encode.entry,
);
row(
  "MKNOD",
  decode.mknod,
  (ops, q, a) => ops.mknod(q, q.nodeid, a.name, a.mode, a.rdev, a.umask),
  encode.entry,
);
row(
  "MKDIR",
  decode.mkdir,
  (ops, q, a) => ops.mkdir(q, q.nodeid, a.name, a.mode, a.umask),
  encode.entry,
);
row("UNLINK", decode.name, (ops, q, name) => ops.unlink(q, q.nodeid, name));
row("RMDIR", decode.name, (ops, q, name) => ops.rmdir(q, q.nodeid, name));
row("RENAME", decode.rename, rename);
row("RENAME2", decode.rename2, rename);
row("LINK", decode.link, (ops, q, a) => ops.link(q, a.ino, q.nodeid, a.name), encode.entry);
row("OPEN", decode.open, (ops, q, a) => ops.open(q, q.nodeid, a.flags, a.killSuidgid), encode.open);
row(
  "CREATE",
  decode.create,
  (ops, q, a) => ops.create(q, q.nodeid, a.name, a.flags, a.mode, a.umask),
  encode.create,
);
row(
  "TMPFILE",
  decode.tmpfile,
  (ops, q, a) => ops.tmpfile(q, q.nodeid, a.flags, a.mode, a.umask),
  encode.create,
);
row(
  "READ",
  files.read,
  (ops, q, a) => ops.read(q, q.nodeid, a.fh, a.offset, a.size, a.flags),
  "pieces",
);
row(
  "WRITE",
  files.write,
  (ops, q, a) => ops.write(q, q.nodeid, a.fh, a.offset, a.data, a.writeFlags, a.flags),
  encode.taken,
);
row("STATFS", decode.nothing, (ops, q) => ops.statfs(q, q.nodeid), encode.statfs);
row("FLUSH", files.flush, (ops, q, a) => ops.flush(q, q.nodeid, a.fh, a.lockOwner));
row("RELEASE", files.release, (ops, q, a) =>
  ops.release(q, q.nodeid, a.fh, a.flags, a.releaseFlags, a.lockOwner),
);
row("FSYNC", files.fsync, (ops, q, a) => ops.fsync(q, q.nodeid, a.fh, a.datasync));
row("OPENDIR", decode.open, (ops, q, a) => ops.opendir(q, q.nodeid, a.flags), encode.open);
row("READDIR", files.read, readdir, "pieces", giveBack);
row("READDIRPLUS", files.read, readdirplus, "pieces", giveBack);
row("RELEASEDIR", files.release, (ops, q, a) => ops.releasedir(q, q.nodeid, a.fh));
row("FSYNCDIR", files.fsync, (ops, q, a) => ops.fsyncdir(q, q.nodeid, a.fh, a.datasync));
row(
  "SETXATTR",
  (input, terms) => decode.setxattr(input, terms.setxattrExtension),
  (ops, q, a) => ops.setxattr(q, q.nodeid, a.name, a.value, a.flags, a.killSgid),
);
row(
  "GETXATTR",
  decode.getxattr,
  (ops, q, a) => then(ops.getxattr(q, q.nodeid, a.name), sized(a.size)),
  xattr,
);
row(
  "LISTXATTR",
  decode.listxattr,
  (ops, q, size) => then(ops.listxattr(q, q.nodeid), (names) => sized(size)(nameList(names))),
  xattr,
);
row("REMOVEXATTR", decode.name, (ops, q, name) => ops.removexattr(q, q.nodeid, name));
row("FALLOCATE", files.fallocate, (ops, q, a) =>
  ops.fallocate(q, q.nodeid, a.fh, a.offset, a.length, a.mode),
);
row(
  "LSEEK",
  files.lseek,
  (ops, q, a) => ops.lseek(q, q.nodeid, a.fh, a.offset, a.whence),
  encode.whole,
);
row("COPY_FILE_RANGE", files.copyFileRange, copyFileRange, encode.taken);
row("COPY_FILE_RANGE_64", files.copyFileRange, copyFileRange, encode.whole);
row("SYNCFS", decode.nothing, (ops, q) => ops.syncfs(q, q.nodeid));

/** Rows for what a file system may leave out. */
row("ACCESS", files.access, (ops, q, mask) => ops.access?.(q, q.nodeid, mask));
row("STATX", decode.statx, (ops, q, fh) => ops.statx!(q, q.nodeid, fh), encode.statx);
row("GETLK", files.lock, (ops, q, a) => ops.getlk!(q, q.nodeid, a), encode.lock);
row("SETLK", files.lock, (ops, q, a) => ops.setlk!(q, q.nodeid, a, false));
row("SETLKW", files.lock, (ops, q, a) => ops.setlk!(q, q.nodeid, a, true));
row(
  "IOCTL",
  files.ioctl,
  (ops, q, a) => {
    if (ops.ioctl === undefined) throw ENOTTY;
    return ops.ioctl(q, q.nodeid, a.fh, a.command, a.argument, a.data, a.outputBytes);
  },
  encode.ioctl,
);

/** The row of an opcode, if this file system serves it. */
export function rowsOf(ops: FuseOperations): readonly (Row | undefined)[] {
  const rows = [...table];
  if (ops.access === undefined) rows[op.ACCESS] = undefined;
  if (ops.statx === undefined) rows[op.STATX] = undefined;
  if (ops.getlk === undefined) rows[op.GETLK] = undefined;
  if (ops.setlk === undefined) rows[op.SETLK] = rows[op.SETLKW] = undefined;
  return rows;
}

function rename(ops: FuseOperations, q: FuseRequest, a: decode.RenameIn): MaybePromise<void> {
  return ops.rename(q, q.nodeid, a.name, a.newParent, a.newName, a.flags);
}

/** The 32-bit answer of COPY_FILE_RANGE cannot say 4 GiB: at most so much is asked for. */
const COPY_MAX = 0x7ffff000;
function copyFileRange(ops: FuseOperations, q: FuseRequest, a: files.CopyIn): MaybePromise<number> {
  const length = q.opcode === op.COPY_FILE_RANGE ? Math.min(a.length, COPY_MAX) : a.length;
  return ops.copyFileRange(
    q,
    q.nodeid,
    a.fh,
    a.offset,
    a.toIno,
    a.toFh,
    a.toOffset,
    length,
    a.flags,
  );
}

/** The packed entries, remembering whose buffer they lie in. */
type Listing = Uint8Array & { sink?: Dirents };

function listing(sink: Dirents): Listing {
  const packed: Listing = sink.packed();
  packed.sink = sink;
  return packed;
}
function giveBack(packed: Listing, terms: Terms): void {
  if (packed.sink !== undefined) terms.dirents.give(packed.sink);
}
function readdir(
  ops: FuseOperations,
  q: FuseRequest,
  a: files.ReadIn,
  terms: Terms,
): MaybePromise<Listing> {
  const sink = sinkFor(a, terms);
  return then(ops.readdir(q, q.nodeid, a.fh, a.offset, sink), () => listing(sink));
}
function readdirplus(
  ops: FuseOperations,
  q: FuseRequest,
  a: files.ReadIn,
  terms: Terms,
): MaybePromise<Listing> {
  const sink = sinkFor(a, terms);
  return then(ops.readdirplus(q, q.nodeid, a.fh, a.offset, sink), () => listing(sink));
}
function sinkFor(a: files.ReadIn, terms: Terms): Dirents {
  if (a.size > terms.maxWrite) throw EINVAL;
  return terms.dirents.take(a.size);
}

/** The value, or only its length when the caller gave no room. */
type Sized = Uint8Array | number;
function sized(room: number): (value: Uint8Array) => Sized {
  return (value) => {
    if (room === 0) return value.length;
    if (value.length > room) throw ERANGE;
    return value;
  };
}
function xattr(out: Output, value: Sized): void {
  if (typeof value === "number") encode.taken(out, value);
  else out.bytes(value);
}
function nameList(names: readonly string[]): Uint8Array {
  return Buffer.from(names.map((name) => `${name}\0`).join(""), "latin1");
}
