// The 12-byte items of a delayed-delete record: the slices that a compaction replaced while the trash was on (formats 3.5).

export interface DelsliceItem {
  readonly id: number;
  readonly size: number;
}

const ITEM_BYTES = 12;
const TWO32 = 4294967296;

export function encodeItems(items: readonly DelsliceItem[]): Uint8Array {
  const out = Buffer.alloc(items.length * ITEM_BYTES);
  items.forEach(({ id, size }, i) => {
    out.writeUInt32BE(Math.floor(id / TWO32), i * ITEM_BYTES);
    out.writeUInt32BE(id % TWO32, i * ITEM_BYTES + 4);
    out.writeUInt32BE(size, i * ITEM_BYTES + 8);
  });
  return out;
}

/** Bytes that end in the middle of an item are left out: nothing is deleted on a guess. */
export function decodeItems(items: Uint8Array): DelsliceItem[] {
  const view = new DataView(items.buffer, items.byteOffset, items.byteLength);
  const out: DelsliceItem[] = [];
  for (let at = 0; at + ITEM_BYTES <= items.byteLength; at += ITEM_BYTES) {
    const id = view.getUint32(at) * TWO32 + view.getUint32(at + 4);
    out.push({ id, size: view.getUint32(at + 8) });
  }
  return out;
}
