// The results of each opcode, written as the kernel's structs. Works on anything that takes numbers in order:
// the reply buffer, or the buffer of a directory listing.
import { ATTR_BYTES, ENTRY_OUT, STATX_BASIC_STATS } from "./abi.ts";
import type {
  AttrReply,
  EntryReply,
  IoctlReply,
  LockRange,
  OpenReply,
  StatAttr,
  StatfsReply,
} from "./operations.ts";
import type { Output } from "./output.ts";

function wholeSeconds(ms: number): number {
  return Math.floor(ms / 1000);
}
function nanoseconds(ms: number): number {
  return Math.floor((ms % 1000) * 1_000_000);
}

/** struct fuse_attr. */
export function attr(out: Output, a: StatAttr): void {
  out.ino(a.ino);
  out.u64(a.size);
  out.u64(a.blocks);
  out.u64(a.atime);
  out.u64(a.mtime);
  out.u64(a.ctime);
  out.u32(a.atimensec);
  out.u32(a.mtimensec);
  out.u32(a.ctimensec);
  out.u32(a.mode);
  out.u32(a.nlink);
  out.u32(a.uid);
  out.u32(a.gid);
  out.u32(a.rdev);
  out.u32(a.blksize);
  out.u32(0);
}

/** struct fuse_entry_out. A negative entry has nodeid 0 and zeros for its attributes. */
export function entry(out: Output, e: EntryReply): void {
  out.ino(e.ino);
  out.u64(e.generation);
  out.u64(wholeSeconds(e.entryTimeoutMs));
  out.u64(wholeSeconds(e.attrTimeoutMs));
  out.u32(nanoseconds(e.entryTimeoutMs));
  out.u32(nanoseconds(e.attrTimeoutMs));
  if (e.ino === 0) out.zeros(ATTR_BYTES);
  else attr(out, e.attr);
}

export function attrOut(out: Output, a: AttrReply): void {
  out.u64(wholeSeconds(a.attrTimeoutMs));
  out.u32(nanoseconds(a.attrTimeoutMs));
  out.u32(0);
  attr(out, a.attr);
}

export function open(out: Output, o: OpenReply): void {
  out.u64(o.fh);
  out.u32(o.flags);
  out.u32(0);
}

export function create(
  out: Output,
  c: { readonly entry: EntryReply; readonly open: OpenReply },
): void {
  entry(out, c.entry);
  open(out, c.open);
}

/** How many bytes a WRITE or a COPY_FILE_RANGE took. */
export function taken(out: Output, bytes: number): void {
  out.u32(bytes);
  out.u32(0);
}
/** LSEEK's offset; COPY_FILE_RANGE_64's count. */
export function whole(out: Output, n: number): void {
  out.u64(n);
}

export function text(out: Output, s: string): void {
  out.latin1(s);
}

export function statfs(out: Output, s: StatfsReply): void {
  out.u64(s.blocks);
  out.u64(s.bfree);
  out.u64(s.bavail);
  out.u64(s.files);
  out.u64(s.ffree);
  out.u32(s.bsize);
  out.u32(s.namelen);
  out.u32(s.frsize);
  out.zeros(28);
}

export function lock(out: Output, range: LockRange): void {
  out.big(range.start);
  out.big(range.end);
  out.u32(range.type);
  out.u32(range.pid);
}

export function ioctl(out: Output, reply: IoctlReply): void {
  out.u32(reply.result);
  out.zeros(12);
  out.bytes(reply.data);
}

function statxTime(out: Output, sec: number, nsec: number): void {
  out.u64(sec);
  out.u32(nsec);
  out.u32(0);
}

/** struct fuse_statx_out with the basic members; the birth time is not kept by this kind of volume. */
export function statx(out: Output, reply: AttrReply): void {
  const a = reply.attr;
  out.u64(wholeSeconds(reply.attrTimeoutMs));
  out.u32(nanoseconds(reply.attrTimeoutMs));
  out.u32(0);
  out.zeros(16);
  out.u32(STATX_BASIC_STATS);
  out.u32(a.blksize);
  out.u64(0);
  out.u32(a.nlink);
  out.u32(a.uid);
  out.u32(a.gid);
  out.u16(a.mode);
  out.u16(0);
  out.ino(a.ino);
  out.u64(a.size);
  out.u64(a.blocks);
  out.u64(0);
  statxTime(out, a.atime, a.atimensec);
  statxTime(out, 0, 0);
  statxTime(out, a.ctime, a.ctimensec);
  statxTime(out, a.mtime, a.mtimensec);
  // The kernel's dev_t packs minor 0..7, major 8..19, minor 8..19.
  out.u32((a.rdev >>> 8) & 0xfff);
  out.u32((a.rdev & 0xff) | ((a.rdev >>> 12) & 0xfff00));
  out.zeros(8 + 14 * 8);
}

/** READDIRPLUS: an entry without attributes, which the kernel looks up itself. */
export function noEntry(out: Output): void {
  out.zeros(ENTRY_OUT);
}

/** The names "." and ".." are never counted as lookups by the kernel, nor may they carry attributes. */
export function isDots(name: string): boolean {
  return name === "." || name === "..";
}
