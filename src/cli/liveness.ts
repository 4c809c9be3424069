// Lets `umount` wait until the process that served a mount has written everything and closed the database: it
// listens on an abstract socket named after the mount's device number and never answers; its end is the news.
import { createServer, connect, type Server, type Socket } from "node:net";
import { findMount } from "./mount-point.ts";

const nameOf = (device: string): string => `\0jfs-mount-${device}`;

/** Starts to listen for the mount at `mountPoint`. Call after it is mounted; failing is harmless. */
export async function announceLiveness(mountPoint: string): Promise<Server | undefined> {
  const { entry } = await findMount(mountPoint);
  if (entry === undefined) return undefined;
  const server = createServer((socket) => socket.unref());
  server.on("error", () => undefined);
  server.listen(nameOf(entry.device));
  // Neither it nor who waits may keep the process alive: its whole point is to end with it.
  server.unref();
  return server;
}

/** Connects to the process that serves the mount with this device number; undefined when it does not listen. */
export async function watchLiveness(device: string): Promise<Socket | undefined> {
  const socket = connect(nameOf(device));
  return new Promise((done) => {
    socket.once("connect", () => done(socket));
    socket.once("error", () => done(undefined));
  });
}

/** Resolves true when the process has ended, false when it has not within `timeoutMs`. */
export async function waitForEnd(socket: Socket, timeoutMs: number): Promise<boolean> {
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
