/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Mappers next to mappers, and to those who look. */
#include "tests/schedule/scenarios.h"

/* Thread 0 and thread 1 mapped page 0: one of them has it. */
static void one_winner(void)
{
	const int first = world_outcome(0, 0)->ret, second = world_outcome(1, 0)->ret;

	if ((first == PTW_OK) == (second == PTW_OK))
		scheduler_fail("two maps of one page answer %d and %d", first, second);
	if (world_mapper(0, NULL) != (first == PTW_OK ? 0 : 1))
		scheduler_fail("the page is not the winner's");
}

/* Every thread mapped pages of its own, all in one table. */
static void all_mapped(void)
{
	for (unsigned int t = 0; t < 3 && world_outcome(t, 0)->done; t++)
		if (world_outcome(t, 0)->ret != PTW_OK)
			scheduler_fail("thread %u: map answers %d, though nobody was in its way", t,
				       world_outcome(t, 0)->ret);
	if (world_tables() != 1)
		scheduler_fail("%u tables for 8 pages", world_tables());
}

/* Whoever meets the other one's pages says so, and where. */
static void overlap(void)
{
	for (unsigned int t = 0; t < 2; t++) {
		const struct outcome *o = world_outcome(t, 0);
		const unsigned int first = t ? 2 : 0;

		if (o->ret == PTW_OK)
			continue;
		if (o->reached < first || o->reached >= first + 4 ||
		    world_mapper((unsigned int)o->reached, NULL) == (int)t)
			scheduler_fail("thread %u was stopped at page %u, which is not the other's",
				       t, (unsigned int)o->reached);
	}
}

const struct scenario scenarios_map[] = {
	{
		.name = "map, map, one page, x86",
		.bbm_level = 2,
		.bound = 3,
		.thread = {{MAP(0, 1)}, {MAP(0, 1)}},
		.check = one_winner,
	},
	{
		.name = "map, map, one page of a table, arm",
		.bound = 3,
		.setup = {MAP(3, 1)},
		.thread = {{MAP(0, 1)}, {MAP(0, 1)}},
		.check = one_winner,
	},
	{
		.name = "map, map, pages of one table that is missing",
		.bbm_level = 2,
		.bound = 3,
		.thread = {{MAP(0, 1)}, {MAP(1, 2)}},
		.check = all_mapped,
	},
	{
		.name = "three maps, one table that is missing",
		.bound = 2,
		.thread = {{MAP(0, 1)}, {MAP(1, 1)}, {MAP(2, 1)}},
		.check = all_mapped,
	},
	{
		.name = "map, map, overlapping ranges",
		.bbm_level = 2,
		.bound = 3,
		.thread = {{MAP(0, 4)}, {MAP(2, 4)}},
		.check = overlap,
	},
	{
		.name = "map, map, a block against a page",
		.bbm_level = 2,
		.bound = 3,
		.thread = {{MAP(0, 8)}, {MAP(0, 1)}},
		.check = one_winner,
	},
	{
		.name = "map, map, two levels missing",
		.bbm_level = 2,
		.levels = 3,
		.bound = 3,
		.thread = {{MAP(0, 1)}, {MAP(1, 1)}, {QUERY(0)}},
	},
	{
		.name = "map over two tables, map in the second, walk",
		.bbm_level = 2,
		.bound = 2,
		.thread = {{MAP_SMALL(7, 2)}, {MAP_SMALL(9, 1)}, {WALK(0, 16)}},
	},
	{
		.name = "map of young leaves, harvest, processor",
		.bbm_level = 2,
		.bound = 3,
		.setup = {MAP_SMALL(1, 1)},
		.thread = {{MAP_DIRTY(0, 1)}, {YOUNG(0, 8)}, {READ_PAGE(0), READ_PAGE(1)}},
	},
	{.name = NULL},
};
