// Gives block files to JavaScript: in place, or as one trip to the thread pool. Results are numbers, errors negative errnos.
#define _GNU_SOURCE
#include "parts.h"
#include "blockfile.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef enum { PUT, READ, SYNC, REMOVE } kind_t;

// One work item. `keep` holds the JavaScript memory that the thread touches.
typedef struct {
  kind_t kind;
  int64_t result;
  napi_async_work work;
  napi_deferred deferred;
  napi_ref keep;
  put_t put;
  read_t read;
  sync_t sync;
} task_t;

static void run_task(napi_env env, void *data) {
  (void)env;
  task_t *t = data;
  if (t->kind == PUT) t->result = put_file(&t->put);
  else if (t->kind == READ) t->result = read_file(&t->read, 0);
  else if (t->kind == SYNC) t->result = -sync_files(&t->sync);
  else t->result = remove_file(t->put.root, t->put.path);
}

static void free_task(napi_env env, task_t *t) {
  if (t->kind == READ && t->read.fd >= 0) close(t->read.fd);
  for (uint32_t i = 0; i < t->sync.file_count; i++) free(t->sync.files[i]);
  for (uint32_t i = 0; i < t->sync.directory_count; i++) free(t->sync.directories[i]);
  free(t->sync.files);
  free(t->sync.directories);
  free(t->put.pieces);
  if (t->keep) napi_delete_reference(env, t->keep);
  if (t->work) napi_delete_async_work(env, t->work);
  free(t);
}

static void finish_task(napi_env env, napi_status status, void *data) {
  task_t *t = data;
  napi_value value;
  napi_create_int64(env, status == napi_ok ? t->result : -EINTR, &value);
  napi_resolve_deferred(env, t->deferred, value);
  free_task(env, t);
}

// A promise of the task's result; the task is freed in any case.
static napi_value start_task(napi_env env, task_t *t, napi_value keep) {
  napi_value promise, name;
  if (keep) napi_create_reference(env, keep, 1, &t->keep);
  napi_create_string_utf8(env, "jfs block", NAPI_AUTO_LENGTH, &name);
  napi_create_promise(env, &t->deferred, &promise);
  if (napi_create_async_work(env, NULL, name, run_task, finish_task, t, &t->work) != napi_ok ||
      napi_queue_async_work(env, t->work) != napi_ok) {
    t->result = -ENOMEM;
    finish_task(env, napi_ok, t);
  }
  return promise;
}

static napi_value number(napi_env env, int64_t n) {
  napi_value value;
  napi_create_int64(env, n, &value);
  return value;
}

static int int_of(napi_env env, napi_value value) {
  int32_t n = 0;
  napi_get_value_int32(env, value, &n);
  return n;
}

// An errno when the string is longer than a path may be.
static int path_of(napi_env env, napi_value value, char *target) {
  size_t n = 0;
  if (napi_get_value_string_utf8(env, value, NULL, 0, &n) != napi_ok) return EINVAL;
  if (n >= PATH_MAX_BYTES - BASE_BYTES_MAX - 32) return ENAMETOOLONG;
  napi_get_value_string_utf8(env, value, target, PATH_MAX_BYTES, &n);
  return 0;
}

static int pieces_of(napi_env env, napi_value list, put_t *p) {
  if (napi_get_array_length(env, list, &p->count) != napi_ok) return EINVAL;
  p->pieces = calloc(p->count ? p->count : 1, sizeof *p->pieces);
  if (!p->pieces) return ENOMEM;
  for (uint32_t i = 0; i < p->count; i++) {
    napi_value piece;
    napi_get_element(env, list, i, &piece);
    if (napi_get_typedarray_info(env, piece, NULL, &p->pieces[i].iov_len, &p->pieces[i].iov_base,
                                 NULL, NULL) != napi_ok)
      return EINVAL;
  }
  return 0;
}

// put(root, path, pieces, flags, levels, inPlace): directories made or -errno, or a promise of it.
static napi_value put(napi_env env, napi_callback_info info) {
  napi_value arg[6];
  size_t argc = 6;
  bool in_place = false;
  napi_get_cb_info(env, info, &argc, arg, NULL, NULL);
  task_t *t = calloc(1, sizeof *t);
  if (!t) return number(env, -ENOMEM);
  t->put.root = int_of(env, arg[0]);
  t->put.flags = int_of(env, arg[3]);
  t->put.levels = int_of(env, arg[4]);
  napi_get_value_bool(env, arg[5], &in_place);
  int error = path_of(env, arg[1], t->put.path);
  if (!error) error = pieces_of(env, arg[2], &t->put);
  if (!error && !in_place) return start_task(env, t, arg[2]);
  int64_t result = error ? -error : put_file(&t->put);
  free_task(env, t);
  return number(env, result);
}

// read(root, path, target, offset, inPlace): the file's size or -errno, or a promise of it. In place it first takes what
// the page cache has; what the disk must be asked for goes to the thread pool.
static napi_value read_into(napi_env env, napi_callback_info info) {
  napi_value arg[5];
  size_t argc = 5;
  bool in_place = false;
  char path[PATH_MAX_BYTES];
  read_t r = {.fd = -1};
  napi_get_cb_info(env, info, &argc, arg, NULL, NULL);
  int root = int_of(env, arg[0]);
  napi_get_value_int64(env, arg[3], &r.offset);
  napi_get_value_bool(env, arg[4], &in_place);
  if (napi_get_typedarray_info(env, arg[2], NULL, &r.length, (void **)&r.target, NULL, NULL) != napi_ok)
    return number(env, -EINVAL);
  int error = path_of(env, arg[1], path);
  if (error) return number(env, -error);
  r.fd = openat(root, path, O_RDONLY | O_CLOEXEC);
  if (r.fd < 0) return number(env, -errno);
  if (in_place) {
    int64_t size = read_file(&r, RWF_NOWAIT);
    if (size != -EAGAIN && size != -EOPNOTSUPP) {
      close(r.fd);
      return number(env, size);
    }
  }
  task_t *t = calloc(1, sizeof *t);
  if (!t) {
    close(r.fd);
    return number(env, -ENOMEM);
  }
  t->kind = READ;
  t->read = r;
  return start_task(env, t, arg[2]);
}

static int strings_of(napi_env env, napi_value list, char ***target, uint32_t *count) {
  uint32_t n = 0;
  char path[PATH_MAX_BYTES];
  napi_get_array_length(env, list, &n);
  *target = calloc(n ? n : 1, sizeof **target);
  if (!*target) return ENOMEM;
  for (uint32_t i = 0; i < n; i++) {
    napi_value value;
    napi_get_element(env, list, i, &value);
    int error = path_of(env, value, path);
    if (error) return error;
    if (!((*target)[i] = strdup(path))) return ENOMEM;
    *count = i + 1;
  }
  return 0;
}

// sync(root, files, directories, whole): a promise of 0 or -errno.
static napi_value sync_paths(napi_env env, napi_callback_info info) {
  napi_value arg[4];
  size_t argc = 4;
  bool whole = false;
  napi_get_cb_info(env, info, &argc, arg, NULL, NULL);
  task_t *t = calloc(1, sizeof *t);
  if (!t) return number(env, -ENOMEM);
  t->kind = SYNC;
  t->sync.root = int_of(env, arg[0]);
  napi_get_value_bool(env, arg[3], &whole);
  t->sync.whole = whole;
  int error = strings_of(env, arg[1], &t->sync.files, &t->sync.file_count);
  if (!error) error = strings_of(env, arg[2], &t->sync.directories, &t->sync.directory_count);
  if (!error) return start_task(env, t, NULL);
  free_task(env, t);
  return number(env, -error);
}

// remove(root, path): a promise of 0 or -errno. Freeing the pages of a large block takes long: never in place.
static napi_value remove_path(napi_env env, napi_callback_info info) {
  napi_value arg[2];
  size_t argc = 2;
  napi_get_cb_info(env, info, &argc, arg, NULL, NULL);
  task_t *t = calloc(1, sizeof *t);
  if (!t) return number(env, -ENOMEM);
  t->kind = REMOVE;
  t->put.root = int_of(env, arg[0]);
  int error = path_of(env, arg[1], t->put.path);
  if (!error) return start_task(env, t, NULL);
  free_task(env, t);
  return number(env, -error);
}

// stat(root, path, result): 0 or -errno; result[0] = size, result[1] = modification time in ms.
static napi_value stat_path(napi_env env, napi_callback_info info) {
  napi_value arg[3];
  size_t argc = 3, n = 0;
  char path[PATH_MAX_BYTES];
  double *result;
  struct stat st;
  napi_get_cb_info(env, info, &argc, arg, NULL, NULL);
  int error = path_of(env, arg[1], path);
  if (error) return number(env, -error);
  if (napi_get_typedarray_info(env, arg[2], NULL, &n, (void **)&result, NULL, NULL) != napi_ok || n < 2)
    return number(env, -EINVAL);
  if (fstatat(int_of(env, arg[0]), path, &st, 0) != 0) return number(env, -errno);
  if (!S_ISREG(st.st_mode)) return number(env, -ENOENT);
  result[0] = (double)st.st_size;
  result[1] = (double)st.st_mtim.tv_sec * 1000 + (double)st.st_mtim.tv_nsec / 1e6;
  return number(env, 0);
}

// readAhead(fd, offset, length): starts to read what the page cache lacks of the range; cheap when it lacks nothing.
static napi_value read_ahead(napi_env env, napi_callback_info info) {
  napi_value arg[3];
  size_t argc = 3;
  int64_t offset = 0, length = 0;
  napi_get_cb_info(env, info, &argc, arg, NULL, NULL);
  napi_get_value_int64(env, arg[1], &offset);
  napi_get_value_int64(env, arg[2], &length);
  posix_fadvise(int_of(env, arg[0]), offset, length, POSIX_FADV_WILLNEED);
  return NULL;
}

void blockio_init(napi_env env, napi_value exports) {
  export_function(env, exports, "blockPut", put);
  export_function(env, exports, "blockRead", read_into);
  export_function(env, exports, "blockSync", sync_paths);
  export_function(env, exports, "blockRemove", remove_path);
  export_function(env, exports, "blockStat", stat_path);
  export_function(env, exports, "readAhead", read_ahead);
}
