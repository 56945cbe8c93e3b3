/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Passes by table entries next to those who make pages young by software. Processors are left out: of what
 * they do with a table entry that they had read before it was cleared, a hint may miss something.
 */
#include "tests/schedule/scenarios.h"

#define EMPTY_TABLE .reclaim_delay = PTW_RECLAIM_NEVER, .setup = {MAP_SMALL(0, 1), UNMAP(0, 1)}

/* A page that is young is below table entries that are, whoever was frozen, or by when. */
static void nothing_hidden(void)
{
	const unsigned int hidden = world_hidden();

	if (hidden)
		scheduler_fail("%u young pages are below table entries that are old", hidden);
}

const struct scenario scenarios_prune[] = {
	{
		.name = "prune: map, hint, hint",
		EMPTY_TABLE,
		.bbm_level = 2,
		.bound = 3,
		.thread = {{MAP_YOUNG(1, 1)}, {HINT(0, 64), HINT(0, 64)}},
		.check = nothing_hidden,
	},
	{
		.name = "prune: map, hint, three levels",
		EMPTY_TABLE,
		.levels = 3,
		.bbm_level = 2,
		.bound = 3,
		.thread = {{MAP_YOUNG(1, 1)}, {HINT(0, 64), HINT(0, 64)}},
		.check = nothing_hidden,
	},
	{
		.name = "prune: map of a table, hint, three levels",
		.levels = 3,
		.bbm_level = 2,
		.bound = 3,
		.setup = {MAP_SMALL(0, 1)},
		.thread = {{MAP_YOUNG(8, 8)}, {HINT(0, 64), HINT(0, 64)}},
		.check = nothing_hidden,
	},
	{
		.name = "prune: map, reclaim, x86",
		EMPTY_TABLE,
		.bbm_level = 2,
		.bound = 3,
		.thread = {{RECLAIM(0, 64)}, {MAP_YOUNG(1, 1)}},
		.check = nothing_hidden,
	},
	{
		.name = "prune: map, reclaim, arm",
		EMPTY_TABLE,
		.bound = 3,
		.thread = {{RECLAIM(0, 64)}, {MAP_YOUNG(1, 1)}},
		.check = nothing_hidden,
	},
	{
		.name = "prune: map, reclaim, hint, three levels",
		EMPTY_TABLE,
		.levels = 3,
		.bbm_level = 2,
		.bound = 2,
		.thread = {{RECLAIM(0, 64)}, {MAP_YOUNG(1, 1)}, {HINT(0, 64)}},
		.check = nothing_hidden,
	},
	{
		.name = "prune: map, reclaim, exact pass",
		EMPTY_TABLE,
		.bbm_level = 2,
		.bound = 2,
		.thread = {{RECLAIM(0, 64)}, {MAP_YOUNG(1, 1)}, {EXACTLY(0, 64)}},
		.check = nothing_hidden,
	},
	{
		.name = "prune: unmap gives up, map, arm",
		.reclaim_delay = PTW_RECLAIM_NEVER,
		.bound = 2,
		.setup = {MAP_SMALL(3, 1)},
		.thread = {{UNMAP(0, 8)}, {UNMAP(3, 1)}, {MAP_YOUNG(5, 1)}},
		.check = nothing_hidden,
	},
	{
		.name = "prune: unmap gives up, hint, arm, three levels",
		.levels = 3,
		.reclaim_delay = PTW_RECLAIM_NEVER,
		.bound = 2,
		.setup = {MAP_SMALL(3, 1), MAP_YOUNG(5, 1)},
		.thread = {{UNMAP(0, 8)}, {UNMAP(3, 1)}, {HINT(0, 64)}},
		.check = nothing_hidden,
	},
	{
		.name = "prune: unmap of two levels gives up, hint, map, arm",
		.levels = 3,
		.reclaim_delay = PTW_RECLAIM_NEVER,
		.bound = 1,
		.setup = {MAP_SMALL(3, 1)},
		.thread = {{UNMAP(0, 64)}, {UNMAP(3, 1)}, {MAP_YOUNG(5, 1)}, {HINT(0, 64)}},
		.check = nothing_hidden,
	},
	{
		.name = "prune: collapse, hint, x86",
		.levels = 3,
		.bbm_level = 2,
		.bound = 2,
		.sizes_change = true,
		.conserve = CONSERVE_MERGED,
		.setup = {MAP_YOUNG(0, 1), MAP_SMALL(1, 7)},
		.thread = {{COLLAPSE(0, 8)}, {HINT(0, 64)}},
		.check = nothing_hidden,
	},
	{
		.name = "prune: collapse, hint, arm",
		.levels = 3,
		.bound = 2,
		.sizes_change = true,
		.conserve = CONSERVE_MERGED,
		.setup = {MAP_YOUNG(0, 1), MAP_SMALL(1, 7)},
		.thread = {{COLLAPSE(0, 8)}, {HINT(0, 64)}},
		.check = nothing_hidden,
	},
	{
		.name = "prune: split, hint, arm",
		.levels = 3,
		.bound = 3,
		.sizes_change = true,
		.setup = {BLOCK_DIRTY(0)},
		.thread = {{SPLIT(0, 8)}, {HINT(0, 64)}},
		.check = nothing_hidden,
	},
	{.name = NULL},
};
