// mount(2) and umount2(2) on the thread pool, and receiving the descriptor that fusermount3 passes over a socket.
// The path of a mount point may lead through the very file system that this process serves: never on its event loop.
#define _GNU_SOURCE
#include "parts.h"
#include "channel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct {
  napi_async_work work;
  napi_deferred deferred;
  int is_mount;
  int error;
  unsigned flags;
  char *source;
  char *target;
  char *type;
  char *options;
} Task;

static char *text(napi_env env, napi_value value) {
  size_t bytes = 0;
  napi_get_value_string_latin1(env, value, NULL, 0, &bytes);
  char *s = malloc(bytes + 1);
  if (s != NULL) napi_get_value_string_latin1(env, value, s, bytes + 1, &bytes);
  return s;
}

static void execute(napi_env env, void *data) {
  Task *t = data;
  (void)env;
  int r = t->is_mount ? mount(t->source, t->target, t->type, t->flags, t->options)
                      : umount2(t->target, (int)t->flags);
  t->error = r == 0 ? 0 : errno;
}

static void complete(napi_env env, napi_status status, void *data) {
  Task *t = data;
  napi_value error;
  (void)status;
  napi_create_int32(env, t->error, &error);
  napi_resolve_deferred(env, t->deferred, error);
  napi_delete_async_work(env, t->work);
  free(t->source);
  free(t->target);
  free(t->type);
  free(t->options);
  free(t);
}

static napi_value start(napi_env env, Task *t) {
  napi_value promise, name;
  napi_create_promise(env, &t->deferred, &promise);
  napi_create_string_utf8(env, "jfs.mount", NAPI_AUTO_LENGTH, &name);
  napi_create_async_work(env, NULL, name, execute, complete, t, &t->work);
  napi_queue_async_work(env, t->work);
  return promise;
}

// mount(source, target, type, flags, options): a promise of 0 or errno. Paths are bytes in latin1 strings.
static napi_value mount_call(napi_env env, napi_callback_info info) {
  size_t count = 5;
  napi_value v[5];
  napi_get_cb_info(env, info, &count, v, NULL, NULL);
  Task *t = calloc(1, sizeof *t);
  if (t == NULL || count < 5) return NULL;
  t->is_mount = 1;
  t->source = text(env, v[0]);
  t->target = text(env, v[1]);
  t->type = text(env, v[2]);
  napi_get_value_uint32(env, v[3], &t->flags);
  t->options = text(env, v[4]);
  return start(env, t);
}

// unmount(target, flags): a promise of 0 or errno.
static napi_value unmount_call(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value v[2];
  napi_get_cb_info(env, info, &count, v, NULL, NULL);
  Task *t = calloc(1, sizeof *t);
  if (t == NULL || count < 2) return NULL;
  t->target = text(env, v[0]);
  napi_get_value_uint32(env, v[1], &t->flags);
  return start(env, t);
}

// socketPair(): two descriptors, the second one to be inherited by fusermount3; or throws.
static napi_value socket_pair(napi_env env, napi_callback_info info) {
  int fds[2];
  napi_value array, fd;
  (void)info;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) {
    napi_throw_error(env, "EIO", strerror(errno));
    return NULL;
  }
  napi_create_array_with_length(env, 2, &array);
  for (uint32_t i = 0; i < 2; i++) {
    napi_create_int32(env, fds[i], &fd);
    napi_set_element(env, array, i, fd);
  }
  return array;
}

// receiveDescriptor(socket): the descriptor in the next message, or -errno. Does not wait.
static napi_value receive_descriptor(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value v[1], answer;
  int sock, fd = -EPROTO;
  napi_get_cb_info(env, info, &count, v, NULL, NULL);
  napi_get_value_int32(env, v[0], &sock);
  char byte, control[CMSG_SPACE(sizeof(int))];
  struct iovec piece = {&byte, 1};
  struct msghdr message = {
      .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  ssize_t n = recvmsg(sock, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (n < 0) fd = -errno;
  struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;
  if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) memcpy(&fd, CMSG_DATA(c), sizeof fd);
  napi_create_int32(env, fd, &answer);
  return answer;
}

void mount_init(napi_env env, napi_value exports) {
  static const struct {
    const char *name;
    napi_callback call;
  } functions[] = {
      {"mount", mount_call},
      {"unmount", unmount_call},
      {"socketPair", socket_pair},
      {"receiveDescriptor", receive_descriptor},
  };
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    napi_value f;
    napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].call, NULL, &f);
    napi_set_named_property(env, exports, functions[i].name, f);
  }
}
