// docs/cli.md says what the commands say of themselves.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { commandText, markdown, overviewText } from "../../src/cli/help.ts";
import { commandHelp } from "../../src/cli/run.ts";

const root = join(import.meta.dirname, "../..");

test("docs/cli.md is what build/cli-docs.ts would write now", () => {
  const stored = readFileSync(join(root, "docs/cli.md"), "utf8");
  assert.is(stored, markdown(commandHelp()), "run build/node build/cli-docs.ts");
});

test("help names every command, and every command every option", () => {
  const help = commandHelp();
  const overview = overviewText(help);
  for (const command of help) {
    assert.ok(overview.includes(`  ${command.name}`), command.name);
    const text = commandText(command);
    for (const { title } of command.options)
      assert.ok(text.includes(title), `${command.name} ${title}`);
    for (const { text: words } of command.options)
      assert.ok(words !== "", `${command.name}: an option without words`);
  }
});

test.run();
