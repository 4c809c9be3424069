// Compares a mounted tree with the manifest of a golden volume, line by line and field by field.
// Everything here is synchronous: the mount must be served by another process.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from "node:fs";
import { readJsonLines } from "./golden.ts";

/** What is known of one path: a field's name and its value as text, the same from both sides. */
type Facts = Readonly<Record<string, string>>;

export interface ManifestLine {
  /** Relative to the root of the mount, one char per byte; the root is "". */
  readonly path: string;
  readonly facts: Facts;
}

/** What a comparison leaves out, by path. */
export interface Exceptions {
  /** Fields not compared, for the paths that match. */
  readonly skip?: readonly { readonly path: RegExp; readonly fields: readonly string[] }[];
}

const fileTypes = new Map<bigint, string>([
  [0o100000n, "regular"],
  [0o040000n, "directory"],
  [0o120000n, "symlink"],
  [0o010000n, "fifo"],
  [0o140000n, "socket"],
  [0o060000n, "blockdev"],
  [0o020000n, "chardev"],
]);

// What the root of a mount shows beside the tree. Present or hidden, it is no part of the volume.
const virtualNames = new Set([".accesslog", ".config", ".stats", ".control", ".trash"]);

const latin1 = (base64: string): string => Buffer.from(base64, "base64").toString("latin1");

/** Names of attributes are plain text in the manifest; here they are bytes, like all names. */
const nameBytes = (text: string): string => Buffer.from(text, "utf8").toString("latin1");

function xattrText(xattrs: Readonly<Record<string, string>>): string {
  return Object.entries(xattrs)
    .map(([name, value]) => `${name}=${value}`)
    .toSorted()
    .join(" ");
}

function parseLine(line: string): ManifestLine {
  // These exceed 2^53, so they are kept as the digits they are.
  const exact = line.replaceAll(/"(ino|rdev|[acm]time_ns)":(-?\d+)/g, '"$1":"$2"');
  const { path, xattrs, target, ...plain } = JSON.parse(exact) as Record<string, unknown>;
  const facts: Record<string, string> = {};
  for (const [name, value] of Object.entries(plain)) facts[name] = String(value);
  if (typeof target === "string") facts["target"] = latin1(target);
  const listed = xattrs as Readonly<Record<string, string>>;
  // An "error" says that JuiceFS could not list the attributes of this path (the trash folders).
  if (!("error" in listed)) facts["xattrs"] = nameBytes(xattrText(listed));
  return { path: latin1(String(path)), facts };
}

/** The lines of a manifest, in its order. */
export function readManifest(path: string): readonly ManifestLine[] {
  return readJsonLines(path).map(parseLine);
}

function unescape(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}

/**
 * The extended attributes of everything below `dir`, read in one go; Node.js has no call for them.
 * Paths that have none are not in the map.
 */
function readXattrs(dir: string): ReadonlyMap<string, string> {
  const args = ["-R", "-P", "-h", "-d", "-m", "-", "-e", "hex", "--absolute-names", "."];
  const run = spawnSync("getfattr", args, { cwd: dir, maxBuffer: 1 << 28, encoding: "latin1" });
  if (run.error !== undefined) throw run.error;
  const found = new Map<string, string>();
  for (const group of run.stdout.split("\n\n")) {
    const [head = "", ...rows] = group.split("\n");
    const path = unescape(head.replace(/^# file: /, "")).replace(/^\.\/?/, "");
    const xattrs: Record<string, string> = {};
    for (const row of rows.filter((text) => text !== "")) {
      const [name = "", value = ""] = row.split("=0x");
      xattrs[unescape(name)] = Buffer.from(value, "hex").toString("base64");
    }
    if (head !== "") found.set(path, xattrText(xattrs));
  }
  return found;
}

function sha256(path: Buffer): string {
  const hash = createHash("sha256");
  const page = Buffer.allocUnsafe(1 << 20);
  const fd = openSync(path, "r");
  try {
    for (let size = readSync(fd, page); size > 0; size = readSync(fd, page)) {
      hash.update(page.subarray(0, size));
    }
  } finally {
    closeSync(fd);
  }
  return hash.digest("hex");
}

function absolute(root: string, path: string): Buffer {
  return Buffer.concat([Buffer.from(`${root}/`), Buffer.from(path, "latin1")]);
}

function readFacts(root: string, path: string, wanted: Facts): Facts {
  const at = absolute(root, path);
  const stat = lstatSync(at, { bigint: true });
  const facts: Record<string, string> = {
    type: fileTypes.get(stat.mode & 0o170000n) ?? "unknown",
    mode: String(stat.mode & 0o7777n),
    uid: String(stat.uid),
    gid: String(stat.gid),
    nlink: String(stat.nlink),
    size: String(stat.size),
    blocks: String(stat.blocks),
    mtime_ns: String(stat.mtimeNs),
    atime_ns: String(stat.atimeNs),
    ctime_ns: String(stat.ctimeNs),
    rdev: String(stat.rdev),
    ino: String(stat.ino),
  };
  if ("sha256" in wanted) facts["sha256"] = sha256(at);
  if ("target" in wanted) facts["target"] = readlinkSync(at, "buffer").toString("latin1");
  return facts;
}

function skippedFields(path: string, { skip = [] }: Exceptions): ReadonlySet<string> {
  return new Set(skip.filter((rule) => rule.path.test(path)).flatMap(({ fields }) => fields));
}

function withoutFields(facts: Facts, fields: ReadonlySet<string>): Facts {
  return Object.fromEntries(Object.entries(facts).filter(([name]) => !fields.has(name)));
}

function compareLine(
  root: string,
  line: ManifestLine,
  xattrs: string,
  exceptions: Exceptions,
): readonly string[] {
  const where = JSON.stringify(line.path);
  const wanted = withoutFields(line.facts, skippedFields(line.path, exceptions));
  try {
    const got: Facts = { ...readFacts(root, line.path, wanted), xattrs };
    return Object.entries(wanted)
      .filter(([name, value]) => got[name] !== value)
      .map(([name, value]) => `${where}: ${name} is ${got[name]}, should be ${value}`);
  } catch (error) {
    return [`${where}: ${(error as Error).message}`];
  }
}

/** Names in the directories of the manifest that it does not know, and the other way round. */
function compareNames(root: string, lines: readonly ManifestLine[]): readonly string[] {
  const children = new Map<string, Set<string>>();
  for (const { path, facts } of lines) {
    if (facts["type"] === "directory") children.set(path, new Set());
  }
  for (const { path } of lines) {
    const slash = path.lastIndexOf("/");
    if (path !== "") children.get(path.slice(0, Math.max(slash, 0)))?.add(path.slice(slash + 1));
  }
  const wrong: string[] = [];
  for (const [dir, wanted] of children) {
    const names = readdirSync(absolute(root, dir), { encoding: "buffer" });
    const got = new Set(names.map((name) => name.toString("latin1")));
    if (dir === "") for (const name of virtualNames) got.delete(name);
    for (const name of got)
      if (!wanted.has(name)) wrong.push(`${JSON.stringify(dir)}: has ${name}`);
    for (const name of wanted)
      if (!got.has(name)) wrong.push(`${JSON.stringify(dir)}: lacks ${name}`);
  }
  return wrong;
}

/** Compares the mount at `root` with the manifest; returns one sentence for each difference. */
export function compareTree(
  root: string,
  lines: readonly ManifestLine[],
  exceptions: Exceptions = {},
): readonly string[] {
  // The trash is not listed in the root, so a manifest that begins with it is walked from there.
  const start = lines[0]?.path ?? "";
  const xattrs = readXattrs(start === "" ? root : `${root}/${start}`);
  const below = (path: string): string =>
    start === "" ? path : path.slice(start.length).replace(/^\//, "");
  const fields = lines.flatMap((line) =>
    compareLine(root, line, xattrs.get(below(line.path)) ?? "", exceptions),
  );
  return [...fields, ...compareNames(root, lines)];
}
