// Reads what `mount` was given into one typed value, and judges the mount(8) options behind -o.
import { UsageError } from "clipanion";
import { resolve } from "node:path";
import type { AtimeMode } from "../meta/ops/open.ts";
import { checkStorage, fileBucket } from "./format-settings.ts";
import { parseBytes, parseCount, parseDurationMs } from "./values.ts";

/** Options of `mount` as written; undefined = not given. */
export interface MountArguments {
  readonly mountOptions: readonly string[];
  readonly readOnly: boolean;
  readonly attrCache?: string | undefined;
  readonly entryCache?: string | undefined;
  readonly dirEntryCache?: string | undefined;
  readonly negativeEntryCache?: string | undefined;
  readonly heartbeat?: string | undefined;
  readonly bufferSize?: string | undefined;
  readonly cacheDir?: string | undefined;
  readonly cacheSize?: string | undefined;
  readonly maxUploads?: string | undefined;
  readonly maxDeletes?: string | undefined;
  readonly storage?: string | undefined;
  readonly bucket?: string | undefined;
  readonly checkStorage?: boolean;
  readonly noBgjob?: boolean;
  readonly subdir?: string | undefined;
  readonly umask?: string | undefined;
  readonly atimeMode?: string | undefined;
  readonly enableXattr?: boolean | undefined;
  readonly disableXattr?: boolean;
  readonly enableIoctl?: boolean;
  readonly prefixInternal?: boolean;
  readonly maxReadahead?: string | undefined;
  readonly journal?: string | undefined;
  readonly journalDir?: string | undefined;
  readonly journalSize?: string | undefined;
}

export interface MountSettings {
  readonly readOnly: boolean;
  readonly allowOther: boolean;
  /** Another file system at the mount point may be hidden. */
  readonly mountOver: boolean;
  /** Flags for the kernel, by their names in mount(8); read-only is not among them. */
  readonly flags: readonly string[];
  /** Milliseconds; undefined = as long as this process is the only session, one second otherwise. */
  readonly attrTimeoutMs: number | undefined;
  readonly entryTimeoutMs: number | undefined;
  readonly dirEntryTimeoutMs: number | undefined;
  readonly negativeTimeoutMs: number | undefined;
  readonly heartbeatMs: number;
  readonly bufferBytes: number;
  readonly cacheBytes: number;
  readonly maxUploads: number;
  /** 0 = this process deletes no blocks. */
  readonly maxDeletes: number;
  /** The folder with the blocks on this host; undefined = the one in the setting. */
  readonly bucket: string | undefined;
  readonly checkStorage: boolean;
  readonly backgroundJobs: boolean;
  /** The directory of the volume that is mounted; "" = its root. */
  readonly subdir: string;
  /** Undefined = everybody's own. */
  readonly umask: number | undefined;
  readonly atimeMode: AtimeMode;
  readonly xattr: boolean;
  readonly ioctl: boolean;
  readonly prefixInternal: boolean;
  /** Undefined = as the Vfs sees fit. */
  readonly maxReadaheadBytes: number | undefined;
  readonly journal: JournalSettings;
}

export interface JournalSettings {
  readonly isOn: boolean;
  /** Give up what the journal of a mount that died still holds. */
  readonly discards: boolean;
  /** Where the journal lies; undefined = beside the database. */
  readonly folder: string | undefined;
  /** Undefined = as much as the disk allows, up to the default. */
  readonly bytes: number | undefined;
}

// The first two are ours; the others are for mount(8) and /etc/fstab, or what jfs does anyway.
const known = new Set([
  "ro",
  "allow_other",
  "_netdev",
  "nofail",
  "rw",
  "defaults",
  "remount",
  "default_permissions",
  "nonempty",
  "auto",
  "noauto",
  "user",
  "nouser",
  "suid",
  "nosuid",
  "dev",
  "nodev",
  "exec",
  "noexec",
  "noatime",
  "relatime",
  "norelatime",
  "diratime",
  "nodiratime",
  "async_dio",
  // Names for what is mounted; jfs finds its mounts by the names that it gives.
  "fsname",
  "subtype",
]);

const CACHE_BYTES = 100 * 2 ** 20;
/** Segments are whole pages. */
const JOURNAL_STEP = 1 << 20;
const JOURNAL_BYTES_MIN = 4 * 2 ** 20;
const JOURNAL_BYTES_MAX = 4 * 2 ** 30;
const HEARTBEAT_MS_MIN = 1000;
const HEARTBEAT_MS_MAX = 600_000;

/** Throws UsageError with the name of the option that is wrong. */
export function readMountArguments(given: MountArguments): MountSettings {
  const flags = readFlags(given.mountOptions);
  const readOnly = given.readOnly || flags.has("ro");
  return {
    readOnly,
    mountOver: flags.has("nonempty"),
    allowOther: process.getuid?.() === 0 || flags.has("allow_other"),
    flags: ["nodev", "noexec", "nosuid", "suid", "dev"].filter((flag) => flags.has(flag)),
    attrTimeoutMs: timeout("--attr-cache", given.attrCache),
    entryTimeoutMs: timeout("--entry-cache", given.entryCache),
    dirEntryTimeoutMs: timeout("--dir-entry-cache", given.dirEntryCache),
    negativeTimeoutMs: timeout("--negative-entry-cache", given.negativeEntryCache),
    heartbeatMs: heartbeat(given.heartbeat ?? "12s"),
    ...memory(given),
    maxUploads: atLeastOne("--max-uploads", given.maxUploads ?? "20"),
    maxDeletes: parseCount("--max-deletes", given.maxDeletes ?? "10"),
    bucket: bucketOf(given),
    checkStorage: given.checkStorage ?? false,
    backgroundJobs: !readOnly && given.noBgjob !== true,
    subdir: given.subdir ?? "",
    umask: umask(given.umask),
    atimeMode: atimeMode(given.atimeMode ?? "noatime"),
    xattr: xattr(given),
    ioctl: given.enableIoctl ?? false,
    prefixInternal: given.prefixInternal ?? false,
    maxReadaheadBytes: readahead(given.maxReadahead),
    journal: journal(given),
  };
}

const wholeSteps = (bytes: number): number => bytes - (bytes % JOURNAL_STEP);

/** Throws UsageError. */
function journal({ journal: mode = "on", ...given }: MountArguments): JournalSettings {
  if (mode !== "on" && mode !== "off" && mode !== "discard") {
    throw new UsageError(`--journal ${mode}: give on, off or discard`);
  }
  const bytes = wholeSteps(parseBytes("--journal-size", given.journalSize ?? "64M", "M"));
  if (bytes < JOURNAL_BYTES_MIN || bytes > JOURNAL_BYTES_MAX) {
    throw new UsageError(`--journal-size ${given.journalSize}: give 4M to 4G`);
  }
  const folder = given.journalDir === undefined ? undefined : resolve(given.journalDir);
  return {
    isOn: mode !== "off",
    discards: mode === "discard",
    folder,
    bytes: given.journalSize === undefined ? undefined : bytes,
  };
}

/** What is behind -o, by name. Throws UsageError for what would be ignored. */
function readFlags(options: readonly string[]): Set<string> {
  const flags = new Set<string>();
  for (const option of options) {
    const [name = ""] = option.split("=");
    if (!known.has(name) && !name.startsWith("x-")) {
      throw new UsageError(`-o ${name} is not supported: leave it out`);
    }
    flags.add(name);
  }
  return flags;
}

function bucketOf({ storage, bucket }: MountArguments): string | undefined {
  if (storage !== undefined) checkStorage(storage);
  return bucket === undefined ? undefined : fileBucket(bucket);
}

function timeout(option: string, text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseDurationMs(option, text);
}

function heartbeat(text: string): number {
  const ms = parseDurationMs("--heartbeat", text);
  if (ms < HEARTBEAT_MS_MIN || ms > HEARTBEAT_MS_MAX) {
    throw new UsageError(`--heartbeat ${text}: give 1s to 10m`);
  }
  return ms;
}

function atLeastOne(option: string, text: string): number {
  const count = parseCount(option, text);
  if (count === 0) throw new UsageError(`${option} ${text}: give 1 or more`);
  return count;
}

function umask(text: string | undefined): number | undefined {
  if (text === undefined || text === "") return undefined;
  if (/^[0-7]{1,4}$/.test(text) && parseInt(text, 8) <= 0o777) return parseInt(text, 8);
  throw new UsageError(`--umask ${text}: give octal digits such as 022`);
}

function atimeMode(text: string): AtimeMode {
  if (text === "noatime" || text === "relatime" || text === "strictatime") return text;
  throw new UsageError(`--atime-mode ${text}: give noatime, relatime or strictatime`);
}

function xattr({ enableXattr, disableXattr }: MountArguments): boolean {
  if (enableXattr === true && disableXattr === true) {
    throw new UsageError("--enable-xattr and --disable-xattr exclude each other: leave one out");
  }
  // --enable-xattr=false is how a script for JuiceFS says no.
  return disableXattr !== true && enableXattr !== false;
}

/** 0 = the default, as JuiceFS has it. */
function readahead(text: string | undefined): number | undefined {
  const bytes = text === undefined ? 0 : parseBytes("--max-readahead", text, "M");
  return bytes === 0 ? undefined : bytes;
}

/** Memory for data. Cached blocks are a part of the buffers, unless their memory is asked for by itself. */
function memory(given: MountArguments): Pick<MountSettings, "bufferBytes" | "cacheBytes"> {
  const bufferBytes = parseBytes("--buffer-size", given.bufferSize ?? "300M", "M");
  const asked = cache(given.cacheDir, given.cacheSize);
  if (asked !== undefined) return { bufferBytes, cacheBytes: asked };
  const cacheBytes = Math.min(CACHE_BYTES, Math.floor(bufferBytes / 3));
  return { bufferBytes: bufferBytes - cacheBytes, cacheBytes };
}

/** Blocks are cached in memory only: --cache-size is its limit, a cache on disk is not there yet. */
function cache(dir: string | undefined, size: string | undefined): number | undefined {
  if (dir !== undefined && dir !== "memory") {
    throw new UsageError(`--cache-dir ${dir} is not supported yet: leave it out or use memory`);
  }
  return size === undefined ? undefined : parseBytes("--cache-size", size, "M");
}
