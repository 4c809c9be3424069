#!/bin/sh
# A backup target on a second disk: one SQLite file and a folder of blocks, filled by rsync and by restic,
# checked, and restored from.
#
#   DISK=/mnt/disk2 SOURCE=/home sh examples/backup-target/backup.sh
#
# Run it again any day: the volume is kept, rsync copies what changed, restic adds a snapshot.
set -eu

DISK=${DISK:?name the folder on the second disk that shall hold the volume}
SOURCE=${SOURCE:?name the folder to back up}
RESTORE=${RESTORE:-$DISK/restored}
JFS=${JFS:-$(dirname "$0")/../../build/jfs}
MNT=$DISK/mnt
RESTIC_REPOSITORY=$MNT/restic
# Keep your own password somewhere safe: without it the repository is lost.
RESTIC_PASSWORD=${RESTIC_PASSWORD:-backup-target-example}
export RESTIC_REPOSITORY RESTIC_PASSWORD

mkdir -p "$DISK"

# 1. The volume. --no-update leaves one that exists as it is. Deleted files stay in .trash for a week.
"$JFS" -q format --no-update --trash-days 7 --bucket "$DISK/blocks" "$DISK/volume.db" backup

# 2. Mount it in the background; unmount it whatever happens. Everything is written when umount returns.
"$JFS" -q mount -d --log "$DISK/jfs.log" "$DISK/volume.db" "$MNT"
trap '"$JFS" -q umount "$MNT"' EXIT

# 3. A plain mirror: owners, modes, times, hard links, ACLs and extended attributes are kept.
mkdir -p "$MNT/mirror"
rsync -aHAX --delete "$SOURCE/" "$MNT/mirror/"
# Read both sides and compare: rsync prints a line for each file that differs.
different=$(rsync -aHAXnc --delete --itemize-changes "$SOURCE/" "$MNT/mirror/")
[ -z "$different" ] || { echo "the mirror differs: $different" >&2; exit 1; }
echo "mirror: $(find "$MNT/mirror" -type f | wc -l) files, checked"

# 4. Snapshots: deduplicated and encrypted by restic, with a full read of all data.
[ -d "$RESTIC_REPOSITORY" ] || restic -q init
restic -q backup "$SOURCE"
restic -q check --read-data
echo "restic: $(restic -q snapshots --json | tr ',' '\n' | grep -c '"short_id"') snapshots, checked"

# 5. A backup is worth what its restore is worth: bring the newest snapshot back and compare.
rm -rf "$RESTORE"
restic -q restore latest --target "$RESTORE"
diff -r "$SOURCE" "$RESTORE$(cd "$SOURCE" && pwd -P)"
echo "restored to $RESTORE, nothing differs"
