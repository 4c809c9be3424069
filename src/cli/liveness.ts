// Lets `umount` wait until the process that served a mount has written everything and closed the database: it
// listens on an abstract socket named after the mount's device number and says the path it serves; its end is the news.
import { createServer, connect, type Server, type Socket } from "node:net";
import { findMount } from "./mount-point.ts";

const nameOf = (device: string): string => `\0jfs-mount-${device}`;
/** The kernel gives a device number to the next mount while the process that had it still writes: try again. */
const RETRY_MS = 1000;

/** Starts to listen for the mount at `mountPoint`. Call after it is mounted; failing is harmless. */
export async function announceLiveness(mountPoint: string): Promise<Server | undefined> {
  const { entry } = await findMount(mountPoint);
  if (entry === undefined) return undefined;
  const server = createServer((socket) => socket.unref().write(`${mountPoint}\n`));
  const listen = (): unknown => server.listen(nameOf(entry.device));
  server.on("error", () => setTimeout(listen, RETRY_MS).unref());
  listen();
  // Neither it nor who waits may keep the process alive: its whole point is to end with it.
  server.unref();
  return server;
}

/** Connects to the process that serves `mountPoint`, on this device number; undefined when it does not listen. */
export async function watchLiveness(
  device: string,
  mountPoint: string,
): Promise<Socket | undefined> {
  const socket = connect(nameOf(device));
  const said = await new Promise<string>((done) => {
    socket.once("data", (text) => done(String(text)));
    socket.once("error", () => done(""));
    socket.once("close", () => done(""));
  });
  if (said === `${mountPoint}\n`) return socket;
  // Some earlier owner of the number.
  socket.destroy();
  return undefined;
}

/** Resolves true when the process has ended, false when it has not within `timeoutMs`. */
export async function waitForEnd(socket: Socket, timeoutMs: number): Promise<boolean> {
  // It may have ended while the mount was taken down, before anybody waited.
  if (socket.closed) return true;
  const ended = new Promise<boolean>((done) => {
    socket.resume();
    socket.on("error", () => undefined);
    socket.once("close", () => done(true));
  });
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((done) => {
    timer = setTimeout(() => done(false), timeoutMs);
  });
  const result = await Promise.race([ended, late]);
  clearTimeout(timer);
  socket.destroy();
  return result;
}
