// Brings a command line written for JuiceFS into the one form that clipanion parses, and judges each option by
// name: unknown, belonging to another command, or one of JuiceFS's that jfs does not have yet.
import { UsageError } from "clipanion";
import { foreignCommands, foreignOptions, type ForeignOption } from "./foreign-options.ts";
import { parseBoolean } from "./values.ts";

/** What a command accepts: option name to whether it takes a value. */
export type OptionTable = ReadonlyMap<string, boolean>;

export interface GlobalOptions {
  readonly level: "trace" | "debug" | "info" | "warn" | "error";
}

export interface Normalized {
  readonly args: readonly string[];
  readonly global: GlobalOptions;
}

const levels: Readonly<Record<string, GlobalOptions["level"]>> = {
  "--verbose": "debug",
  "--debug": "debug",
  "-v": "debug",
  "--trace": "trace",
  "--quiet": "warn",
  "-q": "warn",
};
const levelNames: Readonly<Record<string, GlobalOptions["level"]>> = {
  trace: "trace",
  debug: "debug",
  info: "info",
  warn: "warn",
  warning: "warn",
  error: "error",
};
// Global options of JuiceFS that ask for nothing here: there is no agent and there are no colours.
const silentGlobals = new Set(["--no-agent", "--no-color"]);

/** Throws UsageError. `commands` maps a command's name to its options. */
export function normalizeArgv(
  argv: readonly string[],
  commands: ReadonlyMap<string, OptionTable>,
): Normalized {
  let level: GlobalOptions["level"] = "info";
  const rest: string[] = [];
  for (let index = 0; index < argv.length; index++) {
    const arg = argv[index] as string;
    if (arg === "--") {
      rest.push(...argv.slice(index));
      break;
    }
    const [name, inline] = splitOption(arg);
    if (name === "--log-level") {
      const text = inline ?? argv[++index] ?? "";
      const wanted = levelNames[text.toLowerCase()];
      if (wanted === undefined)
        throw new UsageError(`--log-level ${text}: give debug, info, warn or error`);
      level = wanted;
    } else if (levels[name] !== undefined) {
      if (inline === undefined || parseBoolean(name, inline)) level = levels[name];
    } else if (!silentGlobals.has(name)) {
      rest.push(arg);
    }
  }
  return { args: normalizeCommand(rest, commands), global: { level } };
}

function normalizeCommand(
  args: readonly string[],
  commands: ReadonlyMap<string, OptionTable>,
): string[] {
  const at = args.findIndex((arg) => !arg.startsWith("-"));
  const [command] = at < 0 ? [] : [args[at]];
  if (command === undefined) return aliasOfAbsent(args);
  const options = commands.get(command);
  if (options === undefined) throw unknownCommand(command);
  const reader = new Reader(command, options, commands);
  reader.readAll([...args.slice(0, at), ...args.slice(at + 1)]);
  return reader.wantsHelp ? ["help", command] : [command, ...reader.out];
}

function aliasOfAbsent(args: readonly string[]): string[] {
  const first = args[0];
  if (first === undefined || first === "-h" || first === "--help") return ["help"];
  if (first === "-V" || first === "--version") return ["version", ...args.slice(1)];
  throw new UsageError(`${first} needs a command: run jfs help`);
}

function unknownCommand(command: string): UsageError {
  const why = foreignCommands.has(command) ? "is not supported yet" : "is no command of jfs";
  return new UsageError(`${command} ${why}: run jfs help for the list`);
}

function splitOption(arg: string): [string, string | undefined] {
  const equals = arg.startsWith("-") ? arg.indexOf("=") : -1;
  return equals < 0 ? [arg, undefined] : [arg.slice(0, equals), arg.slice(equals + 1)];
}

class Reader {
  readonly out: string[] = [];
  wantsHelp = false;
  readonly #command: string;
  readonly #options: OptionTable;
  readonly #commands: ReadonlyMap<string, OptionTable>;

  constructor(command: string, options: OptionTable, commands: ReadonlyMap<string, OptionTable>) {
    this.#command = command;
    this.#options = options;
    this.#commands = commands;
  }

  readAll(args: readonly string[]): void {
    for (let index = 0; index < args.length; index++) {
      const arg = args[index] as string;
      if (arg === "--") {
        this.out.push(...args.slice(index));
        return;
      }
      if (!arg.startsWith("-") || arg === "-") this.out.push(arg);
      else if (this.#readOption(arg, args[index + 1])) index++;
    }
  }

  /** True when the next argument was this option's value. */
  #readOption(arg: string, next: string | undefined): boolean {
    const [written, inline] = splitOption(arg);
    const name = this.#canonical(written);
    if (this.#readBare(name, inline)) return false;
    const foreign = foreignOptions[this.#command]?.[name];
    const takesValue = this.#options.get(name) ?? foreign?.takesValue;
    if (takesValue === undefined) throw this.#unknown(written);
    const value = inline ?? (takesValue ? next : "true");
    if (value === undefined)
      throw new UsageError(`${name} needs a value: run jfs help ${this.#command}`);
    if (name === "-o") this.#readMountOptions(value);
    else if (foreign !== undefined) judgeForeign(name, value, foreign);
    else if (takesValue) this.out.push(`${name}=${value}`);
    else this.out.push(parseBoolean(name, value) ? name : name.replace(/^--/, "--no-"));
    return takesValue && inline === undefined;
  }

  /** `--help` and the negative form of a flag. */
  #readBare(name: string, inline: string | undefined): boolean {
    if (name === "-h" || name === "--help") {
      this.wantsHelp = true;
      return true;
    }
    if (inline !== undefined || !name.startsWith("--no-") || this.#options.has(name)) return false;
    if (this.#options.get(name.replace(/^--no-/, "--")) !== false) return false;
    this.out.push(name);
    return true;
  }

  /** Go's flag parser takes -trash-days for --trash-days. */
  #canonical(name: string): string {
    if (name.startsWith("--") || name.length <= 2) return name;
    const long = `-${name}`;
    const known = this.#options.has(long) || foreignOptions[this.#command]?.[long] !== undefined;
    return known ? long : name;
  }

  /** `-o a,b=c`: mount(8) options go on to the command, long options of ours may be written here too. */
  #readMountOptions(list: string): void {
    for (const item of list.split(",").filter((text) => text !== "")) {
      const long = `--${item.split("=")[0]}`;
      const isOurs = this.#options.has(long) || foreignOptions[this.#command]?.[long] !== undefined;
      if (isOurs) this.#readOption(`--${item}`, undefined);
      else this.out.push("-o", item);
    }
  }

  #unknown(name: string): UsageError {
    const owners = [...this.#commands.entries()]
      .filter(([owner, options]) => options.has(name) || foreignOptions[owner]?.[name])
      .map(([owner]) => `jfs ${owner}`);
    if (owners.length === 0) {
      return new UsageError(
        `${name} is no option of jfs ${this.#command}: run jfs help ${this.#command}`,
      );
    }
    return new UsageError(
      `${name} belongs to ${owners.join(" and ")}, not to jfs ${this.#command}: leave it out`,
    );
  }
}

function judgeForeign(name: string, value: string, option: ForeignOption): void {
  if (option.harmless.includes(value)) return;
  if (!option.takesValue) {
    if (!parseBoolean(name, value)) return;
    throw new UsageError(`${name} is not supported yet: leave it out`);
  }
  const [usual] = option.harmless;
  // A value may be a secret, and this sentence may end in a log.
  if (option.isSecret) throw new UsageError(`${name} is not supported yet: leave it out`);
  const advice =
    usual === undefined || usual === "" ? "leave it out" : `leave it out or use ${usual}`;
  throw new UsageError(`${name} ${value} is not supported yet: ${advice}`);
}
