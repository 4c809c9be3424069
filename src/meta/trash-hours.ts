// The hourly directory that deletions go to now: made on the first deletion of the hour, remembered until the next.
import type { MaybePromise } from "../util/maybe.ts";
import { then } from "../util/maybe.ts";
import { makeTrashHour } from "./ops/mknod.ts";
import { trashHourName } from "./names.ts";
import type { MetaStore } from "./store.ts";
import type { Ino } from "./types.ts";
import { TRASH_INO, isTrash } from "./types.ts";
import type { Volume } from "./volume.ts";

export class TrashHours {
  readonly #store: MetaStore;
  readonly #volume: Volume;
  /** Hours since 1970. */
  #hour = -1;
  #ino = 0;

  constructor(store: MetaStore, volume: Volume) {
    this.#store = store;
    this.#volume = volume;
  }

  /** 0 when deletions in `parent` are final. */
  for(parent: Ino): MaybePromise<Ino> {
    if (this.#volume.trashDays <= 0 || isTrash(parent)) return 0;
    const seconds = Math.floor(Date.now() / 1000);
    const hour = Math.floor(seconds / 3600);
    if (hour === this.#hour) return this.#ino;
    return then(this.#find(trashHourName(seconds)), (ino) => {
      this.#hour = hour;
      this.#ino = ino;
      return ino;
    });
  }

  /** A commit failed: the directory may have gone with it. */
  forget(): void {
    this.#hour = -1;
  }

  #find(name: string): MaybePromise<Ino> {
    const known = this.#store.read((tx) => tx.dentry(TRASH_INO, name)?.ino);
    return then(known, (found) => found ?? this.#make(name));
  }
  #make(name: string): MaybePromise<Ino> {
    return then(this.#store.allocate("nextTrash", 1), (number) =>
      this.#store.write((tx) => makeTrashHour(tx, this.#volume, name, TRASH_INO + number)),
    );
  }
}
