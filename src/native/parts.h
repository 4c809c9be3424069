// The parts of the addon; see module.c.
#ifndef JFS_PARTS_H
#define JFS_PARTS_H
#define NAPI_VERSION 9
#include <node_api.h>

void channel_init(napi_env env, napi_value exports);
void blockio_init(napi_env env, napi_value exports);
void pages_init(napi_env env, napi_value exports);
void journal_init(napi_env env, napi_value exports);
#endif
