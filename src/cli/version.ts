// The version of this jfs, and the version of JuiceFS whose formats it writes.

export const VERSION = "0.1.0";

/** Clients are judged by this against the setting's MinClientVersion and MaxClientVersion. */
export const COMPATIBLE_VERSION = "1.4.1";

/** The date and commit of the build, put here by the bundler; empty in a checkout. */
const build: string = process.env["JFS_BUILD"] ?? "";

/** "0.1.0" or "0.1.0+2026-11-21.1a2b3c4". */
export function versionText(): string {
  return build === "" ? VERSION : `${VERSION}+${build}`;
}

/** What a session record says: JuiceFS compares the number with the setting's limits. */
export function sessionVersion(): string {
  return `${COMPATIBLE_VERSION}+jfs-${VERSION}`;
}

interface Parsed {
  readonly numbers: readonly number[];
  readonly pre: string;
}

function parse(text: string): Parsed | undefined {
  const match = /^(\d+)\.(\d+)\.(\d+)(?:-([^+]*))?(?:\+.*)?$/.exec(text);
  if (match === null) return undefined;
  return { numbers: [Number(match[1]), Number(match[2]), Number(match[3])], pre: match[4] ?? "" };
}

/** True for major.minor.patch[-pre][+build]. */
export function isVersion(text: string): boolean {
  return parse(text) !== undefined;
}

/** Below, equal to or above 0 by JuiceFS's rules: a pre-release sorts before its release, pre-releases as
 *  plain strings. An empty or broken version is the lowest. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [parse(a), parse(b)];
  if (left === undefined || right === undefined) {
    return Number(left !== undefined) - Number(right !== undefined);
  }
  for (const [index, number] of left.numbers.entries()) {
    const difference = number - (right.numbers[index] as number);
    if (difference !== 0) return difference;
  }
  if (left.pre === right.pre) return 0;
  if (left.pre === "") return 1;
  if (right.pre === "") return -1;
  return left.pre < right.pre ? -1 : 1;
}
