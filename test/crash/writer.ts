// One of the writers of a crash test: writer.ts DIR SEED PROMISE. It works until the file system
// fails and prints each step when it is acknowledged. PROMISE "sync" counts a step once fsync
// returned, "close" once close or the changing call itself did.
import {
  closeSync,
  fdatasyncSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { makeLine, makeRecord, SLOT_BYTES, SLOTS } from "./record.ts";
import type { Step } from "./record.ts";

const [dir = "", seed = "1", promise = "sync"] = process.argv.slice(2);
const isSynced = promise === "sync";

let state = Number(seed) >>> 0;
function random(limit: number): number {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((state / 2 ** 32) * limit);
}

function say(step: Step): void {
  // Not buffered: this is what we swear to have been told.
  writeSync(1, `${JSON.stringify(step)}\n`);
}

function syncDirectory(): void {
  if (!isSynced) return;
  const fd = openSync(dir, "r");
  fsyncSync(fd);
  closeSync(fd);
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done);
}

function writeFile(name: string, flags: string, bytes: Uint8Array): void {
  const fd = openSync(join(dir, name), flags);
  writeAll(fd, bytes);
  if (isSynced) fsyncSync(fd);
  closeSync(fd);
}

const files: string[] = [];
// Numbers go on where another round of this writer left off.
let next = Number(seed) * 100_000;

/** The way of careful programs: a name that others see is always complete. */
function newFile(): void {
  const number = next++;
  const name = `file-${number}`;
  const size = [10, 5000, 70_000, 1_500_000][random(4)] as number;
  const record = makeRecord(number, size);
  writeFile(`${name}.tmp`, "wx", record);
  say({ did: "try-file", name });
  if (random(2) === 0) {
    renameSync(join(dir, `${name}.tmp`), join(dir, name));
  } else {
    linkSync(join(dir, `${name}.tmp`), join(dir, name));
    unlinkSync(join(dir, `${name}.tmp`));
  }
  syncDirectory();
  say({ did: "file", name, size: record.length });
  files.push(name);
}

function removeFile(): void {
  const [name] = files.splice(random(files.length), 1);
  if (name === undefined) return;
  say({ did: "try-remove", name });
  unlinkSync(join(dir, name));
  syncDirectory();
  say({ did: "remove", name });
}

function appendLine(): void {
  const number = next++;
  writeFile("log", "a", Buffer.from(makeLine(number)));
  syncDirectory();
  say({ did: "line", number });
}

function replaceCurrent(): void {
  const number = next++;
  say({ did: "try-current", number });
  writeFile("current.tmp", "w", makeRecord(number, 3000));
  renameSync(join(dir, "current.tmp"), join(dir, "current"));
  syncDirectory();
  say({ did: "current", number });
}

/** In place, in a file that stays: only the slot that is being written may have either content. */
function overwriteSlot(): void {
  const number = next++;
  const slot = random(SLOTS);
  say({ did: "try-slot", slot, number });
  const fd = openSync(join(dir, "slots"), "r+");
  writeSync(fd, makeRecord(number, SLOT_BYTES), 0, SLOT_BYTES, slot * SLOT_BYTES);
  if (isSynced) fdatasyncSync(fd);
  closeSync(fd);
  say({ did: "slot", slot, number });
}

function prepare(): void {
  mkdirSync(dir, { recursive: true });
  const fd = openSync(join(dir, "slots"), "a");
  closeSync(fd);
  syncDirectory();
}

const works = [newFile, newFile, newFile, removeFile, appendLine, replaceCurrent, overwriteSlot];

try {
  prepare();
  for (;;) (works[random(works.length)] as () => void)();
} catch (error) {
  // The crash; what was not acknowledged until now is not said.
  console.error(String(error));
}
