// Sparse files on a mount, by the cases of holes.c.
import { join } from "node:path";
import { test } from "uvu";
import { registerCases } from "../support/cases.ts";

registerCases("holes", join(import.meta.dirname, "holes.c"), {
  sparse_file: "islands in a file of 40 GB",
  seek_data_and_hole: "SEEK_DATA and SEEK_HOLE",
  punch_hole: "fallocate punches holes",
  grow_and_zero: "fallocate grows, keeps the size and zeros",
  truncate_and_grow: "a truncated file grows with zeros",
  copy_range: "copy_file_range between files",
  copy_within: "copy_file_range within a file",
});

test.run();
