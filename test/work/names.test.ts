// Names and files without one on a mount, by the cases of names.c.
import { join } from "node:path";
import { test } from "uvu";
import { registerCases } from "../support/cases.ts";

registerCases("names", join(import.meta.dirname, "names.c"), {
  tmpfile_and_link: "O_TMPFILE gets a name by linkat",
  unlinked_open_file: "an unlinked file works until it is closed",
  replaced_and_removed: "so does a replaced file; a removed directory is empty for good",
  rename_flags: "renameat2: NOREPLACE and EXCHANGE",
  rename_whiteout: "renameat2: WHITEOUT",
  large_xattrs: "extended attributes of 64 KiB, and two hundred of them",
  readdir_while_deleting: "10,000 entries, deleted while they are read",
  readdir_while_changing: "10,000 entries, others come and go while they are read",
  seek_in_directory: "telldir and seekdir",
});

test.run();
