// Puts the launcher before the program and the C library behind it, so that the executable is complete in itself.
import { execFileSync } from "node:child_process";
import { closeSync, openSync, readFileSync, realpathSync, writeSync } from "node:fs";
import { join } from "node:path";

// Mapped pages begin at multiples of the page size, which is 64 KiB on some ARM kernels.
const ALIGNMENT = 65_536;
// The twin of PARTS_MAX in launcher.c.
const PARTS_MAX = 16;

interface Libraries {
  readonly loader: string;
  /** In the order in which the program names them: it is the order in which symbols are found. */
  readonly shared: readonly string[];
}

/** What `program` and its addons need, as ldd finds it on this machine. */
function librariesOf(files: readonly string[]): Libraries {
  const shared = new Map<string, string>();
  let loader: string | undefined;
  for (const file of files) {
    for (const line of execFileSync("ldd", [file], { encoding: "utf8" }).split("\n")) {
      const named = /^\s*(\S+) => (\/\S+)/.exec(line);
      const plain = /^\s*(\/\S*\/ld-linux\S*)/.exec(line);
      if (named !== null) shared.set(named[1] as string, realpathSync(named[2] as string));
      else if (plain !== null) loader ??= realpathSync(plain[1] as string);
    }
  }
  if (loader === undefined)
    throw new Error("ldd names no dynamic loader: build on a system with glibc");
  return { loader, shared: [...shared.values()] };
}

/** Compiles the launcher; it must hold no relocation, because nobody would apply it. */
function compileLauncher(outDir: string): string {
  const launcher = join(outDir, "launcher");
  const flags =
    "-O2 -static-pie -nostdlib -nostartfiles -ffreestanding -fPIE -fno-stack-protector " +
    "-fno-asynchronous-unwind-tables -fno-tree-loop-distribute-patterns -Wall -Wextra " +
    "-Wl,--build-id=none,-z,noexecstack,--no-dynamic-linker";
  execFileSync("gcc", [
    ...flags.split(" "),
    "-o",
    launcher,
    join(import.meta.dirname, "launcher.c"),
  ]);
  const relocations = execFileSync("readelf", ["-rW", launcher], { encoding: "utf8" });
  if (!relocations.includes("no relocations")) throw new Error("the launcher has relocations");
  return launcher;
}

/** Writes `output`. `addons` are looked at for the libraries that they need, and are inside `program` already. */
export function packExecutable(
  program: string,
  addons: readonly string[],
  outDir: string,
  output: string,
): void {
  const { loader, shared } = librariesOf([program, ...addons]);
  const parts = [program, loader, ...shared];
  if (parts.length > PARTS_MAX)
    throw new Error(`${parts.length} parts are too many for launcher.c`);
  const table = Buffer.alloc(16 + 16 * PARTS_MAX);
  table.write("JFSPACK1", "latin1");
  table.writeBigUInt64LE(BigInt(parts.length), 8);
  const fd = openSync(output, "w", 0o755);
  let at = 0;
  const write = (bytes: Uint8Array): void => {
    for (let done = 0; done < bytes.length;)
      done += writeSync(fd, bytes, done, bytes.length - done, at + done);
    at += bytes.length;
  };
  write(readFileSync(compileLauncher(outDir)));
  for (const [index, part] of parts.entries()) {
    at = Math.ceil(at / ALIGNMENT) * ALIGNMENT;
    const bytes = readFileSync(part);
    table.writeBigUInt64LE(BigInt(at), 16 + 16 * index);
    table.writeBigUInt64LE(BigInt(bytes.length), 24 + 16 * index);
    write(bytes);
  }
  write(table);
  closeSync(fd);
}
