// argv in, exit code out.
import { run } from "./cli/run.ts";

process.stdout.on("error", ({ code }: NodeJS.ErrnoException) => {
  // A reader that has seen enough (`jfs status | head`) is no error.
  if (code === "EPIPE") process.exit(0);
  process.stderr.write(`jfs: the output cannot be written (${code}): send it elsewhere\n`);
  process.exit(1);
});

// All that was opened is closed by now: nothing that was forgotten may keep the process from ending. What went wrong with
// the output is heard first.
void run(process.argv.slice(2)).then((code) => setImmediate(() => process.exit(code)));
