// PostgreSQL with its whole cluster on the mount: initdb, pgbench by four clients, kill -9 in the
// middle of it, recovery, and checksums of every page after a remount.
import { spawn } from "node:child_process";
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../support/mount.ts";
import type { Volume } from "../support/mount.ts";
import { run } from "../support/run.ts";
import { scaled } from "../support/scale.ts";
import { onVolume, root } from "../support/volume-suite.ts";

const CLIENTS = 4;
const TRANSACTIONS = scaled(200);

/** The folder of the newest server that Debian installed; its programs are not on the PATH. */
function programs(): string | undefined {
  const base = "/usr/lib/postgresql";
  const versions = existsSync(base) ? readdirSync(base) : [];
  const dirs = versions
    .toSorted((one, other) => Number(other) - Number(one))
    .map((version) => join(base, version, "bin"));
  return dirs.find((dir) =>
    ["initdb", "postgres", "pgbench"].every((name) => existsSync(join(dir, name))),
  );
}

/** It refuses to run as root, so its package makes a user. */
function postgresUser(): { readonly uid: number; readonly gid: number } | undefined {
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((entry) => entry.startsWith("postgres:"));
  if (line === undefined) return undefined;
  const [, , uid, gid] = line.split(":");
  return { uid: Number(uid), gid: Number(gid) };
}

/** A server on one cluster, reached by a socket in a folder that is not on the mount. */
class Server {
  readonly #volume: Volume;
  readonly #bin: string;
  readonly #user: { readonly uid: number; readonly gid: number };
  readonly #data: string;
  readonly #sockets: string;

  constructor(volume: Volume) {
    this.#volume = volume;
    this.#bin = programs() ?? "";
    this.#user = postgresUser() ?? { uid: 0, gid: 0 };
    this.#data = volume.path("pg", "data");
    this.#sockets = join(volume.dir, "sockets");
  }

  async run(program: string, ...args: readonly string[]): Promise<string> {
    const env = { PGHOST: this.#sockets, PGUSER: "postgres", PGDATABASE: "postgres", LC_ALL: "C" };
    const options = { ...this.#user, env, cwd: this.#volume.dir };
    return (await run(join(this.#bin, program), args, options)).stdout;
  }

  async init(): Promise<void> {
    for (const dir of [this.#volume.path("pg"), this.#sockets]) {
      mkdirSync(dir);
      chownSync(dir, this.#user.uid, this.#user.gid);
    }
    await this.run("initdb", "-D", this.#data, "-k", "-U", "postgres", "--auth=trust");
  }

  async start(): Promise<void> {
    const settings = `-c listen_addresses= -c unix_socket_directories=${this.#sockets}`;
    const log = join(this.#sockets, "log");
    await this.run("pg_ctl", "-D", this.#data, "-w", "-o", settings, "-l", log, "start");
  }

  async stop(mode: "fast" | "immediate"): Promise<void> {
    await this.run("pg_ctl", "-D", this.#data, "-w", "-m", mode, "stop");
  }

  /** Kills the first process with -9; the others see that it died, and end. */
  async kill(): Promise<void> {
    const pid = Number(readFileSync(join(this.#data, "postmaster.pid"), "utf8").split("\n")[0]);
    const { stdout } = await run("ps", ["-o", "pid=", "--ppid", String(pid)]);
    const all = [pid, ...stdout.trim().split(/\s+/).map(Number)];
    process.kill(pid, "SIGKILL");
    await until(
      "all of PostgreSQL has ended",
      () => !all.some((each) => existsSync(`/proc/${each}`)),
    );
  }

  async query(sql: string): Promise<string> {
    return (await this.run("psql", "-X", "-A", "-t", "-c", sql)).trim();
  }

  /** Runs pgbench until the server is killed under it. */
  async benchUntilKilled(): Promise<void> {
    const before = Number(await this.query("SELECT count(*) FROM pgbench_history"));
    const options = { ...this.#user, env: { PGHOST: this.#sockets, PGUSER: "postgres" } };
    const args = ["-n", "-c", String(CLIENTS), "-t", "1000000", "postgres"];
    const child = spawn(join(this.#bin, "pgbench"), args, { ...options, stdio: "ignore" });
    const ended = new Promise((done) => child.once("close", done));
    let rows = before;
    while (rows < before + 100)
      rows = Number(await this.query("SELECT count(*) FROM pgbench_history"));
    await this.kill();
    await ended;
    assert.not.equal(child.exitCode, 0);
  }

  cluster(): string {
    return this.#data;
  }
}

/** Each transaction adds one number to three tables and a row to the fourth. */
async function assertConsistent(server: Server, rowsMin: number): Promise<void> {
  const sums = await server.query(`
    SELECT (SELECT sum(abalance) FROM pgbench_accounts), (SELECT sum(bbalance) FROM pgbench_branches),
      (SELECT sum(tbalance) FROM pgbench_tellers), (SELECT sum(delta) FROM pgbench_history)`);
  assert.is(new Set(sums.split("|")).size, 1, `the sums differ: ${sums}`);
  const rows = Number(await server.query("SELECT count(*) FROM pgbench_history"));
  assert.ok(rows >= rowsMin, `${rows} transactions, ${rowsMin} were acknowledged`);
}

const installed = {
  has: () => programs() !== undefined && postgresUser() !== undefined,
  install: "postgresql",
};

const on = onVolume("postgres", [root, installed]);

on("initdb, pgbench, kill -9, recovery", async (volume) => {
  const server = new Server(volume);
  await server.init();
  await server.start();
  try {
    await server.run("pgbench", "-i", "-q", "-s", "2", "postgres");
    const clients = ["-c", String(CLIENTS), "-t", String(TRANSACTIONS)];
    await server.run("pgbench", "-n", ...clients, "postgres");
    await assertConsistent(server, CLIENTS * TRANSACTIONS);

    await server.benchUntilKilled();
    await server.start();
    await assertConsistent(server, CLIENTS * TRANSACTIONS + 100);

    await server.stop("fast");
    await volume.remount();
    await server.run("pg_checksums", "--check", "-D", server.cluster());
    await server.start();
    await assertConsistent(server, CLIENTS * TRANSACTIONS + 100);
  } finally {
    // Whatever failed above, nothing may keep the mount busy.
    await server.stop("immediate").catch(() => undefined);
  }
});

test.run();
