// Block files as system calls see them; blockio.c gives them to JavaScript.
#ifndef JFS_BLOCKFILE_H
#define JFS_BLOCKFILE_H
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

// Mirrored in src/object/block-io.ts.
enum { DURABLE = 1, NAME_WITH_FILE = 2 };
enum { PATH_MAX_BYTES = 4096, BASE_BYTES_MAX = 200 };

typedef struct {
  // Paths are relative to this descriptor.
  int root;
  int flags;
  // Directories to sync upwards when durable.
  int levels;
  uint32_t count;
  struct iovec *pieces;
  char path[PATH_MAX_BYTES];
} put_t;

typedef struct {
  int fd;
  char *target;
  size_t length;
  int64_t offset;
} read_t;

typedef struct {
  int root;
  // The whole file system instead of the paths.
  int whole;
  char **files, **directories;
  uint32_t file_count, directory_count;
} sync_t;

// The number of directories made, or a negative errno.
int put_file(const put_t *p);
// The size of the file (which tells the caller whether all bytes were there), or a negative errno.
int64_t read_file(const read_t *r, int rwf);
// 0 or a negative errno. A path that ends in a slash is an empty directory.
int remove_file(int root, const char *path);
// 0 or an errno.
int sync_files(const sync_t *s);
#endif
