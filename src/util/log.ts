// One log for the process: lines in JuiceFS's shape on stderr or in the log file, never a secret.
import { writeSync } from "node:fs";

export type Level = "trace" | "debug" | "info" | "warn" | "error";
const rank: Readonly<Record<Level, number>> = { trace: 0, debug: 1, info: 2, warn: 3, error: 4 };
const shown: Readonly<Record<Level, string>> = {
  trace: "TRACE",
  debug: "DEBUG",
  info: "INFO",
  warn: "WARNING",
  error: "ERROR",
};

let threshold = rank.info;
let fd = 2;

export function setLogLevel(level: Level): void {
  threshold = rank[level];
}
/** Sends the log to an open descriptor (2 = stderr). */
export function setLogDescriptor(descriptor: number): void {
  fd = descriptor;
}

export function log(level: Level, text: string): void {
  if (rank[level] < threshold) return;
  const line = `${stamp(new Date())} jfs[${process.pid}] <${shown[level]}>: ${text}\n`;
  try {
    writeSync(fd, line);
  } catch {
    // A log that cannot be written must not take the file system down with it.
  }
}

const two = (n: number): string => String(n).padStart(2, "0");

function stamp(t: Date): string {
  const day = `${t.getFullYear()}/${two(t.getMonth() + 1)}/${two(t.getDate())}`;
  const ms = String(t.getMilliseconds()).padStart(3, "0");
  return `${day} ${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}.${ms}000`;
}
