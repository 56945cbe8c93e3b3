/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What groups are promised and what of it holds, computed by hand. */
#include "tests/unit/tree_engine.h"

#include "lib/age/engine/engine.h"

static struct ptw_protection protection(unsigned int g, const struct ptw_group *root)
{
	struct ptw_protection p = {.size = sizeof(p)};

	cr_assert_eq(ptw_group_protection(group[g], root, &p), PTW_OK);
	return p;
}

static uint64_t min_of(unsigned int g)
{
	return protection(g, NULL).effective_min;
}

static uint64_t low_of(unsigned int g)
{
	return protection(g, NULL).effective_low;
}

static void protect(unsigned int g, uint64_t min, uint64_t low)
{
	cr_assert_eq(ptw_group_protect(group[g], min, low), PTW_OK);
}

Test(engine_protect, arguments)
{
	struct ptw_protection p = {.size = sizeof(p) - 1, .min = 77};

	start();
	make(0, 0);
	make(1, 0);
	make(2, 2);
	cr_assert_eq(ptw_group_protect(NULL, 1, 1), PTW_ERR_ARG);
	cr_assert_eq(ptw_group_protection(NULL, NULL, &p), PTW_ERR_ARG);
	cr_assert_eq(ptw_group_protection(group[0], NULL, NULL), PTW_ERR_ARG);
	cr_assert_eq(ptw_group_protection(group[0], NULL, &p), PTW_ERR_SIZE);
	p.size++;
	cr_assert_eq(ptw_group_protection(group[1], group[2], &p), PTW_ERR_ARG, "beside it");
	cr_assert_eq(ptw_group_protection(group[0], group[1], &p), PTW_ERR_ARG, "below it");
	cr_assert_eq(p.min, 77u);
	protect(1, 5, 6);
	give_up(1);
	stop();
}

/* Right below the engine a group has what it asks for and uses; what is being evicted is not used. */
Test(engine_protect, top_level)
{
	uint64_t evicted;

	start();
	make(0, 0);
	fill(0, 100);
	cr_assert_eq(min_of(0), 0u);
	protect(0, 40, 60);
	cr_assert_eq(min_of(0), 40u);
	cr_assert_eq(low_of(0), 60u);
	cr_assert_eq(protection(0, NULL).usage, 100u);
	protect(0, UINT64_MAX, 101);
	cr_assert_eq(min_of(0), 100u);
	cr_assert_eq(low_of(0), 100u);
	cr_assert_eq(protection(0, NULL).min, UINT64_MAX);
	cr_assert_eq(protection(0, group[0]).effective_min, 0u, "it is reclaimed itself");
	evict_result = PTW_EVICT_PENDING;
	cr_assert_eq(ptw_group_evict(group[0], 30, &evicted), PTW_OK);
	cr_assert_eq(protection(0, NULL).usage, 70u);
	cr_assert_eq(min_of(0), 70u);
	protect(0, 0, 0);
	cr_assert_eq(min_of(0) + low_of(0), 0u);
	stop();
}

/*
 * 0 is promised 100; below it 1 and 2 claim 100 each and use 150 and 50, 3 claims nothing and uses 40. What is claimed
 * and used is 100 + 50, more than the 100 that there are: 1 has 100 * 100 / 150, 2 has 50 * 100 / 150.
 */
Test(engine_protect, overcommitted)
{
	start();
	make(0, 0);
	make(1, 0);
	make(2, 0);
	make(3, 0);
	fill(1, 150);
	fill(2, 50);
	fill(3, 40);
	protect(0, 100, 100);
	protect(1, 100, 100);
	protect(2, 100, 100);
	cr_assert_eq(min_of(0), 100u);
	cr_assert_eq(min_of(1), 66u);
	cr_assert_eq(min_of(2), 33u);
	cr_assert_eq(min_of(3), 0u);
	cr_assert_eq(low_of(1), 66u);
	/* Reclaim of 0 alone: those below it have all they ask for. */
	cr_assert_eq(protection(1, group[0]).effective_min, 100u);
	cr_assert_eq(protection(2, group[0]).effective_min, 50u);
	/* A parent without a promise has nothing to share. */
	protect(0, 0, 100);
	cr_assert_eq(min_of(1), 0u);
	cr_assert_eq(low_of(1), 66u);
	stop();
}

/*
 * 0 is promised 100 and uses 20 itself; below it 1 claims 30 and uses 50, 2 claims nothing and uses 70. 30 are claimed,
 * 70 are not; 20 + 20 + 70 are used beyond claims: 1 has 30 + 70 * 20 / 110, 2 has 70 * 70 / 110.
 */
Test(engine_protect, unclaimed)
{
	start();
	make(0, 0);
	make(1, 0);
	make(2, 0);
	fill(0, 20);
	fill(1, 50);
	fill(2, 70);
	protect(0, 100, 0);
	protect(1, 30, 0);
	cr_assert_eq(min_of(1), 42u);
	cr_assert_eq(min_of(2), 44u);
	/* More than all of it uses. */
	protect(0, 1000, 0);
	cr_assert_eq(min_of(0), 140u);
	cr_assert_eq(min_of(1), 50u);
	cr_assert_eq(min_of(2), 70u);
	stop();
}

/*
 * Three levels: 0 is promised 200; 1 and 2 claim 200 each and use 160 and 240 with what is below them, so that they
 * have 160 * 200 / 360 = 88 and 200 * 200 / 360 = 111. Below 1: 3 claims 100 and uses 100, 4 claims 60 and uses 60:
 * 100 * 88 / 160 = 55 and 60 * 88 / 160 = 33. Below 2: 5 claims 11 and uses 240: 11 + 100 * 229 / 229 = 111.
 */
Test(engine_protect, three_levels)
{
	start();
	make(0, 0);
	make(1, 0);
	make(2, 0);
	make(3, 1);
	make(4, 1);
	make(5, 2);
	fill(3, 100);
	fill(4, 60);
	fill(5, 240);
	protect(0, 200, 0);
	protect(1, 200, 0);
	protect(2, 200, 0);
	protect(3, 100, 0);
	protect(4, 60, 0);
	protect(5, 11, 0);
	cr_assert_eq(min_of(0), 200u);
	cr_assert_eq(min_of(1), 88u);
	cr_assert_eq(min_of(2), 111u);
	cr_assert_eq(min_of(3), 55u);
	cr_assert_eq(min_of(4), 33u);
	cr_assert_eq(min_of(5), 111u);
	/* One level less: 1 has 160, so there is enough for both. */
	cr_assert_eq(protection(3, group[0]).effective_min, 100u);
	cr_assert_eq(protection(4, group[0]).effective_min, 60u);
	stop();
}

/* The parts of siblings never add up to more than their parent's, and none has more than it uses. */
Test(engine_protect, random, .timeout = 300)
{
	static const unsigned int parent[GROUPS] = {0, 0, 0, 0, 1,  1,	1,  2,
						    2, 4, 4, 5, 12, 12, 13, 13};
	const unsigned int rounds = 2000 / test_slowness();
	uint64_t state = test_seed();
	unsigned int held = 0;

	start();
	for (unsigned int g = 0; g < GROUPS; g++)
		make(g, parent[g]);
	for (unsigned int round = 0; round < rounds; round++) {
		const unsigned int g = next_random(&state, GROUPS);

		fill(g, used(g) + next_random(&state, 9) < RUN ? used(g) + next_random(&state, 9) :
								 RUN);
		protect(g, next_random(&state, 400),
			next_random(&state, 3) ? next_random(&state, 900) : UINT64_MAX);
		for (unsigned int p = 0; p < GROUPS; p++) {
			const struct ptw_protection above = protection(p, NULL);
			uint64_t min = 0, low = 0;

			cr_assert_leq(above.effective_min, above.usage);
			cr_assert_leq(above.effective_low, above.usage);
			for (unsigned int i = 0; i < GROUPS; i++)
				if (parent[i] == p && i != p) {
					min += min_of(i);
					low += low_of(i);
				}
			cr_assert_leq(min, above.effective_min);
			cr_assert_leq(low, above.effective_low);
			held += min && min == above.effective_min;
		}
	}
	cr_assert_gt(held, 0u);
	stop();
}

/* Sizes whose product has more than 64 bits: 2^39 and 2^38 are claimed and used, of which 2^38 + 3 are there. */
Test(engine_protect, large)
{
	const uint64_t unit = (uint64_t)1 << 38;

	start();
	make(0, 0);
	make(1, 0);
	make(2, 0);
	group[1]->resident = 2 * unit;
	group[2]->resident = unit;
	protect(0, unit + 3, 0);
	protect(1, UINT64_MAX, 0);
	protect(2, unit, 0);
	/* 2 * (2^38 + 3) / 3 and (2^38 + 3) / 3, rounded down. */
	cr_assert_eq(min_of(1), 183251937964u);
	cr_assert_eq(min_of(2), 91625968982u);
	protect(1, 0, 0);
	/* 2^38 of 3 is left for 2^39 beyond claims. */
	cr_assert_eq(min_of(1), 3u);
	cr_assert_eq(min_of(2), unit);
	group[1]->resident = group[2]->resident = 0;
	stop();
}
