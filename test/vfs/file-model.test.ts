// Files against plain buffers: random writes, reads, truncates, holes, copies, syncs and reopens, on several handles.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { BLOCK, CHUNK, O_RDWR, openVolume, random, req } from "./volume.ts";
import type { TestVolume, VolumeOptions } from "./volume.ts";

const FILES = 2;
const SPAN = 6 * BLOCK;
const FALLOC_KEEP_SIZE = 1;
const FALLOC_PUNCH_HOLE = 2;
const FALLOC_ZERO_RANGE = 16;

/** One file as it should be. Bytes before `base` are never written: a file may lie across a chunk's end. */
interface Model {
  readonly ino: number;
  readonly base: number;
  readonly handles: number[];
  bytes: Buffer;
}

class Run {
  readonly #volume: TestVolume;
  readonly #below: (n: number) => number;
  readonly #files: Model[] = [];
  trace: string[] = [];

  constructor(volume: TestVolume, seed: number) {
    this.#volume = volume;
    this.#below = random(seed);
  }

  async start(base: number): Promise<void> {
    for (let i = 0; i < FILES; i++) {
      const { ino, fh } = await this.#volume.create(`file-${i}`);
      const other = await this.#volume.open(ino);
      this.#files.push({ ino, base, handles: [fh, other], bytes: Buffer.alloc(0) });
    }
  }

  #file(): Model {
    return this.#files[this.#below(FILES)] as Model;
  }
  #handle(file: Model): number {
    return file.handles[this.#below(file.handles.length)] as number;
  }
  #length(): number {
    return 1 + (this.#below(3) === 0 ? this.#below(2 * BLOCK) : this.#below(6000));
  }

  async step(): Promise<void> {
    const file = this.#file();
    const kind = this.#below(100);
    if (kind < 45) await this.#write(file);
    else if (kind < 75) await this.#read(file);
    else if (kind < 80) await this.#truncate(file);
    else if (kind < 86) await this.#fallocate(file);
    else if (kind < 90) await this.#copy(file);
    else if (kind < 93) await this.#flush(file);
    else if (kind < 95) await this.#fsync(file);
    else if (kind < 97) await this.#reopen(file);
    else if (kind < 98) await this.#volume.compact();
    else await this.#stat(file);
  }

  async #write(file: Model): Promise<void> {
    const at = this.#below(4) === 0 ? file.bytes.length : this.#below(SPAN);
    const data = Buffer.alloc(this.#length(), 1 + this.#below(255));
    this.trace.push(`write ${file.ino} ${at}+${data.length} = ${data[0]}`);
    grow(file, at + data.length);
    data.copy(file.bytes, at);
    const request = Buffer.from(data);
    const written = this.#volume.write(this.#handle(file), file.base + at, request);
    // The request's buffer is somebody else's as soon as the call has returned.
    request.fill(0xee);
    assert.is(await written, data.length);
  }

  async #read(file: Model): Promise<void> {
    const at = this.#below(SPAN + BLOCK);
    const size = this.#length();
    this.trace.push(`read ${file.ino} ${at}+${size}`);
    const got = await this.#volume.read(this.#handle(file), file.base + at, size);
    this.#same(got, file.bytes.subarray(at, at + size), `read ${at}+${size}`);
  }

  #same(got: Buffer, expected: Buffer, what: string): void {
    if (got.equals(expected)) return;
    let at = 0;
    while (at < Math.min(got.length, expected.length) && got[at] === expected[at]) at++;
    const detail = `${what}: ${got.length} bytes, not ${expected.length}; differs at ${at}: ${got[at]}, not ${expected[at]}`;
    throw new Error(`${detail}\n${this.trace.slice(-25).join("\n")}`);
  }

  async #truncate(file: Model): Promise<void> {
    const length = this.#below(SPAN);
    this.trace.push(`truncate ${file.ino} ${length}`);
    await this.#volume.setattr(file.ino, { size: file.base + length });
    if (length < file.bytes.length) file.bytes = Buffer.from(file.bytes.subarray(0, length));
    else grow(file, length);
  }

  async #fallocate(file: Model): Promise<void> {
    const at = this.#below(SPAN);
    const n = this.#length();
    const modes = [
      0,
      FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE,
      FALLOC_ZERO_RANGE,
      FALLOC_ZERO_RANGE | FALLOC_KEEP_SIZE,
    ];
    const mode = modes[this.#below(modes.length)] as number;
    this.trace.push(`fallocate ${file.ino} ${mode} ${at}+${n}`);
    await this.#volume.vfs.fallocate(req, file.ino, this.#handle(file), file.base + at, n, mode);
    if ((mode & FALLOC_KEEP_SIZE) === 0) grow(file, at + n);
    const end = Math.min(at + n, file.bytes.length);
    if (mode !== 0 && at < end) file.bytes.fill(0, at, end);
  }

  async #copy(file: Model): Promise<void> {
    const to = this.#files[(this.#files.indexOf(file) + 1) % FILES] as Model;
    const at = this.#below(SPAN);
    const toAt = this.#below(SPAN);
    const n = this.#length();
    this.trace.push(`copy ${file.ino} ${at}+${n} to ${to.ino} ${toAt}`);
    const { vfs } = this.#volume;
    const copied = await vfs.copyFileRange(
      req,
      file.ino,
      this.#handle(file),
      file.base + at,
      to.ino,
      this.#handle(to),
      to.base + toAt,
      n,
      0,
    );
    const source = file.bytes.subarray(at, at + n);
    assert.is(copied, source.length);
    if (copied === 0) return;
    grow(to, toAt + copied);
    source.copy(to.bytes, toAt);
  }

  async #flush(file: Model): Promise<void> {
    this.trace.push(`flush ${file.ino}`);
    await this.#volume.flush(this.#handle(file));
  }
  async #fsync(file: Model): Promise<void> {
    this.trace.push(`fsync ${file.ino}`);
    await this.#volume.fsync(this.#handle(file));
  }
  async #reopen(file: Model): Promise<void> {
    this.trace.push(`reopen ${file.ino}`);
    const slot = this.#below(file.handles.length);
    await this.#volume.close(file.handles[slot] as number);
    file.handles[slot] = await this.#volume.open(file.ino, O_RDWR);
  }

  async #stat(file: Model): Promise<void> {
    this.trace.push(`stat ${file.ino}`);
    const expected = file.bytes.length === 0 ? 0 : file.base + file.bytes.length;
    const size = await this.#volume.size(file.ino);
    // Truncated to nothing above `base`, the file still reaches there.
    assert.ok(
      size === expected || (file.bytes.length === 0 && size === file.base),
      `size ${size}, not ${expected}`,
    );
  }

  async finish(): Promise<void> {
    for (const file of this.#files) {
      for (const fh of file.handles) await this.#volume.close(fh);
      const fh = await this.#volume.open(file.ino);
      const got = await this.#volume.read(fh, file.base, file.bytes.length + 1);
      this.#same(got, file.bytes, `all of ${file.ino}`);
      await this.#volume.close(fh);
    }
    assert.is(this.#volume.vfs.openHandles, 0);
    assert.is(this.#volume.vfs.dirtyFiles, 0);
  }
}

function grow(file: Model, length: number): void {
  if (length > file.bytes.length)
    file.bytes = Buffer.concat([file.bytes, Buffer.alloc(length - file.bytes.length)]);
}

async function run(
  seed: number,
  steps: number,
  base: number,
  options: VolumeOptions,
): Promise<void> {
  await using volume = await openVolume(options);
  const model = new Run(volume, seed);
  await model.start(base);
  for (let i = 0; i < steps; i++) await model.step();
  await model.finish();
}

/** Writes to ranges of their own, not waiting for each other, between flushes, truncates and reads elsewhere. */
async function overlapping(seed: number, options: VolumeOptions): Promise<void> {
  await using volume = await openVolume(options);
  const below = random(seed);
  const { ino, fh } = await volume.create("file");
  const lanes = 16;
  const expected = Buffer.alloc(lanes * BLOCK);
  for (let round = 0; round < 12; round++) {
    const pending: Promise<unknown>[] = [];
    for (let i = 0; i < 40; i++) {
      const lane = below(lanes);
      const at = lane * BLOCK + below(BLOCK / 2);
      const data = Buffer.alloc(1 + below(BLOCK / 2), 1 + below(255));
      data.copy(expected, at);
      pending.push(volume.write(fh, at, data));
      data.fill(0xee);
      if (below(15) === 0) pending.push(volume.flush(fh));
      if (below(25) === 0) pending.push(volume.fsync(fh));
      if (below(10) === 0) pending.push(volume.read(fh, below(lanes) * BLOCK, BLOCK));
    }
    await Promise.all(pending);
    const got = await volume.read(fh, 0, expected.length);
    assert.ok(got.equals(expected.subarray(0, got.length)), `round ${round}`);
    assert.is(got.length, await volume.size(ino));
  }
  await volume.close(fh);
  assert.is(volume.vfs.dirtyFiles, 0);
  const again = await volume.open(ino);
  const got = await volume.read(again, 0, expected.length);
  assert.ok(got.equals(expected.subarray(0, got.length)), "after close");
  await volume.close(again);
}

const small: VolumeOptions["chunks"] = { bufferBytes: 4 * BLOCK, cacheBytes: 2 * BLOCK };

for (const seed of [1, 2, 3, 4]) {
  test(`a file is what was written to it, seed ${seed}`, () => run(seed, 1500, 0, {}));
  test(`with small buffers and hardly any cache, seed ${seed}`, () =>
    run(seed, 800, 0, { chunks: small }));
  test(`across the end of a chunk, seed ${seed}`, () =>
    run(seed, 500, CHUNK - 3 * BLOCK, { chunks: small }));
  test(`when everything answers later, seed ${seed}`, () =>
    run(seed, 400, 0, { slow: true, chunks: small }));
  test(`when several requests are under way, seed ${seed}`, () => overlapping(seed, {}));
  test(`the same when everything answers later, seed ${seed}`, () =>
    overlapping(seed, { slow: true, chunks: small }));
}
test("on SQLite", () => run(5, 600, 0, { engine: "sqlite" }));
test("on SQLite across the end of a chunk", () =>
  run(6, 300, CHUNK - BLOCK, { engine: "sqlite", chunks: small }));

test.run();
