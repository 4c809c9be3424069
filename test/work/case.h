/* What the programs of cases share: a check that says where it failed, and the choice of a case by
 * its name. A case runs in an empty folder of the file system under test. */
#ifndef CASE_H
#define CASE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

/* The exit code for "this file system cannot do it at all". */
#define CANNOT 77

#define CHECK(condition)                                                                    \
  do {                                                                                      \
    if (!(condition)) {                                                                     \
      fprintf(stderr, "%s:%d: %s: not true, errno %s\n", __FILE__, __LINE__, #condition,    \
              strerror(errno));                                                             \
      exit(1);                                                                              \
    }                                                                                       \
  } while (0)

/* An expected number; both sides are printed. */
#define EQUAL(got, wanted)                                                                  \
  do {                                                                                      \
    long long got_ = (long long)(got), wanted_ = (long long)(wanted);                       \
    if (got_ != wanted_) {                                                                  \
      fprintf(stderr, "%s:%d: %s is %lld, should be %lld, errno %s\n", __FILE__, __LINE__,  \
              #got, got_, wanted_, strerror(errno));                                        \
      exit(1);                                                                              \
    }                                                                                       \
  } while (0)

/* A call that must fail with this errno. */
#define FAILS(call, error)                                                                  \
  do {                                                                                      \
    errno = 0;                                                                              \
    CHECK((call) == -1);                                                                    \
    EQUAL(errno, error);                                                                    \
  } while (0)

struct test_case {
  const char *name;
  void (*run)(void);
};

/* Counts are multiplied by the scale that the environment gives. */
static inline int scaled(int count) {
  const char *text = getenv("WORK_SCALE");
  double scale = text == NULL ? 1 : atof(text);
  return scale * count < 1 ? 1 : (int)(scale * count);
}

static inline int create(const char *name) {
  int fd = open(name, O_CREAT | O_EXCL | O_RDWR, 0644);
  CHECK(fd >= 0);
  return fd;
}

/* Content that differs from block to block and from file to file. */
static inline void fill(unsigned char *bytes, size_t size, uint32_t seed) {
  for (size_t index = 0; index < size; index++) {
    seed = seed * 1664525u + 1013904223u;
    bytes[index] = (unsigned char)(seed >> 24) | 1;
  }
}

static inline bool is_zero(const unsigned char *bytes, size_t size) {
  for (size_t index = 0; index < size; index++) {
    if (bytes[index] != 0) return false;
  }
  return true;
}

/* Waits for a child that must have ended well. */
static inline void reap(pid_t child) {
  int status = -1;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static inline int run_case(int argc, char **argv, const struct test_case *cases, int count) {
  for (int index = 0; argc == 2 && index < count; index++) {
    if (strcmp(cases[index].name, argv[1]) != 0) continue;
    cases[index].run();
    return 0;
  }
  fprintf(stderr, "no such case\n");
  return 2;
}

#define MAIN(cases)                                                                         \
  int main(int argc, char **argv) {                                                         \
    return run_case(argc, argv, cases, (int)(sizeof(cases) / sizeof((cases)[0])));          \
  }

#endif
