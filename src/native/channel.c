// The FUSE channel: non-blocking receive and reply on /dev/fuse, a watch on the event loop, and a thread for
// notifications. Buffers are allocated here once, so a call from JavaScript passes numbers only.
#include "parts.h"
#include "channel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

enum { OUT_HEADER = 16, MAX_PIECES = 1024 };

typedef struct {
  int fd;
  int closed;
  napi_env env;
  uv_poll_t watch;
  napi_ref callback;
  napi_ref receiver;
  napi_async_context async;
  // Where the header of a request is put: so placed in its pages that the payload of a WRITE is page-aligned.
  char *request;
  size_t request_bytes;
  char *reply;
  size_t reply_bytes;
  // Shared with JavaScript: [0] errno of the last reply that the kernel refused.
  int32_t *status;
  Notifier *notifier;
} Channel;

static uint64_t micros(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

// One request, or -EAGAIN after `spin` microseconds of empty reads. Requests that were aborted between the wake-up
// and the read (ENOENT) are the kernel's affair: the next one is taken.
static int take(Channel *c, uint32_t spin) {
  uint64_t deadline = 0;
  if (c->closed) return -ENODEV;
  for (;;) {
    ssize_t n = read(c->fd, c->request, c->request_bytes);
    if (n > 0) return (int)n;
    if (n == 0) return -ENODEV;
    if (errno == EINTR || errno == ENOENT) continue;
    if (errno != EAGAIN) return -errno;
    if (spin == 0) return -EAGAIN;
    uint64_t now = micros();
    if (deadline == 0) deadline = now + spin;
    else if (now >= deadline) return -EAGAIN;
  }
}

// Writes one reply. A request that is gone (ENOENT) needs none. Any other refusal would leave the caller waiting for
// ever, so it gets EIO; if the kernel has ended the request already, that second write is ENOENT and harmless.
static void put(Channel *c, struct iovec *pieces, int count) {
  if (c->closed) return;
  for (;;) {
    if (writev(c->fd, pieces, count) >= 0 || errno == ENOENT) return;
    if (errno == EINTR) continue;
    break;
  }
  c->status[0] = errno;
  if (errno == ENODEV || errno == ECONNABORTED) return;
  uint32_t header[4];
  memcpy(header, pieces[0].iov_base, OUT_HEADER);
  header[0] = OUT_HEADER;
  header[1] = (uint32_t)-EIO;
  ssize_t ignored = write(c->fd, header, OUT_HEADER);
  (void)ignored;
}

// Writes the replies that lie one after the other in the reply buffer, each starting at a multiple of 8.
static void put_range(Channel *c, uint32_t from, uint32_t to) {
  while (from + OUT_HEADER <= to && to <= c->reply_bytes) {
    uint32_t length;
    memcpy(&length, c->reply + from, sizeof length);
    if (length < OUT_HEADER || length > to - from) {
      c->status[0] = EINVAL;
      return;
    }
    struct iovec piece = {c->reply + from, length};
    put(c, &piece, 1);
    from += (length + 7) & ~7u;
  }
}

// Gathers a header from the reply buffer and the bytes of one Uint8Array or of an array of them.
static void put_pieces(Channel *c, napi_env env, uint32_t from, napi_value value) {
  struct iovec pieces[MAX_PIECES];
  uint32_t count = 1;
  bool many = false;
  if (from + OUT_HEADER > c->reply_bytes) return;
  napi_is_array(env, value, &many);
  uint32_t length = 1;
  if (many) napi_get_array_length(env, value, &length);
  pieces[0].iov_base = c->reply + from;
  pieces[0].iov_len = OUT_HEADER;
  for (uint32_t i = 0; i < length && count < MAX_PIECES; i++) {
    napi_value piece = value;
    napi_typedarray_type type;
    void *data;
    size_t bytes;
    if (many) napi_get_element(env, value, i, &piece);
    if (napi_get_typedarray_info(env, piece, &type, &bytes, &data, NULL, NULL) != napi_ok) continue;
    if (bytes == 0) continue;
    pieces[count].iov_base = data;
    pieces[count++].iov_len = bytes;
  }
  put(c, pieces, (int)count);
}

static Channel *arguments(napi_env env, napi_callback_info info, size_t count, napi_value *values) {
  void *data;
  napi_get_cb_info(env, info, &count, values, NULL, &data);
  return data;
}

static uint32_t number(napi_env env, napi_value value) {
  uint32_t n = 0;
  napi_get_value_uint32(env, value, &n);
  return n;
}

static napi_value integer(napi_env env, int32_t n) {
  napi_value value;
  napi_create_int32(env, n, &value);
  return value;
}

static napi_value channel_receive(napi_env env, napi_callback_info info) {
  napi_value v[1];
  Channel *c = arguments(env, info, 1, v);
  return integer(env, take(c, number(env, v[0])));
}

static napi_value channel_send(napi_env env, napi_callback_info info) {
  napi_value v[2];
  Channel *c = arguments(env, info, 2, v);
  put_range(c, number(env, v[0]), number(env, v[1]));
  return NULL;
}

// Answers and looks for the next request in one crossing: the path of a process that does one call after the other.
static napi_value channel_exchange(napi_env env, napi_callback_info info) {
  napi_value v[3];
  Channel *c = arguments(env, info, 3, v);
  put_range(c, number(env, v[0]), number(env, v[1]));
  return integer(env, take(c, number(env, v[2])));
}

static napi_value channel_send_pieces(napi_env env, napi_callback_info info) {
  napi_value v[2];
  Channel *c = arguments(env, info, 2, v);
  put_pieces(c, env, number(env, v[0]), v[1]);
  return NULL;
}

static napi_value channel_exchange_pieces(napi_env env, napi_callback_info info) {
  napi_value v[3];
  Channel *c = arguments(env, info, 3, v);
  put_pieces(c, env, number(env, v[0]), v[1]);
  return integer(env, take(c, number(env, v[2])));
}

static napi_value channel_notify(napi_env env, napi_callback_info info) {
  napi_value v[2], answer;
  Channel *c = arguments(env, info, 2, v);
  uint32_t at = number(env, v[0]), bytes = number(env, v[1]);
  bool taken = false;
  if (!c->closed && at + bytes <= c->reply_bytes) taken = notifier_push(c->notifier, c->reply + at, bytes);
  napi_get_boolean(env, taken, &answer);
  return answer;
}

// The loop tells only that something is there (or that the connection died: status < 0); JavaScript reads.
static void on_readable(uv_poll_t *watch, int status, int events) {
  Channel *c = watch->data;
  napi_handle_scope scope;
  napi_value callback, receiver, argument, result;
  (void)events;
  napi_open_handle_scope(c->env, &scope);
  napi_get_reference_value(c->env, c->callback, &callback);
  napi_get_reference_value(c->env, c->receiver, &receiver);
  napi_create_int32(c->env, status, &argument);
  if (napi_make_callback(c->env, c->async, receiver, callback, 1, &argument, &result) == napi_pending_exception) {
    napi_value error;
    napi_get_and_clear_last_exception(c->env, &error);
    napi_fatal_exception(c->env, error);
  }
  napi_close_handle_scope(c->env, scope);
}

// The memory stays until the process ends: views of it may outlive the session, and there are a handful at most.
static void on_closed(uv_handle_t *handle) {
  Channel *c = handle->data;
  close(c->fd);
  napi_delete_reference(c->env, c->callback);
  napi_delete_reference(c->env, c->receiver);
  napi_async_destroy(c->env, c->async);
}

static napi_value channel_close(napi_env env, napi_callback_info info) {
  Channel *c = arguments(env, info, 0, NULL);
  (void)env;
  if (c->closed) return NULL;
  c->closed = 1;
  notifier_stop(c->notifier);
  uv_poll_stop(&c->watch);
  uv_close((uv_handle_t *)&c->watch, on_closed);
  return NULL;
}

static char *pages(size_t bytes) {
  char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return p == MAP_FAILED ? NULL : p;
}

static void expose(napi_env env, napi_value object, const char *name, void *data, size_t bytes) {
  napi_value buffer;
  napi_create_external_arraybuffer(env, data, bytes, NULL, NULL, &buffer);
  napi_set_named_property(env, object, name, buffer);
}

static napi_value expose_channel(napi_env env, Channel *c, char *request_pages, size_t request_pages_bytes) {
  static const struct {
    const char *name;
    napi_callback call;
  } methods[] = {
      {"receive", channel_receive},          {"send", channel_send},
      {"exchange", channel_exchange},        {"sendPieces", channel_send_pieces},
      {"exchangePieces", channel_exchange_pieces}, {"notify", channel_notify},
      {"close", channel_close},
  };
  napi_value object, offset;
  napi_create_object(env, &object);
  for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
    napi_value method;
    napi_create_function(env, methods[i].name, NAPI_AUTO_LENGTH, methods[i].call, c, &method);
    napi_set_named_property(env, object, methods[i].name, method);
  }
  expose(env, object, "requestPages", request_pages, request_pages_bytes);
  expose(env, object, "replyPages", c->reply, c->reply_bytes);
  expose(env, object, "statusWords", c->status, 4 * sizeof *c->status);
  napi_create_uint32(env, (uint32_t)(c->request - request_pages), &offset);
  napi_set_named_property(env, object, "requestOffset", offset);
  return object;
}

static int start_watch(Channel *c, napi_env env, napi_value callback) {
  napi_value name, receiver;
  uv_loop_t *loop;
  c->env = env;
  napi_create_object(env, &receiver);
  napi_create_reference(env, receiver, 1, &c->receiver);
  napi_create_reference(env, callback, 1, &c->callback);
  napi_create_string_utf8(env, "jfs.fuse", NAPI_AUTO_LENGTH, &name);
  napi_async_init(env, receiver, name, &c->async);
  napi_get_uv_event_loop(env, &loop);
  int r = uv_poll_init(loop, &c->watch, c->fd);
  if (r < 0) return r;
  c->watch.data = c;
  return uv_poll_start(&c->watch, UV_READABLE, on_readable);
}

// openChannel(fd, payloadOffset, maxRequest, replyBytes, onReadable): takes the descriptor over.
static napi_value channel_open(napi_env env, napi_callback_info info) {
  napi_value v[5];
  arguments(env, info, 5, v);
  const size_t page = 4096;
  Channel *c = calloc(1, sizeof *c);
  uint32_t payload_offset = number(env, v[1]), max_request = number(env, v[2]);
  size_t request_pages_bytes = 2 * page + max_request;
  char *request_pages = pages(request_pages_bytes);
  if (c == NULL || request_pages == NULL || payload_offset > page) goto no_memory;
  c->fd = (int)number(env, v[0]);
  c->request = request_pages + page - payload_offset;
  c->request_bytes = max_request;
  c->reply_bytes = number(env, v[3]);
  c->reply = pages(c->reply_bytes);
  c->status = (int32_t *)pages(page);
  if (c->reply == NULL || c->status == NULL) goto no_memory;
  // fusermount3 hands over a blocking descriptor.
  fcntl(c->fd, F_SETFL, O_RDWR | O_NONBLOCK);
  fcntl(c->fd, F_SETFD, FD_CLOEXEC);
  c->notifier = notifier_start(c->fd);
  if (c->notifier == NULL) goto no_memory;
  int r = start_watch(c, env, v[4]);
  if (r < 0) {
    napi_throw_error(env, uv_err_name(r), uv_strerror(r));
    return NULL;
  }
  return expose_channel(env, c, request_pages, request_pages_bytes);
no_memory:
  napi_throw_error(env, "ENOMEM", "no memory for the FUSE buffers");
  return NULL;
}

void channel_init(napi_env env, napi_value exports) {
  napi_value f;
  napi_create_function(env, "openChannel", NAPI_AUTO_LENGTH, channel_open, NULL, &f);
  napi_set_named_property(env, exports, "openChannel", f);
  mount_init(env, exports);
}
