/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Region filters: nothing that was added is missed, and little else is taken. */
#define _GNU_SOURCE /* sched_setaffinity() */
#include "tests/unit/pgtable_machine.h"

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <time.h>

#include <ptw/port.h>

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

static struct ptw_filter *filter_for(uint64_t regions)
{
	struct ptw_filter *filter = NULL;

	cr_assert_eq(ptw_filter_create(regions, &filter), PTW_OK);
	cr_assert_not_null(filter);
	return filter;
}

/* One that reads what was added, and nothing yet. */
static struct ptw_filter *filter_after_first(uint64_t regions)
{
	struct ptw_filter *filter = filter_for(regions);

	ptw_filter_turn(filter);
	return filter;
}

/* How many of the regions first, first + stride ... are taken. */
static unsigned int taken(const struct ptw_filter *filter, uint64_t first, uint64_t stride,
			  unsigned int n)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < n; i++)
		count += (unsigned int)ptw_filter_test(filter, first + i * stride);
	return count;
}

Test(filter, arguments)
{
	struct ptw_filter *filter = NULL;

	cr_assert_eq(ptw_filter_create(1, NULL), PTW_ERR_ARG);
	cr_assert_eq(ptw_filter_create(0, &filter), PTW_ERR_ARG);
	cr_assert_eq(ptw_filter_create(PTW_FILTER_REGIONS_MAX + 1, &filter), PTW_ERR_ARG);
	cr_assert_eq(ptw_filter_create(UINT64_MAX, &filter), PTW_ERR_ARG);
	cr_assert_null(filter);
	/* No filter is one that takes every region. */
	ptw_filter_add(NULL, 1);
	ptw_filter_all(NULL);
	ptw_filter_turn(NULL);
	ptw_filter_destroy(NULL);
	cr_assert_eq(ptw_filter_test(NULL, 1), 1);
}

Test(filter, no_memory)
{
#ifdef SANITIZED
	cr_skip("sanitizers do not give out-of-memory to the program");
#else
	const struct rlimit limit = { (rlim_t)256 << 20, (rlim_t)256 << 20 };
	struct ptw_filter *filter = NULL;

	cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
	filter = malloc((size_t)1 << 30);
	if (filter) {
		free(filter);
		cr_skip("this system, an emulated one perhaps, does not heed the limit");
	}
	cr_assert_eq(ptw_filter_create(PTW_FILTER_REGIONS_MAX, &filter), PTW_ERR_NOMEM);
	cr_assert_null(filter);
	filter = filter_for(1000);
	ptw_filter_destroy(filter);
#endif
}

/* Fresh: every region. Then what was added in the pass before, and not what was added in this one. */
Test(filter, turns)
{
	struct ptw_filter *filter = filter_for(1000);

	cr_assert_eq(taken(filter, 0, 7, 1000), 1000u, "a fresh filter takes every region");
	cr_assert_eq(ptw_filter_test(filter, UINT64_MAX), 1);
	ptw_filter_add(filter, 42);
	ptw_filter_turn(filter);
	for (unsigned int pass = 0; pass < 100; pass++) {
		const uint64_t region = pass ? 1000 * (uint64_t)pass : 42;

		cr_assert_eq(ptw_filter_test(filter, region), 1, "pass %u", pass);
		/* One region sets 2 of 16384 bits. */
		cr_assert_eq(taken(filter, region + 1, 1, 999), 0u, "pass %u", pass);
		ptw_filter_add(filter, region + 1000 - (pass ? 0 : 42));
		cr_assert_eq(taken(filter, region + 1, 1, 1100), 0u, "added for the next pass");
		ptw_filter_turn(filter);
	}
	ptw_filter_turn(filter);
	cr_assert_eq(taken(filter, 0, 1, 200000), 0u, "nothing was added");
	ptw_filter_destroy(filter);
}

/* Adding twice does nothing more, and a pass that takes every region collects like any other. */
Test(filter, all)
{
	struct ptw_filter *filter = filter_after_first(1000);

	cr_assert_eq(taken(filter, 0, 1, 1000), 0u);
	ptw_filter_all(filter);
	cr_assert_eq(taken(filter, 0, 1, 1000), 1000u);
	ptw_filter_all(filter);
	ptw_filter_add(filter, 5);
	ptw_filter_add(filter, 5);
	ptw_filter_turn(filter);
	cr_assert_eq(ptw_filter_test(filter, 5), 1);
	cr_assert_eq(taken(filter, 6, 1, 1000), 0u, "for one pass only");
	ptw_filter_turn(filter);
	cr_assert_eq(taken(filter, 0, 1, 1000), 0u);
	/* In the odd passes, too. */
	ptw_filter_all(filter);
	cr_assert_eq(taken(filter, 0, 1, 1000), 1000u);
	ptw_filter_turn(filter);
	cr_assert_eq(taken(filter, 0, 1, 1000), 0u);
	ptw_filter_destroy(filter);
}

/* Random sets of all sizes, far more than the filter was made for included: every one of them is found. */
Test(filter, nothing_is_missed)
{
	static const uint64_t sizes[] = { 1, 2, 33, 1000, 65536, 1 << 20 };
	uint64_t random = test_seed();

	for (unsigned int s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		struct ptw_filter *filter = filter_after_first(sizes[s]);

		for (unsigned int pass = 0; pass < 20; pass++) {
			const unsigned int n = (unsigned int)random_below(&random, 5000) + 1;
			const unsigned int bits = (unsigned int)random_below(&random, 64);
			const uint64_t seed = random;
			uint64_t again = seed;

			for (unsigned int i = 0; i < n; i++)
				ptw_filter_add(filter, next_random(&random) >> bits);
			ptw_filter_turn(filter);
			for (unsigned int i = 0; i < n; i++) {
				const uint64_t region = next_random(&again) >> bits;

				cr_assert_eq(ptw_filter_test(filter, region), 1,
					     "%" PRIu64 " of a filter for %" PRIu64, region,
					     sizes[s]);
			}
		}
		ptw_filter_destroy(filter);
	}
}

/*
 * How many regions are taken that were not added, in a million, against (1 - e^(-2n/m))^2 for n
 * regions in m bits: whatever numbers the regions have.
 */
static void false_rate(uint64_t regions, uint64_t n, uint64_t first, uint64_t stride,
		       unsigned int millionths)
{
	const unsigned int probes = 1000000 / test_slowness();
	struct ptw_filter *filter = filter_after_first(regions);
	unsigned int beyond, between, random = 0;
	uint64_t state = test_seed(), expected = (uint64_t)millionths * probes / 1000000;

	for (uint64_t i = 0; i < n; i++)
		ptw_filter_add(filter, first + i * stride);
	ptw_filter_turn(filter);
	beyond = taken(filter, first + n * stride, stride, probes);
	between = taken(filter, first + stride / 2, stride, (unsigned int)n);
	for (unsigned int i = 0; i < probes; i++)
		random += (unsigned int)ptw_filter_test(filter, next_random(&state) | 1ull << 63);
	cr_log_info("%u regions in a filter for %u, stride %u: %u beyond, %u random of a million; "
		    "theory %u",
		    (unsigned int)n, (unsigned int)regions, (unsigned int)stride,
		    (unsigned int)(beyond * 1000000ull / probes),
		    (unsigned int)(random * 1000000ull / probes), millionths);
	cr_assert_lt(beyond, expected * 11 / 10 + 30);
	cr_assert_gt(beyond + 30, expected * 9 / 10);
	cr_assert_lt(random, expected * 11 / 10 + 30);
	cr_assert_gt(random + 30, expected * 9 / 10);
	if (stride > 1) {
		expected = (uint64_t)millionths * n / 1000000;
		cr_assert_lt(between, expected * 12 / 10 + 30);
	}
	ptw_filter_destroy(filter);
}

Test(filter, false_positives)
{
	static const uint64_t strides[] = { 1, 2, 512, 1 << 9 | 1, 1 << 18, 1ull << 27, 1ull << 32 };

	for (unsigned int i = 0; i < sizeof(strides) / sizeof(strides[0]); i++) {
		const uint64_t stride = strides[i];

		/* As full as it is made for, with 16 bits for each; half as full; twice as full. */
		false_rate(1 << 16, 1 << 16, 0, stride, 13807);
		false_rate(1 << 16, 1 << 15, 0x7f1234567, stride, 3669);
		false_rate(1 << 16, 1 << 17, 1 << 20, stride, 48929);
	}
	/* The sharpest and the bluntest that a size can be. */
	false_rate(65537, 65537, 0, 1, 3669);
	false_rate(1000, 1000, 0, 1, 13489);
}

/* The smallest is sound, however many regions there are; the largest costs memory only where it is used. */
Test(filter, smallest_and_largest)
{
	struct ptw_filter *filter = filter_after_first(1);
	int ret;

	cr_assert_eq(taken(filter, 0, 1, 10000), 0u);
	ptw_filter_add(filter, 7);
	ptw_filter_turn(filter);
	cr_assert_eq(ptw_filter_test(filter, 7), 1);
	cr_assert_lt(taken(filter, 8, 1, 10000), 20u);
	for (uint64_t i = 0; i < 100000; i++)
		ptw_filter_add(filter, i);
	ptw_filter_turn(filter);
	cr_assert_eq(taken(filter, 0, 1, 100000), 100000u);
	ptw_filter_turn(filter);
	cr_assert_eq(taken(filter, 0, 1, 100000), 0u, "emptied");
	ptw_filter_destroy(filter);
#ifndef SANITIZED
	ret = ptw_filter_create(PTW_FILTER_REGIONS_MAX, &filter);
	if (ret) {
		cr_assert_eq(ret, PTW_ERR_NOMEM);
		cr_log_info("no memory for the largest");
		return;
	}
	ptw_filter_add(filter, 7);
	ptw_filter_add(filter, UINT64_MAX);
	cr_assert_eq(ptw_filter_test(filter, 8), 1, "fresh");
	ptw_filter_destroy(filter);
#endif
	(void)ret;
}

/*
 * Threads add while passes turn. Thread t adds region t << 40 | n in the order of n, each once.
 *
 * What was added between two turns is in the pass after the second. What was being added during a
 * turn is either there when that pass begins, or in the next one.
 */
#define ADDERS 2
#define AHEAD  2000
/* On a busy machine each step may wait for the scheduler: then fewer of them have to do. */
#define RACE_SECONDS 20

static struct adder {
	pthread_t thread;
	uint64_t number;
	uint64_t done;    /* regions below were added: a full fence, so that the next one is not added
			   * before this one is known to be; partner the acquire of the turner */
	uint64_t checked; /* regions below are past */
	uint64_t limit;   /* so many; relaxed: 0 when the time is over */
	struct ptw_filter *filter;
} adder[ADDERS];

static uint64_t region_of(const struct adder *a, uint64_t n)
{
	return (a->number + 1) << 40 | n;
}

static void *add_on(void *context)
{
	struct adder *a = context;

	ptw_thread_register();
	for (uint64_t n = 0; n < __atomic_load_n(&a->limit, __ATOMIC_RELAXED); n++) {
		while (n > __atomic_load_n(&a->checked, __ATOMIC_ACQUIRE) + AHEAD)
			sched_yield();
		ptw_filter_add(a->filter, region_of(a, n));
		__atomic_store_n(&a->done, n + 1, __ATOMIC_RELEASE);
		ptw_port_order_all();
	}
	ptw_thread_unregister();
	return NULL;
}

Test(filter, threads_add_while_passes_turn, .timeout = 240)
{
	struct ptw_filter *filter = filter_after_first(1 << 16);
	uint64_t from[ADDERS] = { 0 }, cold = 0, passes = 0, missed = 0, taken_cold = 0;
	bool there[ADDERS] = { false }, running = true;
	const time_t begun = time(NULL);

	for (unsigned int i = 0; i < ADDERS; i++) {
		adder[i] = (struct adder){ .number = i, .filter = filter,
					   .limit = 2000000 / test_slowness() };
		cr_assert_eq(pthread_create(&adder[i].thread, NULL, add_on, &adder[i]), 0);
	}
	while (running) {
		uint64_t to[ADDERS];

		running = false;
		for (unsigned int i = 0; i < ADDERS; i++) {
			if (passes > 10 && time(NULL) - begun > RACE_SECONDS)
				__atomic_store_n(&adder[i].limit, 0, __ATOMIC_RELAXED);
			to[i] = __atomic_load_n(&adder[i].done, __ATOMIC_ACQUIRE);
			running |= to[i] < __atomic_load_n(&adder[i].limit, __ATOMIC_RELAXED);
		}
		ptw_filter_turn(filter);
		passes++;
		for (unsigned int i = 0; i < ADDERS; i++) {
			struct adder *a = &adder[i];
			const uint64_t next = __atomic_load_n(&a->done, __ATOMIC_ACQUIRE);
			/* A thread that rests between adding and saying so may do that for many passes. */
			const bool next_there = ptw_filter_test(filter, region_of(a, next)) ||
						(there[i] && next == from[i]);

			for (uint64_t n = from[i]; n < to[i]; n++)
				if (!ptw_filter_test(filter, region_of(a, n)) &&
				    !(n == from[i] && there[i]))
					missed++;
			/* Those between were added during the turn, or right behind it: they are in this
			 * pass or in the next one, and this thread cannot tell. Leave them to the next. */
			from[i] = next > to[i] ? next : to[i];
			there[i] = next_there;
			__atomic_store_n(&a->checked, from[i], __ATOMIC_RELEASE);
			taken_cold += (uint64_t)ptw_filter_test(filter, ++cold << 50);
		}
		/* Let something come together. */
		for (unsigned int i = 0; i < passes % 8; i++)
			sched_yield();
	}
	for (unsigned int i = 0; i < ADDERS; i++)
		pthread_join(adder[i].thread, NULL);
	cr_assert_eq(missed, 0u, "%" PRIu64 " missed in %" PRIu64 " passes", missed, passes);
	cr_log_info("%" PRIu64 " passes", passes);
	cr_assert_gt(passes, 10u);
	/* The threads run 2000 ahead, so it never gets full: what was found was found by its own bits. */
	cr_assert_lt(taken_cold, passes * ADDERS / 20 + 10);
	ptw_filter_destroy(filter);
}

/*
 * One region is added while a turn publishes its count: it is in the pass behind that turn, or in the next.
 * Without the full fence in the turn it is now and then in neither (the other one is part of the locked OR
 * on x86-64). What makes that likely is a turn whose loads are fast and whose stores are slow: both threads
 * have the lines that it empties; and one that begins when about half of the regions come in time.
 */
#define BALLAST	 24
#define WAIT_MAX 8192

static struct late {
	pthread_t thread;
	struct ptw_filter *filter;
	uint64_t rounds;
	uint64_t go;   /* step that the other thread may take: release, partner its acquire */
	uint64_t done; /* step it has taken: likewise, the other way round */
} late;

/* The other one's processor may be somebody's for a moment: who gives up his own at once comes back too late. */
static void spin_until(const uint64_t *word, uint64_t value)
{
	for (unsigned int i = 1; __atomic_load_n(word, __ATOMIC_ACQUIRE) != value; i++)
		if (i % (1 << 16) == 0)
			sched_yield();
}

/* Two threads on one processor would never meet. Where there is but one, they do not. */
static void stay_on_processor(unsigned int n)
{
	cpu_set_t all, one;

	if (sched_getaffinity(0, sizeof(all), &all))
		return;
	CPU_ZERO(&one);
	for (unsigned int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &all) && !n--)
			CPU_SET(i, &one);
	if (CPU_COUNT(&one))
		sched_setaffinity(0, sizeof(one), &one);
}

static void spin(uint64_t n)
{
	for (volatile uint64_t i = 0; i < n; i++)
		;
}

/* Odd steps race with a turn, even ones write what the next such turn has to empty. */
static void *add_late(void *context)
{
	(void)context;
	ptw_thread_register();
	stay_on_processor(1);
	/* Relaxed: the last one is said before its turn comes. */
	for (uint64_t step = 1; step <= 2 * __atomic_load_n(&late.rounds, __ATOMIC_RELAXED); step++) {
		spin_until(&late.go, step);
		if (step & 1) {
			ptw_filter_add(late.filter, step);
		} else {
			for (uint64_t i = 0; i < BALLAST; i++)
				ptw_filter_add(late.filter, i << 40);
		}
		__atomic_store_n(&late.done, step, __ATOMIC_RELEASE);
	}
	ptw_thread_unregister();
	return NULL;
}

Test(filter, region_added_while_a_turn_publishes, .timeout = 240)
{
	uint64_t random = test_seed(), lost = 0, behind = 0, wait = 0;
	const time_t begun = time(NULL);

	late = (struct late){ .filter = filter_after_first(32),
			      .rounds = 100000 / test_slowness() };
	cr_assert_eq(pthread_create(&late.thread, NULL, add_late, NULL), 0);
	stay_on_processor(0);
	for (uint64_t step = 1; step < 2 * late.rounds; step += 2) {
		bool first, second;

		for (uint64_t i = 0; i < BALLAST; i++)
			(void)ptw_filter_test(late.filter, i << 40);
		if (time(NULL) - begun > RACE_SECONDS)
			__atomic_store_n(&late.rounds, (step + 1) / 2, __ATOMIC_RELAXED);
		__atomic_store_n(&late.go, step, __ATOMIC_RELEASE);
		spin(wait / 4 + random_below(&random, 32));
		ptw_filter_turn(late.filter);
		first = ptw_filter_test(late.filter, step);
		spin_until(&late.done, step);
		__atomic_store_n(&late.go, step + 1, __ATOMIC_RELEASE);
		spin_until(&late.done, step + 1);
		ptw_filter_turn(late.filter);
		second = ptw_filter_test(late.filter, step);
		lost += !first && !second;
		behind += second;
		if (second)
			wait += wait < WAIT_MAX;
		else
			wait -= wait > 0;
	}
	pthread_join(late.thread, NULL);
	cr_log_info("%" PRIu64 " rounds, %" PRIu64 " in the next pass only, %" PRIu64 " lost",
		    late.rounds, behind, lost);
	cr_assert_eq(lost, 0u);
	ptw_filter_destroy(late.filter);
}
