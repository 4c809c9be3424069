// The types of the C addon's FUSE part (src/native/channel.c) and how a channel is opened on a descriptor.
import { nativeAddon } from "../util/native.ts";
import { WRITE_PAYLOAD } from "./abi.ts";
import type { ReadReply } from "./operations.ts";

/** Requests other than WRITE are smaller than this beyond `maxWrite`; the kernel insists on 8 KiB at least. */
const REQUEST_SLACK = 65536 + 8192;

interface NativeChannel {
  readonly requestPages: ArrayBuffer;
  readonly requestOffset: number;
  readonly replyPages: ArrayBuffer;
  readonly statusWords: ArrayBuffer;
  receive(this: void, spinMicros: number): number;
  send(this: void, from: number, to: number): void;
  exchange(this: void, from: number, to: number, spinMicros: number): number;
  sendPieces(this: void, header: number, pieces: ReadReply): void;
  exchangePieces(this: void, header: number, pieces: ReadReply, spinMicros: number): number;
  notify(this: void, at: number, bytes: number): boolean;
  close(this: void): void;
}

export interface NativeFuse {
  openChannel(
    fd: number,
    payloadOffset: number,
    maxRequest: number,
    replyBytes: number,
    onReadable: (status: number) => void,
  ): NativeChannel;
  mount(
    source: string,
    target: string,
    type: string,
    flags: number,
    options: string,
  ): Promise<number>;
  unmount(target: string, flags: number): Promise<number>;
  socketPair(): [number, number];
  receiveDescriptor(socket: number): number;
}

/** The addon; throws one sentence when it is not built. */
export function nativeFuse(): NativeFuse {
  return nativeAddon() as NativeFuse;
}

/** An open `/dev/fuse`. Numbers are positions in the reply buffer; `receive` answers bytes or a negative errno. */
export interface Channel {
  readonly request: Uint8Array;
  readonly reply: Uint8Array;
  /** [0] = errno of the last reply that the kernel refused; 0 = none. */
  readonly status: Int32Array;
  receive(spinMicros: number): number;
  /** Sends the replies that lie in `from`..`to`. */
  send(from: number, to: number): void;
  /** `send` and `receive` in one crossing. */
  exchange(from: number, to: number, spinMicros: number): number;
  sendPieces(header: number, pieces: ReadReply): void;
  exchangePieces(header: number, pieces: ReadReply, spinMicros: number): number;
  /** Queues a notification for the thread that writes them. False when too many wait. */
  notify(at: number, bytes: number): boolean;
  close(): void;
}

/** Takes over the descriptor and watches it: `onReadable` is called on the event loop, negative status = it broke. */
export function openChannel(
  fd: number,
  maxWrite: number,
  replyBytes: number,
  onReadable: (status: number) => void,
): Channel {
  const maxRequest = maxWrite + REQUEST_SLACK;
  const native = nativeFuse().openChannel(fd, WRITE_PAYLOAD, maxRequest, replyBytes, onReadable);
  return {
    request: new Uint8Array(native.requestPages, native.requestOffset, maxRequest),
    reply: new Uint8Array(native.replyPages),
    status: new Int32Array(native.statusWords),
    receive: native.receive,
    send: native.send,
    exchange: native.exchange,
    sendPieces: native.sendPieces,
    exchangePieces: native.exchangePieces,
    notify: native.notify,
    close: native.close,
  };
}
