// A process of its own that appends frames to a new journal at argv[2], tells each in the file argv[3], and says on its
// output when it is on its way. It goes on until it is killed.
import { openSync, writeSync } from "node:fs";
import { JournalFile } from "../../src/meta/journal/journal-file.ts";
import { identity } from "./journal-image.ts";

const [, , path = "", told = ""] = process.argv;
const journal = JournalFile.create(path, identity, { firstSequence: 1, bytes: 2 ** 24 });
const fd = openSync(told, "w");
for (let sequence = 1; ; sequence++) {
  if (journal.append(1, Buffer.from(`frame ${sequence}`)) !== sequence) break;
  writeSync(fd, `${sequence}\n`);
  if (sequence === 500) writeSync(1, "on the way\n");
}
// Full: alive, but with nothing to do.
setInterval(() => undefined, 1000);
