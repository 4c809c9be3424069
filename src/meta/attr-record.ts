// The binary record of attributes, 72 to 81 bytes (formats 2.2): what Redis and TiKV store and what mutations carry.
import { foldIno, inoHigh, inoLow } from "../util/ino64.ts";
import type { Attr } from "./types.ts";

const BASE_BYTES = 71;
const ACL_BYTES = 8;
const TWO32 = 4294967296;

function put64(out: DataView, at: number, value: number): void {
  const high = Math.floor(value / TWO32);
  out.setInt32(at, high);
  out.setUint32(at + 4, value - high * TWO32);
}

/** Always one zero byte more than the fields need: JuiceFS's own records have it too. */
export function attrBytes(a: Attr): number {
  const hasAcl = a.accessAcl !== 0 || a.defaultAcl !== 0;
  return BASE_BYTES + (hasAcl ? ACL_BYTES : 0) + (a.tier !== 0 ? 1 : 0) + 1;
}

export function encodeAttr(a: Attr): Buffer {
  const out = Buffer.alloc(attrBytes(a));
  putAttr(new DataView(out.buffer, out.byteOffset, out.length), 0, a);
  return out;
}

/** Writes the `attrBytes` of a record. */
export function putAttr(out: DataView, start: number, a: Attr): void {
  out.setUint8(start, a.flags);
  out.setUint16(start + 1, (a.type << 12) | (a.mode & 0xfff));
  out.setUint32(start + 3, a.uid);
  out.setUint32(start + 7, a.gid);
  put64(out, start + 11, a.atime);
  out.setUint32(start + 19, a.atimensec);
  put64(out, start + 23, a.mtime);
  out.setUint32(start + 31, a.mtimensec);
  put64(out, start + 35, a.ctime);
  out.setUint32(start + 43, a.ctimensec);
  out.setUint32(start + 47, a.nlink);
  put64(out, start + 51, a.length);
  out.setUint32(start + 59, a.rdev);
  out.setUint32(start + 63, inoHigh(a.parent));
  out.setUint32(start + 67, inoLow(a.parent));
  let at = start + BASE_BYTES;
  if (a.accessAcl !== 0 || a.defaultAcl !== 0) {
    out.setUint32(at, a.accessAcl);
    out.setUint32(at + 4, a.defaultAcl);
    at += ACL_BYTES;
  }
  if (a.tier !== 0) out.setUint8(at++, a.tier);
  out.setUint8(at, 0);
}

/** Reads records of any version; undefined when there are too few bytes. Trailing fields are told by what is left. */
export function decodeAttr(record: Uint8Array): Attr | undefined {
  const bytes = record.byteLength;
  if (bytes < 63) return undefined;
  const view = new DataView(record.buffer, record.byteOffset, bytes);
  const get64 = (at: number): number => view.getInt32(at) * TWO32 + view.getUint32(at + 4);
  const head = view.getUint16(1);
  const hasParent = bytes >= BASE_BYTES;
  const hasAcl = bytes >= BASE_BYTES + ACL_BYTES;
  const tierAt = hasAcl ? BASE_BYTES + ACL_BYTES : BASE_BYTES;
  return {
    type: head >> 12,
    flags: view.getUint8(0),
    mode: head & 0xfff,
    uid: view.getUint32(3),
    gid: view.getUint32(7),
    rdev: view.getUint32(59),
    atime: get64(11),
    mtime: get64(23),
    ctime: get64(35),
    atimensec: view.getUint32(19),
    mtimensec: view.getUint32(31),
    ctimensec: view.getUint32(43),
    nlink: view.getUint32(47),
    length: get64(51),
    parent: hasParent ? foldIno(view.getUint32(63), view.getUint32(67)) : 0,
    accessAcl: hasAcl ? view.getUint32(71) : 0,
    defaultAcl: hasAcl ? view.getUint32(75) : 0,
    tier: bytes > tierAt ? view.getUint8(tierAt) : 0,
  };
}
