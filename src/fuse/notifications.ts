// Tells the kernel what to forget. Messages leave through a thread of their own, because such a write may wait for a
// lock that a process holds while it waits for us. They are sent in order; a full queue says so.
import { notify as code, EXPIRE_ONLY } from "./abi.ts";
import type { Channel } from "./channel.ts";
import type { Agreed } from "./negotiate.ts";
import type { Output } from "./output.ts";

export class Notifications {
  readonly #channel: Channel;
  readonly #out: Output;
  readonly #agreed: Agreed;

  constructor(channel: Channel, out: Output, agreed: Agreed) {
    this.#channel = channel;
    this.#out = out;
    this.#agreed = agreed;
  }

  /** Drops the attributes and the cached pages of a range; `offset` -1 = attributes only, `length` 0 = to the end. */
  invalInode(ino: number, offset: number, length: number): boolean {
    const out = this.#out;
    const at = out.notification(code.INVAL_INODE);
    out.ino(ino);
    out.u64(offset);
    out.u64(length);
    return this.#channel.notify(at, out.finishNotification());
  }

  /** Drops one name, negative or not. `expire` lets it run out instead (where the kernel can), which waits for nobody. */
  invalEntry(parent: number, name: string, expire: boolean = false): boolean {
    const out = this.#out;
    const at = out.notification(code.INVAL_ENTRY);
    out.ino(parent);
    out.u32(name.length);
    out.u32(expire && this.#agreed.canExpire ? EXPIRE_ONLY : 0);
    out.latin1(name);
    out.zeros(1);
    return this.#channel.notify(at, out.finishNotification());
  }

  /** The name was removed elsewhere: watchers are told as by unlink. */
  delete(parent: number, child: number, name: string): boolean {
    const out = this.#out;
    const at = out.notification(code.DELETE);
    out.ino(parent);
    out.ino(child);
    out.u32(name.length);
    out.u32(0);
    out.latin1(name);
    out.zeros(1);
    return this.#channel.notify(at, out.finishNotification());
  }

  /** Makes every cached name out of date at once (7.44). False where the kernel cannot. Takes no lock: sent in place. */
  incEpoch(): boolean {
    if (!this.#agreed.hasEpoch) return false;
    const at = this.#out.notification(code.INC_EPOCH);
    this.#channel.send(at, at + this.#out.finishNotification());
    return true;
  }
}
