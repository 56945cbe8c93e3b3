/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Entries that change between the look of an operation and its exchange. */
#include "tests/unit/conflicts.h"

#include "lib/walk/pgtable.h"

/* Hardware reaches the leaves until they are exchanged: what it sets late arrives in the block. */
static uint64_t *late_slot;
static unsigned int late_level;

static void set_late(void)
{
	__atomic_fetch_or(late_slot, accessed_bit(late_level), __ATOMIC_RELAXED);
}

Test(lost_races, collapse_takes_late_bits_along)
{
	static const char *const some[] = { "ept4", "x86-64", "arm64-s2-4k", "arm64-s2-16k",
					    "arm64-s1-64k", "perverse" };

	for (unsigned int i = 0; i < 6; i++) {
		for (unsigned int bbm = 0; bbm < 3; bbm++) {
			uint64_t block;

			machine_preset(&m, some[i]);
			if (bbm >= bbm_levels(&m))
				continue;
			m.config.bbm_level = bbm;
			machine_start(&m, 0);
			block = entry_size(&m, 1);
			map_levels(&m, block, 2 * block, block, 1);
			late_slot = slot_of(block + 5 * m.granule, 0);
			late_level = 0;
			plan_act(PTW_OP_XCHG, late_slot, 1, set_late);
			cr_assert_eq(collapse_result(&m, block, 2 * block, 1, PTW_OK).leaves, 1u);
			plan_done();
			assert_level(&m, block, 1);
			cr_assert(query_at(&m, block).leaf.flags & PTW_LEAF_YOUNG, "%s, %u: lost",
				  some[i], bbm);
			/* Once, and only there. */
			cr_assert_eq(ptw_test_clear_young(m.pgtable, block), 1);
			cr_assert_eq(ptw_test_young(m.pgtable, block), 0);
			assert_sound(&m);
			machine_close(&m);
		}
	}
}

/* A harvest while the new block has not got its state yet: it finds nothing, and says why. */
static struct ptw_harvest_result harvested_late;
static uint64_t late_start;

static void harvest_late(void)
{
	const struct ptw_harvest both = {
		.size = sizeof(both),
		.flags = PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY,
	};

	harvested_late.size = sizeof(harvested_late);
	cr_assert_eq(ptw_harvest(m.pgtable, late_start, late_start + entry_size(&m, 1), &both,
				 &harvested_late), PTW_OK);
}

Test(lost_races, a_harvest_tells_what_collapse_has_in_hand)
{
	static const char *const some[] = { "ept4", "x86-64", "arm64-s2-4k", "perverse" };

	for (unsigned int i = 0; i < 4; i++) {
		for (unsigned int bbm = 0; bbm < 3; bbm++) {
			machine_preset(&m, some[i]);
			if (bbm >= bbm_levels(&m))
				continue;
			m.config.bbm_level = bbm;
			machine_start(&m, 0);
			late_start = entry_size(&m, 1);
			map_levels(&m, late_start, 2 * late_start, late_start, 1);
			touch_write(&m, late_start + m.granule);
			plan_act(PTW_OP_XCHG, slot_of(late_start + 5 * m.granule, 0), 1,
				 harvest_late);
			cr_assert_eq(collapse_result(&m, late_start, 2 * late_start, 1,
						     PTW_OK).leaves, 1u);
			plan_done();
			cr_assert_eq(harvested_late.dirty_extents, 0u);
			cr_assert_geq(harvested_late.owned, 1u, "%s, %u: as if it were final",
				      some[i], bbm);
			harvest_late();
			cr_assert_eq(harvested_late.dirty_extents, 1u);
			cr_assert_eq(harvested_late.owned, 0u);
			machine_close(&m);
		}
	}
}

/* The block loses A or D races before the table is linked over it: filled again, with what came. */
Test(lost_races, split_takes_late_bits_along)
{
	static const char *const some[] = { "ept4", "x86-64", "arm64-s2-4k", "arm64-s2-16k",
					    "arm64-s1-64k", "perverse" };

	for (unsigned int i = 0; i < 6; i++) {
		for (unsigned int bbm = 0; bbm < 3; bbm++) {
			uint64_t block;
			struct seen seen;

			machine_preset(&m, some[i]);
			if (bbm >= bbm_levels(&m))
				continue;
			m.config.bbm_level = bbm;
			machine_start(&m, 0);
			block = entry_size(&m, 1);
			map_levels(&m, block, 2 * block, block, 2);
			late_slot = slot_of(block, 1);
			late_level = 1;
			plan_act(PTW_OP_CAS, late_slot, 1, set_late);
			cr_assert_eq(split_result(&m, block, 2 * block, 0, PTW_OK).tables, 1u);
			plan_done();
			seen = look(&m, block, 2 * block, block);
			cr_assert_eq(seen.young, seen.leaves[0]);
			assert_sound(&m);
			machine_close(&m);
		}
	}
}

/* A block that never stops changing: given up, and nothing is lost or leaked. */
static unsigned int flips;

static void flip_always(int op, const void *address)
{
	if (op != PTW_OP_CAS || address != late_slot)
		return;
	flips++;
	__atomic_fetch_xor(late_slot, accessed_bit(1), __ATOMIC_RELAXED);
}

Test(lost_races, split_gives_up)
{
	const char *preset;

	for_each_preset(preset) {
		uint64_t block, tables;

		open_without_groups(preset);
		block = entry_size(&m, 1);
		map_levels(&m, block, 2 * block, block, 2);
		tables = tables_now(&m);
		late_slot = slot_of(block, 1);
		flips = 0;
		test_hook = flip_always;
		cr_assert_eq(split_result(&m, block, 2 * block, 0, PTW_ERR_AGAIN).reached, block);
		test_hook = NULL;
		cr_assert_geq(flips, 8u);
		cr_assert_leq(flips, 16u);
		cr_assert_eq(tables_now(&m), tables);
		assert_level(&m, block, 1);
		assert_sound(&m);
		machine_close(&m);
	}
}

/* While a map builds a table, somebody links one there: it goes on in that one. */
static uint64_t rival_start, rival_end;
static int rival_ret;
static struct ptw_change_result rival;

static void map_rival(void)
{
	const struct ptw_map map = full_access(&m);

	rival = (struct ptw_change_result){ .size = sizeof(rival) };
	rival_ret = ptw_map(m.pgtable, rival_start, rival_end, rival_start, &map, &rival);
}

Test(lost_races, map_loses_a_table)
{
	const char *preset;

	for_each_preset(preset) {
		struct ptw_change_result result;
		uint64_t block, g;

		/* One page, and a table that the winner has made for another one. */
		machine_open(&m, preset);
		block = entry_size(&m, 1);
		g = m.granule;
		rival_start = block - g;
		rival_end = block;
		plan_act(PTW_OP_INIT_ENTRY, NULL, 1, map_rival);
		result = map_result(&m, 0, g, 0, 1, PTW_OK);
		plan_done();
		cr_assert_eq(rival_ret, PTW_OK);
		cr_assert_eq(result.leaves, 1u);
		cr_assert_eq(result.tables, 0u);
		cr_assert_eq(rival.tables, m.info.levels - 1);
		cr_assert_eq(tables_now(&m), m.info.levels - 1);
		look(&m, 0, g, 0);
		look(&m, block - g, block, block - g);
		assert_sound(&m);
		machine_close(&m);

		/* Several tables, one of which is lost, with pages beside the winner's. */
		machine_open(&m, preset);
		rival_start = 3 * block - g;
		rival_end = 3 * block;
		plan_act(PTW_OP_INIT_ENTRY, NULL, 1, map_rival);
		result = map_result(&m, g, 3 * block - g, g, 1, PTW_OK);
		plan_done();
		cr_assert_eq(result.leaves, 3 * block / g - 2);
		cr_assert_eq(result.tables, 2u);
		cr_assert_eq(tables_now(&m), m.info.levels - 2 + 3);
		cr_assert_eq(look(&m, g, 3 * block, g).leaves[0], 3 * block / g - 1);
		assert_sound(&m);
		machine_close(&m);

		/* The winner's is in the way: what lies before it stays. */
		machine_open(&m, preset);
		rival_start = block + 2 * g;
		rival_end = block + 3 * g;
		plan_act(PTW_OP_INIT_ENTRY, NULL, 1, map_rival);
		result = map_result(&m, 0, 3 * block, 0, 1, PTW_ERR_EXISTS);
		plan_done();
		cr_assert_eq(rival_ret, PTW_OK);
		cr_assert_eq(result.reached, block + 2 * g);
		cr_assert_eq(result.leaves, result.reached / g);
		cr_assert_eq(look(&m, 0, block + 3 * g, 0).leaves[0], block / g + 3);
		cr_assert_eq(query_error(&m, block + 3 * g), PTW_ERR_HOLE);
		cr_assert_eq(tables_now(&m), m.info.levels - 2 + 2);
		assert_sound(&m);
		machine_close(&m);

		/* A block is there, where pages were wanted. */
		machine_open(&m, preset);
		rival_start = block;
		rival_end = 2 * block;
		plan_act(PTW_OP_INIT_ENTRY, NULL, 1, map_rival);
		result = map_result(&m, 0, 2 * block, 0, 1, PTW_ERR_EXISTS);
		plan_done();
		cr_assert_eq(result.reached, block);
		cr_assert_eq(look(&m, 0, 2 * block, 0).leaves[1], 1u);
		cr_assert_eq(tables_now(&m), m.info.levels - 2 + 1);
		assert_sound(&m);
		machine_close(&m);
	}
}

/* A group of which one page is taken between look and commit, or owned for the moment. */
static void freeze_late(void)
{
	*late_slot = frozen_value();
}

static void group_conflicts(const char *preset, unsigned int pages)
{
	struct ptw_change_result result;
	uint64_t group, block, g;

	for (unsigned int at = 0; at < pages; at += pages / 2 - 1) {
		machine_open_keeping(&m, preset);
		g = m.granule;
		group = pages * g;
		block = entry_size(&m, 1);
		/* The table is there, and the next one is missing, so that there is time. */
		map_levels(&m, 0, g, 0, 1);
		rival_start = block - group + at * g;
		rival_end = rival_start + g;
		plan_act(PTW_OP_INIT_ENTRY, NULL, 1, map_rival);
		result = map_result(&m, block - 2 * group, block + g, block - 2 * group, 1,
				    PTW_ERR_EXISTS);
		plan_done();
		cr_assert_eq(rival_ret, PTW_OK);
		cr_assert_eq(result.reached, rival_start);
		cr_assert_eq(result.leaves, pages + at);
		cr_assert_eq(query_at(&m, block - 2 * group).extent_size, group);
		cr_assert_eq(query_at(&m, rival_start).extent_size, g);
		cr_assert_eq(query_error(&m, block - g),
			     at == pages - 1 ? PTW_OK : PTW_ERR_HOLE);
		assert_sound(&m);
		/* Frozen by somebody who takes his time. */
		unmap_result(&m, block - group, block, 0, PTW_OK);
		machine_close(&m);

		machine_open_keeping(&m, preset);
		map_levels(&m, 0, g, 0, 1);
		late_slot = slot_of(block - group + at * g, 0);
		plan_act(PTW_OP_CAS, late_slot, 1, freeze_late);
		result = map_result(&m, block - group, block, block - group, 1, PTW_ERR_AGAIN);
		plan_done();
		cr_assert_eq(result.reached, block - group + at * g);
		cr_assert_eq(result.leaves, at);
		cr_assert_eq(*late_slot, frozen_value());
		*late_slot = empty_value();
		assert_sound(&m);
		unmap_result(&m, block - group, block, 0, PTW_OK);
		map_levels(&m, block - group, block, block - group, 1);
		cr_assert_eq(query_at(&m, block - 1).extent_size, group);
		assert_sound(&m);
		machine_close(&m);
	}
}

Test(lost_races, map_of_a_group)
{
	group_conflicts("arm64-s2-4k-contig", 16);
	group_conflicts("arm64-s2-16k-contig", 128);
	group_conflicts("arm64-s2-64k-contig", 32);
}

/* The hold comes between the look at the first member and its exchange. */
static void hold_late(void)
{
	*late_slot |= held_bit(0);
}

static void group_owned_late(const char *preset, unsigned int pages)
{
	struct ptw_change_result result;
	uint64_t group;

	machine_open(&m, preset);
	group = pages * m.granule;
	map_levels(&m, 0, 2 * group, 0, 1);
	late_slot = slot_of(0, 0);
	plan_act(PTW_OP_CAS, late_slot, 1, hold_late);
	result = unmap_result(&m, 0, group, 0, PTW_ERR_AGAIN);
	plan_done();
	cr_assert_eq(result.reached, 0u);
	cr_assert_eq(result.leaves, 0u);
	*late_slot &= ~held_bit(0);
	look(&m, 0, 2 * group, 0);
	assert_sound(&m);
	machine_close(&m);
}

Test(lost_races, a_group_is_owned_late)
{
	group_owned_late("arm64-s2-4k-contig", 16);
	group_owned_late("arm64-s2-16k-contig", 128);
}

/* A mapper who was inside when the table was frozen: what he maps is unmapped and reported. */
static uint64_t late_value;

/* As ptw_map() counts, too. */
static uint32_t *late_live(void)
{
	const uintptr_t bytes = (uintptr_t)8 << m.info.index_lg2;
	const uintptr_t table = (uintptr_t)late_slot & ~(bytes - 1);

	return &ptw_meta(m.pgtable, (uint64_t *)table)->live;
}

static void map_late(void)
{
	if (*late_slot != empty_value())
		return;
	*late_slot = late_value;
	if (!(*late_live())++)
		m.pgtable->tables_empty--;
}

static void unmap_late(void)
{
	*late_slot = empty_value();
	if (!--*late_live())
		m.pgtable->tables_empty++;
}

Test(lost_races, a_mapper_inside_a_dead_table)
{
	const char *preset;

	for_each_preset(preset) {
		struct ptw_change_result result;
		uint64_t block, g, page;
		bool young;

		machine_open_keeping(&m, preset);
		block = entry_size(&m, 1);
		g = m.granule;
		page = block + 5 * g;
		map_levels(&m, page, page + g, 0, 1);
		touch_write(&m, page);
		young = query_at(&m, page).leaf.flags & PTW_LEAF_YOUNG;
		cr_assert(young);
		late_slot = slot_of(page, 0);
		late_value = *late_slot;
		unmap_result(&m, page, page + g, 0, PTW_OK);
		cr_assert_eq(*late_slot, empty_value());
		plan_act(PTW_OP_CAS, late_slot, 1, map_late);
		result = unmap_result(&m, block, 2 * block, 0, PTW_OK);
		plan_done();
		cr_assert_eq(result.tables, 1u);
		cr_assert_eq(result.leaves, 1u);
		cr_assert_eq(result.young_extents, 1u);
		cr_assert_eq(result.dirty_extents, 1u);
		cr_assert_eq(result.holes, block / g - 1);
		assert_sound(&m);
		/* The one above. */
		machine_info(&m);
		cr_assert_eq(m.info.tables_empty, 1u);
		machine_close(&m);
	}
}

/* The same against reclaim: the mapper wins, the table stays. */
Test(lost_races, a_mapper_inside_an_empty_table)
{
	const char *preset;

	for_each_preset(preset) {
		uint64_t block, g, tables;

		machine_open_keeping(&m, preset);
		block = entry_size(&m, 1);
		g = m.granule;
		for (unsigned int at = 0; at < 8; at += 7) {
			const uint64_t page = block + at * g;

			map_levels(&m, page, page + g, 0, 1);
			late_slot = slot_of(page, 0);
			late_value = *late_slot;
			unmap_result(&m, page, page + g, 0, PTW_OK);
			tables = tables_now(&m);
			forget_flushes(&m);
			plan_act(PTW_OP_CAS, late_slot, 1, map_late);
			cr_assert_eq(reclaim_result(&m, block, 2 * block, PTW_OK).tables, 0u);
			plan_done();
			cr_assert_eq(m.flushes, 0u);
			cr_assert_eq(tables_now(&m), tables);
			cr_assert_eq(*late_slot, late_value);
			cr_assert_eq(query_error(&m, page), PTW_OK);
			touch(&m, page);
			unmap_late();
			/* All other entries are usable. */
			map_levels(&m, block, 2 * block, 0, 1);
			unmap_result(&m, block, 2 * block - g, 0,
				     query_at(&m, 2 * block - g).extent_size == g ?
					     PTW_OK : PTW_ERR_BLOCK);
			unmap_result(&m, block, 2 * block, 0, PTW_OK);
			assert_sound(&m);
			map_levels(&m, 0, g, 0, 1);
			unmap_result(&m, 0, g, 0, PTW_OK);
		}
		machine_close(&m);
	}
}
