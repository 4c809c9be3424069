// Names for records: one string per record, and the groups of records that servers version together.
import type { Mutation, MutationKind } from "./mutation.ts";
import type { RecordKey } from "./txn.ts";

export function keyText(key: RecordKey): string {
  if (key[0] === "aclId") return `aclId/${JSON.stringify(key[1])}`;
  // A name may hold a slash only in the last place, so no two keys have one text.
  return key.join("/");
}

/** The group that a record is versioned with: all xattrs of a node change together, all ACLs of the volume. */
export function versionGroup(key: RecordKey): string {
  if (key[0] === "xattr" || key[0] === "xattrNames") return `xattrs/${key[1]}`;
  if (key[0] === "chunkIndexes") return `chunks/${key[1]}`;
  if (key[0] === "acl" || key[0] === "aclId") return "acls";
  return keyText(key);
}

type Groups = {
  readonly [K in MutationKind]: (m: Extract<Mutation, { readonly kind: K }>) => readonly string[];
};
interface OfNode {
  readonly ino: number;
}
const xattrsOf = (m: OfNode): readonly string[] => [`xattrs/${m.ino}`];
const symlinkOf = (m: OfNode): readonly string[] => [`symlink/${m.ino}`];
const dirStatOf = (m: OfNode): readonly string[] => [`dirStat/${m.ino}`];
const chunkOf = (m: OfNode & { readonly index: number }): readonly string[] => [
  `chunk/${m.ino}/${m.index}`,
  `chunks/${m.ino}`,
];
const dentryOf = (m: { readonly parent: number; readonly name: string }): readonly string[] => [
  `dentry/${m.parent}/${m.name}`,
  `hasDentries/${m.parent}`,
];
/** Delfiles, delayed slices and locks are scanned, never read by key. */
const scanned = (): readonly string[] => [];

const groups: Groups = {
  putAttr: (m) => [`attr/${m.ino}`],
  deleteAttr: (m) => [`attr/${m.ino}`, `parents/${m.ino}`],
  putDentry: dentryOf,
  deleteDentry: dentryOf,
  addParent: (m) => [`parents/${m.ino}`],
  putSymlink: symlinkOf,
  deleteSymlink: symlinkOf,
  putXattr: xattrsOf,
  deleteXattr: xattrsOf,
  deleteXattrs: xattrsOf,
  appendSlices: chunkOf,
  putChunk: chunkOf,
  deleteChunk: chunkOf,
  addSliceRef: (m) => [`sliceRefs/${m.id}`],
  deleteSliceRef: (m) => [`sliceRefs/${m.id}`],
  putSustained: (m) => [`sustained/${m.sid}/${m.ino}`],
  deleteSustained: (m) => [`sustained/${m.sid}/${m.ino}`],
  putDelfile: scanned,
  deleteDelfile: scanned,
  putDelslices: scanned,
  deleteDelslices: scanned,
  addDirStat: dirStatOf,
  putDirStat: dirStatOf,
  deleteDirStat: dirStatOf,
  deleteDirQuota: (m) => [`dirQuota/${m.ino}`],
  addCounter: (m) => [`counter/${m.name}`],
  putCounter: (m) => [`counter/${m.name}`],
  putAcl: () => ["acls"],
  putSession: (m) => [`session/${m.sid}`],
  deleteSession: (m) => [`session/${m.sid}`],
  deleteLocks: scanned,
  putSetting: () => ["setting"],
};

/** The groups that a mutation changes. */
export function changedGroups(m: Mutation): readonly string[] {
  return (groups[m.kind] as (m: Mutation) => readonly string[])(m);
}
