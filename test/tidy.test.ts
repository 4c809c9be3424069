// Holds the house rules that a machine can read: imports point down, files stay small, no leftovers.
import { existsSync, readFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { dirname, join, relative } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";

const root = join(import.meta.dirname, "..");

// What each layer may import, itself apart. The order is the one of the architecture, top down.
const allowed: Readonly<Record<string, readonly string[]>> = {
  main: ["cli"],
  cli: ["fuse", "gateway", "vfs", "meta", "chunk", "object", "util"],
  gateway: ["vfs", "meta", "chunk", "object", "util"],
  // The one thing fuse and vfs share, the operations interface, is declared in fuse: types only.
  vfs: ["meta", "chunk", "object", "util", "fuse:type"],
  fuse: ["util"],
  meta: ["util"],
  chunk: ["object", "util"],
  object: ["util"],
  native: [],
  util: [],
};

function repositoryFiles(): string[] {
  const args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  const listed = execFileSync("git", ["-C", root, ...args], { encoding: "utf8" });
  return listed.split("\0").filter((path) => path !== "" && existsSync(join(root, path)));
}

const files = repositoryFiles();
const text = (path: string): string => readFileSync(join(root, path), "utf8");
const sources = files.filter((path) => /^(src|test|build|examples)\/.*\.(ts|c|h)$/.test(path));

interface Import {
  readonly from: string;
  readonly typeOnly: boolean;
}

function imports(source: string): Import[] {
  const found: Import[] = [];
  const statement = /^(?:import|export)\s+(type\s)?[^;"']*?(?:from\s+)?["']([^"']+)["']/gm;
  for (const match of source.matchAll(statement)) {
    found.push({ from: match[2] ?? "", typeOnly: match[1] !== undefined });
  }
  for (const match of source.matchAll(/\bimport\(\s*["']([^"']+)["']/g)) {
    found.push({ from: match[1] ?? "", typeOnly: false });
  }
  return found;
}

function layerOf(path: string): string {
  const [, second = ""] = path.split("/");
  return second.replace(/\.ts$/, "");
}

function wrongImports(path: string): string[] {
  const layer = layerOf(path);
  const may = allowed[layer];
  if (may === undefined) return [`${path}: ${layer} is no layer of the architecture`];
  const wrong: string[] = [];
  for (const { from, typeOnly } of imports(text(path))) {
    if (!from.startsWith(".")) continue;
    const target = relative(root, join(root, dirname(path), from));
    if (!target.startsWith("src/")) {
      if (target !== "package.json") wrong.push(`${path}: imports ${target}, outside src`);
      continue;
    }
    const to = layerOf(target);
    const ok = to === layer || may.includes(to) || (typeOnly && may.includes(`${to}:type`));
    if (!ok) wrong.push(`${path}: ${layer} must not import ${to} (${from})`);
    if (/^src\/meta\/(engines|sqlite)\//.test(path) && target.startsWith("src/meta/ops/")) {
      wrong.push(`${path}: an engine must not import operations (${from})`);
    }
  }
  return wrong;
}

function offences(paths: readonly string[], judge: (line: string) => boolean): string[] {
  return paths.flatMap((path) =>
    text(path)
      .split("\n")
      .flatMap((line, index) => (judge(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [])),
  );
}

test("imports point down only", () => {
  const typescript = sources.filter((path) => /^src\/.*\.ts$/.test(path));
  assert.equal(typescript.flatMap(wrongImports), []);
});

test("source files have at most 300 lines, tests and recipes 400", () => {
  const long = sources
    .map((path) => ({ path, lines: text(path).split("\n").length - 1 }))
    .filter(
      ({ path, lines }) => lines > (path.startsWith("src/") && !path.endsWith(".c") ? 300 : 400),
    );
  assert.equal(long, []);
});

test("every source file opens with a comment that says what it owns", () => {
  const bare = sources.filter((path) => !/^(#!.*\n)?\s*(\/\/|\/\*)/.test(text(path)));
  assert.equal(bare, []);
});

test("no default exports, enums or leftovers", () => {
  const pattern =
    /^export default|^(export )?(const )?enum |\b(TODO|FIXME|XXX|HACK)\b|\bdebugger\b/;
  const self = "test/tidy.test.ts";
  assert.equal(
    offences(
      sources.filter((path) => path !== self && path.endsWith(".ts")),
      (line) => pattern.test(line),
    ),
    [],
  );
});

test("source is ASCII", () => {
  // Tests may need names of other kinds.
  const product = sources.filter((path) => /^(src|build)\//.test(path));
  assert.equal(
    offences(product, (line) => Buffer.byteLength(line) !== line.length),
    [],
  );
});

test("file names are kebab-case", () => {
  const odd = sources.filter(
    (path) => !/^[a-z0-9/.-]+$/.test(path) && !path.endsWith(".c") && !path.endsWith(".h"),
  );
  assert.equal(odd, []);
});

test("no path of somebody's machine in any text", () => {
  const texts = files.filter((path) =>
    /\.(ts|c|h|md|sh|json|yml)$|^build\/[a-z]+$|^\.ci\//.test(path),
  );
  const forbidden = new RegExp(
    ["work", "home/[a-z]+", "Users"].map((name) => `/${name}/`).join("|"),
  );
  assert.equal(
    offences(texts, (line) => forbidden.test(line)),
    [],
  );
});

test("the lock file names no registry", () => {
  assert.not.match(text("package-lock.json"), /"resolved"/);
});

test("links in documents resolve", () => {
  const broken: string[] = [];
  for (const path of files.filter((file) => file.endsWith(".md"))) {
    for (const match of text(path).matchAll(/\]\(([^)\s]+)\)/g)) {
      const target = (match[1] ?? "").replace(/#.*$/, "");
      if (target === "" || /^[a-z]+:/.test(target)) continue;
      if (!existsSync(join(root, dirname(path), target))) broken.push(`${path}: ${target}`);
    }
  }
  assert.equal(broken, []);
});

test("every document has one first-level heading", () => {
  const wrong = files
    .filter((path) => /^(docs\/.*|[A-Z]+)\.md$/.test(path))
    .filter(
      (path) =>
        text(path)
          .replaceAll(/^```[\s\S]*?^```/gm, "")
          .match(/^# /gm)?.length !== 1,
    );
  assert.equal(wrong, []);
});

test.run();
