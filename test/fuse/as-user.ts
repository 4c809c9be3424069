// What an ordinary user does, run as one by the mount test: mounts through fusermount3, writes, reads, unmounts.
// argv = mountpoint. Prints "done" when all went well. File calls are asynchronous: this process serves them.
import { readFile, writeFile } from "node:fs/promises";
import { mountAndServe } from "../../src/fuse/serve.ts";
import { MemoryFs } from "./memory-fs.ts";

const mountpoint = process.argv[2] ?? "";
const options = { mountpoint, name: "user", defaultPermissions: true, maxRead: 1 << 20, flags: [] };
const refused = await mountAndServe(new MemoryFs(), { ...options, allowOther: true }).then(
  () => "mounted",
  (e: unknown) => (e as Error).message,
);
if (!refused.includes("user_allow_other")) throw new Error(`allow_other: ${refused}`);
const mounted = await mountAndServe(new MemoryFs(), { ...options, allowOther: false });
await writeFile(`${mountpoint}/file`, "written by a user");
if ((await readFile(`${mountpoint}/file`, "utf8")) !== "written by a user")
  throw new Error("read something else");
if (!(await readFile("/proc/self/mountinfo", "utf8")).includes("fuse.jfs JuiceFS:user"))
  throw new Error("wrong type");
await mounted.unmount();
await mounted.session.closed;
console.log(`done as ${process.getuid?.()}`);
