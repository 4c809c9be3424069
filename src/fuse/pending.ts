// One request while it is served, and the table of those whose answer comes later, so that INTERRUPT finds them.
import type { Request } from "./operations.ts";
import type { Input } from "./input.ts";

export class FuseRequest implements Request {
  readonly unique: number;
  readonly opcode: number;
  readonly nodeid: number;
  readonly uid: number;
  readonly gid: number;
  readonly pid: number;
  readonly groups: readonly number[];
  readonly trusted: boolean;
  #interrupted = false;
  #callback: (() => void) | undefined;

  constructor(input: Input, trusted: boolean) {
    this.unique = input.unique;
    this.opcode = input.opcode;
    this.nodeid = input.nodeid;
    this.uid = input.uid;
    this.gid = input.gid;
    this.pid = input.pid;
    this.groups = input.groups;
    this.trusted = trusted;
  }

  /** An interrupt that came before the callback is not lost: then it calls at once. */
  onInterrupt(callback: () => void): void {
    if (this.#interrupted) callback();
    else this.#callback = callback;
  }

  interrupt(): void {
    if (this.#interrupted) return;
    this.#interrupted = true;
    const callback = this.#callback;
    this.#callback = undefined;
    callback?.();
  }
}

/** Requests that have been handed to a promise. Bounded by the kernel's max_background and its waiting processes. */
export class PendingRequests {
  readonly #byUnique = new Map<number, FuseRequest>();
  get size(): number {
    return this.#byUnique.size;
  }
  add(request: FuseRequest): void {
    this.#byUnique.set(request.unique, request);
  }
  /** False when the request was answered before. */
  remove(request: FuseRequest): boolean {
    return this.#byUnique.delete(request.unique);
  }
  /** Unknown = answered already: the kernel reads interrupts after the requests they belong to. */
  interrupt(unique: number): void {
    this.#byUnique.get(unique)?.interrupt();
  }
  /** The connection is gone: who waits for a lock must stop waiting. */
  interruptAll(): void {
    for (const request of this.#byUnique.values()) request.interrupt();
  }
}
