/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the litmus programs share: the port's primitives (include/ptw/port/atomic.h) with the same
 * orderings in C11's words, which model checkers read.
 *
 * Each program is one round of a few threads. A model checker sees all its executions. Where there
 * is none, ROUNDS repeats it with real threads, which shows what this machine and ThreadSanitizer
 * see. WEAKEN takes away the ordering, or the read-modify-write, that the claim rests on; a model
 * checker must then find the assertion broken, or a data race.
 */
#ifndef PTW_TESTS_LITMUS_H
#define PTW_TESTS_LITMUS_H

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#ifndef WEAKEN
#define ORDER_RELEASE memory_order_release
#define ORDER_ACQUIRE memory_order_acquire
#define ORDER_ACQ_REL memory_order_acq_rel
#else
#define ORDER_RELEASE memory_order_relaxed
#define ORDER_ACQUIRE memory_order_relaxed
#define ORDER_ACQ_REL memory_order_relaxed
#endif

/* Entry values: as the library's own, A and D are zero in what is not present. */
enum { EMPTY = 0, FROZEN = 1, LEAF = 2, A = 4, D = 8, TABLE = 32 };

typedef _Atomic int entry_t;

static inline int load(entry_t *e)
{
	return atomic_load_explicit(e, memory_order_relaxed);
}

static inline int load_table(entry_t *e)
{
	return atomic_load_explicit(e, ORDER_ACQUIRE);
}

static inline void init_entry(entry_t *e, int value)
{
	atomic_store_explicit(e, value, memory_order_relaxed);
}

static inline void publish(entry_t *e, int value)
{
	atomic_store_explicit(e, value, ORDER_RELEASE);
}

static inline bool cas(entry_t *e, int *old, int value)
{
	return atomic_compare_exchange_strong_explicit(e, old, value, ORDER_ACQ_REL, ORDER_ACQUIRE);
}

/* The same for hardware, which orders nothing for the library. */
static inline int hardware_set(entry_t *e, int bits)
{
	return atomic_fetch_or_explicit(e, bits, memory_order_relaxed);
}

static inline int and_clear(entry_t *e, int bits)
{
	return atomic_fetch_and_explicit(e, ~bits, memory_order_relaxed) & bits;
}

static void *first(void *unused);
static void *second(void *unused);
static void begin(void);  /* everything as before the threads */
static void end(void);    /* asserts, when they have ended */

#ifdef THREADS3
static void *third(void *unused);
#endif

int main(void)
{
#ifdef ROUNDS
	for (int round = 0; round < ROUNDS; round++)
#endif
	{
		pthread_t a, b;
#ifdef THREADS3
		pthread_t c;
#endif

		begin();
		if (pthread_create(&a, NULL, first, NULL) || pthread_create(&b, NULL, second, NULL))
			abort();
#ifdef THREADS3
		if (pthread_create(&c, NULL, third, NULL))
			abort();
		pthread_join(c, NULL);
#endif
		pthread_join(a, NULL);
		pthread_join(b, NULL);
		end();
	}
	return 0;
}

#endif /* PTW_TESTS_LITMUS_H */
