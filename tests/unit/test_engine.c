/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The generation engine, by one thread: decisions that can be told by hand, errors, and a model. */
#include "tests/harness/harness.h"

#include <string.h>

#include <ptw/engine.h>
#include <ptw/error.h>

#define PAGES 1000

static struct ptw_engine *engine;
static struct ptw_group *group;
/* What the table would say, and who was put out. */
static bool young[PAGES], resident[PAGES];
static uint64_t gone[PAGES], gone_count;
static int harvest_returns, look_returns, evict_returns;
static uint8_t evict_result;
static unsigned int looks, harvests;
static uint64_t milliseconds;

static int harvest(void *context, uint64_t first, uint64_t pages, ptw_word_fn word, void *sink)
{
	(void)context;
	harvests++;
	for (uint64_t page = first; page < first + pages; page += 64) {
		uint64_t found = 0;

		for (unsigned int i = 0; i < 64 && page + i < first + pages; i++) {
			found |= (uint64_t)young[page + i] << i;
			young[page + i] = false;
		}
		if (found)
			cr_assert_eq(word(sink, page, found, 0), 0);
	}
	return harvest_returns;
}

static int look(void *context, uint64_t page, uint64_t *around)
{
	(void)context;
	looks++;
	if (look_returns)
		return look_returns;
	if (!young[page])
		return 0;
	young[page] = false;
	for (unsigned int i = 0; i < 64 && page / 64 * 64 + i < PAGES; i++) {
		bool *other = &young[page / 64 * 64 + i];

		*around |= (uint64_t)*other << i;
		*other = false;
	}
	return 1;
}

static int evict(void *context, const uint64_t *page, unsigned int n, uint8_t *result)
{
	(void)context;
	for (unsigned int i = 0; i < n; i++) {
		cr_assert_lt(page[i], (uint64_t)PAGES);
		cr_assert(resident[page[i]], "page %u was absent", (unsigned int)page[i]);
		cr_assert_eq(result[i], PTW_EVICT_FAILED);
		result[i] = evict_result;
		if (evict_result == PTW_EVICTED) {
			resident[page[i]] = false;
			gone[gone_count++ % PAGES] = page[i];
		}
	}
	return evict_returns;
}

static uint64_t now(void *context)
{
	(void)context;
	return milliseconds;
}

static const struct ptw_group_config config = {
	.size = sizeof(config),
	.ops = {.harvest = harvest, .look = look, .evict = evict},
};

static void start(uint64_t pages)
{
	const struct ptw_engine_config engine_config = {
		.size = sizeof(engine_config), .pages = pages, .clock = now};

	cr_assert_eq(ptw_engine_create(&engine_config, &engine), PTW_OK);
	cr_assert_eq(ptw_group_create(engine, &config, &group), PTW_OK);
	cr_assert_eq(ptw_group_attach(group, 0, pages), PTW_OK);
}

static void stop(void)
{
	cr_assert_eq(ptw_engine_check(engine), PTW_OK);
	ptw_engine_destroy(engine);
}

static struct ptw_group_state state_now(void)
{
	struct ptw_group_state state = {.size = sizeof(state)};

	cr_assert_eq(ptw_group_state(group, &state), PTW_OK);
	return state;
}

static void add(uint64_t page)
{
	cr_assert_eq(ptw_page_add(engine, page), PTW_OK);
	resident[page] = true;
}

static uint64_t put_out(uint64_t want)
{
	uint64_t evicted = 77;

	cr_assert_eq(ptw_group_evict(group, want, &evicted), PTW_OK);
	cr_assert_eq(ptw_engine_check(engine), PTW_OK);
	return evicted;
}

Test(engine, arguments)
{
	struct ptw_engine_config c = {.size = sizeof(c), .pages = 1};
	struct ptw_group_config g = config;
	struct ptw_group_state state = {.size = 1};
	struct ptw_group *other;
	uint64_t n = 5;

	cr_assert_eq(ptw_engine_create(NULL, &engine), PTW_ERR_ARG);
	cr_assert_eq(ptw_engine_create(&c, NULL), PTW_ERR_ARG);
	c.size--;
	cr_assert_eq(ptw_engine_create(&c, &engine), PTW_ERR_SIZE);
	c.size++;
	c.pages = 0;
	cr_assert_eq(ptw_engine_create(&c, &engine), PTW_ERR_ARG);
	c.pages = 1;
	c.groups = PTW_GROUPS_MAX + 1;
	cr_assert_eq(ptw_engine_create(&c, &engine), PTW_ERR_ARG);
	c.groups = 2;
	c.flags = 1;
	cr_assert_eq(ptw_engine_create(&c, &engine), PTW_ERR_ARG);
	c.flags = 0;
	c.pages = 130;
	cr_assert_eq(ptw_engine_create(&c, &engine), PTW_OK);
	cr_assert_eq(ptw_group_create(engine, NULL, &group), PTW_ERR_ARG);
	g.size = 3;
	cr_assert_eq(ptw_group_create(engine, &g, &group), PTW_ERR_SIZE);
	cr_assert_eq(ptw_group_create(engine, &config, &group), PTW_OK);
	cr_assert_eq(ptw_group_create(engine, &config, &other), PTW_OK);
	cr_assert_eq(ptw_group_create(engine, &config, &other), PTW_ERR_LIMIT);
	cr_assert_eq(ptw_group_attach(group, 0, 0), PTW_ERR_RANGE);
	cr_assert_eq(ptw_group_attach(group, 64, 67), PTW_ERR_RANGE);
	cr_assert_eq(ptw_group_attach(group, 1, 64), PTW_ERR_ALIGN);
	cr_assert_eq(ptw_group_attach(group, 0, 65), PTW_ERR_ALIGN);
	cr_assert_eq(ptw_page_add(engine, 64), PTW_ERR_ABSENT);
	cr_assert_eq(ptw_group_attach(group, 64, 66), PTW_OK);
	cr_assert_eq(ptw_group_attach(other, 0, 128), PTW_ERR_OVERLAP);
	cr_assert_eq(ptw_page_add(engine, 3), PTW_ERR_ABSENT, "what was claimed went back");
	cr_assert_eq(ptw_group_attach(other, 0, 64), PTW_OK);
	cr_assert_eq(ptw_page_add(engine, 130), PTW_ERR_RANGE);
	cr_assert_eq(ptw_page_remove(engine, 130), PTW_ERR_RANGE);
	cr_assert_eq(ptw_page_remove(engine, 129), PTW_ERR_ABSENT);
	cr_assert_eq(ptw_page_add(engine, 129), PTW_OK);
	cr_assert_eq(ptw_page_add(engine, 129), PTW_ERR_EXISTS);
	cr_assert_eq(ptw_page_settle(engine, 129, PTW_EVICTED), PTW_ERR_ABSENT);
	cr_assert_eq(ptw_page_settle(engine, 129, PTW_EVICT_PENDING), PTW_ERR_ARG);
	cr_assert_eq(ptw_group_state(group, &state), PTW_ERR_SIZE);
	cr_assert_eq(ptw_group_evict(NULL, 1, &n), PTW_ERR_ARG);
	cr_assert_eq(ptw_group_evict(group, 1, NULL), PTW_ERR_ARG);
	cr_assert_eq(ptw_engine_young(engine, 192, 1, 0), 0);
	cr_assert_eq(ptw_engine_young(engine, UINT64_MAX - 63, 1, 0), 0);
	cr_assert_eq(ptw_engine_check(engine), PTW_OK);
	cr_assert_eq(ptw_group_destroy(other), PTW_OK);
	cr_assert_eq(ptw_group_create(engine, &config, &other), PTW_OK);
	cr_assert_eq(ptw_group_attach(other, 0, 64), PTW_OK);
	ptw_engine_destroy(engine);
	ptw_engine_destroy(NULL);
}

Test(engine, missing_callbacks)
{
	struct ptw_group_config g = {.size = sizeof(g)};
	struct ptw_group *other;
	uint64_t n = 5;

	start(64);
	cr_assert_eq(ptw_group_destroy(group), PTW_OK);
	cr_assert_eq(ptw_group_create(engine, &g, &other), PTW_OK);
	cr_assert_eq(ptw_group_attach(other, 0, 64), PTW_OK);
	cr_assert_eq(ptw_group_age(other), PTW_ERR_UNSUPPORTED);
	cr_assert_eq(ptw_group_evict(other, 1, &n), PTW_ERR_UNSUPPORTED);
	cr_assert_eq(n, 0u);
	stop();
}

/* The worked example of docs/engine.md. */
Test(engine, example)
{
	struct ptw_group_state s;

	start(256);
	for (uint64_t page = 0; page < 8; page++)
		add(page);
	s = state_now();
	cr_assert_eq(s.youngest, 0u);
	cr_assert_eq(s.pages[0], 8u);
	/* 0 and 3 are used; the others are not seen. */
	young[0] = young[3] = true;
	milliseconds = 10;
	cr_assert_eq(ptw_group_age(group), PTW_OK);
	s = state_now();
	cr_assert_eq(s.youngest, 1u);
	cr_assert_eq(s.oldest, 0u);
	cr_assert_eq(s.pages[0], 6u);
	cr_assert_eq(s.pages[1], 2u);
	cr_assert_eq(s.birth[1], 10u);
	/* Page 1 next: then three are populated, and the oldest has 5. */
	young[1] = true;
	milliseconds = 20;
	cr_assert_eq(ptw_group_age(group), PTW_OK);
	s = state_now();
	cr_assert_eq(s.pages[0], 5u);
	cr_assert_eq(s.pages[1], 2u);
	cr_assert_eq(s.pages[2], 1u);
	cr_assert_eq(ptw_group_wants_ageing(group), 0);
	/* Page 2 was used since: the last look sees it, and 4 with it. */
	young[2] = young[4] = true;
	cr_assert_eq(put_out(1), 1u);
	cr_assert_eq(gone[0], 5u);
	s = state_now();
	cr_assert_eq(s.pages[0], 2u);
	cr_assert_eq(s.pages[2], 3u);
	cr_assert_eq(s.looked, 1u);
	cr_assert_eq(s.around, 1u);
	cr_assert_eq(s.looks, 2u);
	/* Two more empty the oldest. */
	cr_assert_eq(put_out(2), 2u);
	cr_assert_eq(gone[1], 6u);
	cr_assert_eq(gone[2], 7u);
	/* Now two are populated: a new one begins, and the oldest, empty, ends. */
	young[0] = true;
	cr_assert_eq(put_out(1), 1u);
	cr_assert_eq(gone[3], 3u);
	s = state_now();
	cr_assert_eq(s.youngest, 3u);
	cr_assert_eq(s.oldest, 1u);
	cr_assert_eq(s.pages[1], 0u);
	cr_assert_eq(s.pages[2], 3u);
	cr_assert_eq(s.pages[3], 1u);
	cr_assert_eq(s.resident, 4u);
	stop();
}

/* With four generations the oldest joins the next one. */
Test(engine, four_generations_at_most)
{
	uint64_t histogram[256];
	struct ptw_group_state s;

	start(PAGES);
	for (uint64_t page = 0; page < 6; page++)
		add(page * 100);
	for (unsigned int i = 0; i < 6; i++) {
		young[100 * i] = true;
		cr_assert_eq(ptw_group_age(group), PTW_OK);
		cr_assert_eq(ptw_engine_check(engine), PTW_OK);
	}
	s = state_now();
	cr_assert_eq(s.youngest, 6u);
	cr_assert_eq(s.oldest, 3u);
	cr_assert_eq(s.pages[3], 3u);
	for (uint64_t seq = 4; seq <= 6; seq++)
		cr_assert_eq(s.pages[seq % 4], 1u);
	cr_assert_eq(ptw_group_ages(group, histogram), PTW_OK);
	for (unsigned int age = 0; age < 6; age++)
		cr_assert_eq(histogram[age], 1u, "age %u", age);
	cr_assert_eq(put_out(3), 3u);
	for (unsigned int i = 0; i < 3; i++)
		cr_assert_eq(gone[i], 100u * i);
	stop();
}

Test(engine, failures)
{
	uint64_t n;

	start(PAGES);
	for (uint64_t page = 0; page < 200; page++)
		add(page);
	evict_result = PTW_EVICT_FAILED;
	cr_assert_eq(put_out(10), 0u, "none can go, and it ends");
	cr_assert_eq(state_now().resident, 200u);
	cr_assert_gt(state_now().failed, 0u);
	evict_result = 99;
	cr_assert_eq(put_out(1), 0u);
	evict_result = PTW_EVICTED;
	evict_returns = -100;
	cr_assert_eq(ptw_group_evict(group, 100, &n), -100);
	cr_assert_eq(n, 64u, "what is gone is gone");
	evict_returns = 0;
	look_returns = -101;
	cr_assert_eq(ptw_group_evict(group, 100, &n), -101);
	cr_assert_eq(n, 0u);
	cr_assert_eq(state_now().resident, 136u);
	look_returns = 1;
	cr_assert_eq(put_out(10), 0u, "all are young, and it ends");
	look_returns = 0;
	harvest_returns = -102;
	for (n = 0; !resident[n]; n++)
		;
	young[n] = true;
	cr_assert_eq(ptw_group_age(group), -102);
	cr_assert_eq(state_now().aged, 1u, "what it had found counts");
	harvest_returns = 0;
	cr_assert_eq(put_out(1000), 136u);
	cr_assert_eq(put_out(1), 0u);
	stop();
}

Test(engine, pending)
{
	start(64);
	for (uint64_t page = 0; page < 4; page++)
		add(page);
	evict_result = PTW_EVICT_PENDING;
	cr_assert_eq(put_out(3), 0u);
	cr_assert_eq(state_now().isolated, 3u, "as many as were wanted");
	cr_assert_eq(put_out(10), 0u);
	cr_assert_eq(state_now().isolated, 4u);
	cr_assert_eq(ptw_group_destroy(group), PTW_ERR_AGAIN);
	cr_assert_eq(ptw_page_settle(engine, 0, PTW_EVICTED), PTW_OK);
	cr_assert_eq(ptw_page_settle(engine, 0, PTW_EVICTED), PTW_ERR_ABSENT);
	cr_assert_eq(ptw_page_settle(engine, 1, PTW_EVICT_FAILED), PTW_OK);
	cr_assert_eq(ptw_page_settle(engine, 2, PTW_EVICT_YOUNG), PTW_OK);
	/* Removed, and then, removed and there again: nobody else can have it before it is settled. */
	cr_assert_eq(ptw_page_remove(engine, 3), PTW_OK);
	cr_assert_eq(ptw_page_remove(engine, 3), PTW_ERR_ABSENT);
	cr_assert_eq(state_now().isolated, 1u);
	cr_assert_eq(state_now().resident, 2u);
	cr_assert_eq(ptw_page_settle(engine, 3, PTW_EVICTED), PTW_ERR_ABSENT);
	cr_assert_eq(state_now().isolated, 0u);
	cr_assert_eq(put_out(2), 0u);
	cr_assert_eq(state_now().isolated, 2u);
	cr_assert_eq(ptw_page_remove(engine, 1), PTW_OK);
	add(1);
	cr_assert_eq(ptw_engine_check(engine), PTW_OK);
	cr_assert_eq(put_out(1), 0u);
	cr_assert_eq(ptw_page_settle(engine, 1, PTW_EVICTED), PTW_OK);
	cr_assert_eq(ptw_page_settle(engine, 2, PTW_EVICT_FAILED), PTW_OK);
	cr_assert_eq(state_now().resident, 1u);
	cr_assert_eq(state_now().evicted, 2u);
	add(0);
	cr_assert_eq(state_now().refaults, 1u);
	stop();
}

/* Where the oldest pages are is noted; a page that goes back behind that is found all the same. */
Test(engine, back_behind_the_oldest)
{
	uint64_t n;

	start(64);
	add(5);
	cr_assert_eq(ptw_group_age(group), PTW_OK);
	add(1);
	add(2);
	evict_result = PTW_EVICT_PENDING;
	for (unsigned int i = 0; i < 2; i++)
		cr_assert_eq(ptw_group_evict_older(group, 0, 1, &n), PTW_OK);
	cr_assert_eq(state_now().isolated, 2u);
	cr_assert_eq(ptw_page_settle(engine, 5, PTW_EVICT_FAILED), PTW_OK);
	cr_assert_gt(ptw_page_age(engine, 5), ptw_page_age(engine, 2));
	evict_result = PTW_EVICTED;
	cr_assert_eq(ptw_group_evict_older(group, 0, 1, &n), PTW_OK);
	cr_assert_eq(n, 1u);
	cr_assert_eq(gone[0], 5u);
	cr_assert_eq(ptw_page_settle(engine, 1, PTW_EVICT_YOUNG), PTW_OK);
	stop();
}

/* The clock stands still when the caller's goes back. */
Test(engine, clock_back)
{
	start(64);
	milliseconds = 100;
	cr_assert_eq(ptw_group_age(group), PTW_OK);
	milliseconds = 50;
	cr_assert_eq(ptw_group_age(group), PTW_OK);
	cr_assert_eq(state_now().birth[2], 100u);
	stop();
}

/* Pages that nobody uses stay the oldest, however many ticks pass, whether or not their regions are looked at. */
Test(engine, idle_for_long)
{
	uint64_t histogram[256], seen[10];

	start(PAGES);
	/* One in each of the first ten regions, later ones younger. */
	for (uint64_t i = 0; i < 10; i++) {
		seen[i] = state_now().ticks;
		add(64 * i + i);
		cr_assert_eq(ptw_group_age(group), PTW_OK);
	}
	add(1);
	for (unsigned int n = 1; n <= 1000; n++) {
		unsigned int old = 0;

		young[1] = true;
		cr_assert_eq(ptw_group_age(group), PTW_OK);
		cr_assert_eq(ptw_engine_check(engine), PTW_OK);
		cr_assert_eq(ptw_group_ages(group, histogram), PTW_OK);
		cr_assert_eq(histogram[0], 1u, "after %u", n);
		for (unsigned int i = 0; i < 10; i++) {
			const uint64_t age = state_now().ticks - seen[i];

			if (age <= 158)
				cr_assert_eq(histogram[age], 1u, "page %u after %u", i, n);
			else
				old++;
		}
		for (unsigned int age = 159; age < 256; age++)
			old -= (unsigned int)histogram[age];
		cr_assert_eq(old, 0u, "after %u", n);
	}
	cr_assert_eq(histogram[255], 10u);
	cr_assert_eq(put_out(10), 10u);
	for (unsigned int i = 0; i < 10; i++)
		cr_assert_eq(gone[i], 65u * i);
	stop();
}

/* The oldest page of a region is as old as can be; one beside it ages on and does not become young again. */
static void beside_the_oldest(bool looked_at)
{
	uint64_t before = 0, histogram[256];

	start(PAGES);
	add(0);
	for (unsigned int n = 0; n < 100; n++)
		cr_assert_eq(ptw_group_age(group), PTW_OK);
	add(1);
	for (unsigned int n = 0; n < 1000; n++) {
		/* Somebody looks at the region at any age. */
		if (looked_at && n % 7 == 0) {
			add(2);
			cr_assert_eq(ptw_engine_check(engine), PTW_OK);
			cr_assert_eq(ptw_page_remove(engine, 2), PTW_OK);
			resident[2] = false;
		}
		cr_assert_eq(ptw_group_age(group), PTW_OK);
		cr_assert_eq(ptw_engine_check(engine), PTW_OK);
		cr_assert_eq(ptw_group_ages(group, histogram), PTW_OK);
		for (unsigned int age = 0; age < before; age++)
			cr_assert_eq(histogram[age], 0u, "age %u after %u", age, n);
		for (before = 0; !histogram[before]; before++)
			;
	}
	cr_assert_eq(before, 255u);
	cr_assert_eq(put_out(2), 2u);
	stop();
}

Test(engine, beside_the_oldest)
{
	beside_the_oldest(true);
	beside_the_oldest(false);
}

/* Pages that are being evicted for long, and all of their region are, do not become young either. */
Test(engine, evicted_for_long)
{
	start(PAGES);
	for (uint64_t page = 0; page < 32; page++)
		add(page);
	evict_result = PTW_EVICT_PENDING;
	cr_assert_eq(put_out(64), 0u);
	cr_assert_eq(state_now().isolated, 32u);
	add(64);
	for (int n = 1; n <= 300; n++) {
		const int was = ptw_page_age(engine, 7);

		cr_assert_eq(ptw_group_age(group), PTW_OK);
		cr_assert_geq(ptw_page_age(engine, 7), was, "after %d", n);
		cr_assert_geq(ptw_page_age(engine, 64), 1);
		if (n == 170)
			cr_assert_eq(ptw_page_settle(engine, 3, PTW_EVICT_FAILED), PTW_OK);
		cr_assert_eq(ptw_engine_check(engine), PTW_OK);
	}
	cr_assert_eq(ptw_page_age(engine, 7), 255);
	cr_assert_eq(ptw_page_age(engine, 3), 131, "at the end of the generation before");
	for (uint64_t page = 0; page < 32; page++)
		if (page != 3)
			cr_assert_eq(ptw_page_settle(engine, page, PTW_EVICTED), PTW_OK);
	resident[3] = true;
	evict_result = PTW_EVICTED;
	cr_assert_eq(put_out(2), 2u);
	stop();
}

static uint64_t random_state;

static unsigned int pick(unsigned int below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (unsigned int)((random_state * 0x2545f4914f6cdd1du >> 32) % below);
}

/* Words that nobody has taken in yet make the pages of the oldest ticks young, of more ticks than a few. */
Test(engine, words_wait)
{
	start(512);
	for (uint64_t page = 0; page < 512; page++) {
		if (page % 64 == 0)
			cr_assert_eq(ptw_group_age(group), PTW_OK);
		add(page);
	}
	harvests = 0;
	for (uint64_t page = 0; page < 448; page += 64)
		ptw_engine_young(engine, page, ~(uint64_t)0, 0);
	gone_count = 0;
	cr_assert_eq(put_out(1), 1);
	cr_assert_eq(gone[0], 448);
	cr_assert_eq(harvests, 0);
	stop();
}

/*
 * Random use against ticks kept as plain numbers: the histogram is exact up to where ticks are cut, order of eviction
 * holds, for several times as many ticks as a byte has.
 */
Test(engine, model, .timeout = 600)
{
	static uint64_t seen[PAGES];
	static uint64_t histogram[256], expected[256];
	const uint64_t steps = 60000 / test_slowness();

	random_state = test_seed() | 1;
	start(PAGES);
	for (uint64_t step = 0; step < steps; step++) {
		const unsigned int page = pick(PAGES) * (pick(3) ? 1 : 0) + pick(40) % PAGES;
		const unsigned int p = page % PAGES, what = pick(100);
		const uint64_t before = state_now().ticks;

		if (what < 60 && !resident[p]) {
			seen[p] = before;
			add(p);
		} else if (what < 80 && resident[p]) {
			ptw_engine_young(engine, p / 64 * 64, (uint64_t)1 << p % 64, 0);
			/* Whoever comes next takes it in. */
			ptw_page_add(engine, p);
			seen[p] = before;
		} else if (what < 82 && resident[p]) {
			cr_assert_eq(ptw_page_remove(engine, p), PTW_OK);
			resident[p] = false;
		} else if (what < 90) {
			const uint64_t first = gone_count;
			uint64_t worst = 0, oldest = UINT64_MAX;

			put_out(1);
			/* Nobody that stays is older by a tick, ages beyond the limit being alike. */
			for (; gone_count && first != gone_count && !worst; worst++) {
				for (unsigned int k = 0; k < PAGES; k++)
					if (resident[k] && seen[k] < oldest)
						oldest = seen[k];
				if (seen[gone[first % PAGES]] + 158 > before)
					cr_assert_leq(seen[gone[first % PAGES]], oldest, "step %u",
						      (unsigned int)step);
			}
		} else if (what == 90) {
			cr_assert_eq(ptw_group_age(group), PTW_OK);
		}
		if (step % 97 == 0) {
			const uint64_t tick = state_now().ticks;
			uint64_t old = 0, told_old = 0;

			memset(expected, 0, sizeof(expected));
			cr_assert_eq(ptw_engine_check(engine), PTW_OK);
			cr_assert_eq(ptw_group_ages(group, histogram), PTW_OK);
			memset(expected, 0, sizeof(expected));
			for (unsigned int k = 0; k < PAGES; k++)
				if (resident[k])
					expected[tick - seen[k] < 255 ? tick - seen[k] : 255]++;
			for (unsigned int age = 0; age < 256; age++) {
				if (age <= 158)
					cr_assert_eq(histogram[age], expected[age], "age %u", age);
				old += expected[age] * (age > 158);
				told_old += histogram[age] * (age > 158);
			}
			cr_assert_eq(old, told_old);
		}
	}
	cr_assert_gt(state_now().ticks, 600u / test_slowness());
	stop();
}
