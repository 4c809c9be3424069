// Makes and changes the setting of a volume by JuiceFS's rules: defaults, what may change, what never may.
import { UsageError } from "clipanion";
import { randomUUID } from "node:crypto";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import type { Format } from "../meta/format.ts";
import { UserError } from "./user-error.ts";
import { parseBytes, parseCount } from "./values.ts";
import { compareVersions } from "./version.ts";

/** Options of `format` as written; undefined = not given. */
export interface FormatOptions {
  readonly storage?: string | undefined;
  readonly bucket?: string | undefined;
  readonly blockSize?: string | undefined;
  readonly hashPrefix: boolean;
  readonly capacity?: string | undefined;
  readonly inodes?: string | undefined;
  readonly trashDays?: string | undefined;
  readonly enableAcl: boolean;
}

const ACL_CLIENT = "1.2.0-A";
const BLOCK_KIB_MIN = 64;
const BLOCK_KIB_MAX = 16 * 1024;

export function defaultBucket(): string {
  return process.getuid?.() === 0 ? "/var/jfs" : join(homedir(), ".juicefs/local");
}

/** A `file` bucket as stored: absolute, with a trailing slash. */
export function fileBucket(given: string): string {
  const path = resolve(given);
  return path === "/" ? path : `${path}/`;
}

export function checkStorage(storage: string): string {
  if (storage.toLowerCase() === "file") return "file";
  throw new UsageError(`--storage ${storage} is not supported yet: leave it out or use file`);
}

export function checkName(name: string): string {
  if (/^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/.test(name)) return name;
  throw new UsageError(
    `invalid name ${JSON.stringify(name)}: use 3 to 63 lower-case letters, digits and -, with no - at either end`,
  );
}

/** KiB; clamped to 64 KiB ... 16 MiB and rounded down to a power of two, as JuiceFS does. */
export function blockKib(text: string): number {
  const bytes = parseBytes("--block-size", text, "K");
  const clamped = Math.min(Math.max(bytes, BLOCK_KIB_MIN * 1024), BLOCK_KIB_MAX * 1024);
  return 2 ** Math.floor(Math.log2(clamped)) / 1024;
}

/** The setting of a volume that does not exist yet, its fields in JuiceFS's order. */
export function newFormat(name: string, options: FormatOptions): Format {
  const capacity = parseBytes("--capacity", options.capacity ?? "0", "G");
  const inodes = parseCount("--inodes", options.inodes ?? "0");
  return {
    Name: name,
    UUID: randomUUID(),
    Storage: checkStorage(options.storage ?? "file"),
    Tiers: { "0": { ID: 0, StorageClass: "", Tag: "" } },
    Bucket: fileBucket(options.bucket ?? defaultBucket()),
    BlockSize: blockKib(options.blockSize ?? "4M"),
    Compression: "none",
    ...(options.hashPrefix ? { HashPrefix: true } : {}),
    ...(capacity > 0 ? { Capacity: capacity } : {}),
    ...(inodes > 0 ? { Inodes: inodes } : {}),
    EncryptAlgo: "aes256gcm-rsa",
    TrashDays: parseCount("--trash-days", options.trashDays ?? "1"),
    MetaVersion: 1,
    MinClientVersion: options.enableAcl ? ACL_CLIENT : "1.1.0-A",
    DirStats: true,
    EnableACL: options.enableAcl,
  };
}

/** `format` again on an existing volume: only what was given, never what blocks depend on. Throws UserError. */
export function reformat(old: Format, name: string, options: FormatOptions): Format {
  const blockSize = options.blockSize === undefined ? old.BlockSize : blockKib(options.blockSize);
  const hashPrefix = options.hashPrefix || (old.HashPrefix ?? false);
  refuseChange("name", old.Name, name);
  refuseChange("block size", old.BlockSize, blockSize);
  refuseChange("hash prefix", old.HashPrefix ?? false, hashPrefix);
  const changed: { -readonly [K in keyof Format]: Format[K] } = { ...old };
  if (options.capacity !== undefined) {
    changed.Capacity = parseBytes("--capacity", options.capacity, "G");
  }
  if (options.inodes !== undefined) changed.Inodes = parseCount("--inodes", options.inodes);
  if (options.trashDays !== undefined) {
    changed.TrashDays = parseCount("--trash-days", options.trashDays);
  }
  if (options.storage !== undefined) changed.Storage = checkStorage(options.storage);
  if (options.bucket !== undefined) changed.Bucket = fileBucket(options.bucket);
  return changed;
}

function refuseChange(what: string, old: string | number | boolean, wanted: typeof old): void {
  if (old === wanted) return;
  throw new UserError(
    `cannot update volume ${what} from ${old} to ${wanted}: choose another META-URL for a new volume`,
  );
}

/** With POSIX ACLs only clients that keep them may open the volume. */
export function withAcl(format: Format): Format {
  const least = format.MinClientVersion ?? "";
  const raised = compareVersions(least, ACL_CLIENT) < 0 ? ACL_CLIENT : least;
  return { ...format, EnableACL: true, MinClientVersion: raised };
}

/** True when the setting keeps clients of this version out. */
export function isVersionRefused(format: Format, client: string): boolean {
  const { MinClientVersion = "", MaxClientVersion = "" } = format;
  if (MinClientVersion !== "" && compareVersions(client, MinClientVersion) < 0) return true;
  return MaxClientVersion !== "" && compareVersions(client, MaxClientVersion) > 0;
}

/** Throws UserError when this jfs must not open the volume, or cannot. */
export function checkUsable(format: Format, client: string): void {
  const { MetaVersion = 1, MinClientVersion = "", MaxClientVersion = "" } = format;
  if (MetaVersion > 1) {
    throw new UserError(`the volume has metadata version ${MetaVersion}: a newer jfs is needed`);
  }
  if (isVersionRefused(format, client)) {
    const isOld = compareVersions(client, MinClientVersion) < 0;
    throw new UserError(
      `the volume wants clients of version ${MinClientVersion || "any"} to ${MaxClientVersion || "any"}, this jfs ` +
        `counts as ${client}: ${isOld ? "use a newer one" : "raise it with jfs config --max-client-version"}`,
    );
  }
  checkSupported(format);
}

/** Throws UserError when the volume's blocks are kept in a way that this jfs does not know: it must change nothing there. */
export function checkSupported(format: Format): void {
  const damaged = unusable(format);
  if (damaged !== undefined) {
    throw new UserError(
      `the setting of the volume has no usable ${damaged}: restore the metadata from a backup`,
    );
  }
  const lacking = unsupported(format);
  if (lacking === undefined) return;
  throw new UserError(
    `the volume uses ${lacking}, which jfs does not support yet: use it with juicefs`,
  );
}

/** What would send blocks to wrong places. */
function unusable({ Name, BlockSize }: Format): string | undefined {
  // Older versions were more liberal with names than checkName.
  if (Name === "" || Name.startsWith(".") || Name.includes("/")) return "Name";
  const isBlockSize =
    BlockSize >= BLOCK_KIB_MIN &&
    BlockSize <= BLOCK_KIB_MAX &&
    Number.isInteger(Math.log2(BlockSize));
  return isBlockSize ? undefined : "BlockSize";
}

function unsupported(format: Format): string | undefined {
  if (format.Storage.toLowerCase() !== "file") return `--storage ${format.Storage}`;
  if ((format.Compression ?? "none") !== "none" && format.Compression !== "") {
    return `--compress ${format.Compression}`;
  }
  if (format.EncryptKey) return "encryption";
  if ((format.Shards ?? 0) > 1) return "--shards";
  return undefined;
}
