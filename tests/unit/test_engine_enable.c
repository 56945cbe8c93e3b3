/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What is switched at run time: the minimum age of what goes, and capabilities. */
#include "tests/unit/tree_engine.h"

#include <ptw/engine_enable.h>
#include <ptw/engine_reclaim.h>
#include <ptw/engine_text.h>

static unsigned int told;
static struct ptw_group *told_of;
static bool gives_up;

static void thrashing(void *context, struct ptw_group *g)
{
	(void)context;
	told++;
	told_of = g;
	if (gives_up)
		give_up(0);
}

static void start_told(void)
{
	const struct ptw_engine_config config = {
		.size = sizeof(config), .pages = PAGES, .clock = now, .thrashing = thrashing};

	cr_assert_eq(ptw_engine_create(&config, &engine), PTW_OK);
}

static int evict_pages(unsigned int g, uint64_t want, uint64_t expected)
{
	uint64_t n = 7777;
	const int ret = ptw_group_evict(group[g], want, &n);

	cr_assert_eq(n, expected);
	cr_assert_eq(ptw_engine_check(engine), PTW_OK);
	return ret;
}

static void age(unsigned int g)
{
	cr_assert_eq(ptw_group_age(group[g]), PTW_OK);
}

/* Two generations with pages: 0 with ten, begun at 1000; 1 with three, begun at 1500. */
static void two(void)
{
	milliseconds = 1000;
	make(0, 0);
	fill(0, 13);
	milliseconds = 1500;
	young[0] = young[1] = young[2] = true;
	age(0);
	young[0] = young[1] = young[2] = true;
}

Test(engine_enable, min_age)
{
	start_told();
	cr_assert_eq(ptw_engine_min_age(NULL, 1), PTW_ERR_ARG);
	cr_assert_eq(ptw_engine_min_age(engine, 600), PTW_OK);
	make(1, 1);
	cr_assert_eq(evict_pages(1, 5, 0), PTW_OK, "nothing is there");
	two();
	harvests = 0;
	cr_assert_eq(evict_pages(0, 2, 0), PTW_ERR_THRASHING);
	cr_assert_eq(told, 1u);
	cr_assert_eq(told_of, group[0]);
	cr_assert_eq(harvests, 0u, "ageing would be for nothing");
	milliseconds = 1599;
	cr_assert_eq(evict_pages(0, 2, 0), PTW_ERR_THRASHING);
	milliseconds = 1600;
	cr_assert_eq(evict_pages(0, 2, 2), PTW_OK);
	cr_assert_eq(evict_pages(0, 100, 8), PTW_OK, "fewer, but some");
	cr_assert_eq(used(0), 3u);
	cr_assert_eq(told, 2u);
	cr_assert_eq(evict_pages(0, 0, 0), PTW_OK, "none were wanted");
	cr_assert_eq(evict_pages(0, 1, 0), PTW_ERR_THRASHING);
	cr_assert_eq(ptw_engine_min_age(engine, 0), PTW_OK);
	memset(young, 0, sizeof(young));
	cr_assert_eq(evict_pages(0, 1, 1), PTW_OK);
	cr_assert_eq(told, 3u);
	stop();
}

/* What turns out to be in use is not made up for by what is too young. */
Test(engine_enable, min_age_and_looks)
{
	start_told();
	two();
	milliseconds = 1700;
	cr_assert_eq(ptw_engine_enable(engine, PTW_ENABLE_ALL & ~(uint32_t)PTW_ENABLE_LEAF_WALK),
		     PTW_OK);
	cr_assert_eq(ptw_engine_min_age(engine, 600), PTW_OK);
	memset(young, 0, sizeof(young));
	for (unsigned int i = 3; i < 13; i++)
		young[i] = true;
	cr_assert_eq(evict_pages(0, 13, 0), PTW_ERR_THRASHING);
	cr_assert_eq(looks, 10u);
	stop();
}

/*
 * Nor is it for what was in use as somebody has said before, and nobody has taken in yet. With
 * three generations there is no ageing first.
 */
Test(engine_enable, min_age_and_words)
{
	start_told();
	two();
	cr_assert_eq(ptw_page_add(engine, 13), PTW_OK);
	resident[13] = true;
	milliseconds = 1600;
	age(0);
	cr_assert_eq(ptw_group_wants_ageing(group[0]), 0);
	milliseconds = 1700;
	cr_assert_eq(ptw_engine_min_age(engine, 600), PTW_OK);
	ptw_engine_young(engine, 0, 0x1ff8, 0);
	looks = 0;
	cr_assert_eq(evict_pages(0, 13, 0), PTW_ERR_THRASHING);
	cr_assert_eq(looks, 0u);
	stop();
}

/* A clock that goes back stands still: nothing becomes younger, and nothing older before it is where it was. */
Test(engine_enable, clock_back)
{
	start_told();
	two();
	cr_assert_eq(ptw_engine_min_age(engine, 600), PTW_OK);
	milliseconds = 1600;
	cr_assert_eq(evict_pages(0, 1, 1), PTW_OK);
	milliseconds = 0;
	cr_assert_eq(evict_pages(0, 1, 1), PTW_OK);
	cr_assert_eq(ptw_engine_min_age(engine, 601), PTW_OK);
	cr_assert_eq(evict_pages(0, 1, 0), PTW_ERR_THRASHING);
	milliseconds = 1599;
	cr_assert_eq(evict_pages(0, 1, 0), PTW_ERR_THRASHING);
	/* Generations that begin meanwhile do not begin before the last one. */
	milliseconds = 3;
	age(0);
	milliseconds = UINT64_MAX;
	cr_assert_eq(evict_pages(0, 1, 1), PTW_OK);
	cr_assert_eq(ptw_engine_min_age(engine, UINT64_MAX), PTW_OK);
	cr_assert_eq(evict_pages(0, 1, 0), PTW_ERR_THRASHING);
	stop();
}

/* Over groups: told once, and only if nobody gives anything. */
Test(engine_enable, min_age_in_reclaim)
{
	uint64_t n;

	start_told();
	two();
	make(1, 0);
	make(2, 2);
	fill(1, 5);
	fill(2, 5);
	cr_assert_eq(ptw_engine_min_age(engine, 600), PTW_OK);
	cr_assert_eq(ptw_engine_reclaim(engine, NULL, 4, 0, &n), PTW_ERR_THRASHING);
	cr_assert_eq(n, 0u);
	cr_assert_eq(told, 1u);
	cr_assert_null(told_of);
	cr_assert_eq(ptw_engine_reclaim(engine, group[0], 4, 0, &n), PTW_ERR_THRASHING);
	cr_assert_eq(told_of, group[0]);
	milliseconds = 1650;
	cr_assert_eq(ptw_engine_reclaim(engine, NULL, 20, 0, &n), PTW_OK);
	cr_assert_eq(n, 10u, "of group 0 alone");
	cr_assert_eq(used(1) + used(2), 10u);
	cr_assert_eq(told, 2u);
	cr_assert_eq(ptw_engine_reclaim(engine, NULL, 0, 0, &n), PTW_OK);
	cr_assert_eq(told, 2u);
	stop();
}

/* What is told of may be given up at once. */
Test(engine_enable, thrashing_gives_up)
{
	uint64_t n;

	start_told();
	two();
	gives_up = true;
	cr_assert_eq(ptw_engine_min_age(engine, 600), PTW_OK);
	cr_assert_eq(ptw_group_evict(group[0], 1, &n), PTW_ERR_THRASHING);
	two();
	cr_assert_eq(ptw_engine_reclaim(engine, group[0], 1, 0, &n), PTW_ERR_THRASHING);
	cr_assert_null(group[0]);
	stop();
}

Test(engine_enable, arguments)
{
	start();
	cr_assert_eq(ptw_engine_enabled(NULL), 0u);
	cr_assert_eq(ptw_engine_enable(NULL, 1), PTW_ERR_ARG);
	cr_assert_eq(ptw_engine_enabled(engine), 15u);
	cr_assert_eq(ptw_engine_enable(engine, 16), PTW_ERR_ARG);
	cr_assert_eq(ptw_engine_enable(engine, 31), PTW_ERR_ARG);
	cr_assert_eq(ptw_engine_enabled(engine), 15u);
	for (uint32_t bits = 0; bits < 16; bits++) {
		cr_assert_eq(ptw_engine_enable(engine, bits), PTW_OK);
		cr_assert_eq(ptw_engine_enabled(engine), bits);
	}
	stop();
}

/* Without the core: first in, first out, whoever is used; nothing ages, and nobody is asked. */
Test(engine_enable, core_off)
{
	size_t done;

	start();
	make(0, 0);
	cr_assert_eq(ptw_engine_enable(engine, PTW_ENABLE_ALL & ~(uint32_t)PTW_ENABLE_CORE),
		     PTW_OK);
	fill(0, RUN);
	/* Again, backwards: more ticks than a generation has. */
	for (unsigned int i = RUN; i--;) {
		cr_assert_eq(ptw_page_remove(engine, i), PTW_OK);
		add(i);
	}
	cr_assert_eq(sums(0).agings, 0u);
	cr_assert_gt(sums(0).ticks, 39u);
	memset(young, 1, sizeof(young));
	cr_assert_eq(ptw_engine_young(engine, RUN - 64, UINT64_MAX, 0), 0);
	cr_assert_eq(ptw_group_age(group[0]), PTW_ERR_UNSUPPORTED);
	cr_assert_eq(ptw_engine_command(engine, "+ 1 0 0", 7, &done), PTW_ERR_UNSUPPORTED);
	cr_assert_eq(ptw_group_wants_ageing(group[0]), 0);
	cr_assert_eq(evict_pages(0, RUN / 2, RUN / 2), PTW_OK);
	cr_assert_eq(looks + harvests, 0u);
	cr_assert_eq(sums(0).aged, 0u);
	for (unsigned int i = 0; i < RUN / 2; i++) {
		const unsigned int place = RUN - 1 - (unsigned int)gone[i];

		/* To a 64th of what was resident. */
		cr_assert_leq(place, i + RUN / 64, "page %u", (unsigned int)gone[i]);
		cr_assert_leq(i, place + RUN / 64, "page %u", (unsigned int)gone[i]);
	}
	/* On again: use matters as before. */
	cr_assert_eq(ptw_engine_enable(engine, PTW_ENABLE_ALL), PTW_OK);
	memset(young, 0, sizeof(young));
	young[RUN / 3] = true;
	age(0);
	cr_assert_eq(sums(0).aged, 1u);
	cr_assert_eq(evict_pages(0, RUN, RUN / 2), PTW_OK);
	cr_assert_eq(gone[RUN - 1], RUN / 3, "the one that was used goes last");
	stop();
}

/* Asked once more while an eviction decides whether to age. */
static bool switches_off;

static uint64_t clock_that_switches_off(void *context)
{
	(void)context;
	if (switches_off)
		cr_assert_eq(ptw_engine_enable(engine, 0), PTW_OK);
	return ++milliseconds;
}

Test(engine_enable, core_goes_off_during_eviction)
{
	const struct ptw_engine_config config = {
		.size = sizeof(config), .pages = PAGES, .clock = clock_that_switches_off};

	cr_assert_eq(ptw_engine_create(&config, &engine), PTW_OK);
	make(0, 0);
	fill(0, 10);
	cr_assert_eq(ptw_group_interval(group[0], 1), PTW_OK);
	switches_off = true;
	cr_assert_eq(evict_pages(0, 2, 2), PTW_OK);
	cr_assert_eq(sums(0).agings, 1u, "it was on when that was decided");
	cr_assert_eq(evict_pages(0, 2, 2), PTW_OK);
	cr_assert_eq(sums(0).agings, 1u);
	stop();
}

/* It is as long as one likes: pages become as old as can be told, and the rest keeps its order. */
Test(engine_enable, core_off_for_long)
{
	uint64_t n;

	start();
	make(0, 0);
	cr_assert_eq(ptw_engine_enable(engine, 0), PTW_OK);
	fill(0, 300);
	for (unsigned int i = 0; i < 20 * 300; i++) {
		const unsigned int page = (300 + i) % RUN;

		cr_assert_eq(ptw_group_evict(group[0], 1, &n), PTW_OK);
		cr_assert_eq(n, 1u);
		/* Sooner or later by no more than a tick has pages. */
		cr_assert_leq((gone[(gone_count - 1) % PAGES] + RUN + 8 - i % RUN) % RUN, 16u);
		add(page);
	}
	cr_assert_eq(sums(0).agings, 0u);
	stop();
}

/* A page that cannot be put out, and the last generation began more ticks ago than can be told: others go instead. */
static int evict_all_but_one(void *context, const uint64_t *page, unsigned int n, uint8_t *result)
{
	evict(context, page, n, result);
	for (unsigned int i = 0; i < n; i++)
		if (!page[i]) {
			result[i] = PTW_EVICT_FAILED;
			resident[0] = true;
		}
	return 0;
}

Test(engine_enable, core_off_and_one_fails)
{
	const struct ptw_group_config config = {
		.size = sizeof(config), .ops = {.harvest = harvest, .evict = evict_all_but_one}};
	uint64_t n;

	start();
	cr_assert_eq(ptw_group_create(engine, &config, &group[0]), PTW_OK);
	cr_assert_eq(ptw_group_attach(group[0], 0, RUN), PTW_OK);
	age(0);
	cr_assert_eq(ptw_engine_enable(engine, 0), PTW_OK);
	fill(0, 300);
	for (unsigned int i = 0; i < 20 * 300; i++) {
		cr_assert_eq(ptw_group_evict(group[0], 1, &n), PTW_OK);
		cr_assert_eq(n, 1u, "%u", i);
		add(gone[(gone_count - 1) % PAGES]);
		if (i % 16 == 0)
			cr_assert_eq(ptw_engine_check(engine), PTW_OK, "after %u", i);
	}
	stop();
}

/* Without the walk a generation begins, and only last looks tell who was used. */
Test(engine_enable, leaf_walk_off)
{
	start();
	make(0, 0);
	cr_assert_eq(ptw_engine_enable(engine, PTW_ENABLE_ALL & ~(uint32_t)PTW_ENABLE_LEAF_WALK),
		     PTW_OK);
	fill(0, 100);
	memset(young, 1, 50);
	age(0);
	cr_assert_eq(harvests, 0u);
	cr_assert_eq(sums(0).youngest, 1u);
	cr_assert_eq(sums(0).pages[1], 0u);
	cr_assert_eq(evict_pages(0, 100, 100), PTW_OK);
	cr_assert_eq(harvests, 0u);
	cr_assert_eq(sums(0).looked, 50u);
	for (unsigned int i = 0; i < 50; i++)
		cr_assert_geq(gone[i], 50u, "%u", i);
	stop();
}

/* The other two are for who harvests: one that obeys them. Entries of even pages are the secondary's. */
static int harvest_that_asks(void *context, uint64_t first, uint64_t pages, ptw_word_fn word,
			     void *sink)
{
	const uint32_t enabled = ptw_engine_enabled(engine);
	const uint64_t primary = 0xaaaaaaaaaaaaaaaau;

	(void)context;
	for (uint64_t page = first; page < first + pages; page += 64) {
		uint64_t found = 0;

		/* The upper entry of the second region is not young. */
		if (enabled & PTW_ENABLE_NONLEAF && page == first + 64)
			continue;
		for (unsigned int i = 0; i < 64; i++)
			found |= (uint64_t)young[page + i] << i;
		word(sink, page,
		     found & (enabled & PTW_ENABLE_SECONDARY_WALK ? UINT64_MAX : primary), 0);
	}
	return 0;
}

Test(engine_enable, for_harvests)
{
	static const uint64_t expected[4] = {128, 64, 256, 128};
	const struct ptw_group_config config = {.size = sizeof(config),
						.ops = {.harvest = harvest_that_asks}};

	for (unsigned int off = 0; off < 4; off++) {
		start();
		cr_assert_eq(ptw_group_create(engine, &config, &group[0]), PTW_OK);
		cr_assert_eq(ptw_group_attach(group[0], 0, RUN), PTW_OK);
		memset(resident, 0, sizeof(resident));
		fill(0, 256);
		for (unsigned int i = 0; i < 256; i++)
			young[i] = off & 2 || i / 64 < 2 || i / 64 == 3;
		cr_assert_eq(ptw_engine_enable(engine,
					       PTW_ENABLE_CORE | PTW_ENABLE_LEAF_WALK |
						       (off & 2 ? 0 : PTW_ENABLE_NONLEAF) |
						       (off & 1 ? 0 : PTW_ENABLE_SECONDARY_WALK)),
			     PTW_OK);
		age(0);
		cr_assert_eq(sums(0).aged, expected[off], "%u", off);
		stop();
	}
}

static int wanted(uint64_t at)
{
	milliseconds = at;
	return ptw_group_wants_ageing(group[0]);
}

/* The second clock: ageing is wanted after a while although nobody misses anything. */
Test(engine_enable, interval)
{
	milliseconds = 1000;
	start();
	cr_assert_eq(ptw_group_interval(NULL, 1), PTW_ERR_ARG);
	make(0, 0);
	fill(0, 40);
	for (unsigned int i = 1; i < 4; i++) {
		for (unsigned int page = 10 * i; page < 40; page++)
			young[page] = true;
		milliseconds += 100;
		age(0);
	}
	/* Four generations have pages: by misses it is not wanted. */
	cr_assert_eq(wanted(100000), 0);
	cr_assert_eq(ptw_group_interval(group[0], 500), PTW_OK);
	cr_assert_eq(wanted(1799), 0);
	cr_assert_eq(wanted(1800), 1);
	/* Back: time stands still, where it was seen last. */
	cr_assert_eq(wanted(10), 1);
	harvests = 0;
	cr_assert_eq(evict_pages(0, 1, 1), PTW_OK);
	cr_assert_eq(harvests, 1u, "it was aged first");
	cr_assert_eq(wanted(10), 0);
	cr_assert_eq(wanted(2299), 0);
	cr_assert_eq(wanted(2300), 1);
	cr_assert_eq(ptw_engine_enable(engine, PTW_ENABLE_ALL & ~(uint32_t)PTW_ENABLE_CORE),
		     PTW_OK);
	cr_assert_eq(wanted(2300), 0);
	cr_assert_eq(ptw_engine_enable(engine, PTW_ENABLE_ALL), PTW_OK);
	cr_assert_eq(ptw_group_interval(group[0], UINT64_MAX), PTW_OK);
	cr_assert_eq(wanted(UINT64_MAX), 0);
	cr_assert_eq(ptw_group_interval(group[0], 0), PTW_OK);
	cr_assert_eq(wanted(UINT64_MAX), 0);
	stop();
}

/* Without a clock no time passes. */
Test(engine_enable, interval_without_clock)
{
	const struct ptw_engine_config config = {.size = sizeof(config), .pages = PAGES};

	cr_assert_eq(ptw_engine_create(&config, &engine), PTW_OK);
	make(0, 0);
	fill(0, 40);
	for (unsigned int i = 1; i < 4; i++) {
		for (unsigned int page = 10 * i; page < 40; page++)
			young[page] = true;
		age(0);
	}
	cr_assert_eq(ptw_group_interval(group[0], 1), PTW_OK);
	cr_assert_eq(wanted(100000), 0);
	stop();
}
