// argv in, exit code out.
import { run } from "./cli/run.ts";

// A reader that has seen enough (`jfs status | head`) is no error.
process.stdout.on("error", () => process.exit(0));

// All that was opened is closed by now: nothing that was forgotten may keep the process from ending.
void run(process.argv.slice(2)).then((code) => process.exit(code));
