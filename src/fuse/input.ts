// A bounds-checked cursor over one request as it lies in the receive buffer. One object serves all requests;
// whatever must outlive the call is copied out by the readers.
import { EINVAL, ENAMETOOLONG } from "../util/errno.ts";
import { foldIno } from "../util/ino64.ts";
import { EXT_GROUPS, IN_HEADER } from "./abi.ts";

const TWO32 = 4294967296;
const ROOT_NODE = 1;
const NAME_MAX = 255;
const NO_GROUPS: readonly number[] = Object.freeze([]);

export class Input {
  readonly #buffer: Buffer;
  readonly #view: DataView;
  readonly #rootIno: number;
  #at = 0;
  #end = 0;
  /** The header's members, valid after `start`. */
  opcode = 0;
  unique = 0;
  nodeid = 0;
  uid = 0;
  gid = 0;
  pid = 0;
  groups: readonly number[] = NO_GROUPS;

  /** `rootIno` = what the file system calls node 1. */
  constructor(bytes: Uint8Array, rootIno: number = ROOT_NODE) {
    this.#rootIno = rootIno;
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Reads the header of a request of `length` bytes. False when it is torn: then nobody can be answered. */
  start(length: number): boolean {
    const view = this.#view;
    if (length < IN_HEADER || length > view.byteLength) return false;
    this.opcode = view.getUint32(4, true);
    this.unique = view.getUint32(12, true) * TWO32 + view.getUint32(8, true);
    const node = foldIno(view.getUint32(20, true), view.getUint32(16, true));
    this.nodeid = node === ROOT_NODE ? this.#rootIno : node;
    this.uid = view.getUint32(24, true);
    this.gid = view.getUint32(28, true);
    this.pid = view.getUint32(32, true);
    this.#at = IN_HEADER;
    this.#end = length;
    const extensionBytes = view.getUint16(36, true) * 8;
    if (extensionBytes === 0) this.groups = NO_GROUPS;
    else this.#readExtensions(extensionBytes);
    return view.getUint32(0, true) === length;
  }

  /** Extensions follow the arguments; the one we know is the group that a new file's parent shares with the caller. */
  #readExtensions(bytes: number): void {
    const end = this.#end;
    let at = end - bytes;
    this.groups = NO_GROUPS;
    if (at < IN_HEADER) return;
    this.#end = at;
    while (at + 8 <= end) {
      const size = this.#view.getUint32(at, true);
      if (size < 8 || at + size > end) return;
      if (this.#view.getUint32(at + 4, true) === EXT_GROUPS)
        this.groups = this.#readGroups(at + 8, at + size);
      at += (size + 7) & ~7;
    }
  }

  #readGroups(at: number, end: number): readonly number[] {
    if (at + 4 > end) return NO_GROUPS;
    const count = Math.min(this.#view.getUint32(at, true), (end - at - 4) >> 2);
    const groups: number[] = [];
    for (let i = 0; i < count; i++) groups.push(this.#view.getUint32(at + 4 + 4 * i, true));
    return groups;
  }

  /** Bytes not read yet. */
  get left(): number {
    return this.#end - this.#at;
  }

  #advance(bytes: number): number {
    const at = this.#at;
    if (at + bytes > this.#end) throw EINVAL;
    this.#at = at + bytes;
    return at;
  }
  skip(bytes: number): void {
    this.#advance(bytes);
  }
  u32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }
  /** A size, an offset or a handle. Above 2^53 it is rounded: the file system answers EFBIG to such sizes. */
  u64(): number {
    const at = this.#advance(8);
    return this.#view.getUint32(at + 4, true) * TWO32 + this.#view.getUint32(at, true);
  }
  /** Seconds since 1970, negative before. */
  i64(): number {
    const at = this.#advance(8);
    return this.#view.getInt32(at + 4, true) * TWO32 + this.#view.getUint32(at, true);
  }
  /** All 64 bits: lock owners and lock ranges. */
  big(): bigint {
    return this.#view.getBigUint64(this.#advance(8), true);
  }
  ino(): number {
    const at = this.#advance(8);
    const node = foldIno(this.#view.getUint32(at + 4, true), this.#view.getUint32(at, true));
    return node === ROOT_NODE ? this.#rootIno : node;
  }

  /** A string that ends with a zero byte, as latin1. Throws EINVAL when the end is missing. */
  string(): string {
    const at = this.#at;
    const buffer = this.#buffer;
    const end = this.#end;
    let zero = at;
    // Names are short: looking byte by byte is cheaper than calling out.
    while (zero < end && buffer[zero] !== 0) zero++;
    if (zero >= end) throw EINVAL;
    this.#at = zero + 1;
    return buffer.toString("latin1", at, zero);
  }
  /** The name of a directory entry. */
  name(): string {
    const name = this.string();
    if (name.length > NAME_MAX) throw ENAMETOOLONG;
    if (name === "") throw EINVAL;
    return name;
  }
  /** A view of the buffer, valid until the next request is received. */
  bytes(length: number): Uint8Array {
    const at = this.#advance(length);
    return this.#buffer.subarray(at, at + length);
  }
}
