// The floor to compare with: an empty file system in C on a raw /dev/fuse, like fuse-null.ts. argv = mountpoint and
// how many empty reads to try before sleeping (none: sleep at once). Ends when unmounted.
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/uio.h>
#include <unistd.h>

static _Alignas(4096) char request[(1 << 20) + 8192];
static char zeros[1 << 20];

static ssize_t receive(int fd, int spin) {
  for (int empty = 0;;) {
    ssize_t n = read(fd, request, sizeof request);
    if (n >= 0 || errno == ENODEV) return n;
    if (errno != EAGAIN || empty++ < spin) continue;
    struct pollfd p = {fd, POLLIN, 0};
    poll(&p, 1, -1);
    empty = 0;
  }
}

static size_t init(const struct fuse_init_in *in, struct fuse_init_out *out) {
  out->major = 7;
  out->minor = 31;
  out->max_readahead = in->max_readahead;
  out->flags = FUSE_ASYNC_READ | FUSE_BIG_WRITES | FUSE_MAX_PAGES;
  out->max_background = 64;
  out->congestion_threshold = 48;
  out->max_write = 1 << 20;
  out->time_gran = 1;
  out->max_pages = 256;
  return sizeof *out;
}

static void fill(struct fuse_attr *attr, uint64_t ino) {
  attr->ino = ino;
  attr->mode = ino == 1 ? 040755 : 0100644;
  attr->nlink = 1;
  attr->size = 1 << 30;
  attr->blksize = 4096;
}

static size_t lookup(const char *name, struct fuse_entry_out *out) {
  out->nodeid = 100 + (uint64_t)atoi(name + 1);
  out->attr_valid = 1;
  fill(&out->attr, out->nodeid);
  return sizeof *out;
}

static size_t getattr(uint64_t ino, struct fuse_attr_out *out) {
  out->attr_valid = 1;
  fill(&out->attr, ino);
  return sizeof *out;
}

// Fills the answer and says how long it is beyond the header; -1 = the request wants none.
static int answer(const struct fuse_in_header *in, struct fuse_out_header *out, void *body, struct iovec *data) {
  const void *arguments = in + 1;
  switch (in->opcode) {
    case FUSE_INIT: return (int)init(arguments, body);
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET: return -1;
    case FUSE_LOOKUP:
      if (*(const char *)arguments == 'f') return (int)lookup(arguments, body);
      out->error = -ENOENT;
      return 0;
    case FUSE_GETATTR:
    case FUSE_SETATTR: return (int)getattr(in->nodeid, body);
    case FUSE_OPEN:
    case FUSE_OPENDIR: return sizeof(struct fuse_open_out);
    case FUSE_READ:
      data->iov_base = zeros;
      data->iov_len = ((const struct fuse_read_in *)arguments)->size;
      return 0;
    case FUSE_WRITE:
      ((struct fuse_write_out *)body)->size = ((const struct fuse_write_in *)arguments)->size;
      return sizeof(struct fuse_write_out);
    case FUSE_FLUSH:
    case FUSE_RELEASE:
    case FUSE_RELEASEDIR: return 0;
    default: out->error = -ENOSYS; return 0;
  }
}

int main(int argc, char **argv) {
  int spin = argc > 2 ? atoi(argv[2]) : 0;
  int fd = open("/dev/fuse", O_RDWR | O_NONBLOCK);
  char options[128];
  if (argc < 2) return 2;
  snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", fd);
  if (mount("null", argv[1], "fuse.null", 0, options) != 0) {
    perror("mount");
    return 1;
  }
  puts("ready");
  fflush(stdout);
  while (receive(fd, spin) > 0) {
    const struct fuse_in_header *in = (const void *)request;
    struct {
      struct fuse_out_header header;
      char body[256];
    } out;
    memset(&out, 0, sizeof out);
    struct iovec pieces[2] = {{&out, 0}, {NULL, 0}};
    int bytes = answer(in, &out.header, out.body, &pieces[1]);
    if (bytes < 0) continue;
    pieces[0].iov_len = sizeof out.header + (size_t)bytes;
    out.header.unique = in->unique;
    out.header.len = (uint32_t)(pieces[0].iov_len + pieces[1].iov_len);
    if (writev(fd, pieces, pieces[1].iov_len > 0 ? 2 : 1) < 0 && errno == ENODEV) break;
  }
  return 0;
}
