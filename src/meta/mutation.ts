// Every change of metadata, as data. A body's writes become a list of these: engines apply them, the journal will store
// them, a memory of them can be replayed. Nothing changes a volume around this list.
import type { AclRule, Attr, CounterName, Dentry, Ino, Name } from "./types.ts";

export type Mutation =
  | { readonly kind: "putAttr"; readonly ino: Ino; readonly attr: Attr }
  | { readonly kind: "deleteAttr"; readonly ino: Ino }
  | {
      readonly kind: "putDentry";
      readonly parent: Ino;
      readonly name: Name;
      readonly dentry: Dentry;
    }
  | { readonly kind: "deleteDentry"; readonly parent: Ino; readonly name: Name }
  /** Links of `ino` in `parent`, when attr.parent is 0. SQL derives them from dentries and ignores this. */
  | { readonly kind: "addParent"; readonly ino: Ino; readonly parent: Ino; readonly delta: number }
  | { readonly kind: "putSymlink"; readonly ino: Ino; readonly target: string }
  | { readonly kind: "deleteSymlink"; readonly ino: Ino }
  | {
      readonly kind: "putXattr";
      readonly ino: Ino;
      readonly name: string;
      readonly value: Uint8Array;
    }
  | { readonly kind: "deleteXattr"; readonly ino: Ino; readonly name: string }
  | { readonly kind: "deleteXattrs"; readonly ino: Ino }
  /** `records` = n * 24 bytes, appended to the chunk, which is made when missing. */
  | {
      readonly kind: "appendSlices";
      readonly ino: Ino;
      readonly index: number;
      readonly records: Uint8Array;
    }
  | {
      readonly kind: "putChunk";
      readonly ino: Ino;
      readonly index: number;
      readonly records: Uint8Array;
    }
  | { readonly kind: "deleteChunk"; readonly ino: Ino; readonly index: number }
  /** SQL: refs += delta, the row made with refs = delta when missing. `size` = bytes of the slice. */
  | {
      readonly kind: "addSliceRef";
      readonly id: number;
      readonly size: number;
      readonly delta: number;
    }
  | { readonly kind: "deleteSliceRef"; readonly id: number; readonly size: number }
  | { readonly kind: "putSustained"; readonly sid: number; readonly ino: Ino }
  | { readonly kind: "deleteSustained"; readonly sid: number; readonly ino: Ino }
  | {
      readonly kind: "putDelfile";
      readonly ino: Ino;
      readonly length: number;
      readonly expire: number;
    }
  | { readonly kind: "deleteDelfile"; readonly ino: Ino; readonly length: number }
  /** `items` = n * 12 bytes (id u64, size u32; big-endian). */
  | {
      readonly kind: "putDelslices";
      readonly id: number;
      readonly deleted: number;
      readonly items: Uint8Array;
    }
  | { readonly kind: "deleteDelslices"; readonly id: number; readonly deleted: number }
  /** Adds to a record that exists; a missing one stays missing and is computed by listing later. */
  | {
      readonly kind: "addDirStat";
      readonly ino: Ino;
      readonly length: number;
      readonly space: number;
      readonly inodes: number;
    }
  | {
      readonly kind: "putDirStat";
      readonly ino: Ino;
      readonly length: number;
      readonly space: number;
      readonly inodes: number;
    }
  | { readonly kind: "deleteDirStat"; readonly ino: Ino }
  | { readonly kind: "deleteDirQuota"; readonly ino: Ino }
  | { readonly kind: "addCounter"; readonly name: CounterName; readonly delta: number }
  | { readonly kind: "putCounter"; readonly name: CounterName; readonly value: number }
  | { readonly kind: "putAcl"; readonly id: number; readonly rule: AclRule }
  | {
      readonly kind: "putSession";
      readonly sid: number;
      readonly expire: number;
      readonly info: string;
    }
  | { readonly kind: "deleteSession"; readonly sid: number }
  /** All flock and plock records of a session. */
  | { readonly kind: "deleteLocks"; readonly sid: number }
  | { readonly kind: "putSetting"; readonly value: string };

export type MutationKind = Mutation["kind"];
