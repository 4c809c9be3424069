// Makes build/out/jfs, one file: Node.js, the bundled sources, SQLite's and our own addon, and the C library.
// @yao-pkg/pkg injects them into the Node.js of node_modules; nothing is downloaded.
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join, relative } from "node:path";
import { build, type Plugin } from "esbuild";
import { packExecutable } from "./sea/pack.ts";

const root = join(import.meta.dirname, "..");
const out = join(root, "build/out");
const bundleDir = join(out, "bundle");
const require = createRequire(import.meta.url);

interface SeaOptions {
  readonly seaConfig: {
    readonly disableExperimentalSEAWarning: boolean;
    readonly useSnapshot: boolean;
    readonly useCodeCache: boolean;
    readonly execArgv: readonly string[];
    readonly assets: Readonly<Record<string, string>>;
  };
  readonly targets: readonly {
    readonly nodeRange: string;
    readonly platform: string;
    readonly arch: string;
    readonly output: string;
  }[];
  readonly useLocalNode: boolean;
  readonly signature: boolean;
}
// The plain SEA pipeline of pkg, not the one with a virtual file system: that one wraps every call of
// node:fs, which a file system server feels, and needs a home directory to unpack its addons.
const { default: sea } = require("@yao-pkg/pkg/lib-es5/sea") as {
  default: (entry: string, options: SeaOptions) => Promise<void>;
};

function sourceFiles(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((dirent) => dirent.isFile() && dirent.name.endsWith(".ts"))
    .map((dirent) => join(dirent.parentPath, dirent.name));
}

const workers = sourceFiles(join(root, "src")).filter((file) => file.endsWith("-worker.ts"));

const workerCall =
  /new Worker\(\s*new URL\(\s*"(?:[./\w-]*\/)?([\w-]+-worker)\.ts",\s*import\.meta\.url\s*,?\s*\)/g;

/** Rewrites what a checkout finds beside its files into what the executable finds inside itself. */
const inside: Plugin = {
  name: "inside-the-executable",
  setup(builder) {
    builder.onLoad({ filter: /\/src\/.*\.ts$/ }, ({ path }) => {
      const source = readFileSync(path, "utf8");
      const contents = source.replaceAll(workerCall, '__packedWorker("$1"');
      if (/new Worker\(/.test(contents)) {
        throw new Error(
          `${relative(root, path)}: start workers by new URL("./x-worker.ts", import.meta.url)`,
        );
      }
      return { contents, loader: "ts" };
    });
    builder.onResolve({ filter: /^\.\/binding$/ }, ({ importer }) =>
      importer.includes("/better-sqlite3/") ? { path: "binding", namespace: "sqlite" } : null,
    );
    builder.onLoad({ filter: /./, namespace: "sqlite" }, () => ({
      contents: `const { loadAddon } = require(${JSON.stringify(join(root, "build/sea/addons.ts"))});
        let addon; exports.getBinding = () => (addon ??= loadAddon("better_sqlite3.node"));`,
      resolveDir: root,
    }));
  },
};

function commit(): string {
  try {
    return execFileSync("git", ["log", "-1", "--format=%cs.%h"], {
      cwd: root,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  } catch {
    return "";
  }
}

async function bundle(entries: readonly string[], inject: boolean): Promise<void> {
  await build({
    entryPoints: [...entries],
    outdir: bundleDir,
    entryNames: "[name]",
    outExtension: { ".js": ".cjs" },
    bundle: true,
    platform: "node",
    target: "node24",
    format: "cjs",
    minifySyntax: true,
    legalComments: "none",
    define: {
      "import.meta.url": "__executableUrl",
      "process.env.JFS_BUILD": JSON.stringify(commit()),
    },
    ...(inject ? { inject: [join(root, "build/sea/globals.ts")] } : {}),
    plugins: [inside],
    logLevel: "warning",
  });
}

function sqliteAddon(): string {
  const dir = dirname(require.resolve("better-sqlite3/package.json"));
  return join(dir, "prebuilds", `linux-${process.arch}.node`);
}

async function main(): Promise<void> {
  rmSync(bundleDir, { recursive: true, force: true });
  mkdirSync(bundleDir, { recursive: true });
  await bundle([join(root, "build/sea/main.ts"), ...workers], true);
  const own = join(out, "native/jfs.node");
  if (!existsSync(own)) throw new Error("the FUSE addon is not built: run sh build/setup.sh");
  const assets: Record<string, string> = { "better_sqlite3.node": sqliteAddon(), "jfs.node": own };
  for (const worker of workers) {
    const name = basename(worker, ".ts");
    assets[`worker:${name}`] = join(bundleDir, `${name}.cjs`);
  }
  const output = join(out, "jfs");
  const fresh = `${output}.${process.pid}`;
  await sea(join(bundleDir, "main.cjs"), {
    seaConfig: {
      disableExperimentalSEAWarning: true,
      useSnapshot: false,
      useCodeCache: true,
      // As build/jfs says.
      execArgv: ["--max-semi-space-size=8"],
      assets,
    },
    targets: [{ nodeRange: "node24", platform: "linux", arch: process.arch, output: fresh }],
    useLocalNode: true,
    signature: false,
  });
  // Renamed into place: a mount that runs from the old file goes on.
  packExecutable(fresh, [own, sqliteAddon()], out, `${fresh}.packed`);
  rmSync(fresh);
  renameSync(`${fresh}.packed`, output);
  const mib = (statSync(output).size / 2 ** 20).toFixed(1);
  console.log(`${relative(process.cwd(), output)}: ${mib} MiB`);
}

await main();
