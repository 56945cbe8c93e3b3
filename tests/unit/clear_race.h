/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Threads that clear accessed bits of one table while others play processors and writers. Each
 * transition of A and D that anybody makes is noted, and must in the end have been reported once, or
 * removed with its entry, or still be there.
 */
#ifndef PTW_TESTS_CLEAR_RACE_H
#define PTW_TESTS_CLEAR_RACE_H

#include "tests/harness/harness.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define A	   ((uint64_t)1 << 8)
#define D	   ((uint64_t)1 << 9)
#define PRESENT	   ((uint64_t)1)
#define COUNT	   ((uint64_t)1 << 12) /* where writers count, to bit 51 */
#define COUNTED(e) ((e) >> 12 & 0xffffffffffu)

#define RACE_ENTRIES 512u
#define RACE_THREADS 3u
#define RACE_REPORTS 1000000u

/* What one thread did to each entry; nobody else writes it. */
struct actor {
	pthread_t thread;
	uint64_t random;
	void (*harvest)(struct actor *a); /* null: it does not */
	uint64_t set_a[RACE_ENTRIES], took_a[RACE_ENTRIES];
	uint64_t set_d[RACE_ENTRIES], took_d[RACE_ENTRIES];
	uint64_t counted[RACE_ENTRIES];
	uint64_t wrong; /* reported but not asked for */
};

static uint64_t race_table[RACE_ENTRIES] __attribute__((aligned(4096)));
static unsigned int race_busy; /* entries that are used: few of them meet more often */
static _Atomic bool race_over;
static _Atomic uint64_t race_reported; /* how far a run has come */

/* splitmix64 */
static inline uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* As a processor's page walker: a bit that is not set is set by compare-exchange, and only in an entry
 * that is present. Everything here is relaxed: it is about the values of single words. */
static inline void race_access(struct actor *a, unsigned int k, uint64_t want)
{
	uint64_t e = __atomic_load_n(&race_table[k], __ATOMIC_RELAXED);

	while ((e & PRESENT) && (e & want) != want) {
		const uint64_t new = want & ~e;

		if (!__atomic_compare_exchange_n(&race_table[k], &e, e | want, false,
						 __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			continue;
		a->set_a[k] += !!(new & A);
		a->set_d[k] += !!(new & D);
		return;
	}
}

/* A writer takes an entry out with its state, and puts it in again; or cleans it; or counts in it. */
static inline void race_write(struct actor *a, unsigned int k, unsigned int how)
{
	uint64_t e = __atomic_load_n(&race_table[k], __ATOMIC_RELAXED), new;

	do {
		if (!(e & PRESENT))
			return;
		new = how == 0 ? 0 : how == 1 ? e & ~D : e + COUNT;
	} while (!__atomic_compare_exchange_n(&race_table[k], &e, new, false, __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
	if (how == 0)
		__atomic_store_n(&race_table[k], e & ~(A | D), __ATOMIC_RELAXED);
	a->took_a[k] += how == 0 && (e & A);
	a->took_d[k] += how <= 1 && (e & D);
	a->counted[k] += how > 1;
}

/* Which of the 64 entries from `first` on look young. */
static inline uint64_t race_young(unsigned int first)
{
	uint64_t young = 0;

	for (unsigned int k = 0; k < 64 && first + k < race_busy; k++) {
		uint64_t e = __atomic_load_n(&race_table[first + k], __ATOMIC_RELAXED);

		young |= (uint64_t)!!(e & A) << k;
	}
	return young;
}

/* A harvest was asked for `young` of the 64 entries from `first` on, and says it cleared `found`. */
static inline void race_report(struct actor *a, unsigned int first, uint64_t found, uint64_t young)
{
	a->wrong += !!(found & ~young);
	atomic_fetch_add_explicit(&race_reported, (uint64_t)__builtin_popcountll(found),
				  memory_order_relaxed);
	for (; found; found &= found - 1)
		a->took_a[first + (unsigned int)__builtin_ctzll(found)]++;
}

/* Tests whose transactions are made by a lock keep everybody else out of them. */
#ifndef RACE_LOCK
#define RACE_LOCK()   ((void)0)
#define RACE_UNLOCK() ((void)0)
#endif

/* Everybody is processor and writer, so that there is always something to find; some harvest. */
static void *race_act(void *argument)
{
	struct actor *a = argument;

	while (!atomic_load_explicit(&race_over, memory_order_relaxed)) {
		const uint64_t random = next_random(&a->random);
		const unsigned int k = (unsigned int)(random % race_busy);
		const unsigned int what = random >> 32 & 7;

		if (what < 2) {
			if (a->harvest)
				a->harvest(a);
			continue;
		}
		RACE_LOCK();
		if (what == 2)
			race_write(a, k, (unsigned int)(random >> 40 & 3));
		else
			race_access(a, k, random >> 40 & 3 ? A : A | D);
		RACE_UNLOCK();
	}
	return NULL;
}

static inline struct actor *race_start(void *(*play)(void *), uint64_t *random,
				       void (*harvest)(struct actor *a))
{
	struct actor *a = calloc(1, sizeof(*a));

	cr_assert_not_null(a);
	a->random = next_random(random);
	a->harvest = harvest;
	cr_assert_eq(pthread_create(&a->thread, NULL, play, a), 0);
	return a;
}

static inline double race_now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Each transition of A and D is accounted for once, and what writers counted is all there. */
static inline void race_check(struct actor *const *actor)
{
	for (unsigned int k = 0; k < RACE_ENTRIES; k++) {
		const uint64_t e = race_table[k];
		uint64_t set_a = 0, took_a = !!(e & A), set_d = 0, took_d = !!(e & D), counted = 0;

		for (unsigned int i = 0; i < RACE_THREADS; i++) {
			set_a += actor[i]->set_a[k];
			took_a += actor[i]->took_a[k];
			set_d += actor[i]->set_d[k];
			took_d += actor[i]->took_d[k];
			counted += actor[i]->counted[k];
		}
		cr_assert_eq(set_a, took_a, "entry %u: A set %" PRIu64 " times, %" PRIu64
			     " times reported, removed or still there", k, set_a, took_a);
		cr_assert_eq(set_d, took_d, "entry %u: D set %" PRIu64 " times, %" PRIu64
			     " times removed or still there", k, set_d, took_d);
		cr_assert_eq(counted & 0xffffffffffu, COUNTED(e), "entry %u counted to %" PRIu64
			     " of %" PRIu64, k, COUNTED(e), counted);
		cr_assert(k < race_busy ? e & PRESENT : e == PRESENT, "entry %u is %#" PRIx64, k,
			  e);
	}
}

/* Until harvests have reported often, or some seconds are over and they have reported at all. */
static inline void race(unsigned int entries, unsigned int harvests,
			void (*harvest)(struct actor *a))
{
	const struct timespec nap = { .tv_nsec = 1000000 };
	struct actor *actor[RACE_THREADS];
	uint64_t random = test_seed() + entries, reported;
	const double end = race_now() + 5;

	race_busy = entries;
	for (unsigned int k = 0; k < RACE_ENTRIES; k++)
		race_table[k] = PRESENT;
	atomic_store_explicit(&race_over, false, memory_order_relaxed);
	atomic_store_explicit(&race_reported, 0, memory_order_relaxed);
	for (unsigned int i = 0; i < RACE_THREADS; i++)
		actor[i] = race_start(race_act, &random, i < harvests ? harvest : NULL);
	do {
		nanosleep(&nap, NULL);
		reported = atomic_load_explicit(&race_reported, memory_order_relaxed);
	} while (!reported || (race_now() < end && reported < RACE_REPORTS / test_slowness()));
	atomic_store_explicit(&race_over, true, memory_order_relaxed);
	for (unsigned int i = 0; i < RACE_THREADS; i++)
		pthread_join(actor[i]->thread, NULL);
	for (unsigned int i = 0; i < RACE_THREADS; i++)
		cr_assert_eq(actor[i]->wrong, 0u, "reported what was not asked for");
	race_check(actor);
	cr_log_info("%u entries, %u harvests: %" PRIu64 " transitions reported", entries, harvests,
		    atomic_load_explicit(&race_reported, memory_order_relaxed));
	for (unsigned int i = 0; i < RACE_THREADS; i++)
		free(actor[i]);
}

#endif /* PTW_TESTS_CLEAR_RACE_H */
