// Memory for blocks: whole pages, so that it can be transferred directly, and huge pages where it is large enough.
#define _GNU_SOURCE
#include "parts.h"
#include <stdint.h>
#include <sys/mman.h>

enum { HUGE_BYTES = 2 << 20 };

static void release(napi_env env, void *data, void *hint) {
  (void)env;
  munmap(data, (size_t)(uintptr_t)hint);
}

// Large memory begins at a huge page, so that the kernel can map it with few faults.
static char *map_pages(size_t bytes) {
  size_t slack = bytes >= HUGE_BYTES ? HUGE_BYTES : 0;
  char *p = mmap(NULL, bytes + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return NULL;
  if (slack == 0) return p;
  char *start = (char *)(((uintptr_t)p + slack - 1) & ~(uintptr_t)(slack - 1));
  if (start > p) munmap(p, (size_t)(start - p));
  if (start + bytes < p + bytes + slack) munmap(start + bytes, (size_t)(p + slack - start));
  madvise(start, bytes, MADV_HUGEPAGE);
  return start;
}

// pages(bytes): an ArrayBuffer of zeros that begins at a page; undefined when there is no memory. `bytes` is a multiple of 4096.
static napi_value pages(napi_env env, napi_callback_info info) {
  napi_value arg[1], buffer;
  size_t argc = 1;
  int64_t bytes = 0;
  napi_get_cb_info(env, info, &argc, arg, NULL, NULL);
  napi_get_value_int64(env, arg[0], &bytes);
  char *data = bytes > 0 ? map_pages((size_t)bytes) : NULL;
  if (!data) return NULL;
  void *hint = (void *)(uintptr_t)bytes;
  if (napi_create_external_arraybuffer(env, data, (size_t)bytes, release, hint, &buffer) != napi_ok) {
    munmap(data, (size_t)bytes);
    return NULL;
  }
  return buffer;
}

void pages_init(napi_env env, napi_value exports) {
  napi_value f;
  napi_create_function(env, "pages", NAPI_AUTO_LENGTH, pages, NULL, &f);
  napi_set_named_property(env, exports, "pages", f);
}
