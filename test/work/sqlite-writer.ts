// One of several processes that write to the same SQLite database: sqlite-writer.ts PATH ID ROWS.
// Each row is a transaction; its number is printed once SQLite has committed it.
import Database from "better-sqlite3";
import { writeSync } from "node:fs";

const [path = "", id = "", rows = "0"] = process.argv.slice(2);
const db = new Database(path, { timeout: 60_000, fileMustExist: true });
db.pragma("synchronous = FULL");
const insert = db.prepare("INSERT INTO entry (writer, number, text) VALUES (?, ?, ?)");
const count = db.prepare("UPDATE total SET rows = rows + 1");
const both = db.transaction((number: number) => {
  insert.run(Number(id), number, `row ${number} of ${id} `.repeat(1 + (number % 50)));
  count.run();
});

for (let number = 0; number < Number(rows); number++) {
  both.immediate(number);
  // Not buffered: what is not printed here was not yet acknowledged when the process is killed.
  writeSync(1, `${number}\n`);
}
db.close();
