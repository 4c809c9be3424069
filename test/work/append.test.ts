// Several writers of one file on a mount, by the cases of append.c.
import { join } from "node:path";
import { test } from "uvu";
import { registerCases } from "../support/cases.ts";

registerCases("append", join(import.meta.dirname, "append.c"), {
  one_descriptor_each: "O_APPEND from four processes loses nothing",
  opened_for_each_line: "O_APPEND, opened anew for each line",
  inherited_descriptor: "four processes share one offset",
  append_after_truncate: "O_APPEND follows a truncation",
  scattered_writes: "small writes in any order across blocks and chunks",
});

test.run();
