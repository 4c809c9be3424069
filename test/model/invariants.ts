// The fsck of the model test: walks a whole volume through the engine's own reads and says everything that cannot be.
import type { MetaStore } from "../../src/meta/store.ts";
import type { Attr, Delfile, DirStat, Ino, Slice } from "../../src/meta/types.ts";
import { ROOT_INO, TRASH_INO, TYPE_DIRECTORY, TYPE_FILE, isTrash } from "../../src/meta/types.ts";
import { decodeSlices } from "../../src/meta/slices.ts";

const MANY = 1_000_000;
const space = (a: Attr): number =>
  a.type === TYPE_FILE ? Math.max(1, Math.ceil(a.length / 4096)) * 4096 : 4096;

interface Seen {
  readonly attr: Attr;
  /** Links by directory. */
  readonly names: Map<Ino, number>;
  subdirs: number;
  readonly stat: { length: number; space: number; inodes: number };
}

class Fsck {
  readonly store: MetaStore;
  readonly sid: number;
  readonly faults: string[] = [];
  readonly seen: Map<Ino, Seen> = new Map();

  constructor(store: MetaStore, sid: number) {
    this.store = store;
    this.sid = sid;
  }

  async run(): Promise<string[]> {
    for (const root of [ROOT_INO, TRASH_INO]) {
      const attr = await this.store.read((tx) => tx.attr(root));
      if (attr === undefined) continue;
      this.#see(root, attr);
      await this.#walk(root);
    }
    for (const ino of await this.store.scanSustained(this.sid, MANY)) {
      const attr = await this.store.read((tx) => tx.attr(ino));
      if (attr === undefined) this.faults.push(`sustained ${ino} has no node`);
      else if (this.seen.has(ino)) this.faults.push(`sustained ${ino} has a name`);
      else this.#see(ino, attr);
    }
    for (const [ino, seen] of this.seen) await this.#judgeNode(ino, seen);
    await this.#judgeUsage();
    await this.#judgeSlices();
    return this.faults;
  }

  #see(ino: Ino, attr: Attr): Seen {
    const known = this.seen.get(ino);
    if (known !== undefined) return known;
    const seen = { attr, names: new Map(), subdirs: 0, stat: { length: 0, space: 0, inodes: 0 } };
    this.seen.set(ino, seen);
    return seen;
  }

  async #walk(dir: Ino): Promise<void> {
    const here = this.seen.get(dir) as Seen;
    for (const row of await this.store.scanDentries(dir, undefined, MANY, true)) {
      const { ino, name, type, attr } = row;
      if (attr === undefined) {
        this.faults.push(`${dir}/${name} names ${ino}, which is no node`);
        continue;
      }
      if (attr.type !== type)
        this.faults.push(`${dir}/${name} has type ${type}, its node ${attr.type}`);
      const known = this.seen.has(ino);
      const child = this.#see(ino, attr);
      child.names.set(dir, (child.names.get(dir) ?? 0) + 1);
      here.stat.length += type === TYPE_FILE ? attr.length : 0;
      here.stat.space += space(attr);
      here.stat.inodes++;
      if (type !== TYPE_DIRECTORY) continue;
      here.subdirs++;
      if (known) this.faults.push(`directory ${ino} has two names`);
      else await this.#walk(ino);
    }
  }

  async #judgeNode(ino: Ino, seen: Seen): Promise<void> {
    const { attr, names } = seen;
    const links = [...names.values()].reduce((sum, n) => sum + n, 0);
    const fault = (text: string): void => void this.faults.push(`node ${ino}: ${text}`);
    if (attr.type === TYPE_DIRECTORY) {
      const expected = isTrash(ino) ? 2 : 2 + seen.subdirs;
      if (attr.nlink !== expected) fault(`nlink ${attr.nlink}, ${seen.subdirs} subdirectories`);
      await this.#judgeStat(ino, seen.stat);
    } else if (attr.nlink !== links) fault(`nlink ${attr.nlink}, ${links} names`);
    if (ino === ROOT_INO || ino === TRASH_INO || links === 0) return;
    if (attr.parent > 0) {
      if (names.get(attr.parent) !== links)
        fault(`parent ${attr.parent} is not where its names are`);
      return;
    }
    const parents = await this.store.read((tx) => new Map(tx.parents(ino)));
    const text = (map: ReadonlyMap<Ino, number>): string =>
      JSON.stringify([...map].sort((a, b) => a[0] - b[0]));
    if (text(parents) !== text(names)) fault(`parents ${text(parents)}, names ${text(names)}`);
  }

  async #judgeStat(ino: Ino, stat: DirStat): Promise<void> {
    const kept = await this.store.read((tx) => tx.dirStat(ino));
    if (kept === undefined) return;
    if (kept.length !== stat.length || kept.space !== stat.space || kept.inodes !== stat.inodes) {
      this.faults.push(
        `directory ${ino}: statistics ${JSON.stringify(kept)}, listing ${JSON.stringify(stat)}`,
      );
    }
  }

  async #judgeUsage(): Promise<void> {
    const nodes = [...this.seen].filter(([ino]) => ino !== ROOT_INO && ino !== TRASH_INO);
    const used = nodes.reduce((sum, [, { attr }]) => sum + space(attr), 0);
    const kept = await this.store.read((tx) => [
      tx.counter("usedSpace"),
      tx.counter("totalInodes"),
    ]);
    if (kept[0] !== used) this.faults.push(`usedSpace ${kept[0]}, nodes use ${used}`);
    if (kept[1] !== nodes.length) this.faults.push(`totalInodes ${kept[1]}, ${nodes.length} nodes`);
  }

  async #judgeSlices(): Promise<void> {
    const counts = new Map<number, number>();
    const count = (id: number): void => void counts.set(id, (counts.get(id) ?? 0) + 1);
    const delfiles: readonly Delfile[] = await this.store.scanDelfiles(2 ** 40, MANY);
    for (const ino of [...this.seen.keys(), ...delfiles.map((d) => d.ino)]) {
      for (const { index, records } of await this.store.scanChunks(ino, 0, MANY)) {
        const slices: Slice[] | undefined = decodeSlices(records);
        if (slices === undefined) this.faults.push(`chunk ${ino}/${index} cannot be parsed`);
        for (const { id } of slices ?? []) if (id > 0) count(id);
      }
    }
    for (const { slices } of await this.store.scanDelslices(2 ** 40, MANY)) {
      for (const { id } of slices) count(id);
    }
    for (const [id, expected] of counts) {
      const refs = await this.store.read((tx) => tx.sliceRefs(id));
      if (refs !== expected)
        this.faults.push(`slice ${id}: ${refs} references, ${expected} records`);
    }
  }
}

/** Everything that is wrong with a volume; empty = sound. */
export function fsck(store: MetaStore, sid: number): Promise<string[]> {
  return new Fsck(store, sid).run();
}
