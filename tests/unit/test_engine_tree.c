/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Groups below groups: making, giving up, sums. */
#include "tests/unit/tree_engine.h"

#include <stdio.h>

#include <ptw/engine_text.h>

#include "lib/age/engine/engine.h"

Test(engine_tree, arguments)
{
	const struct ptw_engine_config config = {.size = sizeof(config), .pages = 64};
	struct ptw_group_config below = {.size = sizeof(below)};
	struct ptw_group_state state = {.size = sizeof(state) - 1};
	struct ptw_engine *another;
	struct ptw_group *g;

	start();
	make(0, 0);
	cr_assert_eq(ptw_engine_create(&config, &another), PTW_OK);
	below.parent = group[0];
	cr_assert_eq(ptw_group_create(another, &below, &g), PTW_ERR_ARG, "another engine's");
	ptw_engine_destroy(another);
	cr_assert_null(ptw_group_parent(NULL));
	cr_assert_null(ptw_group_parent(group[0]));
	make(1, 0);
	cr_assert_eq(ptw_group_parent(group[1]), group[0]);
	cr_assert_eq(ptw_group_subtree_state(NULL, &state), PTW_ERR_ARG);
	cr_assert_eq(ptw_group_subtree_state(group[0], NULL), PTW_ERR_ARG);
	cr_assert_eq(ptw_group_subtree_state(group[0], &state), PTW_ERR_SIZE);
	/* With another below it a group stays, and nothing has changed. */
	fill(0, 10);
	cr_assert_eq(ptw_group_destroy(group[0]), PTW_ERR_BUSY);
	cr_assert_eq(sums(0).resident, 10u);
	make(2, 0);
	give_up(1);
	cr_assert_eq(ptw_group_destroy(group[0]), PTW_ERR_BUSY);
	give_up(2);
	give_up(0);
	stop();
}

Test(engine_tree, depth)
{
	struct ptw_group_config below = {.size = sizeof(below)};
	struct ptw_group *deep[PTW_GROUP_DEPTH], *more;

	start();
	for (unsigned int i = 0; i < PTW_GROUP_DEPTH; i++) {
		below.parent = i ? deep[i - 1] : NULL;
		cr_assert_eq(ptw_group_create(engine, &below, &deep[i]), PTW_OK);
	}
	below.parent = deep[PTW_GROUP_DEPTH - 1];
	cr_assert_eq(ptw_group_create(engine, &below, &more), PTW_ERR_LIMIT);
	below.parent = deep[PTW_GROUP_DEPTH - 2];
	cr_assert_eq(ptw_group_create(engine, &below, &more), PTW_OK);
	cr_assert_eq(ptw_group_destroy(more), PTW_OK);
	cr_assert_eq(ptw_group_attach(deep[PTW_GROUP_DEPTH - 1], 0, 64), PTW_OK);
	add(3);
	for (unsigned int i = PTW_GROUP_DEPTH; i--;) {
		struct ptw_group_state s = {.size = sizeof(s)};

		cr_assert_eq(ptw_group_subtree_state(deep[i], &s), PTW_OK);
		cr_assert_eq(s.resident, 1u, "%u", i);
	}
	for (unsigned int i = PTW_GROUP_DEPTH; i--;)
		cr_assert_eq(ptw_group_destroy(deep[i]), PTW_OK);
	stop();
}

/* 0 has 1 and 2 below it, 2 has 3; 4 stands beside them. A group has pages and groups below it at once. */
Test(engine_tree, sums)
{
	struct ptw_group_state s;
	uint64_t evicted;

	start();
	make(0, 0);
	make(1, 0);
	make(2, 0);
	make(3, 2);
	make(4, 4);
	for (unsigned int g = 0; g < 5; g++)
		fill(g, 1u << g);
	cr_assert_eq(sums(0).resident, 15u);
	cr_assert_eq(sums(1).resident, 2u);
	cr_assert_eq(sums(2).resident, 12u);
	cr_assert_eq(sums(3).resident, 8u);
	cr_assert_eq(sums(4).resident, 16u);
	/* Sequence numbers of their own: those of equal distance from the youngest are added. */
	milliseconds = 100;
	for (unsigned int i = 0; i < 3; i++) {
		young[3 * RUN] = true;
		milliseconds++;
		cr_assert_eq(ptw_group_age(group[3]), PTW_OK);
	}
	s = sums(0);
	cr_assert_eq(s.youngest, 3u);
	cr_assert_eq(s.oldest, 0u);
	cr_assert_eq(s.pages[3], 8u, "the youngest of each");
	cr_assert_eq(s.pages[2] + s.pages[1], 0u);
	cr_assert_eq(s.pages[0], 7u);
	cr_assert_eq(s.birth[3], 0u);
	cr_assert_eq(s.birth[2], 102u);
	cr_assert_eq(sums(2).birth[3], 0u, "the earliest");
	cr_assert_eq(s.agings, 3u);
	cr_assert_eq(s.faults, 15u);
	cr_assert_eq(ptw_group_evict(group[3], 5, &evicted), PTW_OK);
	cr_assert_eq(evicted, 5u);
	cr_assert_eq(sums(0).evicted, 5u);
	cr_assert_eq(sums(2).resident, 7u);
	cr_assert_eq(sums(4).resident, 16u);
	stop();
}

/* The text names those above a group. The deepest path fits, with ids as long as can be. */
Test(engine_tree, paths)
{
	const struct ptw_engine_config config = {
		.size = sizeof(config), .pages = 64, .groups = PTW_GROUPS_MAX};
	static struct ptw_group *all[PTW_GROUP_DEPTH];
	static char text[40000], expected[300];
	struct ptw_group_config below = {.size = sizeof(below)};
	const unsigned int first = PTW_GROUPS_MAX - PTW_GROUP_DEPTH;
	size_t needed;
	int n = 0;

	start();
	make(0, 0);
	make(1, 0);
	make(2, 1);
	make(3, 3);
	cr_assert_eq(ptw_engine_text(engine, text, sizeof(text), &needed), PTW_OK);
	cr_assert(strstr(text, "memcg 1 /1\n node"));
	cr_assert(strstr(text, "memcg 2 /1/2\n node"));
	cr_assert(strstr(text, "memcg 3 /1/2/3\n node"));
	cr_assert(strstr(text, "memcg 4 /4\n node"));
	stop();
	cr_assert_eq(ptw_engine_create(&config, &engine), PTW_OK);
	/* Enough to see it: the table of groups is searched from its beginning for each. */
	engine->groups_max = PTW_GROUP_DEPTH + 1;
	engine->group += first - 1;
	for (unsigned int i = 0; i < PTW_GROUP_DEPTH; i++) {
		below.parent = i ? all[i - 1] : NULL;
		cr_assert_eq(ptw_group_create(engine, &below, &all[i]), PTW_OK);
		all[i]->number += first;
		n += snprintf(expected + n, sizeof(expected) - (size_t)n, "/%u", first + i + 1);
	}
	cr_assert_eq(ptw_engine_text(engine, text, sizeof(text), &needed), PTW_OK);
	cr_assert(strstr(text, expected));
	cr_assert(strstr(strstr(text, expected), "\n node"));
	for (unsigned int i = 0; i < PTW_GROUP_DEPTH; i++)
		all[i]->number -= first;
	engine->group -= first - 1;
	memmove(engine->group, engine->group + first - 1, 33 * sizeof(*engine->group));
	memset(engine->group + first - 1, 0, 33 * sizeof(*engine->group));
	engine->groups_max = PTW_GROUPS_MAX;
	stop();
}

/* A harvest gives up the group that a command is ageing, and another one. */
static int destroyed, other_destroyed;

static int harvest_that_gives_up(void *context, uint64_t first, uint64_t pages, ptw_word_fn word,
				 void *sink)
{
	(void)context;
	(void)first;
	(void)pages;
	(void)word;
	(void)sink;
	destroyed = ptw_group_destroy(group[0]);
	other_destroyed = ptw_group_destroy(group[1]);
	return 0;
}

Test(engine_tree, given_up_in_a_command)
{
	const struct ptw_group_config config = {.size = sizeof(config),
						.ops = {.harvest = harvest_that_gives_up}};
	struct ptw_group_config below = {.size = sizeof(below)};
	struct ptw_group *g;
	size_t done;

	start();
	cr_assert_eq(ptw_group_create(engine, &config, &group[0]), PTW_OK);
	cr_assert_eq(ptw_group_attach(group[0], 0, 64), PTW_OK);
	make(1, 1);
	cr_assert_eq(ptw_engine_command(engine, "+ 1 0 0", 7, &done), PTW_OK);
	cr_assert_eq(destroyed, PTW_ERR_AGAIN);
	cr_assert_eq(other_destroyed, PTW_OK);
	/* It is being given up: nobody begins anything with it, its owner may. */
	cr_assert_eq(ptw_engine_command(engine, "+ 1 0 1", 7, &done), PTW_ERR_ARG);
	below.parent = group[0];
	cr_assert_eq(ptw_group_create(engine, &below, &g), PTW_ERR_ABSENT);
	cr_assert_eq(ptw_page_add(engine, 5), PTW_OK);
	cr_assert_eq(ptw_group_destroy(group[0]), PTW_OK);
	cr_assert_eq(ptw_page_add(engine, 5), PTW_ERR_ABSENT);
	stop();
}

/* Trees that come and go at random; sums against a plain walk up. */
Test(engine_tree, random, .timeout = 300)
{
	uint64_t state = test_seed();
	unsigned int parent[GROUPS] = {0}, refused = 0, made = 0;
	const unsigned int steps = 20000 / test_slowness();

	start();
	for (unsigned int step = 0; step < steps; step++) {
		const unsigned int g = next_random(&state, GROUPS), p = next_random(&state, GROUPS);

		if (!group[g]) {
			parent[g] = group[p] ? p : g;
			make(g, parent[g]);
			made++;
		} else if (next_random(&state, 4)) {
			const uint64_t page = g * RUN + next_random(&state, RUN);

			if (!resident[page])
				add(page);
		} else {
			unsigned int below = 0;

			for (unsigned int i = 0; i < GROUPS; i++)
				below += group[i] && i != g && parent[i] == g;
			if (below) {
				cr_assert_eq(ptw_group_destroy(group[g]), PTW_ERR_BUSY);
				refused++;
			} else {
				give_up(g);
			}
		}
		if (step % 50)
			continue;
		for (unsigned int i = 0; i < GROUPS; i++) {
			uint64_t expected = 0;

			for (unsigned int k = 0; k < GROUPS; k++) {
				unsigned int up = k;

				if (!group[i] || !group[k])
					continue;
				while (up != i && parent[up] != up)
					up = parent[up];
				expected += up == i ? used(k) : 0;
			}
			if (group[i])
				cr_assert_eq(sums(i).resident, expected, "%u after %u", i, step);
		}
	}
	cr_assert_gt(refused, 0u);
	cr_assert_gt(made, GROUPS);
	stop();
}
