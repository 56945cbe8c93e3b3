/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Empty tables going back, next to those who fill them and those who look. */
#include "tests/schedule/scenarios.h"

#define EMPTY_TABLE .reclaim_delay = PTW_RECLAIM_NEVER, .setup = {MAP_SMALL(0, 1), UNMAP(0, 1)}

/* Nothing is mapped, and nobody was in the way. */
static void all_back(void)
{
	if (world_tables())
		scheduler_fail("%u empty tables stay", world_tables());
}

/* Thread 1 mapped: refused only with a word that says so. */
static void map_stands(void)
{
	const struct outcome *map = world_outcome(1, 0);

	if (map->ret != PTW_OK && map->ret != PTW_ERR_AGAIN)
		scheduler_fail("a map into an empty table answers %d", map->ret);
	if ((map->ret == PTW_OK) != (world_mapper(1, NULL) == 1))
		scheduler_fail("the map answers %d, and page 1 is thread %d's", map->ret,
			       world_mapper(1, NULL));
}

const struct scenario scenarios_reclaim[] = {
	{
		.name = "reclaim, map, x86",
		EMPTY_TABLE,
		.bbm_level = 2,
		.bound = 3,
		.thread = {{RECLAIM(0, 64)}, {MAP_SMALL(1, 1)}},
		.check = map_stands,
	},
	{
		.name = "reclaim, map, arm",
		EMPTY_TABLE,
		.bound = 3,
		.thread = {{RECLAIM(0, 64)}, {MAP_SMALL(1, 1)}},
		.check = map_stands,
	},
	{
		.name = "reclaim, map, map, memory used again at once",
		EMPTY_TABLE,
		.bbm_level = 2,
		.reuse = true,
		.bound = 2,
		.thread = {{RECLAIM(0, 64)}, {MAP_SMALL(1, 1)}, {MAP_SMALL(8, 1)}},
		.check = map_stands,
	},
	{
		.name = "reclaim, map, processor, arm",
		EMPTY_TABLE,
		.bound = 2,
		.thread = {{RECLAIM(0, 64)}, {MAP_SMALL(1, 1)}, {READ_PAGE(1)}},
		.check = map_stands,
	},
	{
		.name = "reclaim, reclaim",
		EMPTY_TABLE,
		.bbm_level = 2,
		.bound = 3,
		.thread = {{RECLAIM(0, 64)}, {RECLAIM(0, 64)}},
		.check = all_back,
	},
	{
		.name = "reclaim of what is noted, harvest, walk",
		EMPTY_TABLE,
		.bbm_level = 2,
		.bound = 2,
		.thread = {{RECLAIM(0, 0)}, {BOTH(0, 64)}, {WALK(0, 64)}},
		.check = all_back,
	},
	{
		.name = "reclaim, unmap of the empty table",
		EMPTY_TABLE,
		.bound = 3,
		.thread = {{RECLAIM(0, 64)}, {UNMAP(0, 8)}},
	},
	{
		.name = "reclaim, unmap of the last page, processor",
		.reclaim_delay = PTW_RECLAIM_NEVER,
		.bbm_level = 2,
		.bound = 2,
		.setup = {MAP_SMALL(0, 1)},
		.thread = {{RECLAIM(0, 64)}, {UNMAP(0, 1)}, {WRITE_PAGE(0)}},
	},
	{
		.name = "reclaim at once: unmap of the last page, map",
		.bbm_level = 2,
		.bound = 3,
		.setup = {MAP_SMALL(0, 1)},
		.thread = {{UNMAP(0, 1)}, {MAP_SMALL(1, 1)}},
		.check = map_stands,
	},
	{
		.name = "reclaim at once: unmap of the last page, map, arm",
		.bound = 3,
		.setup = {MAP_SMALL(0, 1)},
		.thread = {{UNMAP(0, 1)}, {MAP_SMALL(1, 1)}},
		.check = map_stands,
	},
	{
		.name = "reclaim at once: two unmaps of the last two pages",
		.bbm_level = 2,
		.bound = 3,
		.setup = {MAP_SMALL(0, 2)},
		.thread = {{UNMAP(0, 1)}, {UNMAP(1, 1)}},
		.check = all_back,
	},
	{
		.name = "reclaim at once: two levels, map below",
		.levels = 3,
		.bbm_level = 2,
		.bound = 2,
		.setup = {MAP_SMALL(0, 1)},
		.thread = {{UNMAP(0, 1)}, {MAP_SMALL(1, 1)}},
		.check = map_stands,
	},
	{
		.name = "reclaim after a delay: unmaps, map",
		.reclaim_delay = 1,
		.bbm_level = 2,
		.bound = 2,
		.setup = {MAP_SMALL(0, 1), MAP_SMALL(8, 1)},
		.thread = {{UNMAP(0, 1), UNMAP(8, 1)}, {MAP_SMALL(1, 1)}},
		.check = map_stands,
	},
	{
		.name = "a full backlog: unmaps, walk",
		.backlog_limit = 1,
		.late = true,
		.bbm_level = 2,
		.bound = 2,
		.setup = {MAP_SMALL(0, 1), MAP_SMALL(8, 1)},
		.thread = {{UNMAP(0, 8), UNMAP(8, 8)}, {WALK(0, 16)}},
	},
	{
		.name = "a full backlog that is told: unmaps, walk",
		.backlog_limit = 1,
		.config_flags = PTW_BACKLOG_TELL,
		.late = true,
		.bbm_level = 2,
		.bound = 2,
		.setup = {MAP_SMALL(0, 1), MAP_SMALL(8, 1)},
		.thread = {{UNMAP(0, 8)}, {UNMAP(8, 8)}, {WALK(0, 16)}},
	},
	{.name = NULL},
};
