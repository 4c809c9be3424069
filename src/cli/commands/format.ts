// jfs format: makes a volume, or changes the changeable settings of one that exists.
import { Command, Option, type Usage } from "clipanion";
import { accessSync, constants, existsSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { Format } from "../../meta/format.ts";
import { log } from "../../util/log.ts";
import { JfsCommand } from "../command.ts";
import {
  checkName,
  checkUsable,
  newFormat,
  reformat,
  withAcl,
  type FormatOptions,
} from "../format-settings.ts";
import { goJson } from "../go-json.ts";
import { parseMetaAddress, type MetaAddress } from "../meta-address.ts";
import { checkOwner, claimStorage, openStorage, probeStorage, unclaimStorage } from "../storage.ts";
import { UserError, sentenceOf } from "../user-error.ts";
import { sessionVersion } from "../version.ts";
import { hasSlices, openStore, readFormat, shownFormat } from "../volume.ts";

export class FormatCommand extends JfsCommand {
  static override paths: string[][] = [["format"]];
  static override usage: Usage = Command.Usage({
    category: "ADMIN",
    description: "Make a volume",
    details:
      "META-URL is the path of the SQLite database to make, or sqlite3://PATH. On a volume that exists, " +
      "the options given are changed; name, block size and hash prefix never change.",
    examples: [
      [
        "A volume with its blocks on a second disk",
        "$0 format --bucket /mnt/disk2 /var/lib/my.db my",
      ],
    ],
  });

  metaUrl: string = Option.String({ name: "META-URL" });
  volumeName: string = Option.String({ name: "NAME" });
  storage: string | undefined = Option.String("--storage", {
    description: "where blocks are stored: file",
  });
  bucket: string | undefined = Option.String("--bucket", {
    description: "folder for the blocks (/var/jfs as root, else ~/.juicefs/local)",
  });
  blockSize: string | undefined = Option.String("--block-size", {
    description: "size of a block, 64K to 16M (4M)",
  });
  hashPrefix: boolean = Option.Boolean("--hash-prefix", false, {
    description: "put a hashed prefix before the names of blocks",
  });
  capacity: string | undefined = Option.String("--capacity", {
    description: "limit of the volume's size in GiB or with a unit, 0 = none (0)",
  });
  inodes: string | undefined = Option.String("--inodes", {
    description: "limit of the number of files and directories, 0 = none (0)",
  });
  trashDays: string | undefined = Option.String("--trash-days", {
    description: "days that deleted files are kept in .trash (1)",
  });
  enableAcl: boolean = Option.Boolean("--enable-acl", false, {
    description: "keep POSIX ACLs; cannot be switched off again",
  });
  force: boolean = Option.Boolean("--force", false, {
    description: "write the setting anew, even over another one",
  });
  noUpdate: boolean = Option.Boolean("--no-update", false, {
    description: "leave a volume that exists as it is",
  });

  override async execute(): Promise<number> {
    const address = parseMetaAddress(this.metaUrl);
    const name = checkName(this.volumeName);
    log("info", `Meta address: ${address.shown}`);
    const format = existsSync(address.path)
      ? await this.#formatExisting(address, name)
      : await this.#formatNew(address, name);
    if (format !== undefined) {
      log("info", `Volume is formatted as ${goJson(shownFormat(format), "  ")}`);
    }
    return 0;
  }

  #options(): FormatOptions {
    return this;
  }

  async #formatNew(address: MetaAddress, name: string): Promise<Format> {
    const parent = dirname(address.path);
    if (!existsSync(parent) || !statSync(parent).isDirectory()) {
      throw new UserError(`${parent} is no directory: make it first, the database goes there`);
    }
    try {
      accessSync(parent, constants.W_OK);
    } catch (error) {
      throw new UserError(`no database can be made in ${sentenceOf(error)}`);
    }
    try {
      return await this.#create(address, newFormat(name, this.#options()));
    } catch (error) {
      // There was nothing before, and half a database is nobody's.
      for (const suffix of ["", "-wal", "-shm"]) rmSync(address.path + suffix, { force: true });
      throw error;
    }
  }

  /** Storage first, database last: what fails leaves no empty database behind. */
  async #create(address: MetaAddress, format: Format): Promise<Format> {
    const storage = openStorage(format, { create: true });
    try {
      log("info", `Data use ${storage.name}`);
      const isChecked = !process.env["JFS_NO_CHECK_OBJECT_STORAGE"];
      if (isChecked) {
        await probeStorage(storage);
        await claimStorage(storage, format.UUID);
      }
      try {
        await using store = openStore(address, { create: true, recovery: "replay" });
        await store.saveFormat(format);
      } catch (error) {
        if (isChecked) await unclaimStorage(storage);
        throw error;
      }
    } finally {
      await storage.close();
    }
    return format;
  }

  async #formatExisting(address: MetaAddress, name: string): Promise<Format | undefined> {
    let old: Format | undefined;
    let hasBlocks = false;
    {
      await using store = openStore(address, { create: true, recovery: "replay" });
      old = await readFormat(store);
      if (old !== undefined) hasBlocks = await hasSlices(store);
    }
    if (old === undefined) return this.#create(address, newFormat(name, this.#options()));
    if (this.noUpdate) return undefined;
    checkUsable(old, sessionVersion());
    const changed = this.force
      ? { ...newFormat(name, this.#options()), UUID: old.UUID }
      : reformat(old, name, this.#options());
    const format = this.enableAcl && !changed.EnableACL ? withAcl(changed) : changed;
    const storage = openStorage(format, { create: !hasBlocks });
    try {
      log("info", `Data use ${storage.name}`);
      if (!process.env["JFS_NO_CHECK_OBJECT_STORAGE"]) {
        await checkOwner(storage, format.UUID, hasBlocks);
        await probeStorage(storage);
      }
    } finally {
      await storage.close();
    }
    await using store = openStore(address, { recovery: "replay" });
    await store.saveFormat(format);
    return format;
  }
}
