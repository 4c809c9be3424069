/* Cases of writing together: O_APPEND from several processes, and small writes in any order. */
#include "case.h"

#define WRITERS 4
#define LINE 64

/* A line says who wrote it and which of his it is. */
static void make_line(char *line, int writer, int number) {
  memset(line, '.', LINE);
  int size = snprintf(line, LINE, "%d %d ", writer, number);
  line[size] = '.';
  line[LINE - 1] = '\n';
}

/* Every line is there exactly once, whole, and those of a writer are in his order. */
static void check_lines(const char *name, int writers, int lines) {
  FILE *file = fopen(name, "r");
  CHECK(file != NULL);
  int next[WRITERS] = {0};
  char line[LINE + 1], wanted[LINE];
  for (int index = 0; index < writers * lines; index++) {
    EQUAL(fread(line, 1, LINE, file), LINE);
    int writer = -1, number = -1;
    CHECK(sscanf(line, "%d %d", &writer, &number) == 2);
    CHECK(writer >= 0 && writer < writers);
    EQUAL(number, next[writer]);
    next[writer]++;
    make_line(wanted, writer, number);
    CHECK(memcmp(line, wanted, LINE) == 0);
  }
  EQUAL(fread(line, 1, 1, file), 0);
}

static void append_lines(int writer, int lines, bool reopen) {
  char line[LINE];
  int fd = open("log", O_WRONLY | O_APPEND);
  CHECK(fd >= 0);
  for (int number = 0; number < lines; number++) {
    if (reopen) {
      CHECK(close(fd) == 0);
      fd = open("log", O_WRONLY | O_APPEND);
      CHECK(fd >= 0);
    }
    make_line(line, writer, number);
    EQUAL(write(fd, line, LINE), LINE);
  }
  CHECK(close(fd) == 0);
}

static void append_together(int lines, bool reopen) {
  close(create("log"));
  pid_t children[WRITERS];
  for (int writer = 0; writer < WRITERS; writer++) {
    children[writer] = fork();
    if (children[writer] != 0) continue;
    append_lines(writer, lines, reopen);
    _exit(0);
  }
  for (int writer = 0; writer < WRITERS; writer++) reap(children[writer]);
  check_lines("log", WRITERS, lines);
}

static void one_descriptor_each(void) { append_together(scaled(2000), false); }

static void opened_for_each_line(void) { append_together(scaled(300), true); }

/* The offset of a descriptor is shared by those that inherited it. */
static void inherited_descriptor(void) {
  int fd = create("log"), lines = scaled(500);
  pid_t children[WRITERS];
  for (int writer = 0; writer < WRITERS; writer++) {
    children[writer] = fork();
    if (children[writer] != 0) continue;
    char line[LINE];
    for (int number = 0; number < lines; number++) {
      make_line(line, writer, number);
      EQUAL(write(fd, line, LINE), LINE);
    }
    _exit(0);
  }
  for (int writer = 0; writer < WRITERS; writer++) reap(children[writer]);
  check_lines("log", WRITERS, lines);
}

/* The append position follows the size that a truncation gave. */
static void append_after_truncate(void) {
  int fd = create("log"), appender = open("log", O_WRONLY | O_APPEND);
  EQUAL(write(appender, "0123456789", 10), 10);
  CHECK(ftruncate(fd, 4) == 0);
  EQUAL(write(appender, "abc", 3), 3);
  CHECK(truncate("log", 9) == 0);
  EQUAL(write(appender, "z", 1), 1);
  char bytes[20];
  EQUAL(pread(fd, bytes, sizeof(bytes), 0), 10);
  CHECK(memcmp(bytes, "0123abc\0\0z", 10) == 0);
}

/* Small writes all over a file, across block and chunk borders, compared with a copy in memory. */
static void scattered_writes(void) {
  enum { SIZE = 9 << 20, COUNT = 3000 };
  unsigned char *model = calloc(1, SIZE), *got = calloc(1, SIZE);
  unsigned char bytes[10000];
  int fd = create("file");
  off_t start = (64LL << 20) - (4 << 20) - 1234, end = 0;
  srandom(42);
  for (int index = 0; index < scaled(COUNT); index++) {
    size_t size = 1 + random() % sizeof(bytes);
    off_t offset = random() % (SIZE - sizeof(bytes));
    if (index % 50 == 49) {
      off_t left = end > offset ? end - offset : 0;
      if (left < (off_t)size) size = left;
      EQUAL(pread(fd, bytes, sizeof(bytes), start + offset) >= (ssize_t)size, true);
      CHECK(memcmp(bytes, model + offset, size) == 0);
      continue;
    }
    fill(bytes, size, index);
    memcpy(model + offset, bytes, size);
    EQUAL(pwrite(fd, bytes, size, start + offset), size);
    if (offset + (off_t)size > end) end = offset + size;
    if (index % 500 == 99) CHECK(fsync(fd) == 0);
  }
  CHECK(close(fd) == 0);
  fd = open("file", O_RDONLY);
  EQUAL(lseek(fd, 0, SEEK_END), start + end);
  EQUAL(pread(fd, got, SIZE, start), end);
  CHECK(memcmp(got, model, end) == 0);
  EQUAL(pread(fd, got, 4 << 20, start - (4 << 20)), 4 << 20);
  CHECK(is_zero(got, 4 << 20));
}

static const struct test_case cases[] = {
    {"one_descriptor_each", one_descriptor_each},
    {"opened_for_each_line", opened_for_each_line},
    {"inherited_descriptor", inherited_descriptor},
    {"append_after_truncate", append_after_truncate},
    {"scattered_writes", scattered_writes},
};

MAIN(cases)
