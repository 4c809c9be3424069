// Large transfers past the page cache, where that is faster; blockfile.c falls back to ordinary ones.
#ifndef JFS_DIRECT_H
#define JFS_DIRECT_H
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

// Memory and length of a direct transfer are multiples of this on every disk that we know.
enum { DIRECT_ALIGN = 4096, DIRECT_BYTES_MIN = 1 << 20 };

// Writes one piece to the beginning of an empty file. 0, an errno, or -1 when nothing was written and the caller should
// write in the ordinary way.
int write_direct(int fd, const struct iovec *piece);
// Tells how long an ordinary write of so many bytes took, so that the two ways can be compared.
void wrote_buffered(size_t bytes, uint64_t nanos);
uint64_t now_nanos(void);
// True when an ordinary read of the range would find most of it in the page cache, or some of it not on the disk yet.
int is_cached(int fd, int64_t offset, size_t length);
// Reads from an offset that is a multiple of DIRECT_ALIGN. Bytes read (fewer only at the end of the file), a negative errno, or
// -EINVAL when the caller should read in the ordinary way.
int64_t read_direct(int fd, char *target, size_t length, int64_t offset);
#endif
