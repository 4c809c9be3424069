/* Cases of names: files without one, renames with flags, large directories that change while they
 * are read, extended attributes of the largest size. */
#include "case.h"
#include <dirent.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#define SIZE (5 << 20)

static unsigned char bytes[SIZE], got[SIZE];

static int links(int fd) {
  struct stat stat_;
  CHECK(fstat(fd, &stat_) == 0);
  return (int)stat_.st_nlink;
}

static ino_t inode(const char *name) {
  struct stat stat_;
  CHECK(lstat(name, &stat_) == 0);
  return stat_.st_ino;
}

static void write_text(const char *name, const char *text) {
  int fd = create(name);
  EQUAL(write(fd, text, strlen(text)), strlen(text));
  CHECK(close(fd) == 0);
}

static bool has_text(const char *name, const char *text) {
  char read_[100] = "";
  int fd = open(name, O_RDONLY);
  if (fd < 0) return false;
  ssize_t size = read(fd, read_, sizeof(read_) - 1);
  CHECK(size >= 0 && close(fd) == 0);
  return strcmp(read_, text) == 0;
}

/* A file of O_TMPFILE has no name until it gets one by linkat. */
static void tmpfile_and_link(void) {
  int fd = open(".", O_TMPFILE | O_RDWR, 0640);
  if (fd < 0 && errno == EOPNOTSUPP) exit(CANNOT);
  CHECK(fd >= 0);
  EQUAL(links(fd), 0);
  fill(bytes, SIZE, 1);
  EQUAL(write(fd, bytes, SIZE), SIZE);
  char path[64];
  snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
  CHECK(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW) == 0);
  EQUAL(links(fd), 1);
  CHECK(close(fd) == 0);
  fd = open("named", O_RDONLY);
  EQUAL(read(fd, got, SIZE), SIZE);
  CHECK(memcmp(got, bytes, SIZE) == 0);

  fd = open(".", O_TMPFILE | O_EXCL | O_RDWR, 0640);
  snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
  FAILS(linkat(AT_FDCWD, path, AT_FDCWD, "never", AT_SYMLINK_FOLLOW), ENOENT);
}

/* A file without a name works until it is closed, for those that inherited it too. */
static void unlinked_open_file(void) {
  int fd = create("file");
  fill(bytes, SIZE, 2);
  EQUAL(write(fd, bytes, SIZE / 2), SIZE / 2);
  CHECK(unlink("file") == 0);
  EQUAL(links(fd), 0);
  EQUAL(write(fd, bytes + SIZE / 2, SIZE / 2), SIZE / 2);
  CHECK(fsync(fd) == 0);
  write_text("file", "another");
  pid_t child = fork();
  if (child == 0) {
    EQUAL(pread(fd, got, SIZE, 0), SIZE);
    CHECK(memcmp(got, bytes, SIZE) == 0);
    CHECK(ftruncate(fd, 1000) == 0 && fchmod(fd, 0600) == 0);
    EQUAL(pwrite(fd, "child", 5, 2000), 5);
    _exit(0);
  }
  reap(child);
  EQUAL(pread(fd, got, SIZE, 0), 2005);
  CHECK(memcmp(got, bytes, 1000) == 0 && is_zero(got + 1000, 1000));
  CHECK(memcmp(got + 2000, "child", 5) == 0 && has_text("file", "another"));
}

/* The same for a file that another one replaced, and for a directory that was removed. */
static void replaced_and_removed(void) {
  write_text("old", "old");
  write_text("new", "new");
  int fd = open("old", O_RDWR);
  CHECK(rename("new", "old") == 0);
  EQUAL(links(fd), 0);
  EQUAL(pread(fd, got, 10, 0), 3);
  CHECK(memcmp(got, "old", 3) == 0 && has_text("old", "new"));
  CHECK(mkdir("dir", 0755) == 0);
  int dir = open("dir", O_RDONLY | O_DIRECTORY);
  CHECK(rmdir("dir") == 0);
  FAILS(openat(dir, "inside", O_CREAT | O_WRONLY, 0644), ENOENT);
}

static int rename2(const char *from, const char *to, unsigned flags) {
  return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags);
}

static void rename_flags(void) {
  write_text("a", "a");
  write_text("b", "b");
  FAILS(rename2("a", "b", RENAME_NOREPLACE), EEXIST);
  CHECK(rename2("a", "c", RENAME_NOREPLACE) == 0 && has_text("c", "a"));
  FAILS(rename2("a", "b", RENAME_EXCHANGE), ENOENT);
  ino_t b = inode("b"), c = inode("c");
  CHECK(rename2("b", "c", RENAME_EXCHANGE) == 0);
  CHECK(inode("b") == c && inode("c") == b && has_text("b", "a"));
  CHECK(mkdir("dir", 0755) == 0 && mkdir("dir/inner", 0755) == 0);
  CHECK(rename2("b", "dir/inner", RENAME_EXCHANGE) == 0);
  CHECK(has_text("dir/inner", "a") && access("b", F_OK) == 0 && inode("dir/inner") == c);
  FAILS(rename2("dir", "dir/inner", 0), EINVAL);
  struct stat stat_;
  CHECK(stat("dir", &stat_) == 0 && stat("b", &stat_) == 0 && S_ISDIR(stat_.st_mode));
  FAILS(rename2("c", "d", RENAME_EXCHANGE | RENAME_NOREPLACE), EINVAL);
}

/* A whiteout is a character device 0:0 in the place of the old name; it takes CAP_MKNOD. */
static void rename_whiteout(void) {
  write_text("a", "a");
  if (rename2("a", "b", RENAME_WHITEOUT) != 0) {
    CHECK(errno == EPERM && geteuid() != 0);
    return;
  }
  struct stat stat_;
  CHECK(lstat("a", &stat_) == 0);
  CHECK(S_ISCHR(stat_.st_mode) && stat_.st_rdev == 0 && has_text("b", "a"));
}

/* Attributes up to 64 KiB, the limit of Linux; larger ones are refused. */
static void large_xattrs(void) {
  enum { LARGEST = 65536 };
  write_text("file", "content");
  fill(bytes, LARGEST, 3);
  if (setxattr("file", "user.large", bytes, LARGEST, 0) != 0) {
    if (errno == ENOSPC || errno == EOPNOTSUPP || errno == ERANGE) exit(CANNOT);
    CHECK(!"setxattr");
  }
  EQUAL(getxattr("file", "user.large", NULL, 0), LARGEST);
  EQUAL(getxattr("file", "user.large", got, LARGEST), LARGEST);
  CHECK(memcmp(got, bytes, LARGEST) == 0);
  FAILS(getxattr("file", "user.large", got, 1000), ERANGE);
  FAILS(setxattr("file", "user.larger", bytes, LARGEST + 1, 0), E2BIG);
  FAILS(setxattr("file", "user.large", "", 0, XATTR_CREATE), EEXIST);
  FAILS(setxattr("file", "user.none", "", 0, XATTR_REPLACE), ENODATA);
  CHECK(setxattr("file", "user.large", bytes + 1, LARGEST - 1, XATTR_REPLACE) == 0);
  char name[32];
  for (int index = 0; index < 200; index++) {
    snprintf(name, sizeof(name), "user.number %d", index);
    CHECK(setxattr("file", name, name, index % 20, 0) == 0);
  }
  ssize_t size = listxattr("file", (char *)got, SIZE);
  int count = 0;
  for (ssize_t at = 0; at < size; at += (ssize_t)strlen((char *)got + at) + 1) {
    count += strncmp((char *)got + at, "user.", 5) == 0;
  }
  EQUAL(count, 201);
  EQUAL(getxattr("file", "user.number 19", got, 100), 19);
  CHECK(removexattr("file", "user.large") == 0);
  FAILS(getxattr("file", "user.large", got, SIZE), ENODATA);
  FAILS(removexattr("file", "user.large"), ENODATA);
}

static void number_name(char *name, int number) { sprintf(name, "entry number %d", number); }

static void make_entries(int count) {
  char name[64];
  CHECK(mkdir("dir", 0755) == 0 && chdir("dir") == 0);
  for (int index = 0; index < count; index++) {
    number_name(name, index);
    if (index % 10 == 0) CHECK(symlink("target", name) == 0);
    else CHECK(mknod(name, S_IFREG | 0644, 0) == 0);
  }
  CHECK(chdir("..") == 0);
}

/* Each entry is removed as it is read: every one is seen once and none is left. */
static void readdir_while_deleting(void) {
  int count = scaled(10000), number;
  make_entries(count);
  char *seen = calloc(count, 1);
  DIR *dir = opendir("dir");
  int found = 0;
  for (struct dirent *dirent; (dirent = readdir(dir)) != NULL;) {
    if (sscanf(dirent->d_name, "entry number %d", &number) != 1) continue;
    CHECK(number >= 0 && number < count && !seen[number]);
    CHECK(dirent->d_type == (number % 10 == 0 ? DT_LNK : DT_REG));
    seen[number] = 1;
    found++;
    CHECK(unlinkat(dirfd(dir), dirent->d_name, 0) == 0);
  }
  EQUAL(found, count);
  CHECK(closedir(dir) == 0 && rmdir("dir") == 0);
}

/* Others remove and create names while a directory is read: what stays is seen exactly once. */
static void readdir_while_changing(void) {
  int count = scaled(10000), number;
  char name[64];
  make_entries(count);
  char *seen = calloc(count, 1);
  DIR *dir = opendir("dir");
  int read_ = 0;
  for (struct dirent *dirent; (dirent = readdir(dir)) != NULL; read_++) {
    if (sscanf(dirent->d_name, "entry number %d", &number) == 1) {
      CHECK((seen[number] & 1) == 0);
      seen[number] |= 1;
    }
    if (read_ % 10 != 5) continue;
    snprintf(name, sizeof(name), "new %d", read_);
    CHECK(symlinkat("new", dirfd(dir), name) == 0);
    number_name(name, (read_ * 7 + 1) % count);
    if (unlinkat(dirfd(dir), name, 0) == 0) seen[(read_ * 7 + 1) % count] |= 2;
  }
  for (int index = 0; index < count; index++) CHECK(seen[index] != 0);
  rewinddir(dir);
  for (struct dirent *dirent; (dirent = readdir(dir)) != NULL;) {
    if (sscanf(dirent->d_name, "entry number %d", &number) != 1) continue;
    CHECK((seen[number] & 2) == 0);
    seen[number] |= 4;
  }
  for (int index = 0; index < count; index++) CHECK((seen[index] & 6) != 0);
}

/* telldir and seekdir come back to the same place. */
static void seek_in_directory(void) {
  make_entries(1000);
  DIR *dir = opendir("dir");
  long places[1100];
  char *names[1100];
  int count = 0;
  for (places[0] = telldir(dir);; places[count] = telldir(dir)) {
    struct dirent *dirent = readdir(dir);
    if (dirent == NULL) break;
    names[count++] = strdup(dirent->d_name);
  }
  EQUAL(count, 1002);
  for (int index = count - 1; index >= 0; index -= 97) {
    seekdir(dir, places[index]);
    struct dirent *dirent = readdir(dir);
    CHECK(dirent != NULL && strcmp(dirent->d_name, names[index]) == 0);
  }
}

static const struct test_case cases[] = {
    {"tmpfile_and_link", tmpfile_and_link},
    {"unlinked_open_file", unlinked_open_file},
    {"replaced_and_removed", replaced_and_removed},
    {"rename_flags", rename_flags},
    {"rename_whiteout", rename_whiteout},
    {"large_xattrs", large_xattrs},
    {"readdir_while_deleting", readdir_while_deleting},
    {"readdir_while_changing", readdir_while_changing},
    {"seek_in_directory", seek_in_directory},
};

MAIN(cases)
