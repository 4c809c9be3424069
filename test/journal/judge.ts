// Opens what a crash left, and says whether it is one of the states that it may be. Crashes again while it is recovered.
import * as assert from "uvu/assert";
import { join } from "node:path";
import Database from "better-sqlite3";
import { openSqlite } from "../../src/meta/engines/sqlite.ts";
import { fsck } from "../model/invariants.ts";
import { DATABASE, Disk, type Image, type Random, writeImage } from "./disk.ts";
import { keepAccount, setProbe } from "./probe.ts";
import { difference, stateOf, type Token } from "./state.ts";

export interface Shot {
  readonly image: Image;
  /** What was going on, for people. */
  readonly what: string;
  readonly sid: number;
  readonly token: Token;
  /** States that are allowed. */
  readonly allowed: () => readonly string[];
}

export class Judge {
  readonly #folder: string;
  readonly #home: string;
  readonly #random: Random;
  crashes = 0;
  /** Crashes in the middle of a recovery. */
  again = 0;

  /** `home`: the working directory of the program that is crashed. */
  constructor(folder: string, home: string, random: Random) {
    this.#folder = folder;
    this.#home = home;
    this.#random = random;
  }

  async judge(shot: Shot): Promise<void> {
    const again: Image[] = [];
    const found = await this.#recovered(shot, shot.image, again);
    this.crashes++;
    const allowed = shot.allowed();
    if (!allowed.includes(found)) {
      const nearest = allowed.at(-1) as string;
      assert.unreachable(
        `${shot.what}: none of ${allowed.length} states\n${difference(found, nearest)}`,
      );
    }
    for (const image of again) {
      const foundAgain = await this.#recovered(shot, image, []);
      this.crashes++;
      this.again++;
      if (foundAgain !== found)
        assert.unreachable(
          `${shot.what}, again in recovery: another state\n${difference(foundAgain, found)}`,
        );
    }
  }

  /** The state after recovery; `again` gets what crashes in its middle would leave. */
  async #recovered(shot: Shot, image: Image, again: Image[]): Promise<string> {
    const path = join(this.#folder, DATABASE);
    writeImage(this.#folder, image);
    const disk = new Disk(this.#folder, image);
    using _ = keepAccount(disk);
    const before = setProbe({
      at: () => {
        if (this.#random() >= 0.04) return;
        const now = disk.now();
        again.push(this.#random() < 0.5 ? now : disk.afterPowerCut(now, this.#random));
      },
    });
    process.chdir(this.#folder);
    try {
      await using store = openSqlite(path, { recovery: "replay" });
      setProbe({});
      if (this.#random() < 0.1) {
        assert.equal(await fsck(store, shot.sid), [], `${shot.what}: the volume is sound`);
        assertOrdinary(path);
      }
      return stateOf(store, shot.sid, shot.token);
    } catch (cause) {
      throw new Error(`${shot.what}: ${String(cause)}`, { cause });
    } finally {
      setProbe(before);
      process.chdir(this.#home);
    }
  }
}

/** No table is there that JuiceFS does not know. */
export function assertOrdinary(path: string): void {
  const db = new Database(path, { readonly: true });
  const tables = db.prepare("SELECT name FROM sqlite_master WHERE name LIKE 'jfsx%'").all();
  db.close();
  assert.equal(tables, []);
}
