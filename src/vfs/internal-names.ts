// The names that the root of a mount reserves (formats 13.5), and the attributes of `.trash`, which has no dentry.
import { EEXIST, EPERM } from "../util/errno.ts";
import { wallClock } from "../util/clock.ts";
import type { Attr, Ino } from "../meta/types.ts";
import { ROOT_INO, TYPE_DIRECTORY } from "../meta/types.ts";
import type { VfsOptions } from "./options.ts";

const SUFFIXES = [".accesslog", ".control", ".stats", ".config", ".trash"];

export class InternalNames {
  /** The name of the trash in the root; undefined when this mount does not show it. */
  readonly trash: string | undefined;
  /** Its attributes are the same whatever its record says. */
  readonly trashAttr: Attr;
  readonly #reserved: ReadonlySet<string>;
  /** The name that the metadata has for the trash when this mount has another one. */
  readonly #hidden: string | undefined;

  constructor(options: VfsOptions) {
    const prefix = options.prefixInternal === true ? ".jfs" : "";
    const isSubdir = (options.rootIno ?? ROOT_INO) !== ROOT_INO;
    this.#hidden = prefix === "" ? undefined : ".trash";
    this.trash = isSubdir ? undefined : `${prefix}.trash`;
    this.#reserved = new Set(isSubdir ? [] : SUFFIXES.map((suffix) => prefix + suffix));
    this.trashAttr = trashAttr();
  }

  isTrash(parent: Ino, name: string): boolean {
    return parent === ROOT_INO && name === this.trash;
  }

  /** True for a name that this mount does not know, whatever the metadata says. */
  isHidden(parent: Ino, name: string): boolean {
    return name === this.#hidden && parent === ROOT_INO;
  }

  /** Throws when `name` must not be made in `parent`: EPERM for the trash, EEXIST for the others. */
  judgeCreate(parent: Ino, name: string): void {
    if (parent !== ROOT_INO || !this.#reserved.has(name)) return;
    throw name === this.trash ? EPERM : EEXIST;
  }

  /** Throws EPERM when `name` must not be removed from, moved out of or linked into `parent`. */
  judgeChange(parent: Ino, name: string): void {
    if (parent === ROOT_INO && this.#reserved.has(name)) throw EPERM;
  }
}

function trashAttr(): Attr {
  const { sec, nsec } = wallClock();
  return {
    type: TYPE_DIRECTORY,
    flags: 0,
    mode: 0o555,
    uid: 0,
    gid: 0,
    rdev: 0,
    atime: sec,
    mtime: sec,
    ctime: sec,
    atimensec: nsec,
    mtimensec: nsec,
    ctimensec: nsec,
    nlink: 2,
    length: 0,
    parent: ROOT_INO,
    accessAcl: 0,
    defaultAcl: 0,
    tier: 0,
  };
}
