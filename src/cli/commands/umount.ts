// jfs umount: unmounts a volume and waits until its process has written everything.
import { Command, Option, type Usage } from "clipanion";
import { isVolume } from "../../fuse/mountinfo.ts";
import { unmount } from "../../fuse/unmount.ts";
import { JfsCommand } from "../command.ts";
import { waitForEnd, watchLiveness } from "../liveness.ts";
import { findMount } from "../mount-point.ts";
import { UserError } from "../user-error.ts";

const WAIT_MS = 60_000;

export class UmountCommand extends JfsCommand {
  static override paths: string[][] = [["umount"]];
  static override usage: Usage = Command.Usage({
    category: "SERVICE",
    description: "Unmount a volume",
    details: "Returns when everything is written and the process that served the volume has ended.",
    examples: [["Unmount", "$0 umount /mnt/jfs"]],
  });

  mountPoint: string = Option.String({ name: "MOUNTPOINT" });
  force: boolean = Option.Boolean("-f,--force", false, {
    description: "unmount although it is in use: open files go on until they are closed",
  });

  override async execute(): Promise<number> {
    const { path, entry } = await findMount(this.mountPoint);
    if (entry === undefined) {
      throw new UserError(`nothing is mounted on ${path}: findmnt -t fuse.jfs lists the volumes`);
    }
    if (!isVolume(entry)) {
      throw new UserError(
        `${path} holds a ${entry.type} file system, no volume of jfs: use umount`,
      );
    }
    const server = await watchLiveness(entry.device, path);
    try {
      await unmount(path, { lazy: this.force });
    } catch (error) {
      server?.destroy();
      throw error;
    }
    if (server === undefined) return 0;
    // Open files keep a lazily unmounted volume alive for as long as they like.
    if (this.force) server.destroy();
    else if (!(await waitForEnd(server, WAIT_MS))) {
      throw new UserError(
        `${path} is unmounted, but its process is still writing after a minute: see its log`,
      );
    }
    return 0;
  }
}
