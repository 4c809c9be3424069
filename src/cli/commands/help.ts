// jfs help
import { Command, Option, UsageError, type Usage } from "clipanion";
import { JfsCommand } from "../command.ts";
import { commandText, overviewText, readDefinition } from "../help.ts";

export class HelpCommand extends JfsCommand {
  static override paths: string[][] = [["help"]];
  static override usage: Usage = Command.Usage({
    category: "INSPECTOR",
    description: "Explain jfs or one of its commands",
    examples: [["What mount takes", "$0 help mount"]],
  });

  command: string | undefined = Option.String({ name: "COMMAND", required: false });

  override execute(): Promise<number> {
    const help = this.cli.definitions().map(readDefinition);
    if (this.command === undefined) this.print(overviewText(help));
    else {
      const found = help.find(({ name }) => name === this.command);
      if (found === undefined) {
        throw new UsageError(`${this.command} is no command of jfs: run jfs help for the list`);
      }
      this.print(commandText(found));
    }
    return Promise.resolve(0);
  }
}
