// argv in, exit code out.
import { mountEarly } from "./cli/early-background.ts";

process.stdout.on("error", ({ code }: NodeJS.ErrnoException) => {
  // A reader that has seen enough (`jfs status | head`) is no error.
  if (code === "EPIPE") process.exit(0);
  process.stderr.write(`jfs: the output cannot be written (${code}): send it elsewhere\n`);
  process.exit(1);
});

async function main(argv: readonly string[]): Promise<number> {
  const early = await mountEarly(argv);
  if (early !== undefined) return early;
  // Loaded now only: it takes longer than all that a mount in the background asks of this process.
  const { run } = await import("./cli/run.ts");
  return run(argv);
}

// All that was opened is closed by now: nothing that was forgotten may keep the process from ending. What went wrong with
// the output is heard first.
void main(process.argv.slice(2)).then((code) => setImmediate(() => process.exit(code)));
