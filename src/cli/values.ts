// Reads the values that JuiceFS's options take: sizes with a unit, durations, counts, bandwidth.
// Every function throws UsageError with one sentence that names the option.
import { UsageError } from "clipanion";

const shifts: Readonly<Record<string, number>> = { B: 0, K: 10, M: 20, G: 30, T: 40, P: 50, E: 60 };

export type SizeUnit = "B" | "K" | "M" | "G";

/** Bytes of `text`, e.g. "4M" or "1.5G"; a bare number counts in `unit`. */
export function parseBytes(option: string, text: string, unit: SizeUnit): number {
  const match = /^(\d+(?:\.\d*)?|\.\d+)([A-Za-z]?)(?:i?B)?$/.exec(text.trim());
  const shift = shifts[(match?.[2] || unit).toUpperCase()];
  if (match === null || shift === undefined) {
    throw new UsageError(`${option} ${text}: give a size such as 512K, 300M or 1.5G`);
  }
  const bytes = Math.floor(Number(match[1]) * 2 ** shift);
  if (!Number.isSafeInteger(bytes))
    throw new UsageError(`${option} ${text} is too large: give at most 8P`);
  return bytes;
}

const secondsPer: Readonly<Record<string, number>> = {
  ns: 1e-9,
  us: 1e-6,
  ms: 1e-3,
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
};

/** Milliseconds of a Go duration such as "1h30m" or "1.5s"; a bare number is seconds, "2d" two days. */
export function parseDurationMs(option: string, text: string): number {
  const trimmed = text.trim();
  if (/^\d+(\.\d*)?$/.test(trimmed)) return Number(trimmed) * 1000;
  let seconds = 0;
  let rest = trimmed;
  while (rest !== "") {
    const match = /^(\d+(?:\.\d*)?|\.\d+)(ns|us|ms|s|m|h|d)/.exec(rest);
    if (match === null) {
      throw new UsageError(`${option} ${text}: give a duration such as 1.5s, 10m or 1h30m`);
    }
    seconds += Number(match[1]) * (secondsPer[match[2] as string] as number);
    rest = rest.slice(match[0].length);
  }
  if (trimmed === "")
    throw new UsageError(`${option} is empty: give a duration such as 1.5s or 10m`);
  return seconds * 1000;
}

/** A whole number of 0 or more. */
export function parseCount(option: string, text: string): number {
  const value = /^\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw new UsageError(`${option} ${text}: give a whole number`);
  return value;
}

/** Mbps of `text`; "1G" is 1000. */
export function parseMbps(option: string, text: string): number {
  const match = /^(\d+(?:\.\d*)?)([MGTP]?)$/i.exec(text.trim());
  if (match === null) throw new UsageError(`${option} ${text}: give a bandwidth in Mbps, e.g. 200`);
  const power = "MGTP".indexOf((match[2] || "M").toUpperCase());
  return Math.floor(Number(match[1]) * 1000 ** power);
}

/** Go's strconv.ParseBool. */
export function parseBoolean(option: string, text: string): boolean {
  if (/^(1|t|true)$/i.test(text)) return true;
  if (/^(0|f|false)$/i.test(text)) return false;
  throw new UsageError(`${option}=${text}: give true or false`);
}

const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/** Bytes for people, as JuiceFS prints them: "0 B", "4.0 MiB", "20 GiB". */
export function humanBytes(bytes: number): string {
  if (bytes < 10) return `${bytes} B`;
  const power = Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1);
  const value = Math.floor((bytes / 2 ** (10 * power)) * 10 + 0.5) / 10;
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ${units[power]}`;
}
