// The parts of the addon; see module.c.
#ifndef JFS_PARTS_H
#define JFS_PARTS_H
#define NAPI_VERSION 9
#include <node_api.h>

void channel_init(napi_env env, napi_value exports);
void blockio_init(napi_env env, napi_value exports);
void pages_init(napi_env env, napi_value exports);
void journal_init(napi_env env, napi_value exports);

static inline void export_function(napi_env env, napi_value exports, const char *name,
                                   napi_callback f) {
  napi_value value;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, f, NULL, &value);
  napi_set_named_property(env, exports, name, value);
}
#endif
