// What a crash test writes: records that tell by themselves whether they are whole, and the steps that
// a writer reports once the file system has acknowledged them.
import { createHash } from "node:crypto";

/** Bytes of the slots that are overwritten in place. */
export const SLOT_BYTES = 4096;
export const SLOTS = 64;

/**
 * One line of a writer. A step that changes what was there before is announced first: after a crash
 * either state is right, until it is acknowledged.
 */
export type Step =
  /** A file that is complete or not there, whatever happens. */
  | { readonly did: "try-file"; readonly name: string }
  | { readonly did: "file"; readonly name: string; readonly size: number }
  | { readonly did: "try-remove"; readonly name: string }
  | { readonly did: "remove"; readonly name: string }
  | { readonly did: "line"; readonly number: number }
  | { readonly did: "try-current"; readonly number: number }
  | { readonly did: "current"; readonly number: number }
  | { readonly did: "try-slot"; readonly slot: number; readonly number: number }
  | { readonly did: "slot"; readonly slot: number; readonly number: number };

const DIGEST_BYTES = 32;

const digest = (bytes: Uint8Array): Buffer => createHash("sha256").update(bytes).digest();

/** `size` bytes that begin with the digest of the rest, which begins with `number`. */
export function makeRecord(number: number, size: number): Buffer {
  const record = Buffer.alloc(Math.max(size, DIGEST_BYTES + 4));
  const body = record.subarray(DIGEST_BYTES);
  // No two neighbouring blocks are alike, so a lost or exchanged one shows.
  for (let at = 0; at + 4 <= body.length; at += 4) {
    body.writeUInt32LE(Math.imul(number + 1, at + 2_654_435_761) >>> 0, at);
  }
  body.writeUInt32LE(number, 0);
  digest(body).copy(record);
  return record;
}

/** The number of a whole record; undefined when it is torn. */
export function readRecord(record: Uint8Array): number | undefined {
  if (record.length < DIGEST_BYTES + 4) return undefined;
  const body = Buffer.from(record.subarray(DIGEST_BYTES));
  if (!digest(body).equals(Buffer.from(record.subarray(0, DIGEST_BYTES)))) return undefined;
  return body.readUInt32LE(0);
}

/** A line of the log: its number, and proof that it is whole. */
export function makeLine(number: number): string {
  return `${number} ${digest(Buffer.from(String(number))).toString("hex")}\n`;
}

export function readLine(line: string): number | undefined {
  const number = Number(line.split(" ")[0]);
  return makeLine(number) === `${line}\n` ? number : undefined;
}
