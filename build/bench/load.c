// One timed step of file system load: load DIR STEP COUNT. Prints operations per second, or MiB per second for
// the sequential steps. Each step expects what the steps before it in main.ts's list have left.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SMALL = 4096, LARGE = 1 << 20 };

static const char *dir;
static char *buffer;
static unsigned long seed = 0x9E3779B97F4A7C15UL;

static void fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

static unsigned long next_random(void) {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return seed;
}

static const char *path(const char *kind, long i) {
  static char text[2][4096];
  static int turn;
  turn ^= 1;
  snprintf(text[turn], sizeof text[turn], "%s/%s%ld", dir, kind, i);
  return text[turn];
}

static int open_or_fail(const char *name, int flags) {
  int fd = open(name, flags, 0644);
  if (fd < 0) fail(name);
  return fd;
}

static void write_or_fail(int fd, size_t bytes) {
  // Fresh content each time, so that nothing below can share it.
  *(unsigned long *)buffer = next_random();
  if (write(fd, buffer, bytes) != (ssize_t)bytes) fail("write");
}

static double step_create(long n) {
  for (long i = 0; i < n; i++) close(open_or_fail(path("file", i), O_CREAT | O_EXCL | O_WRONLY));
  return n;
}

static double step_stat(long n) {
  struct stat st;
  for (long i = 0; i < n; i++)
    if (stat(path("file", i), &st)) fail("stat");
  return n;
}

static double step_miss(long n) {
  struct stat st;
  for (long i = 0; i < n; i++)
    if (stat(path("absent", i), &st) == 0) fail("stat found an absent file");
  return n;
}

static double step_open(long n) {
  for (long i = 0; i < n; i++) close(open_or_fail(path("file", i), O_RDONLY));
  return n;
}

static double step_list(long n) {
  (void)n;
  double seen = 0;
  struct stat st;
  DIR *d = opendir(dir);
  if (d == NULL) fail(dir);
  for (struct dirent *e; (e = readdir(d)) != NULL; seen++)
    if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW)) fail(e->d_name);
  closedir(d);
  return seen;
}

static double step_chmod(long n) {
  for (long i = 0; i < n; i++)
    if (chmod(path("file", i), 0600)) fail("chmod");
  return n;
}

static double step_rename(long n) {
  for (long i = 0; i < n; i++) {
    if (rename(path("file", i), path("moved", i))) fail("rename");
    if (rename(path("moved", i), path("file", i))) fail("rename back");
  }
  return 2.0 * n;
}

static double step_smallwrite(long n) {
  for (long i = 0; i < n; i++) {
    int fd = open_or_fail(path("file", i), O_CREAT | O_TRUNC | O_WRONLY);
    write_or_fail(fd, SMALL);
    if (close(fd)) fail("close");
  }
  return n;
}

static double step_smallread(long n) {
  for (long i = 0; i < n; i++) {
    int fd = open_or_fail(path("file", i), O_RDONLY);
    if (read(fd, buffer, SMALL) != SMALL) fail("read");
    close(fd);
  }
  return n;
}

static double step_unlink(long n) {
  for (long i = 0; i < n; i++)
    if (unlink(path("file", i))) fail("unlink");
  return n;
}

static double step_mkdir(long n) {
  for (long i = 0; i < n; i++)
    if (mkdir(path("dir", i), 0755)) fail("mkdir");
  return n;
}

static double step_rmdir(long n) {
  for (long i = 0; i < n; i++)
    if (rmdir(path("dir", i))) fail("rmdir");
  return n;
}

static double step_seqwrite(long mib) {
  int fd = open_or_fail(path("large", 0), O_CREAT | O_TRUNC | O_WRONLY);
  for (long i = 0; i < mib; i++) write_or_fail(fd, LARGE);
  if (fsync(fd) || close(fd)) fail("fsync");
  return mib;
}

static double step_seqread(long mib) {
  (void)mib;
  double bytes = 0;
  int fd = open_or_fail(path("large", 0), O_RDONLY);
  ssize_t got;
  while ((got = read(fd, buffer, LARGE)) > 0) bytes += got;
  if (got < 0) fail("read");
  close(fd);
  return bytes / LARGE;
}

static double random_io(long n, int writes) {
  int fd = open_or_fail(path("large", 0), O_RDWR);
  struct stat st;
  if (fstat(fd, &st)) fail("fstat");
  long blocks = st.st_size / SMALL;
  for (long i = 0; i < n; i++) {
    off_t at = (off_t)(next_random() % (unsigned long)blocks) * SMALL;
    ssize_t done = writes ? pwrite(fd, buffer, SMALL, at) : pread(fd, buffer, SMALL, at);
    if (done != SMALL) fail("random");
  }
  if (writes && fsync(fd)) fail("fsync");
  close(fd);
  return n;
}

static double step_randread(long n) { return random_io(n, 0); }
static double step_randwrite(long n) { return random_io(n, 1); }

static double append(long n, int syncs) {
  int fd = open_or_fail(path("log", syncs), O_CREAT | O_TRUNC | O_WRONLY | O_APPEND);
  for (long i = 0; i < n; i++) {
    write_or_fail(fd, SMALL);
    if (syncs && fdatasync(fd)) fail("fdatasync");
  }
  if (close(fd)) fail("close");
  return n;
}

static double step_append(long n) { return append(n, 0); }
static double step_syncwrite(long n) { return append(n, 1); }

static const struct {
  const char *name;
  double (*run)(long n);
} steps[] = {
  {"create", step_create},       {"stat", step_stat},           {"miss", step_miss},
  {"open", step_open},           {"list", step_list},           {"chmod", step_chmod},
  {"rename", step_rename},       {"smallwrite", step_smallwrite}, {"smallread", step_smallread},
  {"unlink", step_unlink},       {"mkdir", step_mkdir},         {"rmdir", step_rmdir},
  {"seqwrite", step_seqwrite},   {"seqread", step_seqread},     {"randread", step_randread},
  {"randwrite", step_randwrite}, {"append", step_append},       {"syncwrite", step_syncwrite},
};

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: load DIR STEP COUNT\n");
    return 2;
  }
  dir = argv[1];
  if (posix_memalign((void **)&buffer, 4096, LARGE)) fail("memory");
  for (size_t i = 0; i < LARGE; i += sizeof(long)) *(unsigned long *)(buffer + i) = next_random();
  for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
    if (strcmp(steps[i].name, argv[2]) != 0) continue;
    double start = seconds();
    double done = steps[i].run(atol(argv[3]));
    printf("%.1f\n", done / (seconds() - start));
    return 0;
  }
  fprintf(stderr, "unknown step %s\n", argv[2]);
  return 2;
}
