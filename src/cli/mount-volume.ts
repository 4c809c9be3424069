// Assembles the layers of a volume from the metadata up to the kernel, serves it, and takes them apart again.
import { BlockChunkStore } from "../chunk/chunk-store.ts";
import { sliceWorker } from "../chunk/slice-worker.ts";
import type { ChunkStore } from "../chunk/store.ts";
import { mountAndServe, type Mounted } from "../fuse/serve.ts";
import { openMeta, type Meta } from "../meta/meta.ts";
import type { SqliteStore } from "../meta/engines/sqlite.ts";
import { log } from "../util/log.ts";
import type { Ino } from "../meta/types.ts";
import type { Durably } from "../meta/sqlite/checkpointer.ts";
import { recoverData } from "../vfs/recover-data.ts";
import type { VfsOptions } from "../vfs/options.ts";
import { Vfs } from "../vfs/vfs.ts";
import { kernelNotifier } from "./kernel-notifier.ts";
import { announceLiveness } from "./liveness.ts";
import type { MetaAddress } from "./meta-address.ts";
import type { MountSettings } from "./mount-options.ts";
import { makeMountPoint } from "./mount-point.ts";
import { Serving } from "./serve.ts";
import { sessionInfo } from "./session-info.ts";
import { checkOwner, openStorage, probeStorage } from "./storage.ts";
import { findSubdir } from "./subdir.ts";
import { journalPath } from "./journal-path.ts";
import { hasSlices, openStore, usableFormat, type OpenOptions } from "./volume.ts";

// The kernel's requests carry up to this many bytes of file data.
const REQUEST_BYTES_MAX = 1 << 20;

/** Resolves with the exit code when the volume has been unmounted. `onReady` is called once, with one line.
 *  Throws a sentence when the volume cannot be mounted; then nothing is left open or mounted. */
export async function mountVolume(
  address: MetaAddress,
  mountPoint: string,
  settings: MountSettings,
  onReady: (line: string) => void,
): Promise<number> {
  log("info", `Meta address: ${address.shown}`);
  // Closed in reverse order, whatever happens.
  await using layers = new AsyncDisposableStack();
  const store = layers.use(
    openStore(
      address,
      storeOptions(address, settings, (work) => chunks.syncBefore(work)),
    ),
  );
  const { chunks, blockFolder } = await openChunks(layers, store, settings);
  log("info", `Data use ${blockFolder}`);
  // Not before: who has mistaken the volume gets no folder.
  const path = await makeMountPoint(mountPoint);
  const serving = new Serving(path);
  const meta = await openVolumeMeta(layers, store, chunks, settings, serving);
  await storeRecovered(store, meta, chunks);
  const rootIno = await findSubdir(meta, settings.subdir);
  const vfs = new Vfs(meta, chunks, vfsOptions(settings, meta, rootIno));
  layers.defer(() => vfs.close());
  // The directory that we were started in must not be held busy by a mount that lives for months.
  process.chdir("/");
  serving.checkAsked();
  const mounted = await mount(vfs, meta, path, settings, rootIno);
  vfs.attach(kernelNotifier(mounted.session, mounted.agreed));
  await announceLiveness(path);
  onReady(`OK, ${meta.format().Name} is ready at ${path}`);
  return await serving.untilUnmounted(mounted.session);
}

function storeOptions(
  address: MetaAddress,
  { readOnly, journal }: MountSettings,
  durably: Durably,
): OpenOptions {
  if (readOnly) return { durably };
  const recovery = journal.discards ? "discard" : "replay";
  if (!journal.isOn) return { durably, recovery };
  const path = journalPath(address, journal.folder);
  return {
    durably,
    recovery,
    journal: { path, data: true, ...(journal.bytes === undefined ? {} : { bytes: journal.bytes }) },
  };
}

/** Stores what the last mount had fsynced and not stored when it died. */
async function storeRecovered(store: SqliteStore, meta: Meta, chunks: ChunkStore): Promise<void> {
  const { recovered } = store;
  if (recovered === undefined) return;
  const { files, bytes } = await recoverData(recovered.frames(), meta, chunks);
  recovered.done();
  log(
    "info",
    `stored ${bytes} fsynced bytes of ${files} files from the journal of a mount that died`,
  );
}

interface Data {
  readonly chunks: ChunkStore;
  /** For people. */
  readonly blockFolder: string;
}

async function openChunks(
  layers: AsyncDisposableStack,
  store: SqliteStore,
  settings: MountSettings,
): Promise<Data> {
  const format = await usableFormat(store);
  const storage = openStorage({ ...format, Bucket: settings.bucket ?? format.Bucket });
  layers.defer(async () => storage.close());
  await checkOwner(storage, format.UUID, await hasSlices(store));
  if (settings.checkStorage) await probeStorage(storage);
  const chunks = new BlockChunkStore(storage, {
    blockBytes: format.BlockSize * 1024,
    hashPrefix: format.HashPrefix ?? false,
    bufferBytes: settings.bufferBytes,
    maxUploads: settings.maxUploads,
    cacheBytes: settings.cacheBytes,
  });
  layers.defer(() => chunks.close());
  return { chunks, blockFolder: storage.name };
}

async function openVolumeMeta(
  layers: AsyncDisposableStack,
  store: SqliteStore,
  chunks: ChunkStore,
  settings: MountSettings,
  serving: Serving,
): Promise<Meta> {
  const meta = await openMeta(store, {
    readOnly: settings.readOnly,
    sessionInfo: sessionInfo(serving.mountPoint),
    heartbeatSeconds: settings.heartbeatMs / 1000,
    noBgJob: !settings.backgroundJobs,
    maxDeletes: settings.maxDeletes,
    atimeMode: settings.atimeMode,
    worker: sliceWorker(chunks),
    terminate: (reason) => serving.terminate(reason),
  });
  layers.defer(() => meta.shutdown());
  return meta;
}

function vfsOptions(settings: MountSettings, meta: Meta, rootIno: Ino): VfsOptions {
  return {
    readOnly: settings.readOnly,
    attrTimeoutMs: settings.attrTimeoutMs,
    entryTimeoutMs: settings.entryTimeoutMs,
    dirEntryTimeoutMs: settings.dirEntryTimeoutMs,
    negativeTimeoutMs: settings.negativeTimeoutMs,
    rootIno,
    umask: settings.umask,
    atimes: settings.atimeMode !== "noatime" && !settings.readOnly,
    // ACLs are extended attributes.
    xattr: settings.xattr || meta.format().EnableACL,
    ioctl: settings.ioctl,
    prefixInternal: settings.prefixInternal,
    maxReadaheadBytes: settings.maxReadaheadBytes,
  };
}

function mount(
  vfs: Vfs,
  meta: Meta,
  path: string,
  settings: MountSettings,
  rootIno: Ino,
): Promise<Mounted> {
  const { Name, EnableACL } = meta.format();
  return mountAndServe(
    vfs,
    {
      mountpoint: path,
      name: Name,
      allowOther: settings.allowOther,
      defaultPermissions: true,
      maxRead: REQUEST_BYTES_MAX,
      over: settings.mountOver,
      flags: settings.readOnly ? [...settings.flags, "ro"] : settings.flags,
    },
    { maxWrite: REQUEST_BYTES_MAX, posixAcl: EnableACL, rootIno },
  );
}
