// The memory of a crash test: what each writer was told is safe. After a crash it compares that with
// what is there, and names every step that was lost or torn.
import { existsSync } from "node:fs";
import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { readLine, readRecord, SLOT_BYTES } from "./record.ts";
import type { Step } from "./record.ts";

/** What was promised to one writer, whose folder is `dir`, in all rounds so far. */
export class Promises {
  readonly dir: string;
  /** Steps that were acknowledged. */
  count = 0;
  readonly #files = new Map<string, number>();
  /** May be there or not, but whole if it is. */
  readonly #undecided = new Set<string>();
  readonly #removed = new Set<string>();
  readonly #lines = new Set<number>();
  /** The acknowledged number and those tried since. */
  #current: readonly number[] = [];
  #hasCurrent = false;
  readonly #slots = new Map<number, readonly number[]>();
  readonly #writtenSlots = new Set<number>();

  constructor(dir: string) {
    this.dir = dir;
  }

  learn(step: Step): void {
    if (!step.did.startsWith("try-")) this.count++;
    switch (step.did) {
      case "try-file":
        this.#undecided.add(step.name);
        break;
      case "file":
        this.#undecided.delete(step.name);
        this.#files.set(step.name, step.size);
        break;
      case "try-remove":
        this.#files.delete(step.name);
        this.#undecided.add(step.name);
        break;
      case "remove":
        this.#undecided.delete(step.name);
        this.#removed.add(step.name);
        break;
      case "line":
        this.#lines.add(step.number);
        break;
      case "try-current":
        this.#current = [...this.#current, step.number];
        break;
      case "current":
        this.#current = [step.number];
        this.#hasCurrent = true;
        break;
      case "try-slot":
        this.#slots.set(step.slot, [...(this.#slots.get(step.slot) ?? []), step.number]);
        break;
      case "slot":
        this.#slots.set(step.slot, [step.number]);
        this.#writtenSlots.add(step.slot);
        break;
    }
  }

  /** One sentence for each promise that was broken. */
  async broken(): Promise<string[]> {
    if (this.count === 0) return [];
    return [
      ...(await this.#brokenFiles()),
      ...(await this.#brokenLines()),
      ...(await this.#brokenCurrent()),
      ...(await this.#brokenSlots()),
    ];
  }

  async #read(name: string): Promise<Buffer | string> {
    try {
      return await readFile(join(this.dir, name));
    } catch (error) {
      return String(error);
    }
  }

  async #brokenFiles(): Promise<string[]> {
    const wrong: string[] = [];
    for (const [name, size] of this.#files) {
      const got = await this.#read(name);
      if (typeof got === "string") wrong.push(`${name} is lost: ${got}`);
      else if (got.length !== size || readRecord(got) === undefined) {
        wrong.push(`${name} is torn: ${got.length} of ${size} bytes`);
      }
    }
    for (const name of this.#undecided) {
      const got = await this.#read(name);
      const isWhole =
        typeof got === "string" ? got.includes("ENOENT") : readRecord(got) !== undefined;
      if (!isWhole) wrong.push(`${name}, complete or absent, is torn: ${got.length}`);
    }
    for (const name of this.#removed) {
      if (existsSync(join(this.dir, name))) wrong.push(`${name} is back after its removal`);
    }
    return wrong;
  }

  async #brokenLines(): Promise<string[]> {
    const got = await this.#read("log");
    const text = typeof got === "string" ? "" : got.toString("latin1");
    const numbers = new Set(text.split("\n").map(readLine));
    return [...this.#lines]
      .filter((number) => !numbers.has(number))
      .map((number) => `line ${number} of the log is lost`);
  }

  async #brokenCurrent(): Promise<string[]> {
    if (!this.#hasCurrent) return [];
    const got = await this.#read("current");
    const number = typeof got === "string" ? got : readRecord(got);
    if (typeof number === "number" && this.#current.includes(number)) return [];
    return [`current is ${number ?? "torn"}, should be one of ${this.#current.join()}`];
  }

  async #brokenSlots(): Promise<string[]> {
    const file = await this.#read("slots");
    const wrong: string[] = [];
    for (const [slot, numbers] of this.#slots) {
      const at = slot * SLOT_BYTES;
      const got =
        typeof file === "string" ? undefined : readRecord(file.subarray(at, at + SLOT_BYTES));
      // The very first write of a slot may not have happened.
      if (got === undefined ? this.#writtenSlots.has(slot) : !numbers.includes(got)) {
        wrong.push(`slot ${slot} is ${got ?? "torn"}, should be one of ${numbers.join()}`);
      }
    }
    return wrong;
  }
}

/** Reads everything below `dir`; one sentence for each name that cannot be read. */
export async function unreadable(dir: string): Promise<string[]> {
  const wrong: string[] = [];
  for (const dirent of await readdir(dir, { withFileTypes: true, recursive: true })) {
    const path = join(dirent.parentPath, dirent.name);
    try {
      const stat = await lstat(path);
      if (stat.isSymbolicLink()) await readlink(path);
      else if (stat.isFile()) {
        const { length } = await readFile(path);
        if (length !== stat.size) wrong.push(`${path} has ${length} of ${stat.size} bytes`);
      }
    } catch (error) {
      wrong.push(`${path} is unreadable: ${String(error)}`);
    }
  }
  return wrong;
}
