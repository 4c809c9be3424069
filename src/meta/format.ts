// The setting of a volume (formats 8): its fields in JuiceFS's order, and the text that JuiceFS writes for it.

export interface Tier {
  readonly ID: number;
  readonly StorageClass: string;
  readonly Tag: string;
}

/** Names and order as stored. Optional members are left out of the text when they hold the zero value. */
export interface Format {
  readonly Name: string;
  readonly UUID: string;
  readonly Storage: string;
  readonly StorageClass?: string;
  readonly Tiers: Readonly<Record<string, Tier>> | null;
  readonly Bucket: string;
  readonly AccessKey?: string;
  readonly SecretKey?: string;
  readonly SessionToken?: string;
  /** KiB. */
  readonly BlockSize: number;
  readonly Compression?: string;
  readonly Shards?: number;
  readonly HashPrefix?: boolean;
  /** Bytes; 0 = unlimited. */
  readonly Capacity?: number;
  readonly Inodes?: number;
  readonly EncryptKey?: string;
  readonly EncryptAlgo?: string;
  readonly KeyEncrypted?: boolean;
  /** Mbps. */
  readonly UploadLimit?: number;
  readonly DownloadLimit?: number;
  readonly TrashDays: number;
  readonly MetaVersion?: number;
  readonly MinClientVersion?: string;
  readonly MaxClientVersion?: string;
  readonly DirStats?: boolean;
  readonly UserGroupQuota?: boolean;
  readonly EnableACL: boolean;
  readonly RangerRestUrl?: string;
  readonly RangerService?: string;
  readonly ChangeLog?: boolean;
  readonly ChangeLogMaxAge?: number;
  readonly ChangeLogMaxLines?: number;
  readonly KerbConf?: string;
}
