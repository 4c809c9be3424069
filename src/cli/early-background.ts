// Starts `jfs mount -d` before anything else is loaded: this process only waits for the child, which reads the command
// line itself. What the child does not accept as such a mount is left to the whole command line in this process.
import { EXIT_FAILURE } from "./exit-code.ts";
import { defaultLogFile, isBackgroundChild, startInBackground } from "./background.ts";
import { resolve } from "node:path";
import { sentenceOf } from "./user-error.ts";

/** As MountCommand waits when JFS_MOUNT_TIMEOUT is not set. */
const TIMEOUT_MS = 10_000;

/** The exit code of a mount in the background; undefined when `argv` must be read in full. */
export async function mountEarly(argv: readonly string[]): Promise<number | undefined> {
  if (isBackgroundChild() || process.env["JFS_MOUNT_TIMEOUT"] !== undefined) return undefined;
  try {
    const logFile = plainLogFile(argv);
    if (logFile === undefined) return undefined;
    const ready = await startInBackground(argv, logFile, TIMEOUT_MS);
    if (ready === undefined) return undefined;
    process.stdout.write(`${ready}\n`);
    return 0;
  } catch (error) {
    process.stderr.write(`jfs: ${sentenceOf(error)}\n`);
    return EXIT_FAILURE;
  }
}

/** The log file of what looks like a mount in the background. A guess: the child compares it with what it reads. */
function plainLogFile(argv: readonly string[]): string | undefined {
  if (argv[0] !== "mount" || argv.includes("-h") || argv.includes("--help")) return undefined;
  if (!argv.includes("-d") && !argv.includes("--background")) return undefined;
  const at = argv.findIndex((arg) => arg === "--log" || arg.startsWith("--log="));
  if (at < 0) return defaultLogFile();
  const arg = argv[at] as string;
  const file = arg === "--log" ? argv[at + 1] : arg.slice("--log=".length);
  return file === undefined || file === "" ? undefined : resolve(file);
}
