// Bundles the sources of a checkout into build/out/main.mjs and run.mjs: two files are loaded faster than two hundred.
// build/jfs runs them only while build/sources.sh lists the sources exactly as it did before they were read here.
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { build, type Plugin } from "esbuild";

const root = join(import.meta.dirname, "..");
const out = join(root, "build/out");
const stamp = join(out, "main.sources");

/** The twin of a source file in the bundle. */
const bundled = (file: string): string => basename(file).replace(/\.ts$/, ".mjs");

const workers = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith("-worker.ts"))
  .map((file) => join(root, "src", file));

/** What is loaded by name, when it is wanted, is a file of its own. */
const apart: Plugin = {
  name: "apart",
  setup(builder) {
    builder.onResolve({ filter: /\/run\.ts$/ }, ({ kind, path }) =>
      kind === "dynamic-import" ? { path: `./${bundled(path)}`, external: true } : null,
    );
    builder.onLoad({ filter: /\/src\/.*\.ts$/ }, ({ path }) => {
      const source = readFileSync(path, "utf8");
      const contents = source.replaceAll(
        /new URL\(\s*"[./\w-]*?([\w-]+-worker)\.ts"/g,
        'new URL("./$1.mjs"',
      );
      if (/new URL\(\s*"[^"]*\.ts"/.test(contents)) {
        throw new Error(`${relative(root, path)}: only names of *-worker.ts may be loaded`);
      }
      return { contents, loader: "ts" };
    });
  },
};

async function main(): Promise<void> {
  const sources = execFileSync("sh", [join(root, "build/sources.sh")]);
  // As long as it is missing the sources themselves are run.
  rmSync(stamp, { force: true });
  const { outputFiles } = await build({
    entryPoints: [join(root, "src/main.ts"), join(root, "src/cli/run.ts"), ...workers],
    outdir: out,
    entryNames: "[name]",
    outExtension: { ".js": ".mjs" },
    write: false,
    bundle: true,
    platform: "node",
    target: "node24",
    format: "esm",
    external: ["better-sqlite3"],
    // For the CommonJS packages inside.
    banner: {
      js: 'import { createRequire as __makeRequire } from "node:module"; const require = __makeRequire(import.meta.url);',
    },
    plugins: [apart],
    legalComments: "none",
    logLevel: "warning",
  });
  const place = (path: string, content: Uint8Array): void => {
    const fresh = `${path}.${process.pid}`;
    writeFileSync(fresh, content);
    renameSync(fresh, path);
  };
  for (const { path, contents } of outputFiles) place(path, contents);
  place(stamp, sources);
}

await main();
