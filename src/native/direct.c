// O_DIRECT for whole blocks. The kernel keeps the pages of the mounted files, so a second copy of the same bytes in the page
// cache below us costs memory and time and helps nobody; but on a slow disk the page cache takes a burst in at memory
// speed. So both ways of writing are timed now and then, and the faster one is used.
#define _GNU_SOURCE
#include "direct.h"
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// Younger than many a C library; the same number on all machines.
enum { CACHESTAT = 451 };

enum { BUFFERED, DIRECT };
// One write in so many goes the other way, to see whether it has become faster.
enum { PROBE_EVERY = 64 };
// A direct write has shared the disk with the others in flight (four threads) and is done; a buffered one still has to be
// written by somebody. So it must be this much faster to be the better way.
enum { HEAD_START = 4 };

// Nanoseconds per KiB, smoothed; 0 = not measured yet. Races lose a sample at the worst.
static _Atomic uint32_t cost[2];
static _Atomic uint32_t writes;
static _Atomic int unsupported;

uint64_t now_nanos(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void sample(int way, size_t bytes, uint64_t nanos) {
  uint64_t measured = nanos / (bytes / 1024 + 1) + 1;
  if (measured > UINT32_MAX / 8) measured = UINT32_MAX / 8;
  uint32_t old = atomic_load(&cost[way]);
  atomic_store(&cost[way], old == 0 ? (uint32_t)measured : (uint32_t)((old * 7ull + measured) / 8));
}

void wrote_buffered(size_t bytes, uint64_t nanos) {
  if (bytes >= DIRECT_BYTES_MIN) sample(BUFFERED, bytes, nanos);
}

static int choose(void) {
  uint32_t n = atomic_fetch_add(&writes, 1);
  uint32_t direct = atomic_load(&cost[DIRECT]), buffered = atomic_load(&cost[BUFFERED]);
  if (direct == 0) return DIRECT;
  if (buffered == 0) return BUFFERED;
  int best = direct / HEAD_START <= buffered ? DIRECT : BUFFERED;
  return n % PROBE_EVERY == 0 ? !best : best;
}

static int is_aligned(const void *memory) {
  return ((uintptr_t)memory & (DIRECT_ALIGN - 1)) == 0;
}

static int set_direct(int fd, int on) {
  int flags = fcntl(fd, F_GETFL);
  return fcntl(fd, F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT);
}

static int write_range(int fd, const char *from, size_t length, size_t at) {
  while (length > 0) {
    ssize_t n = pwrite(fd, from, length, (off_t)at);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    if (n == 0) return EIO;
    from += n;
    at += (size_t)n;
    length -= (size_t)n;
  }
  return 0;
}

int write_direct(int fd, const struct iovec *piece) {
  size_t whole = piece->iov_len & ~(size_t)(DIRECT_ALIGN - 1);
  if (piece->iov_len < DIRECT_BYTES_MIN || !is_aligned(piece->iov_base)) return -1;
  if (atomic_load(&unsupported) || choose() == BUFFERED) return -1;
  // Some file systems (tmpfs before 6.6, many network ones) have no direct transfers.
  if (set_direct(fd, 1) != 0) {
    atomic_store(&unsupported, 1);
    return -1;
  }
  uint64_t started = now_nanos();
  int error = write_range(fd, piece->iov_base, whole, 0);
  set_direct(fd, 0);
  if (error == EINVAL) {
    atomic_store(&unsupported, 1);
    return ftruncate(fd, 0) == 0 ? -1 : errno;
  }
  if (!error) sample(DIRECT, whole, now_nanos() - started);
  if (!error) error = write_range(fd, (const char *)piece->iov_base + whole, piece->iov_len - whole, whole);
  return error;
}

// A read by RWF_NOWAIT would tell as well, but it starts to fill the page cache with what it does not find: the disk
// would read everything twice. Where the kernel cannot say (before 6.5), nothing counts as cached.
int is_cached(int fd, int64_t offset, size_t length) {
  struct { uint64_t offset, length; } range = {(uint64_t)offset, length};
  struct { uint64_t cached, dirty, written, evicted, recently_evicted; } pages;
  if (syscall(CACHESTAT, fd, &range, &pages, 0) != 0) return 0;
  // A direct read would wait until dirty pages are on the disk.
  return pages.dirty + pages.written > 0 || pages.cached > length / (size_t)sysconf(_SC_PAGESIZE) / 2;
}

int64_t read_direct(int fd, char *target, size_t length, int64_t offset) {
  size_t done = 0;
  if (atomic_load(&unsupported) || !is_aligned(target) || offset % DIRECT_ALIGN != 0) return -EINVAL;
  // The last sector of a file may reach beyond what was asked for: the caller's memory must not.
  size_t whole = length & ~(size_t)(DIRECT_ALIGN - 1);
  if (set_direct(fd, 1) != 0) return -EINVAL;
  while (done < whole) {
    ssize_t n = pread(fd, target + done, whole - done, offset + (int64_t)done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return -errno;
    done += (size_t)n;
    // The end of the file, or of what can be read this way.
    if (n == 0 || n % DIRECT_ALIGN != 0) break;
  }
  set_direct(fd, 0);
  return (int64_t)done;
}
