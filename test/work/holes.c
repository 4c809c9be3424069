/* Cases of sparse files: holes, SEEK_DATA and SEEK_HOLE, fallocate, copy_file_range. */
#include "case.h"
#include <linux/falloc.h>

#define MIB (1LL << 20)

static unsigned char bytes[4 << 20], got[4 << 20];

static off_t file_size(int fd) {
  struct stat stat_;
  CHECK(fstat(fd, &stat_) == 0);
  return stat_.st_size;
}

static void check_bytes(int fd, off_t offset, size_t size, const unsigned char *wanted) {
  memset(got, 0xff, size);
  EQUAL(pread(fd, got, size, offset), size);
  CHECK(wanted == NULL ? is_zero(got, size) : memcmp(got, wanted, size) == 0);
}

/* Islands far apart read back, what is between them is zeros. */
static void sparse_file(void) {
  int fd = create("file");
  const off_t islands[] = {0, 3 * MIB + 17, 64 * MIB - 2, 1000 * MIB, 40000 * MIB + 1};
  for (int index = 0; index < 5; index++) {
    fill(bytes, 5000, index);
    EQUAL(pwrite(fd, bytes, 5000, islands[index]), 5000);
  }
  CHECK(close(fd) == 0);
  fd = open("file", O_RDONLY);
  EQUAL(file_size(fd), 40000 * MIB + 5001);
  for (int index = 0; index < 5; index++) {
    fill(bytes, 5000, index);
    check_bytes(fd, islands[index], 5000, bytes);
    if (index > 0) check_bytes(fd, islands[index] - 10000, 10000, NULL);
  }
  EQUAL(pread(fd, got, 100, 50000 * MIB), 0);
}

/* Walks the data by SEEK_DATA and SEEK_HOLE: every byte outside what it reports must be zero. */
static void seek_data_and_hole(void) {
  int fd = create("file");
  fill(bytes, MIB, 1);
  EQUAL(pwrite(fd, bytes, MIB, 2 * MIB), MIB);
  EQUAL(pwrite(fd, bytes, MIB, 70 * MIB), MIB);
  CHECK(ftruncate(fd, 200 * MIB) == 0);
  EQUAL(lseek(fd, 0, SEEK_DATA), 2 * MIB);
  EQUAL(lseek(fd, 2 * MIB + 5, SEEK_DATA), 2 * MIB + 5);
  EQUAL(lseek(fd, 2 * MIB, SEEK_HOLE), 3 * MIB);
  EQUAL(lseek(fd, 0, SEEK_HOLE), 0);
  EQUAL(lseek(fd, 3 * MIB, SEEK_DATA), 70 * MIB);
  EQUAL(lseek(fd, 70 * MIB, SEEK_HOLE), 71 * MIB);
  EQUAL(lseek(fd, 199 * MIB, SEEK_HOLE), 199 * MIB);
  FAILS(lseek(fd, 71 * MIB, SEEK_DATA), ENXIO);
  FAILS(lseek(fd, 200 * MIB, SEEK_DATA), ENXIO);
  FAILS(lseek(fd, 200 * MIB, SEEK_HOLE), ENXIO);
  /* Before anything was synced and after the file was opened anew it is the same. */
  CHECK(close(fd) == 0);
  fd = open("file", O_RDONLY);
  EQUAL(lseek(fd, 0, SEEK_DATA), 2 * MIB);
  EQUAL(lseek(fd, 70 * MIB + 1, SEEK_HOLE), 71 * MIB);
}

static void allocate(int fd, int mode, off_t offset, off_t size) {
  if (fallocate(fd, mode, offset, size) == 0) return;
  if (errno == EOPNOTSUPP) exit(CANNOT);
  CHECK(!"fallocate");
}

static void punch_hole(void) {
  int fd = create("file");
  fill(bytes, 4 * MIB, 2);
  EQUAL(pwrite(fd, bytes, 4 * MIB, 0), 4 * MIB);
  EQUAL(pwrite(fd, bytes, 4 * MIB, 4 * MIB), 4 * MIB);
  allocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, MIB + 100, 2 * MIB);
  check_bytes(fd, 0, MIB + 100, bytes);
  check_bytes(fd, MIB + 100, 2 * MIB, NULL);
  check_bytes(fd, 3 * MIB + 100, MIB - 100, bytes + 3 * MIB + 100);
  allocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 7 * MIB, 50 * MIB);
  EQUAL(file_size(fd), 8 * MIB);
  check_bytes(fd, 7 * MIB, MIB, NULL);
  EQUAL(pwrite(fd, bytes, 10, 2 * MIB), 10);
  CHECK(close(fd) == 0);
  fd = open("file", O_RDWR);
  check_bytes(fd, 2 * MIB, 10, bytes);
  check_bytes(fd, 2 * MIB + 10, MIB, NULL);
  check_bytes(fd, 4 * MIB, 3 * MIB, bytes);
  FAILS(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 10), EOPNOTSUPP);
}

static void grow_and_zero(void) {
  int fd = create("file");
  allocate(fd, 0, 0, 3 * MIB);
  EQUAL(file_size(fd), 3 * MIB);
  check_bytes(fd, 0, 3 * MIB, NULL);
  allocate(fd, FALLOC_FL_KEEP_SIZE, 0, 100 * MIB);
  EQUAL(file_size(fd), 3 * MIB);
  fill(bytes, 2 * MIB, 3);
  EQUAL(pwrite(fd, bytes, 2 * MIB, MIB), 2 * MIB);
  allocate(fd, 0, 0, 3 * MIB);
  check_bytes(fd, MIB, 2 * MIB, bytes);
  allocate(fd, FALLOC_FL_ZERO_RANGE, 2 * MIB, 4 * MIB);
  EQUAL(file_size(fd), 6 * MIB);
  check_bytes(fd, MIB, MIB, bytes);
  check_bytes(fd, 2 * MIB, 4 * MIB, NULL);
  allocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, MIB, 50 * MIB);
  EQUAL(file_size(fd), 6 * MIB);
  check_bytes(fd, 0, 4 * MIB, NULL);
}

/* A shorter file that grows again has zeros where data was. */
static void truncate_and_grow(void) {
  int fd = create("file");
  fill(bytes, 4 * MIB, 4);
  EQUAL(pwrite(fd, bytes, 4 * MIB, 62 * MIB), 4 * MIB);
  CHECK(ftruncate(fd, 63 * MIB + 7) == 0);
  CHECK(ftruncate(fd, 70 * MIB) == 0);
  check_bytes(fd, 62 * MIB, MIB + 7, bytes);
  check_bytes(fd, 63 * MIB + 7, 3 * MIB, NULL);
  CHECK(ftruncate(fd, 0) == 0);
  CHECK(ftruncate(fd, 66 * MIB) == 0);
  check_bytes(fd, 62 * MIB, 4 * MIB, NULL);
}

static void copy(int from, off_t at, int to, off_t target, size_t size) {
  while (size > 0) {
    ssize_t done = copy_file_range(from, &at, to, &target, size, 0);
    CHECK(done > 0);
    size -= done;
  }
}

/* The copy shares nothing that a later write to either side could show in the other. */
static void copy_range(void) {
  int from = create("from"), to = create("to");
  fill(bytes, 4 * MIB, 5);
  EQUAL(pwrite(from, bytes, 4 * MIB, 0), 4 * MIB);
  EQUAL(pwrite(from, bytes, 4 * MIB, 63 * MIB), 4 * MIB);
  copy(from, 0, to, 100, 67 * MIB);
  EQUAL(file_size(to), 67 * MIB + 100);
  check_bytes(to, 0, 100, NULL);
  check_bytes(to, 100, 4 * MIB, bytes);
  check_bytes(to, 4 * MIB + 100, 4 * MIB, NULL);
  check_bytes(to, 63 * MIB + 100, 4 * MIB, bytes);
  EQUAL(pwrite(from, "from", 4, 0), 4);
  EQUAL(pwrite(to, "to", 2, MIB + 100), 2);
  check_bytes(to, 100, MIB, bytes);
  check_bytes(from, MIB, MIB, bytes + MIB);
  CHECK(close(from) == 0 && unlink("from") == 0);
  CHECK(close(to) == 0);
  to = open("to", O_RDONLY);
  check_bytes(to, 100, MIB, bytes);
  check_bytes(to, MIB + 102, 3 * MIB - 2, bytes + MIB + 2);
  check_bytes(to, 63 * MIB + 100, 4 * MIB, bytes);
}

/* Ranges of one file; ranges that overlap are refused; behind the end there is nothing to copy. */
static void copy_within(void) {
  int fd = create("file");
  fill(bytes, 2 * MIB, 6);
  EQUAL(pwrite(fd, bytes, 2 * MIB, 0), 2 * MIB);
  copy(fd, 0, fd, 5 * MIB, 2 * MIB);
  check_bytes(fd, 5 * MIB, 2 * MIB, bytes);
  check_bytes(fd, 2 * MIB, 3 * MIB, NULL);
  off_t at = 0, target = MIB;
  FAILS(copy_file_range(fd, &at, fd, &target, 2 * MIB, 0), EINVAL);
  at = 100 * MIB, target = 0;
  EQUAL(copy_file_range(fd, &at, fd, &target, MIB, 0), 0);
  at = 6 * MIB, target = 10 * MIB;
  EQUAL(copy_file_range(fd, &at, fd, &target, 50 * MIB, 0), MIB);
  EQUAL(file_size(fd), 11 * MIB);
}

static const struct test_case cases[] = {
    {"sparse_file", sparse_file},   {"seek_data_and_hole", seek_data_and_hole},
    {"punch_hole", punch_hole},     {"grow_and_zero", grow_and_zero},
    {"copy_range", copy_range},     {"copy_within", copy_within},
    {"truncate_and_grow", truncate_and_grow},
};

MAIN(cases)
