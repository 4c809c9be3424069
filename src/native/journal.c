// What the journal needs of the system: its lock, its space, and a frame (docs/journal.md) written in one call.
// Results are numbers, errors negative errnos.
#define _GNU_SOURCE
#include "crc32c.h"
#include "parts.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { FRAME_HEADER = 24, SMALL_FRAME = 8192 };

static napi_value number(napi_env env, int64_t n) {
  napi_value value;
  napi_create_int64(env, n, &value);
  return value;
}

static int64_t int_of(napi_env env, napi_value value) {
  int64_t n = 0;
  napi_get_value_int64(env, value, &n);
  return n;
}

static int bytes_of(napi_env env, napi_value value, char **bytes, size_t *length) {
  return napi_get_typedarray_info(env, value, NULL, length, (void **)bytes, NULL, NULL) == napi_ok;
}

static void put32(unsigned char *p, uint32_t n) {
  for (int i = 0; i < 4; i++) p[i] = (unsigned char)(n >> (8 * i));
}

static void put64(unsigned char *p, uint64_t n) {
  put32(p, (uint32_t)n);
  put32(p + 4, (uint32_t)(n >> 32));
}

// Bytes written (all of them) or -errno.
static int64_t write_pieces(int fd, struct iovec *pieces, int count, int64_t offset, int flags) {
  int64_t done = 0;
  while (count > 0) {
    ssize_t n = pwritev2(fd, pieces, count, offset + done, flags);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return -errno;
    if (n == 0) return -EIO;
    done += n;
    while (count > 0 && (size_t)n >= pieces->iov_len) {
      n -= (ssize_t)pieces->iov_len;
      pieces++;
      count--;
    }
    if (count > 0) {
      pieces->iov_base = (char *)pieces->iov_base + n;
      pieces->iov_len -= (size_t)n;
    }
  }
  return done;
}

// Milliseconds since 1970, to the kernel's tick: a fifth of the cost of the fine clock.
static uint64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void make_header(unsigned char *header, size_t length, uint64_t sequence, unsigned kind) {
  put32(header + 4, (uint32_t)length);
  put64(header + 8, sequence);
  put64(header + 16, (kind & 0xffff) | now_ms() << 16);
}

// A small frame in one piece is cheaper than three pieces without the copy.
static int64_t write_frame(int fd, int64_t offset, uint32_t seed, unsigned char *header,
                           char *payload, size_t length) {
  static const char zeros[8];
  size_t padding = (size_t)-length & 7;
  uint32_t crc = crc32c(seed, header + 4, FRAME_HEADER - 4);
  crc = crc32c(crc, payload, length);
  put32(header, crc32c(crc, zeros, padding));
  size_t total = FRAME_HEADER + length + padding;
  if (total > SMALL_FRAME) {
    struct iovec pieces[3] = {{header, FRAME_HEADER}, {payload, length}, {(char *)zeros, padding}};
    return write_pieces(fd, pieces, padding ? 3 : 2, offset, 0);
  }
  char whole[SMALL_FRAME];
  memcpy(whole, header, FRAME_HEADER);
  memcpy(whole + FRAME_HEADER, payload, length);
  memset(whole + FRAME_HEADER + length, 0, padding);
  ssize_t n = pwrite(fd, whole, total, offset);
  if (n == (ssize_t)total) return n;
  struct iovec piece = {whole, total};
  return write_pieces(fd, &piece, 1, offset, 0);
}

// journalFrame(fd, offset, seed, sequence, kind, payload): bytes of the frame, or -errno.
static napi_value journal_frame(napi_env env, napi_callback_info info) {
  napi_value arg[6];
  size_t argc = 6, length;
  char *payload;
  unsigned char header[FRAME_HEADER];
  napi_get_cb_info(env, info, &argc, arg, NULL, NULL);
  if (!bytes_of(env, arg[5], &payload, &length)) return number(env, -EINVAL);
  make_header(header, length, (uint64_t)int_of(env, arg[3]), (unsigned)int_of(env, arg[4]));
  return number(env, write_frame((int)int_of(env, arg[0]), int_of(env, arg[1]),
                                 (uint32_t)int_of(env, arg[2]), header, payload, length));
}

// journalWriteThrough(fd, offset, bytes): 0 when these bytes survive a power cut, whatever else of the file is not
// written yet; or -errno.
static napi_value write_through(napi_env env, napi_callback_info info) {
  napi_value arg[3];
  size_t argc = 3;
  struct iovec piece;
  napi_get_cb_info(env, info, &argc, arg, NULL, NULL);
  if (!bytes_of(env, arg[2], (char **)&piece.iov_base, &piece.iov_len)) return number(env, -EINVAL);
  int fd = (int)int_of(env, arg[0]);
  struct iovec again = piece;
  int64_t n = write_pieces(fd, &piece, 1, int_of(env, arg[1]), RWF_DSYNC);
  if (n == -EOPNOTSUPP || n == -EINVAL) {
    n = write_pieces(fd, &again, 1, int_of(env, arg[1]), 0);
    if (n >= 0 && fdatasync(fd) != 0) n = -errno;
  }
  return number(env, n < 0 ? n : 0);
}

// journalLock(fd): 0 = ours as long as the descriptor is open; -EAGAIN = somebody else's.
static napi_value journal_lock(napi_env env, napi_callback_info info) {
  napi_value arg[1];
  size_t argc = 1;
  napi_get_cb_info(env, info, &argc, arg, NULL, NULL);
  return number(env, flock((int)int_of(env, arg[0]), LOCK_EX | LOCK_NB) == 0 ? 0 : -errno);
}

// journalAllocate(fd, bytes): 0 when the disk has given the space, or -errno.
static napi_value journal_allocate(napi_env env, napi_callback_info info) {
  napi_value arg[2];
  size_t argc = 2;
  napi_get_cb_info(env, info, &argc, arg, NULL, NULL);
  return number(env, -posix_fallocate((int)int_of(env, arg[0]), 0, int_of(env, arg[1])));
}

static napi_value checksum(napi_env env, napi_callback_info info,
                           uint32_t (*f)(uint32_t, const void *, size_t)) {
  napi_value arg[2], value;
  size_t argc = 2, length = 0;
  char *bytes = NULL;
  napi_get_cb_info(env, info, &argc, arg, NULL, NULL);
  if (!bytes_of(env, arg[0], &bytes, &length)) return NULL;
  napi_create_uint32(env, f((uint32_t)int_of(env, arg[1]), bytes, length), &value);
  return value;
}

// crc32c(bytes, before): that of `bytes` behind bytes whose own was `before`.
static napi_value crc32c_js(napi_env env, napi_callback_info info) {
  return checksum(env, info, crc32c);
}

static napi_value crc32c_by_table_js(napi_env env, napi_callback_info info) {
  return checksum(env, info, crc32c_by_table);
}

void journal_init(napi_env env, napi_value exports) {
  export_function(env, exports, "journalFrame", journal_frame);
  export_function(env, exports, "journalWriteThrough", write_through);
  export_function(env, exports, "journalLock", journal_lock);
  export_function(env, exports, "journalAllocate", journal_allocate);
  export_function(env, exports, "crc32c", crc32c_js);
  export_function(env, exports, "crc32cByTable", crc32c_by_table_js);
}
