/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Split and collapse next to everything. */
#include "tests/schedule/scenarios.h"

#define SPLITTING(title, how, depth, ...)                                              \
	{                                                                              \
		.name = title, .bbm_level = how, .bound = depth, .sizes_change = true, \
		.setup = {BLOCK_DIRTY(0)}, .thread = {{SPLIT(0, 8)}, __VA_ARGS__},     \
		.check = kept_or_unmapped,                                             \
	}

#define COLLAPSING(title, how, depth, ...)                                                \
	{                                                                                 \
		.name = title, .bbm_level = how, .bound = depth, .sizes_change = true,    \
		.conserve = CONSERVE_MERGED, .setup = {MAP_DIRTY(0, 1), MAP_SMALL(1, 7)}, \
		.thread = {{COLLAPSE(0, 8)}, __VA_ARGS__}, .check = kept_or_unmapped,     \
	}

/* Of pages 0 to 7 those that nobody unmapped are mapped, and those that somebody did are not. */
static void kept_or_unmapped(void)
{
	for (unsigned int p = 0; p < 8; p++) {
		bool unmapped = false, perhaps = false;

		for (unsigned int t = 0; t < SCHEDULER_THREADS; t++) {
			const struct outcome *o = world_outcome(t, 0);

			if (!world_unmaps(t, 0, p))
				continue;
			unmapped |= o->ret == PTW_OK;
			perhaps |= o->ret != PTW_OK && p < o->reached;
		}
		if (!perhaps && unmapped == (world_mapper(p, NULL) >= 0))
			scheduler_fail("page %u is %smapped, and was%s unmapped", p,
				       unmapped ? "" : "not ", unmapped ? "" : " not");
	}
}

const struct scenario scenarios_reshape[] = {
	SPLITTING("split, harvest, x86", 2, 3, {BOTH(0, 8)}),
	SPLITTING("split, harvest, arm", 0, 3, {BOTH(0, 8)}),
	SPLITTING("split, harvest of accessed", 2, 3, {YOUNG(0, 8)}),
	SPLITTING("split, harvest, processor, x86", 2, 2, {BOTH(0, 8)}, {WRITE_PAGE(0)}),
	SPLITTING("split, harvest, processor, arm", 0, 2, {BOTH(0, 8)}, {WRITE_PAGE(0)}),
	SPLITTING("split, writing processor, then harvest", 2, 3,
		  {WRITE_PAGE(1), BOTH(0, 8), WRITE_PAGE(1)}),
	SPLITTING("split, split, x86", 2, 3, {SPLIT(0, 8)}),
	SPLITTING("split, split, arm", 0, 3, {SPLIT(0, 8)}),
	SPLITTING("split, unmap of the block, x86", 2, 3, {UNMAP(0, 8)}),
	SPLITTING("split, unmap of the block, arm", 0, 3, {UNMAP(0, 8)}),
	SPLITTING("split, unmap of a page of it", 2, 3, {UNMAP(3, 1)}),
	SPLITTING("split, query, arm", 0, 3, {QUERY(3), QUERY(3)}),
	SPLITTING("split, protection", 2, 3, {PROTECT(0, 8, PTW_PROT_READ)}),
	SPLITTING("split, collapse, x86", 2, 2, {COLLAPSE(0, 8)}),
	SPLITTING("split, collapse, arm", 0, 2, {COLLAPSE(0, 8)}),
	COLLAPSING("collapse, harvest, x86", 2, 2, {BOTH(0, 8)}),
	COLLAPSING("collapse, harvest, arm", 0, 2, {BOTH(0, 8)}),
	COLLAPSING("collapse, writing processor, x86", 2, 2, {WRITE_PAGE(3)}),
	COLLAPSING("collapse, writing processor, arm", 0, 2, {WRITE_PAGE(3)}),
	COLLAPSING("collapse, harvest, processor, x86", 2, 2, {BOTH(0, 8)}, {WRITE_PAGE(3)}),
	COLLAPSING("collapse, harvest, processor, arm", 0, 2, {BOTH(0, 8)}, {WRITE_PAGE(3)}),
	COLLAPSING("collapse, processor with a cached translation, harvest", 2, 2,
		   {WRITE_PAGE(0), DIRTY(0, 8), WRITE_PAGE(0)}),
	COLLAPSING("collapse, unmap of the table, x86", 2, 2, {UNMAP(0, 8)}),
	COLLAPSING("collapse, unmap of the table, arm", 0, 2, {UNMAP(0, 8)}),
	COLLAPSING("collapse, unmap of a page, x86", 2, 2, {UNMAP(2, 1)}),
	COLLAPSING("collapse, unmap of a page, arm", 0, 2, {UNMAP(2, 1)}),
	COLLAPSING("collapse, collapse", 2, 2, {COLLAPSE(0, 8)}),
	COLLAPSING("collapse, protection of a page", 2, 2, {PROTECT(5, 1, PTW_PROT_READ)}),
	{
		.name = "collapse, write protection, write fault",
		.bbm_level = 2,
		.bound = 1,
		.sizes_change = true,
		.conserve = CONSERVE_KEPT,
		.setup = {MAP_SMALL(0, 8)},
		.thread = {{COLLAPSE(0, 8)}, {WRITE_PROTECT(0, 8)}, {WRITE_PAGE(0)}},
		.check = kept_or_unmapped,
	},
	COLLAPSING("collapse, walk", 2, 3, {WALK(0, 16)}),
	{.name = NULL},
};
