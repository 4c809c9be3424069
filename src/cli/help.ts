// Help as text and as Markdown, both made from the commands' own definitions, so that neither goes stale.
import type { Definition } from "clipanion";

/** What a command takes, read back from clipanion's definition of it. */
export interface CommandHelp {
  readonly name: string;
  readonly usage: string;
  readonly category: string;
  readonly summary: string;
  readonly details: string;
  readonly examples: readonly (readonly [string, string])[];
  readonly options: readonly OptionHelp[];
}

export interface OptionHelp {
  /** "-d, --background" or "--trash-days VALUE". */
  readonly title: string;
  readonly names: readonly string[];
  readonly takesValue: boolean;
  readonly text: string;
}

export function readDefinition(definition: Definition): CommandHelp {
  const words = definition.path.split(" ");
  return {
    name: words.at(-1) ?? "",
    usage: definition.usage.replaceAll(/<([^>]+)>/g, "$1"),
    category: definition.category?.trim() ?? "",
    summary: definition.description?.trim() ?? "",
    details: definition.details?.trim() ?? "",
    examples: (definition.examples ?? []).map(
      ([text, line]) => [text.trim(), line.trim()] as const,
    ),
    options: definition.options.map((option) => {
      const takesValue = option.definition.endsWith("#0");
      const names = option.definition.replace(/ #0$/, "").split(",");
      return {
        title: `${names.join(", ")}${takesValue ? " VALUE" : ""}`,
        names,
        takesValue,
        text: option.description ?? "",
      };
    }),
  };
}

const globals: readonly (readonly [string, string])[] = [
  ["-v, --verbose, --debug", "log more"],
  ["--trace", "log everything"],
  ["-q, --quiet", "log warnings and errors only"],
  ["--log-level LEVEL", "trace, debug, info, warn or error"],
  ["-V, --version", "print the version"],
];

export const exitCodes = "Exit codes: 0 done, 1 failed, 2 the command line is wrong.";

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length)) + 3;
  return rows.map(([left, right]) => `  ${left.padEnd(width)}${right}`).join("\n");
}

/** `jfs help`. */
export function overviewText(commands: readonly CommandHelp[]): string {
  const categories = [...new Set(commands.map(({ category }) => category))];
  const sections = categories.map((category) => {
    const rows = commands.filter((command) => command.category === category);
    return `${category}\n${columns(rows.map(({ name, summary }) => [name, summary]))}`;
  });
  return [
    "jfs: a POSIX file system in one SQLite file and a folder of blocks",
    "Usage: jfs COMMAND [OPTIONS] ARGUMENTS",
    ...sections,
    `GLOBAL OPTIONS\n${columns(globals)}`,
    `${exitCodes}\nMore on one command: jfs help COMMAND`,
  ].join("\n\n");
}

/** `jfs help COMMAND`. */
export function commandText(command: CommandHelp): string {
  const parts = [`Usage: ${command.usage}`, command.summary];
  if (command.details !== "") parts.push(command.details);
  if (command.options.length > 0) {
    parts.push(`OPTIONS\n${columns(command.options.map(({ title, text }) => [title, text]))}`);
  }
  if (command.examples.length > 0) {
    const lines = command.examples.map(([text, line]) => `  # ${text}\n  $ ${line}`);
    parts.push(`EXAMPLES\n${lines.join("\n")}`);
  }
  return parts.join("\n\n");
}

/** The text of docs/cli.md. */
export function markdown(commands: readonly CommandHelp[]): string {
  const lines = [
    "# Command line",
    "",
    "Made from the definitions in `src/cli` by `build/node build/cli-docs.ts`; a test fails when it is stale.",
    "",
    "Options may stand before or after the arguments. Sizes take a unit (`512K`, `4M`, `1.5G`), durations are",
    "`1.5s`, `10m`, `1h30m` or bare seconds. An option of JuiceFS that jfs does not have yet is refused by name,",
    "unless its value changes nothing.",
    "",
    exitCodes,
    "",
    "| global option | |",
    "| --- | --- |",
    ...globals.map(([name, text]) => `| \`${name}\` | ${text} |`),
  ];
  for (const command of commands) {
    lines.push("", `## ${command.name}`, "", `\`${command.usage}\``, "", `${command.summary}.`);
    if (command.details !== "") lines.push("", command.details);
    if (command.options.length > 0) lines.push("", "| option | |", "| --- | --- |");
    for (const { title, text } of command.options) {
      lines.push(`| \`${title}\` | ${text.replaceAll("|", "\\|")} |`);
    }
    for (const [text, line] of command.examples) {
      lines.push("", `${text}:`, "", "```sh", line, "```");
    }
  }
  return `${lines.join("\n")}\n`;
}
