// Recognises sequential reading through one handle and says what to load ahead. The window doubles while it is used.

/** Requests of one stream may overtake each other by this much: the kernel sends several at once. */
const SLACK_BYTES = 1024 * 1024;
/** Bytes read in sequence before anything is loaded ahead. */
const STREAK_BYTES_MIN = 128 * 1024;

export class Readahead {
  /** What to load now, after `advance` said so: from, and up to. */
  from = 0;
  to = 0;
  #next = 0;
  #streak = 0;
  #window = 0;
  /** Everything before this is loaded or asked for. */
  #end = 0;

  /** A read of `n` bytes at `offset` of a file of `length`; true when `from`..`to` should be loaded. */
  advance(
    offset: number,
    n: number,
    length: number,
    blockBytes: number,
    bytesMax: number,
  ): boolean {
    const end = offset + n;
    const distance = offset - this.#next;
    if (distance > SLACK_BYTES || distance < -SLACK_BYTES) {
      this.#streak = 0;
      this.#window = 0;
      this.#end = end;
      this.#next = end;
      return false;
    }
    this.#streak += n;
    if (end > this.#next) this.#next = end;
    if (this.#streak <= STREAK_BYTES_MIN) return false;
    // Go on only when half of the window is used up, so that one large request is made instead of many small.
    if (this.#window > 0 && this.#end - this.#next > this.#window / 2) return false;
    this.#window = Math.min(bytesMax, this.#window === 0 ? blockBytes : this.#window * 2);
    this.from = Math.max(this.#end, this.#next);
    this.to = Math.min(length, this.#next + this.#window);
    if (this.to <= this.from) return false;
    this.#end = this.to;
    return true;
  }
}
