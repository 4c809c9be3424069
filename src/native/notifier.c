// Writes notifications to the kernel from a thread of its own. Such a write may wait for a directory lock or a page
// that a process holds while it waits for our answer: written on the event loop it would wait for ever.
#define _GNU_SOURCE
#include "channel.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_QUEUED = 65536 };

typedef struct Message {
  struct Message *next;
  size_t bytes;
  char data[];
} Message;

struct Notifier {
  int fd;
  int stopped;
  int queued;
  Message *first;
  Message *last;
  pthread_mutex_t lock;
  pthread_cond_t wake;
};

// Blocks until there is a message; NULL when stopped. The lock is held by nobody afterwards.
static Message *next_message(Notifier *n) {
  pthread_mutex_lock(&n->lock);
  while (n->first == NULL && !n->stopped) pthread_cond_wait(&n->wake, &n->lock);
  Message *m = n->stopped ? NULL : n->first;
  if (m != NULL) {
    n->first = m->next;
    if (n->first == NULL) n->last = NULL;
    n->queued--;
  }
  pthread_mutex_unlock(&n->lock);
  return m;
}

static void *run(void *argument) {
  Notifier *n = argument;
  Message *m;
  while ((m = next_message(n)) != NULL) {
    // ENOENT (not in the cache) is the usual answer; the others mean a connection that ends anyway.
    ssize_t ignored = write(n->fd, m->data, m->bytes);
    (void)ignored;
    free(m);
  }
  while ((m = n->first) != NULL) {
    n->first = m->next;
    free(m);
  }
  close(n->fd);
  pthread_mutex_destroy(&n->lock);
  pthread_cond_destroy(&n->wake);
  free(n);
  return NULL;
}

Notifier *notifier_start(int fd) {
  Notifier *n = calloc(1, sizeof *n);
  if (n == NULL) return NULL;
  // A descriptor of its own: the channel may be closed while a write waits.
  n->fd = dup(fd);
  pthread_mutex_init(&n->lock, NULL);
  pthread_cond_init(&n->wake, NULL);
  pthread_t thread;
  if (n->fd < 0 || pthread_create(&thread, NULL, run, n) != 0) {
    if (n->fd >= 0) close(n->fd);
    free(n);
    return NULL;
  }
  pthread_detach(thread);
  return n;
}

int notifier_push(Notifier *n, const void *message, size_t bytes) {
  Message *m = malloc(sizeof *m + bytes);
  if (m == NULL) return 0;
  m->next = NULL;
  m->bytes = bytes;
  memcpy(m->data, message, bytes);
  pthread_mutex_lock(&n->lock);
  int taken = !n->stopped && n->queued < MAX_QUEUED;
  if (taken) {
    if (n->last != NULL) n->last->next = m;
    else n->first = m;
    n->last = m;
    n->queued++;
    pthread_cond_signal(&n->wake);
  }
  pthread_mutex_unlock(&n->lock);
  if (!taken) free(m);
  return taken;
}

void notifier_stop(Notifier *n) {
  pthread_mutex_lock(&n->lock);
  n->stopped = 1;
  pthread_cond_signal(&n->wake);
  pthread_mutex_unlock(&n->lock);
}
