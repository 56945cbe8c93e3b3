/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Tiers: uses, what is protected, and averages, computed by hand. */
#include "tests/unit/typed_engine.h"

/* In the oldest of four generations. */
static void old_pages(uint64_t pages)
{
	add(0, pages);
	age();
	age();
	age();
}

Test(engine_tier, arguments)
{
	start(1);
	cr_assert_eq(ptw_page_used(NULL, 0), PTW_ERR_ARG);
	cr_assert_eq(ptw_page_used(engine, PAGES), PTW_ERR_RANGE);
	cr_assert_eq(ptw_page_used(engine, RUN), PTW_ERR_ABSENT, "in no group");
	cr_assert_eq(ptw_page_used(engine, 3), PTW_ERR_ABSENT);
	add(3, 1);
	cr_assert_eq(ptw_page_used(engine, 3), PTW_OK);
	cr_assert_eq(put_out(1), 1u);
	cr_assert_eq(ptw_page_used(engine, 3), PTW_ERR_ABSENT);
	stop();
}

/* No use, one, two or three, more; more than seven are seven. A use makes nobody younger. */
Test(engine_tier, uses)
{
	struct ptw_type_state s;

	start(1);
	add(0, 10);
	for (unsigned int i = 0; i < 9; i++)
		use(i, 1, i);
	use(9, 1, 1000);
	age();
	for (unsigned int i = 0; i < 10; i++)
		use(i, 1, 0);
	cr_assert_eq(type_now(0).pages[0], 10u);
	cr_assert_eq(put_out(10), 10u);
	s = type_now(0);
	cr_assert_eq(s.evicted[0], 1u);
	cr_assert_eq(s.evicted[1], 1u);
	cr_assert_eq(s.evicted[2], 2u);
	cr_assert_eq(s.evicted[3], 6u);
	for (unsigned int i = 0; i < 10; i++)
		cr_assert_eq(gone[i], i);
	stop();
}

/* Removed pages leave their uses behind; those that could not go, or were young, keep them. */
Test(engine_tier, uses_stay)
{
	start(1);
	add(0, 3);
	use(0, 3, 2);
	cr_assert_eq(ptw_page_remove(engine, 0), PTW_OK);
	add(0, 1);
	evict_result = PTW_EVICT_FAILED;
	cr_assert_eq(put_out(1), 0u);
	evict_result = PTW_EVICTED;
	young[2] = true;
	cr_assert_eq(put_out(1), 1u);
	cr_assert_eq(put_out(2), 2u);
	cr_assert_eq(type_now(0).evicted[0], 1u);
	cr_assert_eq(type_now(0).evicted[2], 2u);
	stop();
}

/*
 * The example of docs/engine.md. Pages 0 to 99 were used once; they go first, and come back. So tier 1 has a rate of
 * 100 / 100, and tier 0 of 1 / 64: what is above tier 0 is protected.
 */
Test(engine_tier, protected)
{
	struct ptw_type_state s;

	start(1);
	add(0, 300);
	use(0, 100, 1);
	age();
	age();
	age();
	cr_assert_eq(type_now(0).tier, 3u);
	refault(0, 63);
	cr_assert_eq(type_now(0).tier, 3u, "too few to judge by");
	refault(0, 37);
	cr_assert_eq(type_now(0).evicted[1], 100u);
	cr_assert_eq(type_now(0).refaulted[1], 100u);
	cr_assert_eq(type_now(0).tier, 0u);
	use(100, 10, 1);
	gone_count = 0;
	cr_assert_eq(put_out(20), 20u);
	cr_assert_eq(gone[0], 110u);
	cr_assert_eq(gone[19], 129u);
	s = type_now(0);
	cr_assert_eq(s.protected_[1], 10u);
	cr_assert_eq(s.pages[0], 170u);
	cr_assert_eq(s.pages[1], 10u, "in the next generation");
	cr_assert_eq(s.pages[3], 100u);
	/* Half of what is known is forgotten: 50 are too few. */
	age();
	cr_assert_eq(type_now(0).tier, 3u);
	stop();
}

/* A page is protected once for its uses, and has the last tick of its new generation. */
Test(engine_tier, protected_once)
{
	start(1);
	add(0, 200);
	use(0, 100, 1);
	age();
	add(200, 100);
	age();
	age();
	refault(0, 100);
	use(150, 1, 7);
	gone_count = 0;
	cr_assert_eq(put_out(99), 99u);
	cr_assert_eq(type_now(0).pages[0], 0u);
	cr_assert_eq(type_now(0).pages[1], 101u);
	cr_assert_eq(ptw_page_age(engine, 150), ptw_page_age(engine, 299));
	cr_assert_lt(ptw_page_age(engine, 150), ptw_page_age(engine, 250));
	cr_assert_eq(put_out(101), 101u);
	cr_assert_eq(type_now(0).protected_[3], 1u);
	cr_assert_eq(type_now(0).evicted[0], 200u, "its uses are gone");
	/* Those that came back are in the youngest one: nothing is protected there, and all go. */
	cr_assert_eq(type_now(0).tier, 0u);
	cr_assert_eq(put_out(200), 100u);
	cr_assert_eq(type_now(0).evicted[2], 100u, "once, and once more");
	stop();
}

/* So many of tier 0 come back, then 100 of 100 of tier 1: which tiers go then? */
static uint32_t limit_with(unsigned int back)
{
	uint32_t tier;

	start(1);
	add(0, 400);
	use(back, 100, 1);
	age();
	age();
	age();
	refault(0, back);
	refault(0, 100);
	cr_assert_eq(type_now(0).refaulted[0], back);
	cr_assert_eq(type_now(0).refaulted[1], 100u);
	tier = type_now(0).tier;
	stop();
	return tier;
}

/* 3/2 of 127 / 190 is more than 1, of 126 / 189 it is 1, and of 125 / 188 less. */
Test(engine_tier, margin)
{
	cr_assert_eq(limit_with(126), 3u);
	cr_assert_eq(limit_with(124), 0u);
	cr_assert_eq(limit_with(0), 0u);
	cr_assert_eq(limit_with(200), 3u);
}

/* It is tier 2 that comes back: 1 goes, 2 and 3 stay. */
Test(engine_tier, higher_ones)
{
	start(1);
	add(0, 300);
	use(0, 100, 2);
	use(100, 10, 1);
	use(110, 10, 3);
	use(120, 10, 7);
	age();
	age();
	age();
	refault(0, 100);
	cr_assert_eq(type_now(0).tier, 1u);
	gone_count = 0;
	cr_assert_eq(put_out(20), 20u);
	cr_assert_eq(gone[0], 100u);
	cr_assert_eq(gone[10], 130u);
	cr_assert_eq(type_now(0).protected_[2], 10u);
	cr_assert_eq(type_now(0).protected_[3], 10u);
	stop();
}

/* With each generation half is forgotten: of what went, was protected, and came back. */
Test(engine_tier, averages)
{
	start(2);
	old_pages(1000);
	refault(0, 400);
	cr_assert_eq(type_now(0).cost, (400ull << 20) / 464 * 2);
	age();
	cr_assert_eq(type_now(0).cost, (200ull << 20) / 264 * 2);
	cr_assert_eq(put_out(36), 36u);
	cr_assert_eq(type_now(0).cost, (200ull << 20) / 300 * 2);
	age();
	/* 236 / 2 */
	cr_assert_eq(type_now(0).cost, (100ull << 20) / (118 + 64) * 2);
	cr_assert_eq(type_now(0).evicted[0], 436u, "counters tell all");
	cr_assert_eq(type_now(0).refaulted[0], 400u);
	stop();
}

/* Counters at their ends: products do not overflow, and what wraps is nothing for a moment. */
Test(engine_tier, extremes)
{
	struct ptw_tier *tier;

	start(2);
	tier = group->type[1]->tier;
	tier[0].evicted = tier[0].refaulted = tier[1].evicted = tier[1].refaulted = UINT64_MAX / 4;
	cr_assert_eq(type_now(1).tier, 3u);
	cr_assert_eq(type_now(1).cost, 0u, "2^40 of 2^63");
	tier[0].evicted = tier[1].evicted = 1000;
	cr_assert_eq(type_now(1).tier, 3u);
	cr_assert_eq(type_now(1).cost, ((uint64_t)1 << 60) / 2064 * 2);
	tier[0].refaulted = 0;
	cr_assert_eq(type_now(1).tier, 0u);
	tier[0].evicted = tier[1].evicted = 0;
	tier[0].refaulted = UINT64_MAX / 4;
	cr_assert_eq(type_now(1).cost, ((uint64_t)1 << 60) / 64 * 2);
	tier[0].refaulted = tier[1].refaulted = 0;
	tier[0].refaulted_before = 5;
	cr_assert_eq(type_now(1).cost, 0u);
	cr_assert_eq(type_now(1).tier, 3u);
	tier[0].refaulted_before = 0;
	stop();
}

/* A group that nobody tells of uses judges nothing. */
Test(engine_tier, off)
{
	start(1);
	old_pages(300);
	refault(0, 200);
	cr_assert_eq(state_now().refaults, 200u);
	cr_assert_eq(type_now(0).refaulted[0], 0u);
	cr_assert_eq(type_now(0).evicted[0], 0u);
	stop();
}
