// The process that serves a MemoryFs for the mount tests: argv = mountpoint, entry timeout in ms. Talks to its
// parent in lines: "ready {...}" once mounted, "closed" at the end.
import { mountAndServe } from "../../src/fuse/serve.ts";
import { ENOSPC } from "../../src/util/errno.ts";
import { MemoryFs } from "./memory-fs.ts";

const [mountpoint = "", timeout = "0", allowOther = "1"] = process.argv.slice(2);
const fs = new MemoryFs(Number(timeout));
try {
  const mounted = await mountAndServe(fs, {
    mountpoint,
    name: "memory",
    allowOther: allowOther === "1",
    defaultPermissions: true,
    maxRead: 1 << 20,
    flags: [],
  });
  const { agreed, session } = mounted;
  console.log(
    `ready ${JSON.stringify({ minor: agreed.minor, maxWrite: agreed.maxWrite, flags: [...agreed.flags] })}`,
  );
  process.stdin.on("data", (data) => {
    for (const line of data.toString().split("\n")) {
      if (line === "unmount") void mounted.unmount({ lazy: true });
      if (line === "fail") fs.failNextTurn = ENOSPC;
      if (line === "epoch") console.log(`epoch ${session.notifications?.incEpoch()}`);
      if (line === "invalidate")
        console.log(`invalidated ${session.notifications?.invalEntry(1, "cached")}`);
      if (line === "cpu") console.log(`cpu ${JSON.stringify(process.cpuUsage())}`);
      if (line === "counters")
        console.log(`counters ${JSON.stringify({ turns: fs.turns, interrupts: fs.interrupts })}`);
    }
  });
  await session.closed;
  console.log("closed");
  process.exit(0);
} catch (e) {
  console.log(`failed ${(e as Error).message}`);
  process.exit(1);
}
