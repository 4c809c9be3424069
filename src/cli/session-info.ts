// What a session record says about the client that holds it, in JuiceFS's order of members.
import { hostname, networkInterfaces } from "node:os";
import { sessionVersion } from "./version.ts";

/** The JSON of a session, compact. `mountPoint` is shown by `status`. */
export function sessionInfo(mountPoint: string): string {
  const addresses = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ internal, address }) => !internal && !address.startsWith("fe80:"))
    .map(({ address }) => address);
  const info = {
    Version: sessionVersion(),
    HostName: hostname(),
    ...(addresses.length > 0 ? { IPAddrs: addresses } : {}),
    MountPoint: mountPoint,
    MountTime: new Date().toISOString(),
    ProcessID: process.pid,
  };
  return JSON.stringify(info);
}
