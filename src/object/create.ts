// From the setting of a volume to its storage: the one place that knows which kinds there are.
import { EINVAL, fault } from "../util/errno.ts";
import type { FileStorageOptions } from "./file.ts";
import { FileStorage } from "./file.ts";
import { MemStorage } from "./mem.ts";
import { PrefixStorage } from "./prefix.ts";
import type { ObjectStorage } from "./storage.ts";

/** The fields of a volume's setting that say where its objects are (a part of meta's Format). */
export interface StorageSetting {
  readonly Name: string;
  readonly UUID: string;
  readonly Storage: string;
  readonly Bucket: string;
  readonly Shards?: number;
  readonly EncryptKey?: string;
}

/** The storage of the volume, below its `{Name}/`. Throws one sentence for a kind that is not supported. */
export function createStorage(
  setting: StorageSetting,
  options: FileStorageOptions = {},
): ObjectStorage {
  if ((setting.Shards ?? 0) > 1) {
    throw unsupported(`shards (${setting.Shards})`, "make the volume without --shards");
  }
  if ((setting.EncryptKey ?? "") !== "") {
    throw unsupported("encryption", "mount this volume with juicefs");
  }
  return new PrefixStorage(createBackend(setting, options), `${setting.Name}/`);
}

function createBackend(setting: StorageSetting, options: FileStorageOptions): ObjectStorage {
  switch (setting.Storage) {
    case "file":
      return new FileStorage(setting.Bucket, options);
    case "mem":
      return new MemStorage();
    default:
      throw unsupported(`storage "${setting.Storage}"`, "use --storage file");
  }
}

function unsupported(what: string, hint: string): Error {
  return fault(EINVAL, "open storage", {
    cause: new Error(`this version does not support ${what}`),
    hint,
  });
}
