// The kernel's end of a FUSE connection, over a socket pair that keeps message borders: what /dev/fuse does for a
// session, without a mount. Requests written together are received in one batch.
import { closeSync, read, writeSync } from "node:fs";
import { promisify } from "node:util";
import { nativeFuse } from "../../src/fuse/channel.ts";
import { defaultOptions } from "../../src/fuse/negotiate.ts";
import type { SessionOptions } from "../../src/fuse/negotiate.ts";
import type { FuseOperations } from "../../src/fuse/operations.ts";
import { FuseSession } from "../../src/fuse/session.ts";
import { initRequest, parseReply } from "./wire.ts";
import type { Reply } from "./wire.ts";

const readAsync = promisify(read);

export class FakeKernel {
  readonly session: FuseSession;
  readonly #fd: number;
  readonly #buffer = Buffer.alloc(2 << 20);

  constructor(ops: FuseOperations, options: Partial<SessionOptions> = {}) {
    const [ours, theirs] = nativeFuse().socketPair();
    this.#fd = ours;
    this.session = new FuseSession(theirs, ops, { ...defaultOptions, ...options });
  }
  send(...requests: readonly Buffer[]): void {
    for (const bytes of requests) writeSync(this.#fd, bytes);
  }
  /** The next reply; waits on the thread pool, because the session lives on this event loop. */
  async reply(): Promise<Reply> {
    const { bytesRead } = await readAsync(this.#fd, this.#buffer, 0, this.#buffer.length, null);
    return parseReply(Buffer.from(this.#buffer.subarray(0, bytesRead)));
  }
  async replies(count: number): Promise<Reply[]> {
    const all: Reply[] = [];
    for (let i = 0; i < count; i++) all.push(await this.reply());
    return all;
  }
  async init(minor: number = 45): Promise<Reply> {
    this.send(initRequest(minor));
    return this.reply();
  }
  async end(): Promise<void> {
    closeSync(this.#fd);
    await this.session.closed;
  }
}
