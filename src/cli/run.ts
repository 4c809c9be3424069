// Runs one command line: argv in, exit code out. The one place where errors become a sentence on stderr.
import { Cli, type CommandClass } from "clipanion";
import { AssertionError } from "../util/assert.ts";
import { isFsError } from "../util/errno.ts";
import { log, setLogLevel } from "../util/log.ts";
import { normalizeArgv, type OptionTable } from "./argv.ts";
import { isBackgroundChild, reportReady } from "./background.ts";
import { commands } from "./commands.ts";
import { EXIT_FAILURE, EXIT_USAGE } from "./exit-code.ts";
import { readDefinition, type CommandHelp } from "./help.ts";
import { sentenceOf } from "./user-error.ts";
import { versionText } from "./version.ts";

function makeCli(known: readonly CommandClass[]): Cli {
  const cli = new Cli({
    binaryName: "jfs",
    binaryLabel: "jfs",
    binaryVersion: versionText(),
    enableColors: false,
  });
  for (const command of known) cli.register(command);
  return cli;
}

/** The help of every command, in the order of commands.ts. */
export function commandHelp(): CommandHelp[] {
  return makeCli(commands).definitions().map(readDefinition);
}

function optionTables(help: readonly CommandHelp[]): Map<string, OptionTable> {
  return new Map(
    help.map(({ name, options }) => [
      name,
      new Map(options.flatMap(({ names, takesValue }) => names.map((each) => [each, takesValue]))),
    ]),
  );
}

/** Returns the exit code; never throws. */
export async function run(argv: readonly string[]): Promise<number> {
  const cli = makeCli(commands);
  const help = cli.definitions().map(readDefinition);
  try {
    const { args, global } = normalizeArgv(argv, optionTables(help));
    setLogLevel(global.level);
    // Its parser is made of all that it knows: of the one command asked for that is a tenth of the work.
    const asked = commands.filter(({ paths }) => paths?.some(([name]) => name === args[0]));
    const command = makeCli(asked).process([...args], Cli.defaultContext);
    // Cli.run would do this too, but it prints errors in its own way.
    command.cli = cli;
    return await command.validateAndExecute();
  } catch (error) {
    if (!isBackgroundChild()) return report(error, help);
    // A mount that was begun has told its error. The parent reads the arguments again, and says what is wrong with them.
    reportReady({ declined: true });
    return EXIT_USAGE;
  }
}

function report(error: unknown, help: readonly CommandHelp[]): number {
  const name = error instanceof Error ? error.name : "";
  if (name === "UsageError") {
    process.stderr.write(`jfs: ${sentenceOf(error)}\n`);
    return EXIT_USAGE;
  }
  if (name === "UnknownSyntaxError" || name === "AmbiguousSyntaxError") {
    process.stderr.write(`jfs: ${arityError(error as SyntaxFailure, help)}\n`);
    return EXIT_USAGE;
  }
  process.stderr.write(`jfs: ${sentenceOf(error)}\n`);
  // A stack is for us, not for the person at the keyboard: only where the program itself is wrong.
  const isBug = error instanceof AssertionError || error instanceof TypeError;
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  if (isBug && !isFsError(error)) log("error", `please report this bug: ${stack}`);
  else log("debug", stack);
  return EXIT_FAILURE;
}

interface SyntaxFailure {
  readonly input: readonly string[];
  readonly candidates?: readonly { readonly reason: string | null }[];
}

/** The normalizer has judged all options, so what is left is a wrong number of arguments. */
function arityError(error: SyntaxFailure, help: readonly CommandHelp[]): string {
  const command = help.find(({ name }) => name === error.input[0]);
  const few = error.candidates?.some(({ reason }) => reason?.startsWith("Not enough")) ?? false;
  return `too ${few ? "few" : "many"} arguments, usage: ${command?.usage ?? "jfs help"}`;
}
