// jfs version
import { Command, Option, type Usage } from "clipanion";
import { JfsCommand } from "../command.ts";
import { goJson } from "../go-json.ts";
import { COMPATIBLE_VERSION, versionText } from "../version.ts";

export class VersionCommand extends JfsCommand {
  static override paths: string[][] = [["version"]];
  static override usage: Usage = Command.Usage({
    category: "INSPECTOR",
    description: "Print the version",
    examples: [["The version, and the JuiceFS whose formats it keeps", "$0 version --json"]],
  });

  json: boolean = Option.Boolean("--json", false, { description: "print JSON" });

  override execute(): Promise<number> {
    if (this.json) {
      const shown = {
        Version: versionText(),
        CompatibleWith: `JuiceFS ${COMPATIBLE_VERSION}`,
        Node: process.version,
      };
      this.print(goJson(shown, "  "));
    } else this.print(`jfs version ${versionText()}`);
    return Promise.resolve(0);
  }
}
