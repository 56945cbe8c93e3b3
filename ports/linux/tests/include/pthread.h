/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Threads of a test: kthreads. Locks and barriers are words here, so that no kernel header, with its
 * many names, gets into a test; runner.c and shim.c know what they are.
 */
#ifndef PTW_KTEST_PTHREAD_H
#define PTW_KTEST_PTHREAD_H

#include "stddef.h"

struct ktest_thread;

typedef struct ktest_thread *pthread_t;

typedef struct {
	unsigned long words[8];
} pthread_mutex_t;

/* All zero: whoever takes it first makes it one. */
#define PTHREAD_MUTEX_INITIALIZER { { 0 } }

typedef struct {
	unsigned long words[8];
} pthread_barrier_t;

int ktest_thread_create(struct ktest_thread **thread, void *(*run)(void *), void *argument);
int ktest_thread_join(struct ktest_thread *thread, void **result);
void ktest_mutex_init(pthread_mutex_t *mutex);
void ktest_mutex_lock(pthread_mutex_t *mutex);
int ktest_mutex_trylock(pthread_mutex_t *mutex);
void ktest_mutex_unlock(pthread_mutex_t *mutex);
void ktest_barrier_init(pthread_barrier_t *barrier, unsigned int count);
void ktest_barrier_wait(pthread_barrier_t *barrier);

#define pthread_create(thread, attr, run, argument) ktest_thread_create(thread, run, argument)
#define pthread_join(thread, result)		     ktest_thread_join(thread, result)
#define pthread_mutex_init(mutex, attr)		     ktest_mutex_init(mutex)
#define pthread_mutex_lock(mutex)		     ktest_mutex_lock(mutex)
#define pthread_mutex_trylock(mutex)		     ktest_mutex_trylock(mutex)
#define pthread_mutex_unlock(mutex)		     ktest_mutex_unlock(mutex)
#define pthread_mutex_destroy(mutex)		     ((void)(mutex))
#define pthread_barrier_init(barrier, attr, count)   ktest_barrier_init(barrier, count)
#define pthread_barrier_wait(barrier)		     ktest_barrier_wait(barrier)
#define pthread_barrier_destroy(barrier)	     ((void)(barrier))

#endif /* PTW_KTEST_PTHREAD_H */
