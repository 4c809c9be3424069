// System calls on a Vfs, as a process makes them.
import type { SetattrArgs } from "../../src/fuse/operations.ts";
import type { Vfs } from "../../src/vfs/vfs.ts";
import { O_RDWR, ROOT, req } from "./volume.ts";

export class Calls {
  readonly vfs: Vfs;
  constructor(vfs: Vfs) {
    this.vfs = vfs;
  }

  async create(name: string): Promise<{ ino: number; fh: number }> {
    const { entry, open } = await this.vfs.create(req, ROOT, name, O_RDWR, 0o644, 0);
    return { ino: entry.ino, fh: open.fh };
  }
  async open(ino: number, flags: number = O_RDWR): Promise<number> {
    return (await this.vfs.open(req, ino, flags)).fh;
  }
  async write(fh: number, offset: number, data: Uint8Array | string): Promise<void> {
    const bytes = Buffer.from(data);
    const written = this.vfs.write(req, 0, fh, offset, bytes, 0, O_RDWR);
    // The request's buffer is somebody else's as soon as the call has returned.
    bytes.fill(0xee);
    await written;
  }
  async read(fh: number, offset: number, size: number): Promise<Buffer> {
    const reply = await this.vfs.read(req, 0, fh, offset, size);
    return Buffer.concat(reply instanceof Uint8Array ? [reply] : reply);
  }
  async fsync(fh: number): Promise<void> {
    await this.vfs.fsync(req, 0, fh);
  }
  async close(fh: number): Promise<void> {
    try {
      await this.vfs.flush(req, 0, fh);
    } finally {
      await this.vfs.release(req, 0, fh);
    }
  }
  async setattr(ino: number, args: Partial<SetattrArgs>): Promise<void> {
    await this.vfs.setattr(req, ino, { killSuidgid: false, ...args });
  }
  async size(ino: number): Promise<number> {
    return (await this.vfs.getattr(req, ino)).attr.size;
  }
  /** The whole file. */
  async content(ino: number): Promise<Buffer> {
    const fh = await this.open(ino, 0);
    const bytes = await this.read(fh, 0, (await this.size(ino)) + 1);
    await this.close(fh);
    return bytes;
  }
}
