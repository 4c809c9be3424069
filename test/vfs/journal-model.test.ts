// Random operations, then a crash: every byte of every file is what it was at some moment not before the last fsync of that
// file, and after the death of the process alone not before its last close either.
import { test } from "uvu";
import { Calls } from "./calls.ts";
import { JournalVolume } from "./journal-volume.ts";
import type { JournalVolumeOptions, Recovered } from "./journal-volume.ts";
import { BLOCK, O_RDWR, O_TRUNC, ROOT, random, req } from "./volume.ts";

const FILES = 3;
const SPAN = 40_000;
/** A file of the model: what it is, and what it may be after a crash. */
interface Model {
  ino: number;
  fh: number;
  bytes: Buffer;
  /** What it was since the last close or fsync, and since the last fsync; the newest is last. */
  sinceClose: Buffer[];
  sinceFsync: Buffer[];
}

class Run {
  readonly volume: JournalVolume;
  readonly #calls: Calls;
  readonly #below: (n: number) => number;
  readonly #files: Model[] = [];
  readonly #trace: string[] = [];
  /** Entries of the journal that were synced when each file was last fsynced. */

  constructor(volume: JournalVolume, seed: number) {
    this.volume = volume;
    this.#calls = new Calls(volume.vfs);
    this.#below = random(seed);
  }

  async start(): Promise<void> {
    for (let i = 0; i < FILES; i++) this.#files.push(await this.#new(`file-${i}`));
    await this.volume.vfs.fsyncdir();
  }

  async #new(name: string): Promise<Model> {
    const { ino, fh } = await this.#calls.create(name);
    const bytes = Buffer.alloc(0);
    return { ino, fh, bytes, sinceClose: [bytes], sinceFsync: [bytes] };
  }

  async step(): Promise<void> {
    const index = this.#below(FILES);
    const file = this.#files[index] as Model;
    const kind = this.#below(100);
    if (kind < 45) await this.#write(file);
    else if (kind < 62) await this.#fsync(file);
    else if (kind < 72) await this.#read(file);
    else if (kind < 78) await this.#reopen(file);
    else if (kind < 82) await this.#truncate(file);
    else if (kind < 85) await this.#punch(file);
    else if (kind < 88) await this.#copy(file);
    else if (kind < 90) await this.#empty(file);
    else if (kind < 93) await this.#pause();
    else if (kind < 94) await this.#replace(index);
    else if (kind < 96) await this.#toggle();
    else if (kind < 98) await this.#touch(file);
    else await this.#syncfs();
  }

  #became(file: Model, bytes: Buffer, what: string): void {
    this.#trace.push(`${what} ${file.ino}`);
    file.bytes = bytes;
    file.sinceClose.push(bytes);
    file.sinceFsync.push(bytes);
  }

  async #write(file: Model): Promise<void> {
    const isAppend = this.#below(3) === 0;
    const at = isAppend ? Math.min(file.bytes.length, SPAN) : this.#below(SPAN);
    const n = 1 + (this.#below(8) === 0 ? this.#below(20_000) : this.#below(3000));
    const data = Buffer.alloc(n, 1 + this.#below(255));
    const bytes = resized(file.bytes, Math.max(file.bytes.length, at + n));
    data.copy(bytes, at);
    this.#became(file, bytes, `write ${at}+${n} = ${data[0]}`);
    await this.#calls.write(file.fh, at, data);
  }

  async #fsync(file: Model): Promise<void> {
    this.#trace.push(`fsync ${file.ino}`);
    await this.#calls.fsync(file.fh);
    file.sinceFsync = [file.bytes];
    file.sinceClose = [file.bytes];
  }

  async #syncfs(): Promise<void> {
    this.#trace.push("syncfs");
    await this.volume.vfs.syncfs();
    for (const file of this.#files) file.sinceFsync = file.sinceClose = [file.bytes];
    for (const file of this.#files) file.sinceFsync = [file.bytes];
  }

  async #read(file: Model): Promise<void> {
    const at = this.#below(SPAN);
    const n = 1 + this.#below(8000);
    this.#trace.push(`read ${file.ino} ${at}+${n}`);
    const got = await this.#calls.read(file.fh, at, n);
    this.#same(got, file.bytes.subarray(at, at + n), `read ${file.ino}`);
  }

  async #reopen(file: Model): Promise<void> {
    this.#trace.push(`reopen ${file.ino}`);
    await this.#calls.close(file.fh);
    file.sinceClose = [file.bytes];
    file.fh = await this.#calls.open(file.ino);
  }

  async #truncate(file: Model): Promise<void> {
    const size = this.#below(SPAN);
    this.#became(file, resized(file.bytes, size), `truncate ${size}`);
    await this.#calls.setattr(file.ino, { size });
    file.sinceClose = [file.bytes];
  }

  async #punch(file: Model): Promise<void> {
    const at = this.#below(SPAN);
    const n = 1 + this.#below(8000);
    const bytes = Buffer.from(file.bytes);
    bytes.fill(0, Math.min(at, bytes.length), Math.min(at + n, bytes.length));
    this.#became(file, bytes, `punch ${at}+${n}`);
    await this.volume.vfs.fallocate(req, file.ino, file.fh, at, n, 3);
    file.sinceClose = [file.bytes];
  }

  async #copy(file: Model): Promise<void> {
    const from = this.#files[this.#below(FILES)] as Model;
    if (from === file) return;
    const at = this.#below(SPAN / 2);
    const piece = from.bytes.subarray(at, at + 5000);
    const bytes = resized(
      file.bytes,
      Math.max(file.bytes.length, piece.length && at + piece.length),
    );
    piece.copy(bytes, at);
    this.#became(file, bytes, `copy ${at}+${piece.length} from ${from.ino} to`);
    const { ino, fh } = file;
    await this.volume.vfs.copyFileRange(req, from.ino, from.fh, at, ino, fh, at, 5000, 0);
    file.sinceClose = [file.bytes];
    from.sinceClose = [from.bytes];
  }

  async #empty(file: Model): Promise<void> {
    this.#became(file, Buffer.alloc(0), "empty");
    await this.#calls.close(file.fh);
    file.fh = await this.#calls.open(file.ino, O_RDWR | O_TRUNC);
    file.sinceClose = [file.bytes];
  }

  /** The journal asks for its room; some of it may be given back before the next step. */
  async #pause(): Promise<void> {
    this.#trace.push("pressure");
    this.volume.press();
    for (let i = this.#below(3); i >= 0; i--) await new Promise((resume) => setImmediate(resume));
  }

  /** An atomic rewrite: a new file takes the name. */
  async #replace(index: number): Promise<void> {
    const name = `file-${index}`;
    const old = this.#files[index] as Model;
    const isOpen = this.#below(2) === 0;
    if (!isOpen) await this.#calls.close(old.fh);
    const made = await this.#new("new");
    this.#trace.push(`replace ${old.ino} by ${made.ino}`);
    await this.#calls.write(made.fh, 0, "made");
    const bytes = Buffer.from("made");
    made.bytes = bytes;
    await this.#calls.fsync(made.fh);
    made.sinceFsync = made.sinceClose = [bytes];
    await this.volume.vfs.rename(req, ROOT, "new", ROOT, name, 0);
    if (isOpen) await this.#calls.close(old.fh);
    made.sinceFsync = [bytes];
    made.sinceClose = [bytes];
    this.#files[index] = made;
    await this.volume.vfs.fsyncdir();
  }

  async #toggle(): Promise<void> {
    this.volume.isOn = !this.volume.isOn;
    this.#trace.push(`journal ${this.volume.isOn ? "on" : "off"}`);
    if (this.volume.isOn) return;
    // As when another client comes: it must see everything, and nothing else happens before it does.
    this.volume.press();
    await new Promise((resume) => setImmediate(resume));
  }

  async #touch(file: Model): Promise<void> {
    this.#trace.push(`touch ${file.ino}`);
    await this.#calls.setattr(file.ino, { mtime: { sec: 1000 + this.#below(1000), nsec: 7 } });
    file.sinceClose = [file.bytes];
  }

  /** The death of the process, or a power cut: then the log ends anywhere behind what was synced. */
  async crash(): Promise<void> {
    const { length } = this.volume.log;
    const { synced } = this.volume;
    const isPowerCut = this.#below(2) === 0;
    const at = isPowerCut ? synced + this.#below(length - synced + 1) : length;
    const left = await this.volume.crash(at, this.#below(3));
    for (const file of this.#files) {
      await this.#judge(left, file, isPowerCut ? file.sinceFsync : file.sinceClose);
    }
  }

  async #judge({ vfs }: Recovered, file: Model, states: readonly Buffer[]): Promise<void> {
    const got = await new Calls(vfs).content(file.ino);
    const lengths = states.map((state) => state.length);
    if (got.length < Math.min(...lengths) || got.length > Math.max(...lengths)) {
      this.#fail(
        `after the crash: inode ${file.ino} has ${got.length} bytes, not ${lengths.join()}`,
      );
    }
    for (let at = 0; at < got.length; at++) {
      // Bytes behind the end of a state are zeros if the file is longer than that.
      if (states.some((state) => (state[at] ?? 0) === got[at])) continue;
      this.#fail(`after the crash: inode ${file.ino} has ${got[at]} at ${at}`);
    }
  }

  async finish(): Promise<void> {
    for (const file of this.#files) {
      this.#same(await this.#calls.content(file.ino), file.bytes, `inode ${file.ino} at the end`);
      await this.#calls.close(file.fh);
    }
  }

  #same(got: Buffer, expected: Buffer, what: string): void {
    if (!got.equals(expected)) this.#fail(`${what}: ${got.length} bytes, not ${expected.length}`);
  }
  #fail(what: string): never {
    throw new Error(`${what}\n${this.#trace.slice(-40).join("\n")}`);
  }
}

function resized(bytes: Buffer, length: number): Buffer {
  const out = Buffer.alloc(length);
  bytes.copy(out, 0, 0, length);
  return out;
}

async function run(seed: number, steps: number, options: JournalVolumeOptions): Promise<void> {
  await using volume = await JournalVolume.open(options);
  const model = new Run(volume, seed);
  await model.start();
  for (let i = 1; i <= steps; i++) {
    await model.step();
    if (i % 5 === 0) await model.crash();
  }
  await model.finish();
}

for (const seed of [1, 2, 3, 4]) {
  test(`nothing fsynced is lost, seed ${seed}`, () => run(seed, 500, {}));
  test(`nothing fsynced is lost with small buffers, seed ${seed}`, () =>
    run(seed + 100, 400, { chunks: { bufferBytes: 2 * BLOCK, cacheBytes: BLOCK } }));
}

test.run();
