// Which bytes of a slice no frame of the journal has yet, exactly: a frame with bytes that were there already would put
// them over what was written to the same place of the file since.

export interface Range {
  from: number;
  /** The first byte behind it. */
  to: number;
}

/** Bytes in more pieces are not worth a frame; each write looks through them. */
const RANGES_MAX = 256;

export class DirtyRanges {
  #ranges: Range[] = [];
  #isScattered = false;

  add(from: number, to: number): void {
    if (this.#isScattered) return;
    const ranges = this.#ranges;
    for (let i = ranges.length - 1; i >= 0; i--) {
      const range = ranges[i] as Range;
      if (from > range.to || to < range.from) continue;
      if (from < range.from) range.from = from;
      if (to > range.to) range.to = to;
      return;
    }
    if (ranges.length < RANGES_MAX) ranges.push({ from, to });
    else this.#isScattered = true;
  }

  get isEmpty(): boolean {
    return this.#ranges.length === 0;
  }
  /** Where the first of them is. */
  get lowest(): number {
    let lowest = Infinity;
    for (const { from } of this.#ranges) if (from < lowest) lowest = from;
    return lowest;
  }
  /** How many bytes, those where ranges overlap counted twice; Infinity when they are in too many pieces to be known. */
  get bytes(): number {
    if (this.#isScattered) return Infinity;
    let bytes = 0;
    for (const { from, to } of this.#ranges) bytes += to - from;
    return bytes;
  }

  /** In order, apart from each other. */
  sorted(): readonly Range[] {
    const ranges = this.#ranges;
    if (ranges.length < 2) return ranges;
    ranges.sort((a, b) => a.from - b.from);
    const apart: Range[] = [];
    for (const range of ranges) {
      const last = apart[apart.length - 1];
      if (last === undefined || range.from > last.to) apart.push(range);
      else if (range.to > last.to) last.to = range.to;
    }
    this.#ranges = apart;
    return apart;
  }

  clear(): void {
    this.#ranges = [];
    this.#isScattered = false;
  }
}
