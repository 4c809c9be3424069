// Block files in few system calls: atomic puts (temporary name, write, rename, sync), reads into given memory, batched
// syncs. Paths are relative to an open directory, so that the folder below a disk that was unmounted is never written to.
#define _GNU_SOURCE
#include "blockfile.h"
#include "direct.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { IOV_BATCH = 1024 };

// ---- directories ----

static int sync_directory(int root, const char *path) {
  int fd = openat(root, path[0] ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno;
  int error = fsync(fd) == 0 ? 0 : errno;
  close(fd);
  return error;
}

// Asks ext4 to put each directory that is made in this one into a block group of its own, far from the others. It would put
// them side by side, and where many blocks were deleted a moment ago a new file takes 500 us to find an inode that was not
// (recently_deleted), and 20 us elsewhere. Other file systems refuse, and no harm is done.
static void spread_directories(int root, const char *path) {
  int fd = openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  int flags = 0;
  if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 && !(flags & FS_TOPDIR_FL)) {
    flags |= FS_TOPDIR_FL;
    (void)ioctl(fd, FS_IOC_SETFLAGS, &flags);
  }
  close(fd);
}

// Makes the missing parents of `path`, never the root itself. *made counts the new ones. The first directory is the volume's;
// those below it hold directories of blocks.
static int make_parents(int root, const char *path, int *made) {
  char part[PATH_MAX_BYTES];
  int depth = 0;
  for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
    size_t n = (size_t)(slash - path);
    if (n == 0) continue;
    // `part` still names the directory above.
    if (depth++ > 1) spread_directories(root, part);
    memcpy(part, path, n);
    part[n] = 0;
    if (mkdirat(root, part, 0777) == 0) (*made)++;
    else if (errno != EEXIST) return errno;
  }
  return 0;
}

// fsyncs `levels` directories upwards, the parent of `path` first.
static int sync_parents(int root, const char *path, int levels) {
  char part[PATH_MAX_BYTES];
  size_t n = strlen(path);
  memcpy(part, path, n + 1);
  for (int i = 0; i < levels; i++) {
    char *slash = strrchr(part, '/');
    if (slash) *slash = 0;
    else part[0] = 0;
    int error = sync_directory(root, part);
    if (error) return error;
    if (!slash) break;
  }
  return 0;
}

// ---- put ----

static uint64_t random_suffix(void) {
  static _Atomic uint64_t state;
  if (atomic_load(&state) == 0) {
    uint64_t seed = 0;
    if (getrandom(&seed, sizeof seed, 0) < 0) seed = (uint64_t)getpid() << 32;
    uint64_t none = 0;
    atomic_compare_exchange_strong(&state, &none, seed | 1);
  }
  uint64_t z = atomic_fetch_add(&state, 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return (z ^ (z >> 31)) & 0x7fffffff;
}

static int temporary_name(const char *path, char *target, size_t room) {
  const char *slash = strrchr(path, '/');
  int dir = slash ? (int)(slash - path) + 1 : 0;
  int n = snprintf(target, room, "%.*s.jfs.%.*s.tmp.%llu", dir, path, BASE_BYTES_MAX, path + dir,
                   (unsigned long long)random_suffix());
  return n > 0 && (size_t)n < room ? 0 : ENAMETOOLONG;
}

static int write_all(int fd, const struct iovec *pieces, uint32_t count) {
  struct iovec part[IOV_BATCH];
  uint32_t done = 0;
  size_t skip = 0;
  while (done < count) {
    uint32_t n = count - done < IOV_BATCH ? count - done : IOV_BATCH;
    memcpy(part, pieces + done, n * sizeof *part);
    part[0].iov_base = (char *)part[0].iov_base + skip;
    part[0].iov_len -= skip;
    ssize_t wrote = writev(fd, part, (int)n);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return errno;
    size_t left = (size_t)wrote + skip;
    while (done < count && left >= pieces[done].iov_len) left -= pieces[done++].iov_len;
    skip = left;
    if (wrote == 0 && done < count) return EIO;
  }
  return 0;
}

static int write_body(int fd, const struct iovec *pieces, uint32_t count) {
  int error = count == 1 ? write_direct(fd, pieces) : -1;
  if (error >= 0) return error;
  size_t bytes = 0;
  for (uint32_t i = 0; i < count; i++) bytes += pieces[i].iov_len;
  uint64_t started = now_nanos();
  error = write_all(fd, pieces, count);
  if (!error) wrote_buffered(bytes, now_nanos() - started);
  return error;
}

static int open_temporary(const put_t *p, char *name, size_t room, int *made) {
  for (int attempt = 0; attempt < 8; attempt++) {
    int error = temporary_name(p->path, name, room);
    if (error) return -error;
    int fd = openat(p->root, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd >= 0) return fd;
    error = errno;
    // A parent is missing in one directory of a thousand slices: only then is the path walked.
    if (error == ENOENT) error = make_parents(p->root, p->path, made);
    else if (error == EEXIST) error = 0;
    if (error) return -error;
  }
  return -ENOENT;
}

// The rename comes before the sync: the name is told to nobody until the put returns, so one disk flush covers data and
// name. ext4 writes the name of a new file with its fsync (see name-sync.ts); elsewhere the directory is synced.
static int make_durable(const put_t *p, int fd) {
  if (fsync(fd) != 0) return errno;
  return p->flags & NAME_WITH_FILE ? 0 : sync_parents(p->root, p->path, p->levels);
}

int put_file(const put_t *p) {
  char name[PATH_MAX_BYTES];
  int made = 0;
  int fd = open_temporary(p, name, sizeof name, &made);
  if (fd < 0) return fd;
  int error = write_body(fd, p->pieces, p->count);
  if (!error && renameat(p->root, name, p->root, p->path) != 0) error = errno;
  if (error) {
    unlinkat(p->root, name, 0);
  } else if (p->flags & DURABLE) {
    error = make_durable(p, fd);
    if (error) unlinkat(p->root, p->path, 0);
  }
  if (close(fd) != 0 && !error) error = errno;
  return error ? -error : made;
}

// ---- read ----

int64_t read_file(const read_t *r, int rwf) {
  struct stat st;
  if (fstat(r->fd, &st) != 0) return -errno;
  if (S_ISDIR(st.st_mode)) return -EISDIR;
  size_t done = 0;
  if (rwf == 0 && r->length >= DIRECT_BYTES_MIN && !is_cached(r->fd, r->offset, r->length)) {
    int64_t direct = read_direct(r->fd, r->target, r->length, r->offset);
    if (direct > 0) done = (size_t)direct;
  }
  while (done < r->length && r->offset + (int64_t)done < st.st_size) {
    struct iovec part = {r->target + done, r->length - done};
    ssize_t n = preadv2(r->fd, &part, 1, r->offset + (int64_t)done, rwf);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return -errno;
    if (n == 0) return r->offset + (int64_t)done;
    done += (size_t)n;
  }
  return st.st_size;
}

int remove_file(int root, const char *path) {
  size_t n = strlen(path);
  int flags = n > 0 && path[n - 1] == '/' ? AT_REMOVEDIR : 0;
  return unlinkat(root, path, flags) == 0 ? 0 : -errno;
}

// ---- sync ----

// Starts all writes before it waits for the first, so that their journal commits fall together.
int sync_files(const sync_t *s) {
  if (s->whole) return syncfs(s->root) == 0 ? 0 : errno;
  int first = 0;
  for (int pass = 0; pass < 2; pass++) {
    for (uint32_t i = 0; i < s->file_count; i++) {
      int fd = openat(s->root, s->files[i], O_RDONLY | O_CLOEXEC);
      // A block that was deleted meanwhile needs no syncing.
      if (fd < 0 && errno == ENOENT) continue;
      int error = fd < 0 ? errno : 0;
      if (!error && pass == 0) sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
      if (!error && pass == 1 && fsync(fd) != 0) error = errno;
      if (fd >= 0) close(fd);
      if (error && !first) first = error;
    }
  }
  for (uint32_t i = 0; i < s->directory_count; i++) {
    int error = sync_directory(s->root, s->directories[i]);
    if (error && error != ENOENT && !first) first = error;
  }
  return first;
}
