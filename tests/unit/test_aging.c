/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Groups age spaces: what each capability does, what is left out, and that nothing else is. */
#include "tests/unit/aging_machine.h"

#define NONLEAF	  (uint32_t)PTW_ENABLE_NONLEAF
#define SECONDARY (uint32_t)PTW_ENABLE_SECONDARY_WALK

/* Read regions since the last harvest() began. */
static uint64_t regions_read(void)
{
	return now().read - before.read;
}

/* Random pages, used by either side: all are found, once, and nothing else. */
static void harvest_random(unsigned int passes)
{
	uint64_t random = test_seed() | 1;

	for (unsigned int i = 0; i < passes; i++) {
		uint64_t planted[PAGES / 64] = {0};
		const unsigned int n = (unsigned int)random_below(&random, 40);

		for (unsigned int k = 0; k < n; k++) {
			const uint64_t page = random_below(&random, PAGES);

			planted[page / 64] |= (uint64_t)1 << page % 64;
			if (random_chance(&random, 50))
				by_host(page);
			else
				by_guest(page);
		}
		harvest(PTW_OK);
		cr_assert_eq(memcmp(seen, planted, sizeof(seen)), 0, "pass %u", i);
	}
}

Test(aging, finds_all_and_leaves_out_tables)
{
	open_source("x86-64", "ept4", 0, 255);
	harvest_random(1);
	cr_assert_eq(regions_read(), REGIONS, "the first pass reads all");
	harvest_random(60);
	cr_assert_eq(harvest(PTW_OK), 0u);
	cr_assert_eq(regions_read(), 0u);
	by_guest(1000);
	by_host(7000);
	cr_assert_eq(harvest(PTW_OK), 2u);
	cr_assert_eq(regions_read(), 2u);
	close_source();
}

Test(aging, without_nonleaf)
{
	open_source("x86-64", "ept4", 0, 0);
	harvest(PTW_OK);
	cr_assert_eq(ptw_engine_enable(engine, ALL & ~NONLEAF), PTW_OK);
	harvest_random(5);
	cr_assert_eq(regions_read(), REGIONS);
	cr_assert_eq(now().left_out, before.left_out);
	/* Table entries were not cleared meanwhile: what they say is too much, and so on the safe side. */
	cr_assert_eq(ptw_engine_enable(engine, ALL), PTW_OK);
	by_host(3);
	harvest(PTW_OK);
	cr_assert(was_seen(3));
	harvest_random(20);
	close_source();
}

Test(aging, without_secondary_walk)
{
	open_source("x86-64", "ept4", 0, 0);
	harvest(PTW_OK);
	cr_assert_eq(ptw_engine_enable(engine, ALL & ~SECONDARY), PTW_OK);
	by_guest(100);
	by_host(101);
	cr_assert_eq(harvest(PTW_OK), 1u);
	cr_assert(was_seen(101));
	cr_assert_eq(ptw_engine_enable(engine, ALL), PTW_OK);
	cr_assert_eq(harvest(PTW_OK), 1u);
	cr_assert(was_seen(100));
	close_source();
}

/* With each bit off, what a whole ageing does. */
Test(aging, capabilities_in_ageing)
{
	open_source("x86-64", "ept4", 0, 255);
	cr_assert_eq(ptw_group_age(group), PTW_OK);
	for (uint32_t off = 1; off <= 8; off *= 2) {
		struct ptw_group_state s = {.size = sizeof(s)};
		uint64_t aged;

		cr_assert_eq(ptw_engine_enable(engine, ALL & ~off), PTW_OK);
		cr_assert_eq(ptw_group_state(group, &s), PTW_OK);
		aged = s.aged;
		by_host(5);
		by_guest(600);
		before = now();
		cr_assert_eq(ptw_group_age(group),
			     off == PTW_ENABLE_CORE ? PTW_ERR_UNSUPPORTED : PTW_OK);
		cr_assert_eq(ptw_group_state(group, &s), PTW_OK);
		/* Core and leaf walk: nobody is asked. Non-leaf: all is read. Secondary: one page is missed. */
		cr_assert_eq(s.aged - aged, off <= 2 ? 0u : off == 4 ? 2u : 1u, "without %u", off);
		cr_assert_eq(regions_read(), off <= 2 ? 0u : off == 4 ? REGIONS : 1u);
		cr_assert_eq(ptw_engine_enable(engine, ALL), PTW_OK);
		cr_assert_eq(ptw_group_age(group), PTW_OK);
		cr_assert_eq(ptw_group_state(group, &s), PTW_OK);
		cr_assert_eq(s.aged - aged, 2u, "nothing was lost without %u", off);
	}
	close_source();
}

/* Table entries that cannot tell: all is read, or, with the filter, what was found and what is looked at. */
Test(aging, filter)
{
	uint64_t around = 0;

	open_source("arm64-s1-4k", NULL, 0, 255);
	harvest(PTW_OK);
	harvest(PTW_OK);
	cr_assert_eq(regions_read(), REGIONS);
	close_source();

	open_source("arm64-s1-4k", NULL, PTW_AGING_FILTER, 10);
	by_host(700);
	harvest(PTW_OK);
	cr_assert_eq(regions_read(), REGIONS, "the first pass reads all");
	cr_assert(was_seen(700));
	by_host(700);
	by_host(5000);
	cr_assert_eq(harvest(PTW_OK), 1u);
	cr_assert_eq(regions_read(), 1u);
	/* The last look finds the other one, and its neighbour; the region is read again. */
	by_host(5003);
	cr_assert_eq(served.ops.look(served.context, FIRST + 5000, &around), 1);
	cr_assert_eq(around, (uint64_t)1 << 5003 % 64);
	by_host(5100);
	cr_assert_eq(harvest(PTW_OK), 1u);
	cr_assert(was_seen(5100));
	/* And what nobody finds is found in the end. */
	by_host(2000);
	for (unsigned int i = 0; i < 10 && !was_seen(2000); i++)
		harvest(PTW_OK);
	cr_assert(was_seen(2000));
	close_source();
}

/* What others take is heard of, also in regions that are not read. */
Test(aging, others_take)
{
	uint64_t words[PAGES / 64 + 1] = {0};
	const struct ptw_ask ask = {.size = sizeof(ask), .flags = PTW_HARVEST_ACCESSED,
				    .effort = PTW_EFFORT_ALL, .young = words};

	open_source("x86-64", "ept4", 0, 255);
	harvest(PTW_OK);
	harvest(PTW_OK);
	by_guest(77);
	cr_assert_eq(ptw_space_harvest(space, HOME, HOME + PAGES, &ask, NULL), PTW_OK);
	cr_assert_eq(harvest(PTW_OK), 1u);
	cr_assert(was_seen(77));
	cr_assert_eq(now().consumed - before.consumed, 1u);
	by_guest(78);
	cr_assert_eq(ptw_space_clear_young(space, HOME + 78, PTW_EFFORT_ALL), 1);
	cr_assert_eq(served.ops.look(served.context, FIRST + 78, words), 1, "also by a look");
	close_source();
}

/* MMUs that are not fast, or busy, are counted; those that were busy are asked again. */
Test(aging, left_out)
{
	static struct fake fake;

	open_source("x86-64", NULL, 0, 255);
	harvest(PTW_OK);
	fake_open(&fake, FAKE_PLAIN, 1, PAGES);
	register_guest(&fake.mmu);
	harvest(PTW_OK);
	cr_assert_eq(now().not_fast - before.not_fast, 0u, "nothing was read");
	cr_assert_eq(ptw_engine_enable(engine, ALL & ~NONLEAF), PTW_OK);
	harvest(PTW_OK);
	cr_assert_eq(now().not_fast - before.not_fast, PAGES);
	cr_assert_eq(now().busy, 0u);
	/* A last look asks also the slow one. */
	fake.state[9] = FAKE_YOUNG;
	cr_assert_eq(served.ops.look(served.context, FIRST + 9, seen), 1);
	cr_assert_eq(served.ops.look(served.context, FIRST + 9, seen), 0);
	close_source();
	fake_close(&fake);

	open_source("x86-64", NULL, 0, 255);
	fake_open(&fake, FAKE_PLAIN | FAKE_FAST, 1, PAGES);
	register_guest(&fake.mmu);
	harvest(PTW_OK);
	fake.state[9] = FAKE_YOUNG | FAKE_BUSY;
	cr_assert_eq(harvest(PTW_OK), 0u);
	cr_assert_eq(now().busy - before.busy, 1u);
	cr_assert_eq(served.ops.look(served.context, FIRST + 9, seen), 1, "not known to be idle");
	cr_assert_eq(now().kept, 1u);
	fake.state[9] = FAKE_YOUNG;
	cr_assert_eq(harvest(PTW_OK), 1u);
	close_source();
	fake_close(&fake);
}

/* A harvest that was ended goes on where it was. */
Test(aging, goes_on)
{
	open_source("x86-64", "ept4", 0, 255);
	harvest(PTW_OK);
	harvest(PTW_OK);
	cr_assert_eq(now().stopped, 0u);
	cr_assert_eq(ptw_engine_enable(engine, ALL & ~NONLEAF), PTW_OK);
	betweens = 0;
	harvest(PTW_OK);
	cr_assert_eq(betweens, 2u, "batches of eight regions");
	for (unsigned int i = 0; i < PAGES; i += 100)
		by_guest(i);
	between_returns = 1;
	cr_assert_eq(harvest(PTW_ERR_STOPPED), (PAGES / 2 + 99) / 100);
	cr_assert(!was_seen(PAGES / 2 + 4));
	cr_assert_eq(harvest(PTW_ERR_STOPPED), PAGES / 100 + 1 - (PAGES / 2 + 99) / 100);
	cr_assert_eq(now().stopped, 2u);
	between_returns = 0;
	cr_assert_eq(harvest(PTW_OK), 0u);
	close_source();
}

/* What secondary tables had told of the rest is not lost where the primary alone is asked meanwhile. */
Test(aging, ended_and_secondary_off)
{
	open_source("x86-64", "ept4", 0, 255);
	harvest(PTW_OK);
	harvest(PTW_OK);
	by_guest(100);
	by_guest(5000);
	between_returns = 1;
	cr_assert_eq(harvest(PTW_ERR_STOPPED), 1u);
	between_returns = 0;
	cr_assert_eq(ptw_engine_enable(engine, ALL & ~SECONDARY), PTW_OK);
	cr_assert_eq(harvest(PTW_OK), 0u);
	cr_assert_eq(ptw_engine_enable(engine, ALL), PTW_OK);
	cr_assert_eq(harvest(PTW_OK), 1u);
	cr_assert(was_seen(5000));
	by_guest(7);
	cr_assert_eq(harvest(PTW_OK), 1u);
	cr_assert_eq(regions_read(), 1u, "once is enough");
	close_source();
}

/* Also if it was one of a part of a region: all of that region is read. */
Test(aging, goes_on_in_a_region)
{
	open_source("x86-64", "ept4", 0, 255);
	harvest(PTW_OK);
	harvest(PTW_OK);
	between_returns = 1;
	cr_assert_eq(served.ops.harvest(served.context, FIRST + 64, 64, see, seen), PTW_ERR_STOPPED);
	between_returns = 0;
	by_guest(5);
	by_host(300);
	cr_assert_eq(harvest(PTW_OK), 2u);
	cr_assert(was_seen(5) && was_seen(300));
	close_source();
}

/* Evicted are those that nobody used. */
Test(aging, evicts)
{
	uint64_t gone;

	open_source("x86-64", "ept4", 0, 0);
	cr_assert_eq(ptw_group_age(group), PTW_OK);
	cr_assert_eq(ptw_group_age(group), PTW_OK);
	by_guest(0);
	by_host(1);
	by_guest(2);
	before = now();
	cr_assert_eq(ptw_engine_enable(engine, ALL & ~(uint32_t)PTW_ENABLE_LEAF_WALK), PTW_OK);
	cr_assert_eq(ptw_group_evict(group, 10, &gone), PTW_OK);
	cr_assert_eq(gone, 10u);
	cr_assert_eq(put_out, 10u);
	cr_assert_eq(put_out_pages[0], FIRST + 3);
	cr_assert_eq(put_out_pages[9], FIRST + 12);
	cr_assert_eq(now().looked - before.looked, 2u, "and page 2 was found by looking around");
	/* Not one is put out of a run that is not there any more. */
	cr_assert_eq(ptw_aging_detach(aging, FIRST), PTW_OK);
	cr_assert_eq(ptw_group_evict(group, 10, &gone), PTW_OK);
	cr_assert_eq(gone, 0u);
	cr_assert_gt(now().homeless, 0u);
	close_source();
}

/* Runs come and go; harvests of others are the same. */
Test(aging, runs)
{
	struct ptw_aging_run run;

	open_source("x86-64", "ept4", 0, 0);
	harvest(PTW_OK);
	cr_assert_eq(ptw_aging_detach(aging, FIRST), PTW_OK);
	cr_assert_eq(ptw_aging_detach(aging, FIRST), PTW_ERR_ABSENT);
	cr_assert_eq(now().runs, 0u);
	/* In three parts, upside down, which cut regions. */
	for (unsigned int i = 3; i--;) {
		run = whole_run();
		run.first += i * 2752;
		run.page += i * 2752;
		run.pages = i == 2 ? PAGES - 2 * 2752 : 2752;
		cr_assert_eq(ptw_aging_attach(aging, &run), PTW_OK);
		cr_assert_eq(ptw_aging_attach(aging, &run), PTW_ERR_OVERLAP);
	}
	cr_assert_eq(now().runs, 3u);
	harvest_random(30);
	run = whole_run();
	cr_assert_eq(ptw_aging_attach(aging, &run), PTW_ERR_OVERLAP);
	cr_assert_eq(ptw_aging_detach(aging, FIRST + 2752), PTW_OK);
	by_host(10);
	by_guest(3000);
	by_guest(8000);
	cr_assert_eq(harvest(PTW_OK), 2u);
	cr_assert(was_seen(10) && was_seen(8000));
	close_source();
}

Test(aging, arguments)
{
	struct ptw_aging_config config = {.size = sizeof(config)};
	struct ptw_aging_run good, run;
	struct ptw_aging *other;

	cr_assert_eq(ptw_aging_create(NULL, &other), PTW_ERR_ARG);
	cr_assert_eq(ptw_aging_create(&config, NULL), PTW_ERR_ARG);
	cr_assert_eq(ptw_aging_create(&config, &other), PTW_ERR_ARG, "no engine");
	open_source("x86-64", NULL, 0, 0);
	config.engine = engine;
	config.full_every = 256;
	cr_assert_eq(ptw_aging_create(&config, &other), PTW_ERR_ARG);
	config.full_every = 0;
	config.flags = 2;
	cr_assert_eq(ptw_aging_create(&config, &other), PTW_ERR_ARG);
	config.flags = 0;
	config.size--;
	cr_assert_eq(ptw_aging_create(&config, &other), PTW_ERR_SIZE);
	config.size++;
	cr_assert_eq(ptw_aging_create(&config, &other), PTW_OK);
	cr_assert_eq(ptw_aging_serve(NULL, &served), PTW_ERR_ARG);
	cr_assert_eq(ptw_aging_serve(other, &served), PTW_OK);
	cr_assert_null(served.ops.evict, "it has none");
	good = run = whole_run();
	cr_assert_eq(ptw_aging_attach(NULL, &run), PTW_ERR_ARG);
	cr_assert_eq(ptw_aging_attach(other, NULL), PTW_ERR_ARG);
#define refused(code)                                                \
	do {                                                         \
		cr_assert_eq(ptw_aging_attach(other, &run), (code)); \
		run = good;                                          \
	} while (0)
	run.size--;
	refused(PTW_ERR_SIZE);
	run.space = NULL;
	refused(PTW_ERR_ARG);
	run.foreign = 2;
	refused(PTW_ERR_ARG);
	run.first++;
	refused(PTW_ERR_ALIGN);
	run.page += 32;
	refused(PTW_ERR_ALIGN);
	run.pages = 0;
	refused(PTW_ERR_RANGE);
	run.pages = UINT64_MAX - FIRST + 1;
	refused(PTW_ERR_RANGE);
	run.pages = PTW_ENGINE_PAGES_MAX - FIRST + 1;
	refused(PTW_ERR_RANGE);
	run.first = UINT64_MAX - 63;
	run.pages = 64;
	refused(PTW_ERR_RANGE);
	ptw_read_lock();
	refused(PTW_ERR_CONTEXT);
	cr_assert_eq(ptw_aging_detach(aging, FIRST), PTW_ERR_CONTEXT);
	ptw_read_unlock();
	cr_assert_eq(ptw_aging_detach(NULL, FIRST), PTW_ERR_ARG);
	cr_assert_eq(ptw_aging_detach(aging, FIRST + 64), PTW_ERR_ABSENT);
	cr_assert_eq(ptw_aging_state(NULL, &before), PTW_ERR_ARG);
	before.size = 8;
	cr_assert_eq(ptw_aging_state(aging, &before), PTW_ERR_SIZE);
	cr_assert_eq(ptw_aging_destroy(other), PTW_OK);
	cr_assert_eq(ptw_aging_destroy(NULL), PTW_OK);
	close_source();
}
