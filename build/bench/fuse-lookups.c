// Looks up COUNT distinct names "f<n>" in a directory, one after the other, and prints lookups per second.
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  struct timespec a, b;
  struct stat s;
  char path[4096];
  int count = atoi(argv[2]);
  clock_gettime(CLOCK_MONOTONIC, &a);
  for (int i = 0; i < count; i++) {
    snprintf(path, sizeof path, "%s/f%d", argv[1], i);
    if (stat(path, &s) != 0) return 1;
  }
  clock_gettime(CLOCK_MONOTONIC, &b);
  double seconds = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
  printf("%.0f\n", count / seconds);
  return 0;
}
