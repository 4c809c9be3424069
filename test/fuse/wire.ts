// Requests as the kernel writes them and replies as it reads them, for the tests of the protocol.

export const ROOT = 1n;

/** Numbers in the order of a struct: [bytes, value] pairs, or text that ends with a zero byte, or raw bytes. */
export type Field = readonly [1 | 2 | 4 | 8, number | bigint] | string | Uint8Array;

export function struct(...fields: readonly Field[]): Buffer {
  return Buffer.concat(
    fields.map((field) => {
      if (typeof field === "string") return Buffer.from(`${field}\0`, "latin1");
      if (field instanceof Uint8Array) return Buffer.from(field);
      const [bytes, value] = field;
      const b = Buffer.alloc(8);
      b.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)));
      return b.subarray(0, bytes);
    }),
  );
}

export interface Header {
  readonly opcode: number;
  readonly unique?: number;
  readonly nodeid?: bigint;
  readonly uid?: number;
  readonly gid?: number;
  readonly pid?: number;
  /** In units of 8 bytes. */
  readonly extension?: number;
}

export function request(header: Header, ...fields: readonly Field[]): Buffer {
  const body = struct(...fields);
  const { unique = 2, nodeid = ROOT, uid = 1000, gid = 1001, pid = 77, extension = 0 } = header;
  const head = struct(
    [4, 40 + body.length],
    [4, header.opcode],
    [8, unique],
    [8, nodeid],
    [4, uid],
    [4, gid],
    [4, pid],
    [2, extension],
    [2, 0],
  );
  return Buffer.concat([head, body]);
}

export interface Reply {
  readonly unique: number;
  readonly error: number;
  readonly body: Buffer;
}
export function parseReply(message: Buffer): Reply {
  if (message.readUInt32LE(0) !== message.length)
    throw new Error("the length of the reply is wrong");
  return {
    unique: Number(message.readBigUInt64LE(8)),
    error: -message.readInt32LE(4),
    body: message.subarray(16),
  };
}

/** All flags that a new kernel offers. */
export const ALL_FLAGS = 0xffffffff;
export function initRequest(
  minor: number,
  flags: number = ALL_FLAGS,
  flags2: number = minor >= 36 ? 0x7ff : 0,
): Buffer {
  const isLong = minor >= 36;
  const offered = isLong ? flags : flags & ~(1 << 30);
  const tail: Field[] = isLong ? [[4, flags2], new Uint8Array(44)] : [];
  return request(
    { opcode: 26, unique: 1, nodeid: 0n },
    [4, 7],
    [4, minor],
    [4, 131072],
    [4, offered >>> 0],
    ...tail,
  );
}
