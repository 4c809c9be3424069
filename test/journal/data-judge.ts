// Recovers what a crash left of a volume as a mount does, reads all of it, and says whether it may be so.
import { join } from "node:path";
import * as assert from "uvu/assert";
import { BlockChunkStore } from "../../src/chunk/chunk-store.ts";
import { openSqlite } from "../../src/meta/engines/sqlite.ts";
import { openMeta } from "../../src/meta/meta.ts";
import type { MemStorage } from "../../src/object/mem.ts";
import { recoverData } from "../../src/vfs/recover-data.ts";
import { Vfs } from "../../src/vfs/vfs.ts";
import { fsck } from "../model/invariants.ts";
import { req } from "../vfs/volume.ts";
import type { FileHistory } from "./data-oracle.ts";
import { DATABASE, Disk, type Image, JOURNAL, type Random, writeImage } from "./disk.ts";
import { keepAccount, setProbe } from "./probe.ts";
import { copyOf } from "./timed-storage.ts";

export const BLOCK = 65_536;

export interface DataShot {
  readonly image: Image;
  readonly what: string;
  /** The session that is crashed. */
  readonly sid: number;
  /** Operations after which the names may be those that are found. */
  readonly first: number;
  readonly last: number;
  readonly names: readonly string[];
  /** By inode: the last operation on its bytes that must be there. */
  readonly floors: ReadonlyMap<number, number>;
  readonly blocks: () => MemStorage;
}

interface Found {
  readonly names: string;
  readonly files: ReadonlyMap<number, Buffer>;
}

interface Again {
  readonly image: Image;
  readonly blocks: Promise<MemStorage>;
}

export class DataJudge {
  readonly #folder: string;
  readonly #home: string;
  readonly #random: Random;
  readonly #files: ReadonlyMap<number, FileHistory>;
  crashes = 0;
  again = 0;
  /** Crashes that left bytes in the journal only. */
  withData = 0;

  constructor(
    folder: string,
    home: string,
    random: Random,
    files: ReadonlyMap<number, FileHistory>,
  ) {
    this.#folder = folder;
    this.#home = home;
    this.#random = random;
    this.#files = files;
  }

  async judge(shot: DataShot): Promise<void> {
    const again: Again[] = [];
    await this.#recover(shot, shot.image, shot.blocks(), again);
    this.crashes++;
    for (const { image, blocks } of again) {
      const what = `${shot.what}, again in recovery`;
      await this.#recover({ ...shot, what }, image, await blocks, []);
      this.crashes++;
      this.again++;
    }
  }

  async #recover(shot: DataShot, image: Image, storage: MemStorage, again: Again[]): Promise<void> {
    writeImage(this.#folder, image);
    const disk = new Disk(this.#folder, image);
    using _ = keepAccount(disk);
    const before = setProbe({
      at: () => {
        if (this.#random() < 0.03) again.push({ image: disk.now(), blocks: copyOf(storage) });
      },
    });
    process.chdir(this.#folder);
    try {
      const found = await this.#found(storage, shot.sid);
      const wrong = this.#wrong(shot, found);
      if (wrong !== undefined) assert.unreachable(wrong);
    } catch (cause) {
      throw new Error(`${shot.what}: ${String(cause)}`, { cause });
    } finally {
      setProbe(before);
      process.chdir(this.#home);
    }
  }

  async #found(storage: MemStorage, sid: number): Promise<Found> {
    const chunks = new BlockChunkStore(storage, { blockBytes: BLOCK, cacheBytes: 0 });
    const path = join(this.#folder, DATABASE);
    const hasJournal = this.#random() < 0.2;
    await using store = openSqlite(path, {
      recovery: "replay",
      ...(hasJournal ? { journal: { path: JOURNAL, bytes: 65_536, data: true } } : {}),
    });
    const meta = await openMeta(store, { sessionInfo: "{}", heartbeatSeconds: 0, noBgJob: true });
    const { recovered } = store;
    if (recovered !== undefined) {
      this.withData++;
      await recoverData(recovered.frames(), meta, chunks);
      recovered.done();
    }
    setProbe({});
    const faults = await fsck(store, sid);
    if (faults.length > 0) assert.unreachable(`not sound: ${faults.slice(0, 5).join("; ")}`);
    const vfs = new Vfs(meta, chunks);
    const files = new Map<number, Buffer>();
    const names: string[] = [];
    for (const { name, ino } of await store.scanDentries(1, undefined, 100, false)) {
      names.push(`${name}=${ino}`);
      const { fh } = await vfs.open(req, ino, 0);
      const read = await vfs.read(req, 0, fh, 0, 2 ** 20);
      files.set(ino, Buffer.concat(read instanceof Uint8Array ? [read] : read));
      await vfs.release(req, 0, fh);
    }
    await vfs.close();
    await meta.shutdown();
    await chunks.close();
    return { names: names.sort().join(" "), files };
  }

  #wrong({ first, last, names, floors }: DataShot, found: Found): string | undefined {
    let why = `names ${found.names} are none of steps ${first} to ${last}: ${names[last] ?? ""}`;
    for (let at = last; at >= first; at--) {
      if (names[at] !== found.names) continue;
      const wrong = [...found.files].map(([ino, bytes]) => {
        const file = this.#files.get(ino) as FileHistory;
        const is = file.wrong(bytes, at, floors.get(ino) ?? 0, last);
        return is === undefined ? undefined : `${is} in inode ${ino} after step ${at}`;
      });
      const worst = wrong.find((text) => text !== undefined);
      if (worst === undefined) return undefined;
      why = worst;
    }
    return why;
  }
}
