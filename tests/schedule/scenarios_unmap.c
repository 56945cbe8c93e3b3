/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Unmap and protect next to every other writer that changes no sizes. */
#include "tests/schedule/scenarios.h"

/* Two unmaps: together they took out what there was, or somebody was told to come again. */
static void taken_once(void)
{
	const struct outcome *a = world_outcome(0, 0), *b = world_outcome(1, 0);

	if (a->ret == PTW_OK && b->ret == PTW_OK && world_mapper(0, NULL) >= 0)
		scheduler_fail("page 0 is still there after two unmaps");
	if (a->ret != PTW_OK && b->ret != PTW_OK)
		scheduler_fail("both unmaps were stopped: %d and %d", a->ret, b->ret);
}

const struct scenario scenarios_unmap[] = {
	{
		.name = "unmap of a table, map in it, x86",
		.bbm_level = 2,
		.bound = 3,
		.setup = {MAP_DIRTY(0, 2)},
		.thread = {{UNMAP(0, 8)}, {MAP_SMALL(2, 1)}},
	},
	{
		.name = "unmap of a table, map in it, arm",
		.bound = 3,
		.setup = {MAP_DIRTY(0, 2)},
		.thread = {{UNMAP(0, 8)}, {MAP_SMALL(2, 1)}},
	},
	{
		.name = "unmap of a table, map of all its pages, processor",
		.bbm_level = 2,
		.bound = 2,
		.setup = {MAP_SMALL(0, 2)},
		.thread = {{UNMAP(0, 8)}, {MAP_SMALL(0, 8)}, {WRITE_PAGE(0)}},
	},
	{
		.name = "unmap of a page, map of the page, processor, arm",
		.bound = 2,
		.setup = {MAP_SMALL(0, 2)},
		.thread = {{UNMAP(0, 1)}, {MAP_SMALL(0, 1)}, {WRITE_PAGE(0), WRITE_PAGE(0)}},
	},
	{
		.name = "unmap, unmap, one page, processor",
		.bbm_level = 2,
		.bound = 2,
		.setup = {MAP_DIRTY(0, 1)},
		.thread = {{UNMAP(0, 1)}, {UNMAP(0, 1)}, {WRITE_PAGE(0)}},
		.check = taken_once,
	},
	{
		.name = "unmap, unmap, one table, x86",
		.bbm_level = 2,
		.bound = 3,
		.setup = {MAP_DIRTY(0, 3)},
		.thread = {{UNMAP(0, 8)}, {UNMAP(0, 8)}},
		.check = taken_once,
	},
	{
		.name = "unmap, unmap, one table, arm",
		.bound = 3,
		.setup = {MAP_DIRTY(0, 3)},
		.thread = {{UNMAP(0, 8)}, {UNMAP(0, 8)}},
		.check = taken_once,
	},
	{
		.name = "unmap of a table, unmap of a page in it, arm",
		.bound = 3,
		.setup = {MAP_DIRTY(0, 3)},
		.thread = {{UNMAP(0, 8)}, {UNMAP(1, 1)}},
	},
	{
		.name = "unmap of an upper table, unmap of a lower one",
		.levels = 3,
		.bbm_level = 2,
		.bound = 2,
		.setup = {MAP_DIRTY(0, 1), MAP_DIRTY(9, 1)},
		.thread = {{UNMAP(0, 64)}, {UNMAP(0, 8)}},
	},
	{
		.name = "unmap of an upper table, map below, arm",
		.levels = 3,
		.bound = 2,
		.setup = {MAP_SMALL(0, 1), MAP_SMALL(9, 1)},
		.thread = {{UNMAP(0, 64)}, {MAP_SMALL(10, 1)}},
	},
	{
		.name = "unmap of a block, harvest, processor",
		.bbm_level = 2,
		.bound = 3,
		.setup = {BLOCK_DIRTY(0)},
		.thread = {{UNMAP(0, 8)}, {BOTH(0, 8)}, {WRITE_PAGE(2)}},
	},
	{
		.name = "unmap, protection, processor",
		.bbm_level = 2,
		.bound = 2,
		.setup = {MAP_DIRTY(0, 2)},
		.thread = {{UNMAP(0, 8)}, {PROTECT(0, 8, PTW_PROT_READ)}, {WRITE_PAGE(1)}},
	},
	{
		.name = "unmap, user bit, arm",
		.bound = 3,
		.setup = {MAP_DIRTY(0, 2)},
		.thread = {{UNMAP(0, 8)}, {SET_USER(0, 8)}},
	},
	{
		.name = "protection, protection, processor",
		.bbm_level = 2,
		.bound = 2,
		.setup = {MAP_SMALL(0, 1)},
		.thread = {{PROTECT(0, 8, PTW_PROT_READ)},
			   {PROTECT(0, 8, PTW_PROT_READ | PTW_PROT_WRITE)},
			   {WRITE_PAGE(0)}},
	},
	{
		.name = "protection, harvest of both, writing processor",
		.bbm_level = 2,
		.bound = 2,
		.setup = {MAP_DIRTY(0, 1)},
		.thread = {{PROTECT(0, 8, PTW_PROT_READ)}, {BOTH(0, 8)}, {WRITE_PAGE(0)}},
	},
	{
		.name = "write fault, protection, unmap",
		.bbm_level = 2,
		.bound = 2,
		.setup = {MAP_SMALL(0, 1), WRITE_PROTECT(0, 1)},
		.thread = {{WRITE_PAGE(0)}, {PROTECT(0, 1, PTW_PROT_READ)}, {UNMAP(0, 1)}},
	},
	{
		.name = "unmap, map, walk, memory used again at once",
		.bbm_level = 2,
		.reuse = true,
		.bound = 2,
		.setup = {MAP_SMALL(0, 1), MAP_SMALL(9, 1)},
		.thread = {{UNMAP(0, 8)}, {MAP_SMALL(16, 1)}, {WALK(0, 24)}},
	},
	{.name = NULL},
};
