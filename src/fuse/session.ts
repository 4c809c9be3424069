// One mounted connection: receives requests in turns, brackets them for the metadata store, holds the replies of a
// turn that has changed something until it is committed, and decides when to poll, to yield and to sleep.
import { constants } from "node:os";
import { EIO, FsError, FsFault } from "../util/errno.ts";
import { log } from "../util/log.ts";
import { IN_HEADER, op } from "./abi.ts";
import { openChannel } from "./channel.ts";
import type { Channel } from "./channel.ts";
import { DirentsPool } from "./dirents.ts";
import { Dispatcher, report } from "./dispatch.ts";
import { Input } from "./input.ts";
import { greet } from "./greet.ts";
import type { Agreed, SessionOptions } from "./negotiate.ts";
import { Notifications } from "./notifications.ts";
import type { FuseOperations } from "./operations.ts";
import { Output } from "./output.ts";
import { Spin } from "./spin.ts";

/** What `receive` answers when nothing is there, and when the mount has gone. */
const EAGAIN = -constants.errno.EAGAIN;
const ENODEV = -constants.errno.ENODEV;
/** A batch ends after so many requests or milliseconds, so that timers and thread-pool completions get their turn. */
const BATCH_REQUESTS = 64;
const BATCH_MS = 2;
/** Replies that wait, and one more of the largest kind. */
const HELD_BYTES = 2 << 20;
const LARGEST_EXTRA = 131072;

export class FuseSession {
  readonly #ops: FuseOperations;
  readonly #options: SessionOptions;
  readonly #channel: Channel;
  readonly #input: Input;
  readonly #out: Output;
  readonly #dispatcher: Dispatcher;
  readonly #spin = new Spin();
  readonly #ready = Promise.withResolvers<Agreed>();
  readonly #closed = Promise.withResolvers<undefined>();
  #notifications: Notifications | undefined;
  #isOpen = true;
  #turnOpen = false;
  #immediate: NodeJS.Immediate | undefined;
  #lastRequestAt = 0;

  /** Serves `ops` on an open /dev/fuse descriptor, which it takes over. */
  constructor(fd: number, ops: FuseOperations, options: SessionOptions) {
    this.#ops = ops;
    this.#options = options;
    const replyBytes = HELD_BYTES + options.maxWrite + LARGEST_EXTRA;
    const onReadable = (status: number): void => this.#onReadable(status);
    this.#channel = openChannel(fd, options.maxWrite, replyBytes, onReadable);
    this.#input = new Input(this.#channel.request, options.rootIno);
    this.#out = new Output(this.#channel.reply);
    const { maxWrite } = options;
    const terms = { maxWrite, setxattrExtension: false, dirents: new DirentsPool() };
    this.#dispatcher = new Dispatcher(
      ops,
      this.#input,
      this.#out,
      () => this.#sendLate(),
      options.trusted,
      terms,
    );
    // Nobody may be waiting for it when the connection ends before INIT.
    this.#ready.promise.catch(() => undefined);
  }

  /** Resolves when the kernel and we have agreed; rejects with a sentence when we cannot. */
  get ready(): Promise<Agreed> {
    return this.#ready.promise;
  }
  /** Resolves when the connection has ended: unmounted or aborted. */
  get closed(): Promise<undefined> {
    return this.#closed.promise;
  }
  /** Undefined before INIT and after the end. */
  get notifications(): Notifications | undefined {
    return this.#notifications;
  }
  /** Requests whose answer has not been sent yet. */
  get pendingRequests(): number {
    return this.#dispatcher.pending.size;
  }

  /** Ends the connection from our side: every process on the mount gets ENOTCONN. Safe to call twice. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#notifications = undefined;
    clearImmediate(this.#immediate);
    this.#channel.close();
    this.#dispatcher.pending.interruptAll();
    this.#ready.reject(new Error("the connection ended before the kernel said INIT"));
    try {
      this.#ops.destroy?.();
    } catch (e) {
      report("DESTROY", undefined, e);
    }
    this.#closed.resolve(undefined);
  }

  #onReadable(status: number): void {
    if (!this.#isOpen) return;
    const now = performance.now();
    this.#spin.wakes(now);
    this.#spin.receives(now);
    this.#run(0);
    // A watch that reported an error has been stopped by the loop: nothing would ever wake us again.
    if (status < 0) this.close();
  }

  /** One batch: begins with what can be received within `spin` microseconds. */
  #run(spin: number): void {
    let n = this.#channel.receive(spin);
    this.#spin.polled(spin, n > 0);
    if (n >= 0) n = this.#batch(n);
    if (!this.#isOpen) return;
    if (n >= 0) this.#continueSoon();
    else if (n === EAGAIN) this.#rest();
    else {
      if (n !== ENODEV) log("error", `the connection to the kernel broke: errno ${-n}`);
      this.close();
    }
  }

  /** Serves requests until the channel is empty (EAGAIN), broken (another errno) or the batch is full (0). */
  #batch(first: number): number {
    const started = performance.now();
    let n = first;
    let served = 0;
    let now = started;
    try {
      for (;;) {
        this.#serve(n);
        now = performance.now();
        const isFull = this.#out.room < this.#options.maxWrite + LARGEST_EXTRA;
        if (++served >= BATCH_REQUESTS || now - started > BATCH_MS || isFull) {
          n = 0;
          break;
        }
        n = this.#next();
        if (n < 0) break;
      }
    } finally {
      this.#lastRequestAt = now;
      this.#endTurn();
    }
    this.#flush();
    return n;
  }

  #serve(bytes: number): void {
    const input = this.#input;
    if (!input.start(bytes)) {
      // The kernel does not do this. Without a whole header nobody can be answered.
      if (bytes >= IN_HEADER) this.#dispatcher.refuse("decode", EIO);
      return;
    }
    if (this.#notifications === undefined) {
      this.#init();
      return;
    }
    if (this.#turnOpen || this.#beginTurn()) this.#dispatcher.serve();
  }

  #beginTurn(): boolean {
    try {
      this.#ops.beginTurn();
      this.#turnOpen = true;
    } catch (e) {
      this.#dispatcher.refuse("begin a turn", e);
    }
    return this.#turnOpen;
  }

  /** Sends what may be sent and takes the next request; ends the turn when it is dirty and nobody else waits. */
  #next(): number {
    const spin = this.#dispatcher.pending.size > 0 ? 0 : this.#spin.micros;
    let n: number;
    if (this.#turnOpen && this.#ops.turnIsDirty) {
      this.#holdOrSendPieces();
      n = this.#channel.receive(0);
      if (n !== EAGAIN) return n;
      this.#endTurn();
    }
    this.#spin.answers(performance.now());
    n = this.#sendAndReceive(spin);
    this.#spin.polled(spin, n > 0);
    if (n > 0) this.#spin.receives(performance.now());
    return n;
  }

  #sendAndReceive(spin: number): number {
    const { pieces, piecesHeader } = this.#dispatcher;
    const out = this.#out;
    let n: number;
    if (pieces !== undefined) {
      if (out.end > 0) this.#flush();
      n = this.#channel.exchangePieces(piecesHeader, pieces, spin);
      this.#dispatcher.piecesSent();
    } else if (out.end > 0) {
      n = this.#channel.exchange(0, out.end, spin);
      out.clear();
    } else n = this.#channel.receive(spin);
    this.#checkRefusal();
    return n;
  }

  /** File bytes leave at once, for they may change when the turn ends; a listing waits when the turn is dirty. */
  #holdOrSendPieces(): void {
    const dispatcher = this.#dispatcher;
    if (dispatcher.pieces === undefined) return;
    if (this.#input.opcode === op.READ || !this.#ops.turnIsDirty) this.#sendPieces();
    else dispatcher.holdPieces(this.#input.unique);
  }

  #endTurn(): void {
    if (!this.#turnOpen) return;
    this.#holdOrSendPieces();
    this.#turnOpen = false;
    try {
      this.#ops.endTurn();
    } catch (e) {
      // A full disk or quota is the callers' news; anything else is ours.
      if (!(e instanceof FsError) || e instanceof FsFault) report("commit", undefined, e);
      this.#out.failAll(e instanceof FsError ? e.errno : EIO.errno);
    }
  }

  #flush(): void {
    const out = this.#out;
    if (out.end > 0) this.#channel.send(0, out.end);
    out.clear();
    this.#checkRefusal();
  }

  /** The pieces' header stands behind the replies that wait, and is not part of them. */
  #sendPieces(): void {
    const { pieces, piecesHeader } = this.#dispatcher;
    if (pieces === undefined) return;
    this.#channel.sendPieces(piecesHeader, pieces);
    this.#dispatcher.piecesSent();
  }

  /** An answer that came by a promise. Whoever got it will likely ask again soon. */
  #sendLate(): void {
    this.#sendPieces();
    this.#flush();
    this.#lastRequestAt = performance.now();
    if (this.#isOpen && this.#spin.micros > 0) this.#continueSoon();
  }

  /** Nothing to receive. Answers in the making come by the event loop: stay awake there for a while. */
  #rest(): void {
    const now = performance.now();
    if (this.#dispatcher.pending.size > 0) {
      if ((now - this.#lastRequestAt) * 1000 < this.#spin.micros) {
        this.#continueSoon();
        return;
      }
      this.#spin.polled(this.#spin.micros, false);
    }
    this.#spin.sleeps(now);
  }

  #continueSoon(): void {
    this.#spin.skips();
    this.#immediate ??= setImmediate(() => {
      this.#immediate = undefined;
      if (!this.#isOpen) return;
      this.#run(this.#dispatcher.pending.size > 0 ? 0 : this.#spin.micros);
    });
  }

  #checkRefusal(): void {
    const { status } = this.#channel;
    if (status[0] === 0) return;
    log("error", `the kernel refused a reply: errno ${status[0]}`);
    status[0] = 0;
  }

  #init(): void {
    const agreed = greet(this.#input, this.#out, this.#ops, this.#options);
    if (agreed instanceof Error) this.#ready.reject(agreed);
    if (agreed === undefined || agreed instanceof Error) return;
    this.#notifications = new Notifications(this.#channel, this.#out, agreed);
    this.#dispatcher.setTerms({
      maxWrite: agreed.maxWrite,
      setxattrExtension: agreed.flags.has("SETXATTR_EXT"),
      dirents: new DirentsPool(),
    });
    this.#ready.resolve(agreed);
  }
}
