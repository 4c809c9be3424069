// The setting as the text that JuiceFS stores (formats 8.1, 8.2), and back from any JSON with these names.
import type { Format, Tier } from "./format.ts";

type Kind = "string" | "number" | "boolean" | "tiers";
/** Fields in their order. "?" = left out of the text when it holds the zero value. */
const fields: readonly (readonly [keyof Format, Kind, "?"?])[] = [
  ["Name", "string"],
  ["UUID", "string"],
  ["Storage", "string"],
  ["StorageClass", "string", "?"],
  ["Tiers", "tiers"],
  ["Bucket", "string"],
  ["AccessKey", "string", "?"],
  ["SecretKey", "string", "?"],
  ["SessionToken", "string", "?"],
  ["BlockSize", "number"],
  ["Compression", "string", "?"],
  ["Shards", "number", "?"],
  ["HashPrefix", "boolean", "?"],
  ["Capacity", "number", "?"],
  ["Inodes", "number", "?"],
  ["EncryptKey", "string", "?"],
  ["EncryptAlgo", "string", "?"],
  ["KeyEncrypted", "boolean", "?"],
  ["UploadLimit", "number", "?"],
  ["DownloadLimit", "number", "?"],
  ["TrashDays", "number"],
  ["MetaVersion", "number", "?"],
  ["MinClientVersion", "string", "?"],
  ["MaxClientVersion", "string", "?"],
  ["DirStats", "boolean", "?"],
  ["UserGroupQuota", "boolean", "?"],
  ["EnableACL", "boolean"],
  ["RangerRestUrl", "string", "?"],
  ["RangerService", "string", "?"],
  ["ChangeLog", "boolean", "?"],
  ["ChangeLogMaxAge", "number", "?"],
  ["ChangeLogMaxLines", "number", "?"],
  ["KerbConf", "string", "?"],
];
const tierFields = [
  ["ID", "number"],
  ["StorageClass", "string"],
  ["Tag", "string"],
] as const;

const zero = { string: "", number: 0, boolean: false, tiers: null } as const;
const kinds: ReadonlyMap<string, readonly [keyof Format, Kind]> = new Map(
  fields.map(([name, kind]) => [name.toLowerCase(), [name, kind]]),
);

/** Byte for byte what JuiceFS stores: one member per line, no indent, Go's escapes, no newline at the end. */
export function formatText(format: Format): string {
  const members: string[] = [];
  for (const [name, kind, optional] of fields) {
    const value = format[name] ?? zero[kind];
    if (optional === "?" && value === zero[kind]) continue;
    members.push(`"${name}": ${kind === "tiers" ? tiersText(format.Tiers) : scalarText(value)}`);
  }
  return `{\n${members.join(",\n")}\n}`;
}

function tiersText(tiers: Format["Tiers"]): string {
  if (tiers === null) return "null";
  // Go sorts the keys of a map as strings.
  const members = Object.keys(tiers)
    .toSorted()
    .map((key) => {
      const tier = tiers[key] as Tier;
      const inner = tierFields.map(([name]) => `"${name}": ${scalarText(tier[name])}`);
      return `${scalarText(key)}: {\n${inner.join(",\n")}\n}`;
    });
  return members.length === 0 ? "{}" : `{\n${members.join(",\n")}\n}`;
}

/** JSON as Go writes it: safe to paste into HTML, lone surrogates replaced. */
function scalarText(value: unknown): string {
  const text = JSON.stringify(typeof value === "string" ? value.toWellFormed() : value);
  return text.replaceAll(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Reads a setting as Go would: names in any case, unknown ones ignored, missing ones zero. Throws a sentence. */
export function parseFormat(text: string): Format {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new Error("the setting of the volume is not JSON: restore the metadata from a backup", {
      cause,
    });
  }
  if (!isRecord(parsed))
    throw new Error("the setting of the volume is not a JSON object: restore it from a backup");
  const found: Record<string, unknown> = {};
  for (const [name, kind, optional] of fields) if (optional === undefined) found[name] = zero[kind];
  for (const [given, value] of Object.entries(parsed)) {
    const field = kinds.get(given.toLowerCase());
    if (field === undefined || value === null) continue;
    const [name, kind] = field;
    found[name] = kind === "tiers" ? tiersOf(value) : checked(name, kind, value);
  }
  return found as unknown as Format;
}

function tiersOf(value: unknown): Record<string, Tier> {
  if (!isRecord(value)) throw wrong("Tiers");
  const tiers: Record<string, Tier> = {};
  for (const [key, given] of Object.entries(value)) {
    if (!isRecord(given)) throw wrong("Tiers");
    const tier: Record<string, unknown> = { ID: 0, StorageClass: "", Tag: "" };
    for (const [name, member] of Object.entries(given)) {
      const field = tierFields.find(([known]) => known.toLowerCase() === name.toLowerCase());
      if (field !== undefined && member !== null)
        tier[field[0]] = checked(`Tiers.${name}`, field[1], member);
    }
    tiers[key] = tier as unknown as Tier;
  }
  return tiers;
}

function checked(name: string, kind: Kind, value: unknown): unknown {
  if (typeof value !== kind || (kind === "number" && !Number.isInteger(value))) throw wrong(name);
  return value;
}

function wrong(name: string): Error {
  return new Error(
    `the setting of the volume has no usable ${name}: restore the metadata from a backup`,
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
