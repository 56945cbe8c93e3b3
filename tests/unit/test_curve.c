/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The what-if curve: distances that can be told by hand, samples, what is asked, and errors. */
#include "tests/harness/harness.h"

#include <pthread.h>
#include <string.h>

#include <ptw/curve.h>
#include <ptw/error.h>

#define PAGES 65536

static struct ptw_curve *curve;
static unsigned int asked[PAGES];
static uint64_t young[PAGES / 64];
static int harvest_returns;
static uint64_t told; /* bits that `also` got */

static void make(uint64_t first, uint64_t pages, uint32_t rate, uint32_t run)
{
	const struct ptw_curve_config config = {
		.size = sizeof(config),
		.first = first,
		.pages = pages,
		.rate = rate,
		.run = run,
		.window = 2,
	};

	memset(asked, 0, sizeof(asked));
	memset(young, 0, sizeof(young));
	harvest_returns = 0;
	told = 0;
	cr_assert_eq(ptw_curve_create(&config, &curve), PTW_OK);
}

static void unmake(void)
{
	ptw_curve_destroy(curve);
	curve = NULL;
}

/* A step in which these pages are seen. */
static void seen(uint64_t first, uint64_t pages)
{
	for (uint64_t page = first; page < first + pages; page++)
		ptw_curve_young(curve, page / 64 * 64, (uint64_t)1 << page % 64, 0);
	cr_assert_eq(ptw_curve_step(curve, NULL, 0), PTW_OK);
}

static uint64_t misses(uint64_t memory)
{
	uint64_t all;

	cr_assert_eq(ptw_curve_misses(curve, &memory, 1, &all, NULL), PTW_OK);
	return all;
}

static uint64_t recent(uint64_t memory)
{
	uint64_t lately;

	cr_assert_eq(ptw_curve_misses(curve, &memory, 1, NULL, &lately), PTW_OK);
	return lately;
}

static struct ptw_curve_state state(void)
{
	struct ptw_curve_state s = {.size = sizeof(s)};

	cr_assert_eq(ptw_curve_state(curve, &s), PTW_OK);
	return s;
}

static int harvest(void *context, uint64_t first, uint64_t pages, ptw_word_fn word, void *sink)
{
	(void)context;
	for (uint64_t page = first; page < first + pages; page++) {
		const uint64_t bit = (uint64_t)1 << page % 64;

		asked[page]++;
		if (young[page / 64] & bit)
			word(sink, page / 64 * 64, bit, 0);
		young[page / 64] &= ~bit;
	}
	return harvest_returns;
}

static int also(void *sink, uint64_t page, uint64_t bits, uint64_t dirty)
{
	(void)page;
	(void)dirty;
	cr_assert_eq(sink, &told);
	for (; bits; bits &= bits - 1)
		told++;
	return 0;
}

static const struct ptw_curve_ask ask = {
	.size = sizeof(ask),
	.harvest = harvest,
	.also = also,
	.sink = &told,
};

Test(curve, distances_by_hand)
{
	make(0, 128, 0, 0);
	seen(0, 4);
	seen(4, 1);
	/* Page 4 in between, and 0 to 3 of the three others. */
	seen(0, 4);
	for (uint64_t m = 1; m <= 5; m++)
		cr_assert_eq(misses(m), 5 + 5 - m, "%u", (unsigned int)m);
	cr_assert_eq(misses(0), 9);
	/*
	 * 4 was seen before these four, and is alone in its slot; 8 new ones come with it: 4 to 12 in between. In the
	 * unit of a ninth of a use: of bins 4 to 12, one each.
	 */
	seen(4, 9);
	cr_assert_eq(misses(4), 13 + 1 + 1);
	cr_assert_eq(misses(9), 13);
	cr_assert_eq(misses(8), 13 + 1);
	cr_assert_eq(state().reuses, 5);
	cr_assert_eq(state().firsts, 13);
	cr_assert_eq(state().steps, 4);
	unmake();
}

/* A page a step, round and round: many more steps than can be told apart. */
Test(curve, steps_without_end)
{
	make(64, 1024, 0, 0);
	for (unsigned int i = 0; i < 10000; i++)
		seen(64 + i % 100, 1);
	/* Each page comes back when the 99 others have been used. */
	cr_assert_eq(misses(100), 100);
	cr_assert_eq(misses(99), 10000);
	cr_assert_eq(misses(1), 10000);
	unmake();

	make(0, 1024, 0, 0);
	for (unsigned int i = 0; i < 10000; i++)
		seen(i % 1000, 1);
	/* Slots were joined, so distances have an error of a 64th, half of it here. */
	cr_assert_eq(misses(1000 + 1000 / 64), 1000);
	cr_assert_eq(misses(1000 - 1000 / 64), 10000);
	cr_assert_eq(state().known, 1000);
	unmake();
}

/* Three rounds over all pages, of which some are looked at. */
static void rounds(uint32_t rate, uint32_t run)
{
	uint64_t hit, miss;

	make(0, PAGES, rate, run);
	for (unsigned int i = 0; i < 3 * 64; i++)
		seen((uint64_t)i % 64 * (PAGES / 64), PAGES / 64);
	cr_assert_eq(state().scale, 1u << rate);
	cr_assert_eq(state().sampled, (uint64_t)PAGES >> rate);
	cr_assert_eq(state().firsts, (uint64_t)PAGES >> rate);
	cr_assert_eq(state().reuses, (uint64_t)2 * PAGES >> rate);
	hit = misses(PAGES + PAGES / 50);
	miss = misses(PAGES - PAGES / 50);
	cr_assert_eq(hit, PAGES);
	cr_assert_eq(miss, 3 * PAGES);
	unmake();
}

Test(curve, samples)
{
	rounds(0, 0);
	rounds(2, 0);
	rounds(5, 3);
	rounds(3, 6);
	rounds(1, 6);
}

/* What is recent is halved every two steps here. */
Test(curve, decay)
{
	make(0, 128, 0, 0);
	seen(0, 8);
	cr_assert_eq(recent(128), 8);
	seen(8, 8);
	cr_assert_eq(recent(128), 8);
	seen(0, 0);
	seen(0, 0);
	cr_assert_eq(recent(128), 4);
	cr_assert_eq(misses(128), 16);
	seen(0, 8);
	/* Distances of 8 to 15. */
	cr_assert_eq(recent(8), 4 + 8);
	cr_assert_eq(recent(16), 4);
	seen(0, 0);
	cr_assert_eq(recent(8), 2 + 4);
	unmake();
}

Test(curve, who_is_asked)
{
	make(0, 130, 0, 0);
	ptw_curve_fault(curve, 3);
	ptw_curve_fault(curve, 4);
	ptw_curve_fault(curve, 129);
	young[0] = 1 << 3 | 1 << 5;
	cr_assert_eq(ptw_curve_step(curve, &ask, 0), PTW_OK);
	/* 5 is young, but nobody said that it was ever used. */
	cr_assert_eq(asked[3], 1);
	cr_assert_eq(asked[4], 1);
	cr_assert_eq(asked[129], 1);
	cr_assert_eq(asked[5] + asked[2] + asked[128], 0);
	cr_assert_eq(told, 1);
	cr_assert_eq(state().firsts, 3);
	cr_assert_eq(state().faults, 3);
	/* Put out, it is not asked; back, it is. */
	ptw_curve_evicted(curve, 3);
	cr_assert_eq(ptw_curve_step(curve, &ask, 0), PTW_OK);
	cr_assert_eq(asked[3], 1);
	cr_assert_eq(asked[4], 2);
	ptw_curve_fault(curve, 3);
	cr_assert_eq(ptw_curve_step(curve, &ask, 0), PTW_OK);
	cr_assert_eq(asked[3], 2);
	cr_assert_eq(state().reuses, 1);
	/* Removed, it is new when it comes again. */
	ptw_curve_remove(curve, 3);
	cr_assert_eq(ptw_curve_step(curve, &ask, 0), PTW_OK);
	cr_assert_eq(state().known, 2);
	ptw_curve_fault(curve, 3);
	cr_assert_eq(ptw_curve_step(curve, &ask, 0), PTW_OK);
	cr_assert_eq(state().known, 3);
	cr_assert_eq(state().firsts, 4);
	cr_assert_eq(state().reuses, 1);
	/* What was found before a harvest failed is learned with the next step. */
	young[0] = 1 << 3;
	harvest_returns = PTW_ERR_FAULT;
	cr_assert_eq(ptw_curve_step(curve, &ask, 0), PTW_ERR_FAULT);
	cr_assert_eq(state().reuses, 1);
	harvest_returns = 0;
	cr_assert_eq(ptw_curve_step(curve, &ask, 0), PTW_OK);
	cr_assert_eq(state().reuses, 2);
	unmake();
}

Test(curve, when_a_step_ends)
{
	const uint64_t target = (64 >> 2) + 1; /* a quarter of the least memory there is */
	uint64_t time = 100;

	make(0, 1024, 0, 0);
	cr_assert_eq(ptw_curve_step(curve, NULL, time), PTW_OK);
	cr_assert_eq(ptw_curve_wants_step(curve, time), 0);
	for (uint64_t i = 0; i < target - 1; i++)
		ptw_curve_fault(curve, i);
	cr_assert_eq(ptw_curve_wants_step(curve, time), 0);
	ptw_curve_fault(curve, target);
	cr_assert_eq(ptw_curve_wants_step(curve, time), 1);
	/* Nothing new: steps become longer. */
	for (unsigned int i = 0; i < 20; i++) {
		time += state().interval;
		cr_assert_eq(ptw_curve_wants_step(curve, time), 1);
		cr_assert_eq(ptw_curve_step(curve, NULL, time), PTW_OK);
		cr_assert_eq(ptw_curve_wants_step(curve, time), 0);
	}
	cr_assert_gt(state().interval, 40);
	/* Four times as many as wanted: shorter. */
	time += state().interval;
	{
		const uint64_t before = state().interval;

		ptw_curve_young(curve, 512, ~(uint64_t)0, 0);
		cr_assert_eq(ptw_curve_step(curve, NULL, time), PTW_OK);
		cr_assert_eq(state().interval, before * target / 64);
	}
	unmake();
}

Test(curve, outside)
{
	make(128, 70, 0, 0);
	ptw_curve_young(curve, 64, ~(uint64_t)0, 0);
	ptw_curve_young(curve, 192, ~(uint64_t)0, 0);
	ptw_curve_young(curve, 256, ~(uint64_t)0, 0);
	ptw_curve_fault(curve, 127);
	ptw_curve_fault(curve, 198);
	ptw_curve_evicted(curve, 198);
	ptw_curve_remove(curve, 127);
	ptw_curve_remove(curve, 198);
	cr_assert_eq(ptw_curve_step(curve, NULL, 0), PTW_OK);
	cr_assert_eq(state().firsts, 6);
	cr_assert_eq(state().faults, 0);
	cr_assert_eq(misses(~(uint64_t)0), 6);
	unmake();
}

Test(curve, arguments)
{
	const struct ptw_curve_config good = {.size = sizeof(good), .pages = 64};
	const struct ptw_curve_ask without = {.size = sizeof(without)};
	struct ptw_curve_config config = good;
	struct ptw_curve_state s = {.size = sizeof(s) - 1};
	uint64_t memory = 1;

#define REFUSED(member, value, error)                                                              \
	do {                                                                                       \
		config = good;                                                                     \
		config.member = value;                                                             \
		cr_assert_eq(ptw_curve_create(&config, &curve), error);                            \
		cr_assert_null(curve);                                                             \
	} while (0)
	curve = NULL;
	cr_assert_eq(ptw_curve_create(NULL, &curve), PTW_ERR_ARG);
	cr_assert_eq(ptw_curve_create(&good, NULL), PTW_ERR_ARG);
	REFUSED(size, sizeof(good) - 1, PTW_ERR_SIZE);
	REFUSED(flags, 1, PTW_ERR_ARG);
	REFUSED(run, 7, PTW_ERR_ARG);
	REFUSED(finer, 9, PTW_ERR_ARG);
	REFUSED(rate, 25, PTW_ERR_ARG);
	REFUSED(pages, 0, PTW_ERR_RANGE);
	REFUSED(pages, ((uint64_t)1 << 40) + 1, PTW_ERR_RANGE);
	REFUSED(pages, (uint64_t)1 << 40, PTW_ERR_LIMIT);
	REFUSED(first, (uint64_t)1 << 40, PTW_ERR_RANGE);
	REFUSED(first, 32, PTW_ERR_ALIGN);
#undef REFUSED
	ptw_curve_destroy(NULL);
	cr_assert_eq(ptw_curve_wants_step(NULL, 0), 0);
	cr_assert_eq(ptw_curve_create(&good, &curve), PTW_OK);
	cr_assert_eq(ptw_curve_step(NULL, NULL, 0), PTW_ERR_ARG);
	cr_assert_eq(ptw_curve_step(curve, &without, 0), PTW_ERR_ARG);
	cr_assert_eq(ptw_curve_misses(NULL, &memory, 1, NULL, NULL), PTW_ERR_ARG);
	cr_assert_eq(ptw_curve_misses(curve, NULL, 1, NULL, NULL), PTW_ERR_ARG);
	cr_assert_eq(ptw_curve_state(NULL, &s), PTW_ERR_ARG);
	cr_assert_eq(ptw_curve_state(curve, NULL), PTW_ERR_ARG);
	cr_assert_eq(ptw_curve_state(curve, &s), PTW_ERR_SIZE);
	cr_assert_eq(state().steps, 0);
	unmake();
	/* About 16 384 samples. */
	config = good;
	config.pages = (uint64_t)1 << 30;
	config.rate = PTW_CURVE_RATE_AUTO;
	cr_assert_eq(ptw_curve_create(&config, &curve), PTW_OK);
	cr_assert_eq(state().scale, 65536);
	cr_assert_leq(state().bytes, 128 * 1024);
	unmake();
}

/* One thread ends a step or reads at a time; the harvest of a step is where another one would come. */
static int again(void *context, uint64_t first, uint64_t pages, ptw_word_fn word, void *sink)
{
	struct ptw_curve_state s = {.size = sizeof(s)};
	uint64_t memory = 1;

	(void)context;
	(void)first;
	(void)pages;
	(void)word;
	(void)sink;
	cr_assert_eq(ptw_curve_step(curve, NULL, 0), PTW_ERR_AGAIN);
	cr_assert_eq(ptw_curve_misses(curve, &memory, 1, NULL, NULL), PTW_ERR_AGAIN);
	cr_assert_eq(ptw_curve_state(curve, &s), PTW_ERR_AGAIN);
	asked[0]++;
	return 0;
}

Test(curve, one_at_a_time)
{
	const struct ptw_curve_ask twice = {.size = sizeof(twice), .harvest = again};

	make(0, 64, 0, 0);
	ptw_curve_fault(curve, 1);
	cr_assert_eq(ptw_curve_step(curve, &twice, 0), PTW_OK);
	cr_assert_eq(asked[0], 1);
	cr_assert_eq(ptw_curve_step(curve, NULL, 0), PTW_OK);
	unmake();
}

static void *talk(void *which)
{
	const uint64_t first = *(const uint64_t *)which;

	for (uint64_t i = 0; i < 20000; i++) {
		const uint64_t page = first + i % 32;

		ptw_curve_fault(curve, page);
		ptw_curve_young(curve, page / 64 * 64, (uint64_t)1 << page % 64, 0);
		ptw_curve_evicted(curve, page);
		ptw_curve_wants_step(curve, i);
		if (i % 1000 == 999)
			ptw_curve_remove(curve, page);
	}
	return NULL;
}

/* Two threads say what pages of the same words do while steps end. */
Test(curve, threads)
{
	const uint64_t first[2] = {0, 32};
	pthread_t thread[2];

	make(0, 64, 0, 0);
	for (unsigned int i = 0; i < 2; i++)
		cr_assert_eq(pthread_create(&thread[i], NULL, talk, (void *)&first[i]), 0);
	for (uint64_t i = 0; i < 2000; i++) {
		cr_assert_eq(ptw_curve_step(curve, &ask, i), PTW_OK);
		cr_assert_leq(misses(64), misses(0));
	}
	for (unsigned int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	cr_assert_eq(ptw_curve_step(curve, NULL, 0), PTW_OK);
	cr_assert_eq(state().faults, 40000);
	/* Who was removed last, and not seen again, is the last one of each: 19999 % 32. */
	cr_assert_eq(state().known, 62);
	unmake();
}
