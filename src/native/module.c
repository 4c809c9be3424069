// The one addon of jfs: what JavaScript cannot do (mounting, the FUSE channel) and what it cannot do cheaply
// (durable block files in one trip to the thread pool). Each part registers its own functions.
#include "parts.h"

static napi_value init(napi_env env, napi_value exports) {
  channel_init(env, exports);
  blockio_init(env, exports);
  pages_init(env, exports);
  journal_init(env, exports);
  return exports;
}

NAPI_MODULE(NODE_GYP_MODULE_NAME, init)
