// How attributes are made and changed: always as full copies with one key order, so that every Attr in the process has
// one hidden class and a body may edit its own copy before it hands it to putAttr.
import type { Time } from "../util/clock.ts";
import type { Attr, Ino } from "./types.ts";
import { TYPE_DIRECTORY, TYPE_FILE, spaceOf } from "./types.ts";

/** A copy that a body owns until it is put. */
export type AttrDraft = { -readonly [K in keyof Attr]: Attr[K] };

/** A copy to change; the original stays what everybody else has seen. */
export function withAttr(a: Attr): AttrDraft {
  return {
    type: a.type,
    flags: a.flags,
    mode: a.mode,
    uid: a.uid,
    gid: a.gid,
    rdev: a.rdev,
    atime: a.atime,
    mtime: a.mtime,
    ctime: a.ctime,
    atimensec: a.atimensec,
    mtimensec: a.mtimensec,
    ctimensec: a.ctimensec,
    nlink: a.nlink,
    length: a.length,
    parent: a.parent,
    accessAcl: a.accessAcl,
    defaultAcl: a.defaultAcl,
    tier: a.tier,
  };
}

/** A node of `type` born now, owned by root, without permissions; the maker fills in the rest. */
export function newAttr(type: number, parent: Ino, now: Time): AttrDraft {
  return {
    type,
    flags: 0,
    mode: 0,
    uid: 0,
    gid: 0,
    rdev: 0,
    atime: now.sec,
    mtime: now.sec,
    ctime: now.sec,
    atimensec: now.nsec,
    mtimensec: now.nsec,
    ctimensec: now.nsec,
    nlink: type === TYPE_DIRECTORY ? 2 : 1,
    length: type === TYPE_DIRECTORY ? 4096 : 0,
    parent,
    accessAcl: 0,
    defaultAcl: 0,
    tier: 0,
  };
}

export function setAtime(a: AttrDraft, t: Time): void {
  a.atime = t.sec;
  a.atimensec = t.nsec;
}
export function setMtime(a: AttrDraft, t: Time): void {
  a.mtime = t.sec;
  a.mtimensec = t.nsec;
}
export function setCtime(a: AttrDraft, t: Time): void {
  a.ctime = t.sec;
  a.ctimensec = t.nsec;
}
/** mtime and ctime: what every change of a directory's entries or of a file's data does. */
export function touch(a: AttrDraft, t: Time): void {
  setMtime(a, t);
  setCtime(a, t);
}

/** What a node adds to the usage of the volume and of its directory, in bytes. */
export function usageOf(a: Attr): number {
  return spaceOf(a.type, a.length);
}
/** What a node adds to DirStat.length: only files have one there (formats 16.10). */
export function dataLength(a: Attr): number {
  return a.type === TYPE_FILE ? a.length : 0;
}
