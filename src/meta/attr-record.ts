// The binary record of attributes, 72 to 81 bytes (formats 2.2): what Redis and TiKV store and what mutations carry.
import { foldIno, inoHigh, inoLow } from "../util/ino64.ts";
import type { Attr } from "./types.ts";

const BASE_BYTES = 71;
const ACL_BYTES = 8;
const TWO32 = 4294967296;

function put64(out: Buffer, at: number, value: number): void {
  out.writeInt32BE(Math.floor(value / TWO32), at);
  out.writeUInt32BE(value - Math.floor(value / TWO32) * TWO32, at + 4);
}

/** Always one zero byte more than the fields need: JuiceFS's own records have it too. */
export function encodeAttr(a: Attr): Buffer {
  const hasAcl = a.accessAcl !== 0 || a.defaultAcl !== 0;
  const bytes = BASE_BYTES + (hasAcl ? ACL_BYTES : 0) + (a.tier !== 0 ? 1 : 0) + 1;
  const out = Buffer.alloc(bytes);
  out[0] = a.flags;
  out.writeUInt16BE((a.type << 12) | (a.mode & 0xfff), 1);
  out.writeUInt32BE(a.uid, 3);
  out.writeUInt32BE(a.gid, 7);
  put64(out, 11, a.atime);
  out.writeUInt32BE(a.atimensec, 19);
  put64(out, 23, a.mtime);
  out.writeUInt32BE(a.mtimensec, 31);
  put64(out, 35, a.ctime);
  out.writeUInt32BE(a.ctimensec, 43);
  out.writeUInt32BE(a.nlink, 47);
  put64(out, 51, a.length);
  out.writeUInt32BE(a.rdev, 59);
  out.writeUInt32BE(inoHigh(a.parent), 63);
  out.writeUInt32BE(inoLow(a.parent), 67);
  let at = BASE_BYTES;
  if (hasAcl) {
    out.writeUInt32BE(a.accessAcl, at);
    out.writeUInt32BE(a.defaultAcl, at + 4);
    at += ACL_BYTES;
  }
  if (a.tier !== 0) out[at] = a.tier;
  return out;
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
