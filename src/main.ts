import Database from "better-sqlite3"; const d = new Database(":memory:"); console.log(process.argv, d.prepare("select 1 a").get(), import.meta.url);
