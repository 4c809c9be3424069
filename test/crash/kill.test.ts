// kill -9 of jfs under four writers: whatever close, fsync or the changing call itself acknowledged
// is there after the next mount, whole.
import { test } from "uvu";
import type { Volume } from "../support/mount.ts";
import { onVolume } from "../support/volume-suite.ts";
import { runRounds } from "./rounds.ts";
import type { Crash } from "./rounds.ts";

const on = onVolume("kill", [], { format: ["--trash-days", "0"] });

function killed(volume: Volume, promise: Crash["promise"]): Crash {
  return {
    promise,
    strike: async () => volume.kill(),
    restart: async () => volume.mount(),
  };
}

on("what close acknowledged survives kill -9", async (volume) => {
  await runRounds(volume, killed(volume, "close"));
});

on("what fsync acknowledged survives kill -9", async (volume) => {
  await runRounds(volume, killed(volume, "sync"));
});

test.run();
