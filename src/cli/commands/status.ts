// jfs status: the setting, the sessions and the usage of a volume, as the JSON that JuiceFS prints.
import { Command, Option, type Usage } from "clipanion";
import type { MetaStore } from "../../meta/store.ts";
import { JfsCommand } from "../command.ts";
import { goJson } from "../go-json.ts";
import { parseMetaAddress } from "../meta-address.ts";
import { sessionDetails, sessionView } from "../session-view.ts";
import {
  availability,
  deadSliceUsage,
  delfileUsage,
  delsliceUsage,
  trashUsage,
  usageOf,
} from "../usage.ts";
import { parseCount } from "../values.ts";
import { existingFormat, openStore, shownFormat } from "../volume.ts";

type Members = Readonly<Record<string, number | undefined>>;

export class StatusCommand extends JfsCommand {
  static override paths: string[][] = [["status"]];
  static override usage: Usage = Command.Usage({
    category: "INSPECTOR",
    description: "Show the settings, the sessions and the usage of a volume",
    details: "Prints JSON. A volume may be mounted or not.",
    examples: [
      ["Who has the volume mounted", "$0 status /var/lib/my.db"],
      ["What session 3 holds open and locked", "$0 status /var/lib/my.db --session 3"],
    ],
  });

  metaUrl: string = Option.String({ name: "META-URL" });
  session: string | undefined = Option.String("-s,--session", {
    description: "show one session with its open deleted files and its locks",
  });
  more: boolean = Option.Boolean("-m,--more", false, {
    description: "count the trash and what waits for deletion too; may take long",
  });
  json: boolean = Option.Boolean("--json", false, { description: "print JSON, as always" });

  override async execute(): Promise<number> {
    await using store = openStore(parseMetaAddress(this.metaUrl), {});
    const format = await existingFormat(store);
    const sid = parseCount("--session", this.session ?? "0");
    if (sid !== 0) {
      this.print(goJson(await sessionDetails(store, sid), "  "));
      return 0;
    }
    const sessions = await store.scanSessions();
    const usage = await usageOf(store);
    const available = availability(usage, format);
    const shown = {
      Setting: shownFormat(format),
      Sessions: sessions.map(sessionView),
      Stat: {
        UsedSpace: usage.usedSpace,
        AvailableSpace: available.space,
        UsedInodes: usage.usedInodes,
        AvailableInodes: available.inodes,
        ...(this.more ? await moreStatistics(store, format.DirStats ?? false) : {}),
      },
    };
    this.print(goJson(shown, "  "));
    return 0;
  }
}

/** Zeros are left out, as JuiceFS does. */
async function moreStatistics(store: MetaStore, hasDirStats: boolean): Promise<Members> {
  const trash = await trashUsage(store, hasDirStats);
  const delfiles = await delfileUsage(store);
  const delslices = await delsliceUsage(store);
  const dead = await deadSliceUsage(store);
  return {
    TrashFileCount: trash.count || undefined,
    TrashFileSize: trash.bytes || undefined,
    PendingDeletedFileCount: delfiles.count || undefined,
    PendingDeletedFileSize: delfiles.bytes || undefined,
    TrashSliceCount: delslices.count || undefined,
    TrashSliceSize: delslices.bytes || undefined,
    PendingDeletedSliceCount: dead.count || undefined,
    PendingDeletedSliceSize: dead.bytes || undefined,
  };
}
