// jfs mount: serves a volume at a directory, in the foreground or in the background.
import { Command, Option, UsageError, type Usage } from "clipanion";
import { resolve } from "node:path";
import { assert } from "../../util/assert.ts";
import { log } from "../../util/log.ts";
import {
  defaultLogFile,
  isBackgroundChild,
  isLoggedTo,
  reportReady,
  startInBackground,
} from "../background.ts";
import { JfsCommand } from "../command.ts";
import { EXIT_USAGE } from "../exit-code.ts";
import { parseMetaAddress } from "../meta-address.ts";
import { readMountArguments } from "../mount-options.ts";
import { mountVolume } from "../mount-volume.ts";
import { sentenceOf } from "../user-error.ts";
import { parseDurationMs } from "../values.ts";

export class MountCommand extends JfsCommand {
  static override paths: string[][] = [["mount"]];
  static override usage: Usage = Command.Usage({
    category: "SERVICE",
    description: "Mount a volume",
    details:
      "Stays in the foreground until the volume is unmounted or Ctrl-C; with -d it returns as soon as the mount " +
      "answers. JFS_MOUNT_TIMEOUT is the time it waits for that (10 seconds).",
    examples: [
      ["In the background", "$0 mount -d /var/lib/my.db /mnt/jfs"],
      ["As a line of /etc/fstab would", "$0 mount -o ro,_netdev /var/lib/my.db /mnt/jfs"],
    ],
  });

  metaUrl: string = Option.String({ name: "META-URL" });
  mountPoint: string = Option.String({ name: "MOUNTPOINT" });
  background: boolean = Option.Boolean("-d,--background", false, {
    description: "return when the mount answers, serve in the background",
  });
  foreground: boolean = Option.Boolean("-f,--foreground", false, {
    description: "stay in the foreground, as without -d",
  });
  mountOptions: string[] = Option.Array("-o", [], {
    description:
      "options of mount(8): ro, allow_other, nosuid ...; or long options without their dashes",
  });
  log: string | undefined = Option.String("--log", {
    description: "log file of the background (/var/log/jfs.log as root, else ~/.jfs/jfs.log)",
  });
  readOnly: boolean = Option.Boolean("--read-only", false, { description: "allow no change" });
  storage: string | undefined = Option.String("--storage", {
    description: "where blocks are stored: file",
  });
  bucket: string | undefined = Option.String("--bucket", {
    description: "folder with the blocks, when it is another one on this host",
  });
  checkStorage: boolean = Option.Boolean("--check-storage", false, {
    description: "write, read and delete a test object before mounting",
  });
  heartbeat: string | undefined = Option.String("--heartbeat", {
    description: "how often the session says that it lives (12s)",
  });
  noBgjob: boolean = Option.Boolean("--no-bgjob", false, {
    description: "leave cleaning of trash, deleted files and dead sessions to others",
  });
  subdir: string | undefined = Option.String("--subdir", {
    description: "mount this directory of the volume; it is made when it is missing",
  });
  umask: string | undefined = Option.String("--umask", {
    description: "umask of all who make files, in octal (their own)",
  });
  atimeMode: string | undefined = Option.String("--atime-mode", {
    description: "when reading moves access times: noatime, relatime, strictatime (noatime)",
  });
  enableXattr: boolean | undefined = Option.Boolean("--enable-xattr", {
    description: "keep extended attributes, as without it",
  });
  disableXattr: boolean = Option.Boolean("--disable-xattr", false, {
    description: "refuse extended attributes",
  });
  enableIoctl: boolean = Option.Boolean("--enable-ioctl", false, {
    description: "let lsattr and chattr see and set i (immutable) and a (append only)",
  });
  prefixInternal: boolean = Option.Boolean("--prefix-internal", false, {
    description: "call the trash .jfs.trash instead of .trash",
  });
  attrCache: string | undefined = Option.String("--attr-cache", {
    description:
      "how long the kernel keeps attributes (until they change; 1s when another session lives)",
  });
  entryCache: string | undefined = Option.String("--entry-cache", {
    description: "how long the kernel keeps names of files (as --attr-cache)",
  });
  dirEntryCache: string | undefined = Option.String("--dir-entry-cache", {
    description: "how long the kernel keeps names of directories (as --attr-cache)",
  });
  negativeEntryCache: string | undefined = Option.String("--negative-entry-cache", {
    description:
      "how long the kernel remembers that a name is missing (as --attr-cache; 0 when another session lives)",
  });
  bufferSize: string | undefined = Option.String("--buffer-size", {
    description: "memory for data on its way, in MiB or with a unit (300M)",
  });
  maxReadahead: string | undefined = Option.String("--max-readahead", {
    description: "data loaded ahead of one who reads in sequence, in MiB or with a unit (8 blocks)",
  });
  cacheDir: string | undefined = Option.String("--cache-dir", {
    description: "where blocks are cached: memory",
  });
  cacheSize: string | undefined = Option.String("--cache-size", {
    description:
      "memory for cached blocks, in MiB or with a unit (100M of --buffer-size, a third at most)",
  });
  journal: string | undefined = Option.String("--journal", {
    description:
      "on: acknowledge changes by a journal beside the database; off: commit each; discard: on, giving up what the journal of a mount that died holds (on)",
  });
  journalDir: string | undefined = Option.String("--journal-dir", {
    description: "folder of the journal, on a disk of its own (that of the database)",
  });
  journalSize: string | undefined = Option.String("--journal-size", {
    description: "disk space of the journal, in MiB or with a unit (64M)",
  });
  maxUploads: string | undefined = Option.String("--max-uploads", {
    description: "blocks stored at the same time (20)",
  });
  maxDeletes: string | undefined = Option.String("--max-deletes", {
    description: "blocks deleted at the same time; 0 = this mount deletes none (10)",
  });

  override async execute(): Promise<number> {
    if (this.background && this.foreground) {
      throw new UsageError("--background and --foreground exclude each other: leave one out");
    }
    // Judged before anything starts, so that a wrong option is told here and not in a log file.
    const settings = readMountArguments(this);
    const address = parseMetaAddress(this.metaUrl);
    if (this.mountPoint === "") throw new UsageError("MOUNTPOINT is empty: name a directory");
    if (isBackgroundChild()) {
      if (!this.background || !isLoggedTo(this.#logFile())) {
        reportReady({ declined: true });
        return EXIT_USAGE;
      }
    } else if (this.background) return this.#startInBackground();
    try {
      return await mountVolume(address, resolve(this.mountPoint), settings, (ready) => {
        log("info", ready);
        reportReady({ ready });
      });
    } catch (error) {
      reportReady({ error: sentenceOf(error) });
      throw error;
    }
  }

  #logFile(): string {
    return resolve(this.log ?? defaultLogFile());
  }

  async #startInBackground(): Promise<number> {
    const timeout = this.context.env["JFS_MOUNT_TIMEOUT"] ?? "10";
    const timeoutMs = parseDurationMs("JFS_MOUNT_TIMEOUT", timeout);
    const ready = await startInBackground(process.argv.slice(2), this.#logFile(), timeoutMs);
    assert(ready !== undefined, "the child reads the arguments as its parent does");
    this.print(ready);
    return 0;
  }
}
