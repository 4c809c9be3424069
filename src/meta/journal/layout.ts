// The journal's layout, version 1 (docs/journal.md): two segments, each a header page and frames. Little-endian.
import { crc32c } from "../../util/crc32c.ts";
import type { JournalIdentity } from "./journal.ts";

export const LAYOUT_VERSION = 1;
export const MAGIC = "jfs-jrnl";
export const SEGMENTS = 2;
export const HEADER_BYTES = 4096;
export const FRAME_HEADER_BYTES = 24;
export const VOLUME_BYTES_MAX = 64;

const CRC_AT = HEADER_BYTES - 4;
const VOLUME_AT = 56;

export interface SegmentHeader {
  readonly identity: JournalIdentity;
  readonly segmentBytes: number;
  /** 0 or 1: where in the file the segment lies. */
  readonly index: number;
  /** 1 for the first use of a segment of this journal, and one more at each change of segments. */
  readonly generation: number;
  /** Of the first frame in the segment. */
  readonly firstSequence: number;
}

export function encodeHeader(header: SegmentHeader): Buffer {
  const page = Buffer.alloc(HEADER_BYTES);
  page.write(MAGIC, 0, "latin1");
  page.writeUInt32LE(LAYOUT_VERSION, 8);
  page.writeUInt32LE(header.segmentBytes, 12);
  page.writeUInt32LE(header.index, 16);
  page.writeUInt32LE(SEGMENTS, 20);
  page.writeBigUInt64LE(BigInt(header.generation), 24);
  page.writeBigUInt64LE(BigInt(header.firstSequence), 32);
  page.write(header.identity.journal, 40, "hex");
  page.write(header.identity.volume, VOLUME_AT, VOLUME_BYTES_MAX, "utf8");
  page.writeUInt32LE(crc32c(page.subarray(0, CRC_AT)), CRC_AT);
  return page;
}

export function hasMagic(page: Buffer): boolean {
  return page.toString("latin1", 0, MAGIC.length) === MAGIC;
}

/** What the first page of segment `index` says; undefined when it was never written, or is damaged. Throws Errors that end
 *  a sentence for what was written whole and is not for us: magic, version and checksum lie there in every version. */
export function decodeHeader(page: Buffer, index: number): SegmentHeader | undefined {
  if (page.length < HEADER_BYTES || !hasMagic(page)) return undefined;
  if (page.readUInt32LE(CRC_AT) !== crc32c(page.subarray(0, CRC_AT))) return undefined;
  const version = page.readUInt32LE(8);
  if (version !== LAYOUT_VERSION)
    throw new Error(`its layout has version ${version}, and this jfs knows ${LAYOUT_VERSION} only`);
  const segmentBytes = page.readUInt32LE(12);
  if (page.readUInt32LE(16) !== index || page.readUInt32LE(20) !== SEGMENTS)
    throw new Error("its segments are not where they belong");
  const volume = page.subarray(VOLUME_AT, VOLUME_AT + VOLUME_BYTES_MAX);
  const end = volume.indexOf(0);
  return {
    identity: {
      volume: volume.toString("utf8", 0, end < 0 ? VOLUME_BYTES_MAX : end),
      journal: page.toString("hex", 40, 56),
    },
    segmentBytes,
    index,
    generation: Number(page.readBigUInt64LE(24)),
    firstSequence: Number(page.readBigUInt64LE(32)),
  };
}

/** Where the checksums of a segment's frames go on from: leftovers of another round or journal do not match. */
export function frameSeed(journal: string, generation: number): number {
  const bytes = Buffer.alloc(24);
  bytes.write(journal, 0, "hex");
  bytes.writeBigUInt64LE(BigInt(generation), 16);
  return crc32c(bytes);
}

/** Bytes that a frame takes in its segment: whole words of eight. */
export function frameBytes(payloadBytes: number): number {
  return FRAME_HEADER_BYTES + Math.ceil(payloadBytes / 8) * 8;
}
