/* thread: starting one. */
#ifndef CSE_BASE_THREAD_H
#define CSE_BASE_THREAD_H

#include "cse/base/error.h"

#include <pthread.h>

/* With a stack of a size that a limit on memory leaves room for, and no signals: they are for the threads that expect
 * them. 0, or the negative error of pthread_create: -EAGAIN if there is no room for it. */
WARN_UNUSED int thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg);

#endif
