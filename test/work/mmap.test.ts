// Mapped files on a mount, by the cases of mmap.c.
import { join } from "node:path";
import { test } from "uvu";
import { registerCases } from "../support/cases.ts";

registerCases("mmap", join(import.meta.dirname, "mmap.c"), {
  shared_write_read: "MAP_SHARED writes are seen by read",
  write_then_mapped: "writes are seen in a mapping",
  two_processes: "two processes share a mapped page",
  outlives_descriptor: "a mapping outlives its descriptor and its name",
  private_copy: "MAP_PRIVATE changes nothing",
  end_of_file: "a mapping does not grow a file",
  changes_mtime: "a mapped write changes mtime",
  execute: "a program runs from the mount",
});

test.run();
