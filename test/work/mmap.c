/* Cases of mapped files: what is written through a shared mapping is what read() and others see. */
#include "case.h"
#include <sys/mman.h>

#define SIZE (3 << 20)

static unsigned char *map(int fd, size_t size, int protection, int flags) {
  unsigned char *memory = mmap(NULL, size, protection, flags, fd, 0);
  CHECK(memory != MAP_FAILED);
  return memory;
}

static unsigned char wanted[SIZE], got[SIZE];

/* MAP_SHARED writes are seen by read() at once, by another descriptor too. */
static void shared_write_read(void) {
  int fd = create("file");
  CHECK(ftruncate(fd, SIZE) == 0);
  unsigned char *memory = map(fd, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED);
  fill(wanted, SIZE, 1);
  memcpy(memory, wanted, SIZE);
  EQUAL(pread(fd, got, SIZE, 0), SIZE);
  CHECK(memcmp(got, wanted, SIZE) == 0);
  int other = open("file", O_RDONLY);
  EQUAL(read(other, got, SIZE), SIZE);
  CHECK(memcmp(got, wanted, SIZE) == 0);
  CHECK(msync(memory, SIZE, MS_SYNC) == 0);
  CHECK(munmap(memory, SIZE) == 0);
  CHECK(close(fd) == 0 && close(other) == 0);
  fd = open("file", O_RDONLY);
  memset(got, 0, SIZE);
  EQUAL(read(fd, got, SIZE), SIZE);
  CHECK(memcmp(got, wanted, SIZE) == 0);
}

/* The other way round: write() is seen in the mapping. */
static void write_then_mapped(void) {
  int fd = create("file");
  CHECK(ftruncate(fd, SIZE) == 0);
  unsigned char *memory = map(fd, SIZE, PROT_READ, MAP_SHARED);
  CHECK(is_zero(memory, SIZE));
  fill(wanted, SIZE, 2);
  EQUAL(pwrite(fd, wanted, SIZE, 0), SIZE);
  CHECK(memcmp(memory, wanted, SIZE) == 0);
  EQUAL(pwrite(fd, "xyz", 3, 4095), 3);
  CHECK(memcmp(memory + 4095, "xyz", 3) == 0);
}

/* Two processes count in one mapped page, by atomic additions. */
static void two_processes(void) {
  int fd = create("file");
  CHECK(ftruncate(fd, 4096) == 0);
  enum { ADDITIONS = 100000 };
  pid_t child = fork();
  int own = open("file", O_RDWR);
  unsigned *counter = (unsigned *)map(own, 4096, PROT_READ | PROT_WRITE, MAP_SHARED);
  for (int index = 0; index < ADDITIONS; index++) __atomic_fetch_add(counter, 1, __ATOMIC_SEQ_CST);
  if (child == 0) _exit(0);
  reap(child);
  EQUAL(*counter, 2 * ADDITIONS);
  unsigned stored = 0;
  EQUAL(pread(fd, &stored, sizeof(stored), 0), sizeof(stored));
  EQUAL(stored, 2 * ADDITIONS);
}

/* The descriptor may be closed and the name gone: the mapping goes on. */
static void outlives_descriptor(void) {
  int fd = create("file");
  CHECK(ftruncate(fd, SIZE) == 0);
  unsigned char *memory = map(fd, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED);
  CHECK(close(fd) == 0);
  fill(wanted, SIZE, 3);
  memcpy(memory, wanted, SIZE / 2);
  CHECK(link("file", "other") == 0 && unlink("file") == 0);
  memcpy(memory + SIZE / 2, wanted + SIZE / 2, SIZE / 2);
  CHECK(munmap(memory, SIZE) == 0);
  fd = open("other", O_RDONLY);
  EQUAL(read(fd, got, SIZE), SIZE);
  CHECK(memcmp(got, wanted, SIZE) == 0);
}

/* What a private mapping changes stays private. */
static void private_copy(void) {
  int fd = create("file");
  fill(wanted, SIZE, 4);
  EQUAL(write(fd, wanted, SIZE), SIZE);
  unsigned char *memory = map(fd, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
  memset(memory, 0, SIZE);
  CHECK(munmap(memory, SIZE) == 0);
  EQUAL(pread(fd, got, SIZE, 0), SIZE);
  CHECK(memcmp(got, wanted, SIZE) == 0);
}

/* A mapped write in the last page does not make the file longer, and what lies behind the end of
 * the file reads as zeros when the file grows. */
static void end_of_file(void) {
  int fd = create("file");
  CHECK(ftruncate(fd, 100) == 0);
  unsigned char *memory = map(fd, 4096, PROT_READ | PROT_WRITE, MAP_SHARED);
  memset(memory, 'x', 100);
  CHECK(msync(memory, 4096, MS_SYNC) == 0);
  struct stat stat_;
  CHECK(fstat(fd, &stat_) == 0);
  EQUAL(stat_.st_size, 100);
  CHECK(ftruncate(fd, 4096) == 0);
  EQUAL(pread(fd, got, 4096, 0), 4096);
  for (int index = 0; index < 100; index++) EQUAL(got[index], 'x');
  CHECK(is_zero(got + 100, 3996));
}

/* A mapped write changes mtime, at the latest when it is synced. */
static void changes_mtime(void) {
  int fd = create("file");
  CHECK(ftruncate(fd, 4096) == 0);
  struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
  CHECK(futimens(fd, old) == 0);
  unsigned char *memory = map(fd, 4096, PROT_READ | PROT_WRITE, MAP_SHARED);
  memory[0] = 1;
  CHECK(msync(memory, 4096, MS_SYNC) == 0);
  struct stat stat_;
  CHECK(fstat(fd, &stat_) == 0);
  CHECK(stat_.st_mtime > 1000);
}

/* A program can be copied to the file system and run from there. */
static void execute(void) {
  int from = open("/proc/self/exe", O_RDONLY), to = open("program", O_CREAT | O_WRONLY, 0755);
  ssize_t size;
  while ((size = read(from, got, SIZE)) > 0) EQUAL(write(to, got, size), size);
  CHECK(close(to) == 0);
  pid_t child = fork();
  if (child == 0) {
    CHECK(mkdir("inner", 0755) == 0 && chdir("inner") == 0);
    execl("../program", "program", "private_copy", NULL);
    _exit(9);
  }
  reap(child);
  FAILS(access("inner/absent", F_OK), ENOENT);
}

static const struct test_case cases[] = {
    {"shared_write_read", shared_write_read}, {"write_then_mapped", write_then_mapped},
    {"two_processes", two_processes},         {"outlives_descriptor", outlives_descriptor},
    {"private_copy", private_copy},           {"end_of_file", end_of_file},
    {"changes_mtime", changes_mtime},         {"execute", execute},
};

MAIN(cases)
