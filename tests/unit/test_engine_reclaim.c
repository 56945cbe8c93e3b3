/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Reclaim over groups: whose turn it is, how much each gives, what stays. */
#include "tests/unit/tree_engine.h"

#include <ptw/engine_enable.h>
#include <ptw/engine_reclaim.h>

#include "lib/age/engine/engine.h"

static uint64_t reclaim(struct ptw_group *root, uint64_t want, uint32_t flags)
{
	uint64_t evicted = 7777;

	cr_assert_eq(ptw_engine_reclaim(engine, root, want, flags, &evicted), PTW_OK);
	cr_assert_eq(ptw_engine_check(engine), PTW_OK);
	cr_assert_leq(evicted, want);
	return evicted;
}

static struct ptw_protection protection(unsigned int g)
{
	struct ptw_protection p = {.size = sizeof(p)};

	cr_assert_eq(ptw_group_protection(group[g], NULL, &p), PTW_OK);
	return p;
}

Test(engine_reclaim, arguments)
{
	const struct ptw_engine_config config = {.size = sizeof(config), .pages = 64};
	struct ptw_group_config nothing = {.size = sizeof(nothing)};
	struct ptw_engine *another;
	struct ptw_group *g;
	uint64_t n = 5;

	start();
	cr_assert_eq(reclaim(NULL, 10, 0), 0u, "no groups");
	make(0, 0);
	cr_assert_eq(ptw_engine_create(&config, &another), PTW_OK);
	cr_assert_eq(ptw_engine_reclaim(NULL, NULL, 1, 0, &n), PTW_ERR_ARG);
	cr_assert_eq(ptw_engine_reclaim(engine, NULL, 1, 0, NULL), PTW_ERR_ARG);
	cr_assert_eq(ptw_engine_reclaim(engine, NULL, 1, 4, &n), PTW_ERR_ARG);
	cr_assert_eq(ptw_engine_reclaim(another, group[0], 1, 0, &n), PTW_ERR_ARG);
	cr_assert_eq(n, 5u);
	ptw_engine_destroy(another);
	cr_assert_eq(reclaim(NULL, 10, 0), 0u, "no pages");
	/* One that cannot evict is passed over. */
	cr_assert_eq(ptw_group_create(engine, &nothing, &g), PTW_OK);
	cr_assert_eq(ptw_group_attach(g, RUN, 64), PTW_OK);
	cr_assert_eq(ptw_page_add(engine, RUN), PTW_OK);
	fill(0, 100);
	cr_assert_eq(reclaim(NULL, 0, 0), 0u);
	cr_assert_eq(reclaim(NULL, 1000, 0), 100u);
	stop();
}

/* Calls of `want` pages until a third is gone; each group gives its part of that within one page in a hundred. */
static void shares(uint64_t want)
{
	static const uint64_t sizes[] = {1000, 500, 250, 125, 60, 15};
	const unsigned int n = sizeof(sizes) / sizeof(*sizes);
	uint64_t total = 0, evicted = 0, worst = 0;

	start();
	for (unsigned int g = 0; g < n; g++) {
		make(g, g);
		fill(g, sizes[g]);
		total += sizes[g];
	}
	while (evicted < total / 3)
		evicted += reclaim(NULL, want, 0);
	for (unsigned int g = 0; g < n; g++) {
		const uint64_t gave = sizes[g] - used(g), due = sizes[g] * evicted / total;
		const uint64_t off = gave > due ? gave - due : due - gave;

		cr_assert_leq(off, 2 + due / 20 + (want > 64 ? want / 16 : 0),
			      "group %u gave %u, not %u, in calls of %u", g, (unsigned int)gave,
			      (unsigned int)due, (unsigned int)want);
		worst = off * 1000 / sizes[g] > worst ? off * 1000 / sizes[g] : worst;
	}
	cr_log_info("calls of %u: worst share off by %u of 1000 of a group", (unsigned int)want,
		    (unsigned int)worst);
	stop();
}

Test(engine_reclaim, shares)
{
	shares(1);
	shares(7);
	shares(64);
	shares(300);
}

/* The same below a group: others are not asked. */
Test(engine_reclaim, below_a_group)
{
	uint64_t evicted = 0;

	start();
	make(0, 0);
	make(1, 0);
	make(2, 0);
	make(3, 2);
	make(4, 4);
	for (unsigned int g = 0; g < 5; g++)
		fill(g, 100u * (g + 1));
	while (evicted < 400)
		evicted += reclaim(group[0], 8, 0);
	cr_assert_eq(used(4), 500u);
	for (unsigned int g = 0; g < 4; g++) {
		cr_assert_geq(used(g), 58u * (g + 1), "%u", g);
		cr_assert_leq(used(g), 62u * (g + 1), "%u", g);
	}
	cr_assert_eq(reclaim(group[3], 10, 0), 10u);
	cr_assert_eq(reclaim(group[0], 10000, 0), 590u);
	cr_assert_eq(used(4), 500u);
	stop();
}

/* It ends when it has enough; whose turn it was goes on, then comes the next one. */
Test(engine_reclaim, ends_early)
{
	start();
	for (unsigned int g = 0; g < 4; g++) {
		make(g, g);
		fill(g, RUN);
	}
	harvests = 0;
	cr_assert_eq(reclaim(NULL, 1, 0), 1u);
	/* The first round makes each owe 1024 of 4096 parts of a page, so it is the third that takes one. */
	cr_assert_eq(RUN - used(0) + RUN - used(1) + RUN - used(2) + RUN - used(3), 1u);
	cr_assert_eq(harvests, 1u, "one group was asked");
	for (unsigned int i = 0; i < 39; i++)
		cr_assert_eq(reclaim(NULL, 1, 0), 1u);
	for (unsigned int g = 0; g < 4; g++) {
		cr_assert_leq(used(g), RUN - 9u);
		cr_assert_geq(used(g), RUN - 11u);
	}
	stop();
}

/* After a call that took nearly all of what there was, small ones are shared again. */
Test(engine_reclaim, after_much)
{
	uint64_t before[3];

	start();
	for (unsigned int g = 0; g < 3; g++) {
		make(g, g);
		fill(g, RUN);
	}
	cr_assert_eq(reclaim(NULL, 3 * RUN - 1000, 0), 3 * RUN - 1000u);
	cr_assert_eq(harvests, 3u, "each is aged once");
	for (unsigned int g = 0; g < 3; g++) {
		fill(g, RUN);
		before[g] = used(g);
	}
	for (unsigned int i = 0; i < 30; i++)
		cr_assert_eq(reclaim(NULL, 10, 0), 10u);
	for (unsigned int g = 0; g < 3; g++)
		cr_assert_leq(before[g] - used(g), 104u, "%u", g);
	stop();
}

Test(engine_reclaim, min_stays)
{
	start();
	make(0, 0);
	make(1, 1);
	fill(0, 100);
	fill(1, 100);
	cr_assert_eq(ptw_group_protect(group[0], 30, 0), PTW_OK);
	cr_assert_eq(reclaim(NULL, 1000, 0), 170u);
	cr_assert_eq(used(0), 30u);
	cr_assert_eq(reclaim(NULL, 1000, 0), 0u);
	cr_assert_eq(protection(0).below_low, 0u);
	cr_assert_eq(reclaim(group[0], 10, 0), 10u, "not from itself");
	cr_assert_eq(ptw_group_protect(group[0], 0, 0), PTW_OK);
	cr_assert_eq(reclaim(NULL, 1000, 0), 20u);
	stop();
}

Test(engine_reclaim, low_goes_last)
{
	start();
	make(0, 0);
	make(1, 1);
	fill(0, 100);
	fill(1, 100);
	cr_assert_eq(ptw_group_protect(group[0], 10, 60), PTW_OK);
	cr_assert_eq(reclaim(NULL, 139, 0), 139u);
	cr_assert_geq(used(0), 60u);
	cr_assert_eq(protection(0).below_low, 0u);
	cr_assert_eq(reclaim(NULL, 20, PTW_RECLAIM_KEEP_LOW), 1u);
	cr_assert_eq(used(0), 60u);
	cr_assert_eq(used(1), 0u);
	cr_assert_eq(protection(0).below_low, 0u);
	cr_assert_eq(reclaim(NULL, 20, 0), 20u);
	cr_assert_eq(used(0), 40u);
	cr_assert_eq(protection(0).below_low, 20u);
	cr_assert_eq(reclaim(NULL, 1000, 0), 30u);
	cr_assert_eq(used(0), 10u);
	cr_assert_eq(protection(0).below_low, 50u);
	stop();
}

/* Two share what the one above has, and shrink in turn to what there is for both, never below. */
Test(engine_reclaim, overcommitted)
{
	start();
	make(0, 0);
	make(1, 0);
	make(2, 0);
	fill(1, 300);
	fill(2, 100);
	cr_assert_eq(ptw_group_protect(group[0], 100, 0), PTW_OK);
	cr_assert_eq(ptw_group_protect(group[1], 100, 0), PTW_OK);
	cr_assert_eq(ptw_group_protect(group[2], 100, 0), PTW_OK);
	cr_assert_eq(reclaim(NULL, 1000, 0), 300u);
	cr_assert_eq(used(1) + used(2), 100u);
	cr_assert_geq(used(1), 20u);
	cr_assert_geq(used(2), 10u);
	stop();
}

/* Pages that are under way count, and nobody is asked for more because they are not gone yet. */
Test(engine_reclaim, pending)
{
	start();
	make(0, 0);
	make(1, 1);
	fill(0, 100);
	fill(1, 100);
	cr_assert_eq(ptw_group_protect(group[0], 95, 0), PTW_OK);
	evict_result = PTW_EVICT_PENDING;
	cr_assert_eq(reclaim(NULL, 50, 0), 0u);
	cr_assert_eq(sums(0).isolated + sums(1).isolated, 50u);
	cr_assert_eq(reclaim(NULL, 500, 0), 0u);
	cr_assert_eq(sums(0).isolated, 5u);
	cr_assert_eq(sums(1).isolated, 100u);
	stop();
}

/* A callback's error ends the call; the next one begins with another group. */
Test(engine_reclaim, errors)
{
	uint64_t n = 0;

	start();
	for (unsigned int g = 0; g < 3; g++) {
		make(g, g);
		fill(g, 100);
	}
	evict_returns = -77;
	for (unsigned int g = 0; g < 3; g++) {
		cr_assert_eq(ptw_engine_reclaim(engine, NULL, 10, 0, &n), -77);
		cr_assert_leq(n, 1u);
	}
	for (unsigned int g = 0; g < 3; g++)
		cr_assert_eq(used(g), 99u, "%u", g);
	evict_returns = 0;
	evict_result = PTW_EVICT_FAILED;
	cr_assert_eq(reclaim(NULL, 10, 0), 0u, "none can go, and it ends");
	evict_result = PTW_EVICTED;
	cr_assert_eq(reclaim(NULL, 10, 0), 10u);
	stop();
}

/* An eviction gives up other groups, and tries its own. */
static int own_destroyed;

static int evict_that_gives_up(void *context, const uint64_t *page, unsigned int n, uint8_t *result)
{
	const unsigned int self = (unsigned int)(page[0] / RUN);

	own_destroyed = ptw_group_destroy(group[self]);
	for (unsigned int g = 0; g < 4; g++)
		if (g != self && group[g])
			give_up(g);
	return evict(context, page, n, result);
}

Test(engine_reclaim, given_up_meanwhile)
{
	const struct ptw_group_config config = {.size = sizeof(config),
						.ops = {.evict = evict_that_gives_up}};

	start();
	for (unsigned int g = 0; g < 4; g++) {
		cr_assert_eq(ptw_group_create(engine, &config, &group[g]), PTW_OK);
		cr_assert_eq(ptw_group_attach(group[g], (uint64_t)g * RUN, RUN), PTW_OK);
		fill(g, RUN);
	}
	cr_assert_eq(reclaim(NULL, 10, 0), 1u, "the one that is left is being given up, too");
	cr_assert_eq(own_destroyed, PTW_ERR_AGAIN);
	cr_assert_eq(reclaim(NULL, 10, 0), 0u);
	for (unsigned int g = 0; g < 4; g++)
		if (group[g])
			give_up(g);
	make(0, 0);
	fill(0, 10);
	cr_assert_eq(reclaim(NULL, 10, 0), 10u);
	stop();
}

/* Whose turn it is below a group is given up: the turn goes on. */
Test(engine_reclaim, turn_given_up)
{
	start();
	for (unsigned int round = 0; round < 8; round++) {
		make(0, 0);
		make(1, 0);
		make(2, 0);
		make(3, 2);
		for (unsigned int g = 0; g < 4; g++)
			fill(g, 200);
		/* Each of them is next after some of these. */
		for (unsigned int i = 0; i < round; i++)
			cr_assert_eq(reclaim(group[0], 1, 0), 1u);
		give_up(round % 2 ? 3 : 1);
		cr_assert_eq(reclaim(group[0], 100, 0), 100u);
		give_up(round % 2 ? 1 : 3);
		cr_assert_eq(reclaim(group[0], 100, 0), 100u);
		give_up(2);
		cr_assert_eq(reclaim(group[0], 1, 0), used(0) ? 1u : 0u);
		give_up(0);
	}
	stop();
}

/* It is asked, and neither aged nor evicted from at that moment: the engine's clock gives it up. */
static int clock_destroyed;

static uint64_t clock_that_gives_up(void *context)
{
	(void)context;
	if (group[0])
		clock_destroyed = ptw_group_destroy(group[0]);
	return 0;
}

Test(engine_reclaim, given_up_by_the_clock)
{
	const struct ptw_engine_config config = {
		.size = sizeof(config), .pages = PAGES, .clock = clock_that_gives_up};
	uint64_t n;

	cr_assert_eq(ptw_engine_create(&config, &engine), PTW_OK);
	make(0, 0);
	fill(0, 10);
	cr_assert_eq(ptw_engine_min_age(engine, 1), PTW_OK);
	cr_assert_eq(ptw_engine_reclaim(engine, NULL, 5, 0, &n), PTW_ERR_THRASHING);
	cr_assert_eq(clock_destroyed, PTW_ERR_AGAIN);
	give_up(0);
	stop();
}

/*
 * Random trees, promises, faults and calls: no group, and no group with all below it, is taken below its min as it was
 * before the call where nothing is promised by others in common with it, and nothing wanted is left undone that could
 * have been done.
 */
Test(engine_reclaim, random, .timeout = 600)
{
	const unsigned int steps = 6000 / test_slowness();
	uint64_t state = test_seed();
	unsigned int parent[GROUPS] = {0}, held = 0;

	start();
	for (unsigned int step = 0; step < steps; step++) {
		const unsigned int g = next_random(&state, GROUPS), p = next_random(&state, GROUPS);
		const unsigned int what = next_random(&state, 10);

		if (!group[g]) {
			parent[g] = group[p] ? p : g;
			make(g, parent[g]);
		} else if (what < 3) {
			for (unsigned int i = next_random(&state, 200); i--;) {
				const uint64_t page = g * RUN + next_random(&state, RUN);

				if (!resident[page])
					add(page);
				else
					young[page] = true;
			}
		} else if (what < 5) {
			ptw_group_protect(group[g], next_random(&state, 300),
					  next_random(&state, 600));
		} else if (what < 6) {
			if (!ptw_group_destroy(group[g])) {
				memset(resident + (size_t)g * RUN, 0, RUN);
				group[g] = NULL;
			}
		} else {
			uint64_t min[GROUPS], low[GROUPS], before[GROUPS], total = 0, could = 0;
			uint64_t evicted, below_low = 0, want = 1 + next_random(&state, 400);
			const uint32_t flags = next_random(&state, 2);

			/* Its turns go on, whatever has become of the groups below it. */
			if (!next_random(&state, 4))
				reclaim(group[g], want % 20, flags);
			for (unsigned int i = 0; i < GROUPS; i++)
				if (group[i]) {
					min[i] = protection(i).effective_min;
					low[i] = protection(i).effective_low;
					before[i] = protection(i).usage;
					below_low += protection(i).below_low;
				}
			evicted = reclaim(NULL, want, flags);
			for (unsigned int i = 0; i < GROUPS; i++) {
				if (!group[i])
					continue;
				below_low -= protection(i).below_low;
				/* Top-level groups' own: what is effective does not depend on others. */
				if (parent[i] == i) {
					const uint64_t keep =
						flags & PTW_RECLAIM_KEEP_LOW && low[i] > min[i] ?
							low[i] :
							min[i];

					total += protection(i).usage;
					could += protection(i).usage - keep;
					cr_assert_geq(protection(i).usage, keep, "%u at %u", i,
						      step);
					held += before[i] > keep && protection(i).usage == keep;
				} else {
					/* Further down it shrinks with what it uses, but never to below. */
					cr_assert_geq(protection(i).usage,
						      protection(i).effective_min);
				}
			}
			if (flags & PTW_RECLAIM_KEEP_LOW)
				cr_assert_eq(below_low, 0u);
			/* Min of one and low of another together may keep more than the one above has. */
			if (evicted < want && !flags)
				cr_assert_eq(could, 0u, "%u at %u", (unsigned int)total, step);
		}
	}
	cr_assert_gt(held, 0u);
	stop();
}
