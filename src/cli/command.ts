// What all commands share: the streams they print to, and the shape of their option lists.
import { Command } from "clipanion";

export abstract class JfsCommand extends Command {
  /** Prints lines of data. Messages go to stderr through the log. */
  protected print(text: string): void {
    this.context.stdout.write(`${text}\n`);
  }

  /** Asks on the terminal; JuiceFS's question and answers. */
  protected async confirm(warning: string): Promise<boolean> {
    this.context.stdout.write(`WARNING: ${warning}\nProceed anyway? [y/N] `);
    for await (const chunk of this.context.stdin) {
      const answer = String(chunk).trim().toLowerCase();
      return answer === "y" || answer === "yes";
    }
    return false;
  }
}
