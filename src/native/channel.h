// What the parts of the FUSE channel offer each other.
#ifndef JFS_CHANNEL_H
#define JFS_CHANNEL_H
#include <node_api.h>
#include <stddef.h>

typedef struct Notifier Notifier;

// Starts the thread that writes notifications to `fd`. NULL when it cannot.
Notifier *notifier_start(int fd);
// Copies a message and queues it; 0 when the queue is full or stopped.
int notifier_push(Notifier *n, const void *message, size_t bytes);
// Lets the thread end by itself; what is queued is dropped.
void notifier_stop(Notifier *n);

void mount_init(napi_env env, napi_value exports);
#endif
