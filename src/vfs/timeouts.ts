// How long the kernel may keep names and attributes: long while nobody else can change the volume and the kernel can
// be told to forget, one second otherwise, or what the mount options say.
import type { MetaApi } from "../meta/api.ts";
import type { KernelNotifier, VfsOptions } from "./options.ts";

export const SHARED_TIMEOUT_MS = 1000;
export const ALONE_TIMEOUT_MS = 3_600_000;

export class Timeouts {
  readonly #meta: MetaApi;
  readonly #options: VfsOptions;
  /** Set once the channel is up. Without it nobody could take back what the kernel holds. */
  notifier: KernelNotifier | undefined;

  constructor(meta: MetaApi, options: VfsOptions) {
    this.#meta = meta;
    this.#options = options;
  }

  /** The kernel was told after the last answer that it might keep for long. */
  #hasForgotten = false;

  /** We are the only writer, and a change from outside can be told to the kernel. */
  get isLong(): boolean {
    return this.notifier?.canForgetAll === true && !this.#meta.isShared;
  }

  get entryMs(): number {
    return this.#options.entryTimeoutMs ?? this.#standard();
  }
  get dirEntryMs(): number {
    return this.#options.dirEntryTimeoutMs ?? this.#standard();
  }
  get attrMs(): number {
    return this.#options.attrTimeoutMs ?? this.#standard();
  }
  /** 0 = a missing name is answered ENOENT and asked for again. */
  get negativeMs(): number {
    return this.#options.negativeTimeoutMs ?? (this.isLong ? ALONE_TIMEOUT_MS : 0);
  }

  /** A foreign change has come: true when the kernel may hold anything for longer than the short time. */
  mustForget(): boolean {
    const { isShared } = this.#meta;
    const must = !isShared || !this.#hasForgotten;
    this.#hasForgotten = isShared;
    return must;
  }

  #standard(): number {
    return this.isLong ? ALONE_TIMEOUT_MS : SHARED_TIMEOUT_MS;
  }
}
