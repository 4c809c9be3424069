// JuiceFS's options that jfs does not have (yet), by command: each is refused by name unless its value changes
// nothing, so that a script written for JuiceFS either means the same here or stops with a sentence.

export interface ForeignOption {
  readonly takesValue: boolean;
  /** Values that mean "as without this option". */
  readonly harmless: readonly string[];
  /** Its value is never repeated. */
  readonly isSecret?: boolean;
}

const flag: ForeignOption = { takesValue: false, harmless: [] };
/** A flag that asks for what jfs does anyway. */
const given: ForeignOption = { takesValue: false, harmless: ["true"] };
const value = (...harmless: string[]): ForeignOption => ({ takesValue: true, harmless });
const secret: ForeignOption = { ...value(""), isSecret: true };

type Table = Readonly<Record<string, ForeignOption>>;

const credentials: Table = {
  "--access-key": secret,
  "--secret-key": secret,
  "--session-token": secret,
  "--storage-class": value(""),
  "--tag": value(""),
};

const hadoop: Table = {
  "--ranger-rest-url": value(""),
  "--ranger-service": value(""),
  "--kerberos-config-file": value(""),
};

const format: Table = {
  ...credentials,
  ...hadoop,
  "--compress": value("none", ""),
  "--encrypt-rsa-key": value(""),
  "--encrypt-algo": value("aes256gcm-rsa"),
  "--shards": value("0"),
};

const config: Table = {
  ...credentials,
  ...hadoop,
  "--upload-limit": value("0"),
  "--download-limit": value("0"),
  "--encrypt-secret": flag,
  "--user-group-quota": flag,
  "--changelog": flag,
  "--changelog-max-age": value("0", "2h"),
  "--changelog-max-lines": value("0"),
  "--tier": value(),
};

const mount: Table = {
  "--force": flag,
  "--no-syslog": given,
  "--no-usage-report": given,
  "--hide-internal": given,
  "--update-fstab": flag,
  "--disable-transparent-hugepage": flag,
  "--enable-cap": flag,
  "--enable-selinux": flag,
  "--root-squash": value(""),
  "--all-squash": value(""),
  "--max-fuse-io": value("128K", "1M", "1024K"),
  "--non-default-permission": flag,
  "--backup-meta": value("0", "0s", "1h"),
  "--backup-skip-trash": flag,
  "--skip-dir-nlink": value("20", "0"),
  "--skip-dir-mtime": value("100ms", "0", "0s"),
  "--sort-dir": flag,
  "--fast-statfs": flag,
  "--network-interfaces": value(""),
  "--readdir-cache": flag,
  "--open-cache": value("0", "0s"),
  "--open-cache-limit": value("10000"),
  "--storage-class": value(""),
  "--tag": value(""),
  "--get-timeout": value("60", "60s"),
  "--put-timeout": value("60", "60s"),
  "--io-retries": value("10"),
  "--max-downloads": value("200"),
  "--max-stage-write": value("1000"),
  "--upload-limit": value("0"),
  "--download-limit": value("0"),
  // Blocks loaded for a random read: jfs loads what is read, and ahead of those who read in sequence.
  "--prefetch": value("1", "0"),
  "--writeback": flag,
  "--writeback-threshold-size": value("0"),
  "--upload-delay": value("0", "0s"),
  "--upload-hours": value(""),
  "--cache-mode": value("0600"),
  "--cache-items": value("0"),
  "--free-space-ratio": value("0.1"),
  "--cache-partial-only": flag,
  "--cache-large-write": flag,
  "--verify-cache-checksum": value("extend", "none"),
  "--cache-eviction": value("2-random", "none"),
  "--cache-scan-interval": value("1h"),
  "--cache-expire": value("0", "0s"),
  "--metrics": value(""),
  "--custom-labels": value(""),
  "--consul": value(""),
};

/** By command, then by option. */
export const foreignOptions: Readonly<Record<string, Table>> = {
  format,
  config,
  mount,
  umount: { "--flush": given },
};

/** JuiceFS's commands that jfs does not have yet. */
export const foreignCommands: ReadonlySet<string> = new Set(
  (
    "bench changelog clone compact debug destroy dump fsck gateway gc info load mdtest objbench " +
    "profile quota restore rmr stats summary sync tier warmup webdav"
  ).split(" "),
);
