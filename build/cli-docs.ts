// Writes docs/cli.md from the command definitions: build/node build/cli-docs.ts
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { markdown } from "../src/cli/help.ts";
import { commandHelp } from "../src/cli/run.ts";

writeFileSync(join(import.meta.dirname, "../docs/cli.md"), markdown(commandHelp()));
