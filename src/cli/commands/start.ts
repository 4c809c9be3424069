// jfs start, what `npm start` runs: a volume of one's own, made the first time, mounted until Ctrl-C.
import { Command, Option, type Usage } from "clipanion";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { setLogLevel } from "../../util/log.ts";
import { JfsCommand } from "../command.ts";
import { readMountArguments } from "../mount-options.ts";
import { mountVolume } from "../mount-volume.ts";
import { parseMetaAddress } from "../meta-address.ts";
import { makeFolder } from "../../util/make-folder.ts";

export class StartCommand extends JfsCommand {
  static override paths: string[][] = [["start"]];
  static override usage: Usage = Command.Usage({
    category: "SERVICE",
    description: "Mount a volume of your own, making it the first time",
    details:
      "Everything lies in one folder: JFS_HOME, or /var/lib/jfs as root and ~/.jfs otherwise. " +
      "The volume is mounted until Ctrl-C; started again, the files are there.",
    examples: [["A volume in another folder", "JFS_HOME=/mnt/disk2/jfs $0 start"]],
  });

  home: string | undefined = Option.String("--home", {
    description: "folder for the database, the blocks and the mount point",
  });

  override async execute(): Promise<number> {
    const home = resolve(this.home ?? this.context.env["JFS_HOME"] ?? defaultHome());
    const database = join(home, "volume.db");
    const mountPoint = join(home, "mnt");
    makeFolder(home);
    // A stranger wants three lines, not a log.
    setLogLevel("warn");
    const isNew = !existsSync(database);
    if (isNew) {
      const bucket = `--bucket=${join(home, "blocks")}`;
      await this.cli
        .process(["format", bucket, database, "volume"], this.context)
        .validateAndExecute();
    }
    const address = parseMetaAddress(database);
    const settings = readMountArguments({ mountOptions: [], readOnly: false });
    return mountVolume(address, mountPoint, settings, () => {
      this.print(`${isNew ? "A new volume is" : "Your volume is"} mounted on ${mountPoint}`);
      this.print(`  try:   cp -a /etc ${mountPoint}/ && ls -l ${mountPoint}`);
      this.print(`  kept:  ${database} (metadata), ${join(home, "blocks")} (content)`);
      this.print("  stop:  Ctrl-C, here; start again and the files are there");
    });
  }
}

function defaultHome(): string {
  return process.getuid?.() === 0 ? "/var/lib/jfs" : join(homedir(), ".jfs");
}
