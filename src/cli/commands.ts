// The commands of jfs, in the order in which help lists them.
import type { CommandClass } from "clipanion";
import { ConfigCommand } from "./commands/config.ts";
import { FormatCommand } from "./commands/format.ts";
import { HelpCommand } from "./commands/help.ts";
import { MountCommand } from "./commands/mount.ts";
import { StartCommand } from "./commands/start.ts";
import { StatusCommand } from "./commands/status.ts";
import { UmountCommand } from "./commands/umount.ts";
import { VersionCommand } from "./commands/version.ts";

export const commands: readonly CommandClass[] = [
  FormatCommand,
  ConfigCommand,
  StatusCommand,
  MountCommand,
  UmountCommand,
  StartCommand,
  VersionCommand,
  HelpCommand,
];
