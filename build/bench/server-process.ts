// What the process that serves a mount uses: memory, processor time, descriptors, as the kernel counts them.
import { readFileSync, readdirSync } from "node:fs";

export const MIB: number = 2 ** 20;

/** Bytes. */
export interface Memory {
  /** Resident now. */
  readonly rss: number;
  /** Most that was ever resident. */
  readonly peak: number;
  /** The part of `rss` that is not the program's file: heaps, stacks, buffers. */
  readonly anonymous: number;
}

export function memoryOf(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const field = (name: string): number => {
    const kib = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1];
    if (kib === undefined) throw new Error(`process ${pid} has no ${name}`);
    return Number(kib) * 1024;
  };
  return { rss: field("VmRSS"), peak: field("VmHWM"), anonymous: field("RssAnon") };
}

/** Processor time used so far by all threads, in clock ticks (1/100 s). */
export function ticksOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name of the program may hold blanks and brackets: count from its end.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

export function descriptorsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}
