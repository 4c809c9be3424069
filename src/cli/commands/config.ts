// jfs config: shows the setting of a volume, or changes it.
import { Command, Option, UsageError, type Usage } from "clipanion";
import type { Format } from "../../meta/format.ts";
import type { MetaStore } from "../../meta/store.ts";
import { JfsCommand } from "../command.ts";
import {
  checkStorage,
  checkSupported,
  fileBucket,
  isVersionRefused,
  withAcl,
} from "../format-settings.ts";
import { goJson } from "../go-json.ts";
import { parseMetaAddress } from "../meta-address.ts";
import { checkOwner, openStorage, probeStorage } from "../storage.ts";
import { usageOf, type VolumeUsage } from "../usage.ts";
import { UserError } from "../user-error.ts";
import { humanBytes, parseBytes, parseCount } from "../values.ts";
import { compareVersions, isVersion, sessionVersion } from "../version.ts";
import { existingFormat, hasSlices, openStore, shownFormat } from "../volume.ts";

type Writable<T> = { -readonly [K in keyof T]: T[K] };

export class ConfigCommand extends JfsCommand {
  static override paths: string[][] = [["config"]];
  static override usage: Usage = Command.Usage({
    category: "ADMIN",
    description: "Show or change the settings of a volume",
    details:
      "Without options the settings are printed as JSON. A mounted volume takes changes over within seconds.",
    examples: [
      ["Show", "$0 config /var/lib/my.db"],
      [
        "Limit the size, keep deleted files for a week",
        "$0 config /var/lib/my.db --capacity 100 --trash-days 7",
      ],
    ],
  });

  metaUrl: string = Option.String({ name: "META-URL" });
  storage: string | undefined = Option.String("--storage", {
    description: "where blocks are stored: file",
  });
  bucket: string | undefined = Option.String("--bucket", { description: "folder for the blocks" });
  capacity: string | undefined = Option.String("--capacity", {
    description: "limit of the volume's size in GiB or with a unit, 0 = none",
  });
  inodes: string | undefined = Option.String("--inodes", {
    description: "limit of the number of files and directories, 0 = none",
  });
  trashDays: string | undefined = Option.String("--trash-days", {
    description: "days that deleted files are kept in .trash",
  });
  minClientVersion: string | undefined = Option.String("--min-client-version", {
    description: "refuse older clients; cannot be lowered",
  });
  maxClientVersion: string | undefined = Option.String("--max-client-version", {
    description: "refuse newer clients",
  });
  dirStats: boolean | undefined = Option.Boolean("--dir-stats", {
    description: "keep usage counters of every directory (--no-dir-stats: do not)",
  });
  enableAcl: boolean = Option.Boolean("--enable-acl", false, {
    description: "keep POSIX ACLs; cannot be switched off again",
  });
  yes: boolean = Option.Boolean("-y,--yes", false, { description: "answer yes to every question" });
  force: boolean = Option.Boolean("--force", false, { description: "skip all checks" });
  json: boolean = Option.Boolean("--json", false, {
    description: "print the settings as JSON, also after a change",
  });

  override async execute(): Promise<number> {
    await using store = openStore(parseMetaAddress(this.metaUrl), { recovery: "replay" });
    const old = await existingFormat(store);
    const format: Writable<Format> = { ...old };
    const changes = [
      ...this.#changeLimits(format),
      ...this.#changeStorage(format),
      ...this.#changeClients(format),
    ];
    if (!this.#isChange()) {
      this.print(goJson(shownFormat(old), "  "));
      return 0;
    }
    checkSupported(old);
    if (changes.length === 0) {
      this.print(this.json ? goJson(shownFormat(old), "  ") : "Nothing changed.");
      return 0;
    }
    if (!this.force && !(await this.#isSafe(store, old, format))) {
      throw new UserError("nothing was changed: answer y, or give --yes");
    }
    await store.saveFormat(format);
    this.print(this.json ? goJson(shownFormat(format), "  ") : changes.join("\n"));
    return 0;
  }

  #isChange(): boolean {
    const given = [
      this.storage,
      this.bucket,
      this.capacity,
      this.inodes,
      this.trashDays,
      this.minClientVersion,
      this.maxClientVersion,
      this.dirStats,
    ];
    return this.enableAcl || given.some((value) => value !== undefined);
  }

  #changeLimits(format: Writable<Format>): string[] {
    const lines: string[] = [];
    const set = (name: string, old: string, wanted: string): boolean => {
      if (old !== wanted) lines.push(`${name.padStart(10)}: ${old} -> ${wanted}`);
      return old !== wanted;
    };
    if (this.capacity !== undefined) {
      const bytes = parseBytes("--capacity", this.capacity, "G");
      if (bytes !== (format.Capacity ?? 0)) {
        set("capacity", humanBytes(format.Capacity ?? 0), humanBytes(bytes));
        format.Capacity = bytes;
      }
    }
    if (this.inodes !== undefined) {
      const count = parseCount("--inodes", this.inodes);
      if (set("inodes", grouped(format.Inodes ?? 0), grouped(count))) format.Inodes = count;
    }
    if (this.trashDays !== undefined) {
      const days = parseCount("--trash-days", this.trashDays);
      if (set("trash-days", String(format.TrashDays), String(days))) format.TrashDays = days;
    }
    if (this.dirStats !== undefined) {
      const old = format.DirStats ?? false;
      if (set("dir-stats", String(old), String(this.dirStats))) format.DirStats = this.dirStats;
    }
    return lines;
  }

  #changeStorage(format: Writable<Format>): string[] {
    const lines: string[] = [];
    if (this.storage !== undefined && checkStorage(this.storage) !== format.Storage) {
      lines.push(`${"storage".padStart(10)}: ${format.Storage} -> file`);
      format.Storage = "file";
    }
    if (this.bucket !== undefined && fileBucket(this.bucket) !== format.Bucket) {
      const bucket = fileBucket(this.bucket);
      lines.push(`${"bucket".padStart(10)}: ${format.Bucket} -> ${bucket}`);
      format.Bucket = bucket;
    }
    return lines;
  }

  #changeClients(format: Writable<Format>): string[] {
    const lines: string[] = [];
    const least = format.MinClientVersion ?? "";
    if (this.enableAcl && !format.EnableACL) {
      lines.push("enable-acl: false -> true");
      Object.assign(format, withAcl(format));
    }
    if (this.minClientVersion !== undefined && this.minClientVersion !== least) {
      const wanted = checkVersion("--min-client-version", this.minClientVersion);
      if (compareVersions(wanted, least) < 0) {
        throw new UserError(`cannot lower min-client-version from ${least} to ${wanted}`);
      }
      if (compareVersions(wanted, format.MinClientVersion ?? "") > 0)
        format.MinClientVersion = wanted;
    }
    if (format.MinClientVersion !== undefined && format.MinClientVersion !== least) {
      lines.push(`min-client-version: ${least} -> ${format.MinClientVersion}`);
    }
    const most = format.MaxClientVersion ?? "";
    if (this.maxClientVersion !== undefined && this.maxClientVersion !== most) {
      format.MaxClientVersion = checkVersion("--max-client-version", this.maxClientVersion);
      lines.push(`max-client-version: ${most} -> ${format.MaxClientVersion}`);
    }
    return lines;
  }

  async #isSafe(store: MetaStore, old: Format, format: Format): Promise<boolean> {
    if (format.Bucket !== old.Bucket || format.Storage !== old.Storage) {
      const hasBlocks = await hasSlices(store);
      const storage = openStorage(format, { create: !hasBlocks });
      await checkOwner(storage, format.UUID, hasBlocks);
      await probeStorage(storage);
      await storage.close();
    }
    for (const warning of await this.#warnings(store, old, format)) {
      if (!this.yes && !(await this.confirm(warning))) return false;
    }
    return true;
  }

  async #warnings(store: MetaStore, old: Format, format: Format): Promise<string[]> {
    const warnings: string[] = [];
    const usage = await usageOf(store);
    if (isLimitTooSmall(old, format, usage)) {
      const { Capacity = 0, Inodes = 0 } = format;
      warnings.push(
        `New quota is too small (used / quota): ${usage.usedSpace} / ${Capacity} bytes, ` +
          `${usage.usedInodes} / ${Inodes} inodes.`,
      );
    }
    if (format.TrashDays === 0 && old.TrashDays !== 0) {
      warnings.push(
        "The current trash will be emptied and future removed files will purged immediately.",
      );
    }
    const client = sessionVersion();
    if (isVersionRefused(format, client) && !isVersionRefused(old, client)) {
      warnings.push("This jfs itself will be refused after the change.");
    }
    return warnings;
  }
}

function isLimitTooSmall(old: Format, format: Format, usage: VolumeUsage): boolean {
  const { Capacity = 0, Inodes = 0 } = format;
  if (Capacity === (old.Capacity ?? 0) && Inodes === (old.Inodes ?? 0)) return false;
  return (
    (Capacity > 0 && usage.usedSpace >= Capacity) || (Inodes > 0 && usage.usedInodes >= Inodes)
  );
}

function grouped(count: number): string {
  return count.toLocaleString("en-US");
}

function checkVersion(option: string, text: string): string {
  if (isVersion(text)) return text;
  throw new UsageError(`${option} ${text}: give a version such as 1.4.1`);
}
