// Serves one request: decodes it, calls the file system, and leaves the reply in the output buffer or as
// pieces beside it. The only place that turns errors into errno. Exactly one answer for each request, whatever happens.
import { EINVAL, ENOSYS, EIO, FsError, FsFault } from "../util/errno.ts";
import { unfoldIno } from "../util/ino64.ts";
import { log } from "../util/log.ts";
import { isPromise } from "../util/maybe.ts";
import { op } from "./abi.ts";
import { batchForget } from "./decode.ts";
import type { Input } from "./input.ts";
import type { FuseOperations, ReadReply } from "./operations.ts";
import type { Output } from "./output.ts";
import { FuseRequest, PendingRequests } from "./pending.ts";
import { rowsOf } from "./rows.ts";
import type { Row, Terms } from "./rows.ts";

/** Sends an answer that came later: what the output buffer holds, then `pieces`. Called outside of turns. */
export type SendLate = () => void;

const EMPTY = new Uint8Array(0);

export class Dispatcher {
  readonly pending: PendingRequests = new PendingRequests();
  readonly #ops: FuseOperations;
  readonly #rows: readonly (Row | undefined)[];
  readonly #input: Input;
  readonly #out: Output;
  readonly #sendLate: SendLate;
  readonly #trusted: boolean;
  #terms: Terms;
  /** After `serve`: payload of a reply whose header stands at `piecesHeader`; the caller sends both. */
  pieces: ReadReply | undefined;
  piecesHeader = 0;
  #piecesRow: Row | undefined;

  constructor(
    ops: FuseOperations,
    input: Input,
    out: Output,
    sendLate: SendLate,
    trusted: boolean,
    terms: Terms,
  ) {
    this.#ops = ops;
    this.#rows = rowsOf(ops);
    this.#input = input;
    this.#out = out;
    this.#sendLate = sendLate;
    this.#trusted = trusted;
    this.#terms = terms;
  }
  /** What INIT agreed on. */
  setTerms(terms: Terms): void {
    this.#terms = terms;
  }

  /** Serves the request that `Input.start` has accepted. */
  serve(): void {
    const input = this.#input;
    const row = this.#rows[input.opcode];
    if (row === undefined) {
      this.#withoutRow();
      return;
    }
    const request = new FuseRequest(input, this.#trusted);
    try {
      const result = row.call(this.#ops, request, row.decode(input, this.#terms), this.#terms);
      if (isPromise(result)) this.#later(row, request, result);
      else this.#answer(row, request.unique, result);
    } catch (e) {
      this.#fail(row.name, request, e);
    }
  }

  /** Answers the request that `Input.start` has accepted with an error, unless its kind has no answer. */
  refuse(operation: string, e: unknown): void {
    const { opcode, nodeid, unique } = this.#input;
    if (!(e instanceof FsError) || e instanceof FsFault) report(operation, nodeid, e);
    if (opcode === op.FORGET || opcode === op.BATCH_FORGET || opcode === op.INTERRUPT) return;
    this.#out.error(unique, e instanceof FsError ? e.errno : EIO.errno);
  }

  /** Drops the pieces after they were sent. */
  piecesSent(): void {
    this.#piecesRow?.done?.(this.pieces, this.#terms);
    this.pieces = undefined;
  }

  /** Copies the pieces into the output buffer, to wait there with the other replies of a dirty turn. */
  holdPieces(unique: number): void {
    const pieces = this.pieces ?? EMPTY;
    this.#out.begin(unique);
    if (pieces instanceof Uint8Array) this.#out.bytes(pieces);
    else for (const piece of pieces) this.#out.bytes(piece);
    this.#out.finish();
    this.piecesSent();
  }

  #withoutRow(): void {
    const input = this.#input;
    switch (input.opcode) {
      case op.FORGET:
      case op.BATCH_FORGET:
      case op.INTERRUPT:
      case op.NOTIFY_REPLY:
        this.#unanswered();
        return;
      case op.DESTROY:
        this.#out.error(input.unique, 0);
        return;
      default:
        this.#out.error(input.unique, ENOSYS.errno);
    }
  }

  /** Requests that must not be answered. A torn one is dropped. */
  #unanswered(): void {
    const input = this.#input;
    try {
      if (input.opcode === op.FORGET) this.#ops.forget(input.nodeid, input.u64());
      else if (input.opcode === op.BATCH_FORGET)
        batchForget(input, (ino, n) => this.#ops.forget(ino, n));
      else if (input.opcode === op.INTERRUPT) this.pending.interrupt(input.u64());
    } catch (e) {
      if (e !== EINVAL) report("FORGET", input.nodeid, e);
    }
  }

  #later(row: Row, request: FuseRequest, result: Promise<unknown>): void {
    this.pending.add(request);
    result.then(
      (value) => this.#settled(row, request, value),
      (e: unknown) => {
        if (!this.pending.remove(request)) return;
        this.#fail(row.name, request, e);
        this.#sendLate();
      },
    );
  }

  #settled(row: Row, request: FuseRequest, value: unknown): void {
    if (!this.pending.remove(request)) return;
    try {
      this.#answer(row, request.unique, value);
    } catch (e) {
      this.#fail(row.name, request, e);
    }
    this.#sendLate();
  }

  #answer(row: Row, unique: number, result: unknown): void {
    const out = this.#out;
    if (row.encode === "pieces") {
      const pieces = result as ReadReply;
      this.piecesHeader = out.header(unique, totalBytes(pieces));
      this.pieces = pieces;
      this.#piecesRow = row;
      return;
    }
    out.begin(unique);
    row.encode?.(out, result);
    out.finish();
  }

  /** A reply that was begun and not finished is overwritten by this one. */
  #fail(operation: string, request: FuseRequest, e: unknown): void {
    if (!(e instanceof FsError) || e instanceof FsFault) report(operation, request.nodeid, e);
    this.#out.error(request.unique, e instanceof FsError ? e.errno : EIO.errno);
  }
}

function totalBytes(pieces: ReadReply): number {
  if (pieces instanceof Uint8Array) return pieces.length;
  let bytes = 0;
  for (const piece of pieces) bytes += piece.length;
  return bytes;
}

/** Logs a fault in one line, a bug with its stack. */
export function report(operation: string, ino: number | undefined, e: unknown): void {
  const what = ino === undefined ? operation : `${operation} of inode ${unfoldIno(ino)}`;
  if (e instanceof FsFault) log("error", `${what}: ${e.message}`);
  else log("error", `${what}: ${e instanceof Error ? (e.stack ?? e.message) : String(e)}`);
}
