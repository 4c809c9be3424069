// Which bytes a file may have after a crash. Writes come to the volume when they are fsynced, flushed, or when it likes;
// what changes names, lengths or ranges comes in order.
export interface Version {
  /** Of the operation that made it. */
  readonly step: number;
  readonly bytes: Buffer;
  /** All of it is in the volume's metadata as soon as the operation is: a truncate, a copy. */
  readonly isSettled: boolean;
}

export class FileHistory {
  readonly ino: number;
  #versions: Version[];
  /** The step of the last version that a kill, or a power cut, may not take away. */
  killFloor: number;
  cutFloor = 0;

  constructor(ino: number, step: number) {
    this.ino = ino;
    this.#versions = [{ step, bytes: Buffer.alloc(0), isSettled: true }];
    this.killFloor = step;
  }

  get bytes(): Buffer {
    return (this.#versions.at(-1) as Version).bytes;
  }

  change(step: number, bytes: Buffer, isSettled: boolean): void {
    this.#versions.push({ step, bytes, isSettled });
    if (this.#versions.length > 400) this.#forget();
  }
  #forget(): void {
    const base = this.#versions.findLastIndex((v) => v.step <= this.cutFloor);
    if (base > 0) this.#versions = this.#versions.slice(base);
  }

  /** Why `found` cannot be when the metadata are those after operation `at`; undefined = it can. `floor`: of this file;
   *  `last`: the operation that was under way. */
  wrong(found: Buffer, at: number, floor: number, last: number): string | undefined {
    const versions = this.#versions;
    let from = 0;
    let to = versions.length - 1;
    for (const [i, { step, isSettled }] of versions.entries()) {
      if (step <= floor || (isSettled && step <= at)) from = i;
      if (step > last || (isSettled && step > at)) {
        to = i - 1;
        break;
      }
    }
    const allowed = versions.slice(from, to + 1);
    if (!allowed.some(({ bytes }) => bytes.length === found.length)) {
      return `length ${found.length}, not one of ${allowed.map(({ bytes }) => bytes.length).join(" ")}`;
    }
    if (allowed.some(({ bytes }) => bytes.equals(found))) return undefined;
    for (const [i, byte] of found.entries()) {
      if (!allowed.some(({ bytes }) => (bytes[i] ?? 0) === byte)) {
        const seen = allowed.map(({ bytes }) => bytes[i] ?? 0);
        return `byte ${i} is ${byte}, not one of ${[...new Set(seen)].join(" ")} (steps ${allowed[0]?.step} to ${allowed.at(-1)?.step})`;
      }
    }
    return undefined;
  }
}
