/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What operations do about an entry that somebody else owns, in the way or on the way. */
#include "tests/unit/conflicts.h"

/* Frozen entries become empty again only when their translations are gone. */
static unsigned int flushes_before_thaw;

static void note_flushes(void)
{
	flushes_before_thaw = m.flushes;
}

/*
 * Unmapping all that one root entry leads to, with an owned page deep in it: what lies before is
 * unmapped, the rest is untouched, the tables on the way are alive, and a repeat finishes.
 */
static void owned_page_in_a_dead_table(bool hold)
{
	const uint64_t block = entry_size(&m, 1), g = m.granule, page = block + 3 * g;
	const uint64_t end = entry_size(&m, m.info.levels - 1);
	const unsigned int entries = 1u << m.info.index_lg2;
	uint64_t tables, *first;
	struct ptw_change_result result;
	struct seen seen;

	map_levels(&m, 0, 3 * block, 5 * g, 1);
	map_levels(&m, end - g, end, 7 * g, 1);
	touch_write(&m, block);
	touch_write(&m, page + g);
	tables = tables_now(&m);
	first = slot_of(block, 0);
	own(page, 0, hold);
	forget_flushes(&m);
	flushes_before_thaw = 0;
	plan_act(PTW_OP_PUBLISH, first, 1, note_flushes);
	result = unmap_result(&m, 0, end, 0, PTW_ERR_AGAIN);
	plan_done();
	cr_assert_eq(result.reached, page);
	cr_assert_eq(result.leaves, entries + 3u);
	cr_assert_eq(result.tables, 1u);
	cr_assert_eq(result.holes, 0u);
	cr_assert_eq(result.dirty_extents, 1u);
	cr_assert_geq(m.flushes, 1u);
	if (breaks_before_make(&m))
		cr_assert_geq(flushes_before_thaw, 1u);
	cr_assert_eq(tables_now(&m), tables - 1);
	cr_assert_eq(*owned_slot, hold ? owned_before | held_bit(0) : frozen_value());
	assert_sound(&m);
	cr_assert_eq(query_error(&m, 0), PTW_ERR_HOLE);
	cr_assert_eq(query_error(&m, page - g), PTW_ERR_HOLE);
	cr_assert_eq(query_error(&m, page), hold ? PTW_OK : PTW_ERR_AGAIN);
	seen = look(&m, page + g, 3 * block, page + 6 * g);
	cr_assert_eq(seen.leaves[0], 2u * entries - 4);
	cr_assert_eq(seen.dirty, 1u);
	cr_assert_eq(query_error(&m, end - g), PTW_OK);
	/* What was emptied can be filled again. */
	map_levels(&m, block, block + g, 5 * g + block, 1);
	touch(&m, block);
	/* Nor does a repeat get further while the owner is there. */
	cr_assert_eq(unmap_result(&m, page, end, 0, PTW_ERR_AGAIN).reached, page);
	disown();
	result = unmap_result(&m, 0, end, 0, PTW_OK);
	cr_assert_eq(result.leaves, 2u * entries - 3 + 1 + 1);
	cr_assert_eq(result.young_extents, 2u);
	cr_assert_eq(result.dirty_extents, 1u);
	cr_assert_eq(tables_now(&m), 0u);
	assert_sound(&m);
}

Test(conflicts, unmap_meets_an_owner_in_a_whole_table)
{
	const char *preset;

	for_each_preset_and_way(preset, hold) {
		open_without_groups(preset);
		owned_page_in_a_dead_table(hold);
		machine_close(&m);
	}
}

/* The same page by page, in a table that stays. */
Test(conflicts, unmap_meets_an_owner)
{
	const char *preset;

	for_each_preset_and_way(preset, hold) {
		for (unsigned int strict = 0; strict < 2; strict++) {
			struct ptw_change_result result;
			uint64_t g;

			open_without_groups(preset);
			g = m.granule;
			map_levels(&m, g, 7 * g, g, 1);
			touch(&m, 2 * g);
			touch(&m, 6 * g);
			own(4 * g, 0, hold);
			result = unmap_result(&m, g, 7 * g, strict ? PTW_UNMAP_STRICT : 0,
					      PTW_ERR_AGAIN);
			cr_assert_eq(result.reached, 4 * g);
			cr_assert_eq(result.leaves, 3u);
			cr_assert_eq(result.young_extents, 1u);
			assert_sound(&m);
			look(&m, 5 * g, 7 * g, 5 * g);
			disown();
			result = unmap_result(&m, 4 * g, 7 * g, strict ? PTW_UNMAP_STRICT : 0,
					      PTW_OK);
			cr_assert_eq(result.leaves, 3u);
			cr_assert_eq(result.young_extents, 1u);
			assert_sound(&m);
			machine_close(&m);
		}
	}
}

/* An owned table entry, as while its table is being unlinked: on the way of everybody. */
Test(conflicts, an_owned_way)
{
	const char *preset;

	for_each_preset(preset) {
		struct ptw_change_result result = { .size = sizeof(result) };
		struct ptw_harvest_result found = { .size = sizeof(found) };
		const struct ptw_harvest young = { .size = sizeof(young),
						   .flags = PTW_HARVEST_ACCESSED };
		uint64_t block, g, before;
		struct ptw_map map;

		open_without_groups(preset);
		block = entry_size(&m, 1);
		g = m.granule;
		map = full_access(&m);
		map_levels(&m, 0, 3 * block, 5 * g, 1);
		touch(&m, block - g);
		touch(&m, 2 * block);
		before = fingerprint(&m);
		own(block, 1, false);
		cr_assert_eq(query_error(&m, block), PTW_ERR_AGAIN);
		cr_assert_eq(ptw_test_young(m.pgtable, block), PTW_ERR_AGAIN);
		cr_assert_eq(ptw_fix_fault(m.pgtable, block, PTW_ACCESS_READ), PTW_ERR_AGAIN);
		cr_assert_eq(ptw_map(m.pgtable, block, block + g, 0, &map, &result), PTW_ERR_AGAIN);
		cr_assert_eq(result.reached, block);
		cr_assert_eq(result.leaves | result.tables, 0u);
		cr_assert_eq(ptw_map(m.pgtable, block, block + 2 * g, 0, &map, &result),
			     PTW_ERR_AGAIN);
		cr_assert_eq(result.leaves | result.tables, 0u);
		cr_assert_eq(unmap_result(&m, block, block + g, 0, PTW_ERR_AGAIN).reached, block);
		cr_assert_eq(split_result(&m, 0, 3 * block, 0, PTW_ERR_AGAIN).reached, block);
		cr_assert_eq(collapse_result(&m, 0, 3 * block, 1, PTW_ERR_AGAIN).reached, block);
		reclaim_result(&m, 0, 3 * block, PTW_ERR_AGAIN);
		cr_assert_eq(ptw_set_user_bit(m.pgtable, block, 2 * block, true, &result),
			     PTW_ERR_AGAIN);
		cr_assert_eq(result.leaves, 0u);
		cr_assert_eq(ptw_harvest(m.pgtable, 0, 3 * block, &young, &found), PTW_OK);
		cr_assert_eq(found.young_extents, 2u);
		cr_assert_eq(found.owned, 1u);
		disown();
		touch(&m, block - g);
		touch(&m, 2 * block);
		cr_assert_eq(fingerprint(&m), before);
		assert_sound(&m);
		machine_close(&m);
	}
}

/* Permissions and user bits: done before the owned leaf, untouched from there on. */
Test(conflicts, leaves_change_up_to_an_owner)
{
	const char *preset;

	for_each_preset_and_way(preset, hold) {
		struct ptw_change_result result = { .size = sizeof(result) };
		uint64_t block, g;
		uint32_t less;

		open_without_groups(preset);
		block = entry_size(&m, 1);
		g = m.granule;
		less = full_access(&m).prot & ~(uint32_t)PTW_PROT_WRITE;
		map_levels(&m, 0, 2 * block, 0, 1);
		own(block + 2 * g, 0, hold);
		for (unsigned int what = 0; what < 3; what++) {
			int ret;

			forget_flushes(&m);
			if (what == 0)
				ret = ptw_protect(m.pgtable, 0, 2 * block, less, NULL, &result);
			else if (what == 1)
				ret = ptw_write_protect(m.pgtable, 0, 2 * block, true, NULL,
							&result);
			else
				ret = ptw_set_user_bit(m.pgtable, 0, 2 * block, true, &result);
			cr_assert_eq(ret, PTW_ERR_AGAIN, "%s: %s", preset, ptw_strerror(ret));
			cr_assert_geq(result.reached, block);
			cr_assert_leq(result.reached, block + 2 * g);
			cr_assert_eq(m.flushes, what < 2 ? 1u : 0u);
			if (m.flushes) {
				cr_assert_eq(m.flushed.start, 0u);
				cr_assert_geq(m.flushed.end, block);
			}
			cr_assert_eq(look(&m, 0, block, 0).prot_any, less);
			cr_assert_eq(look(&m, block + 3 * g, 2 * block, block + 3 * g).prot_all,
				     full_access(&m).prot);
			cr_assert_eq(*owned_slot,
				     hold ? owned_before | held_bit(0) : frozen_value());
		}
		cr_assert_eq(look(&m, 0, block, 0).flags_all & PTW_LEAF_USER_BIT,
			     PTW_LEAF_USER_BIT);
		disown();
		cr_assert_eq(ptw_protect(m.pgtable, 0, 2 * block, less, NULL, &result), PTW_OK);
		cr_assert_eq(look(&m, 0, 2 * block, 0).prot_any, less);
		assert_sound(&m);
		machine_close(&m);
	}
}

/* Leaves on hold are there for everybody who only looks, and for hardware. */
Test(conflicts, a_hold_stops_only_writers)
{
	const char *preset;

	for_each_preset(preset) {
		const struct ptw_harvest both = {
			.size = sizeof(both),
			.flags = PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY,
		};
		struct ptw_harvest_result found = { .size = sizeof(found) };
		uint64_t g;

		open_without_groups(preset);
		g = m.granule;
		map_levels(&m, 0, 4 * g, 0, 1);
		own(2 * g, 0, true);
		touch_write(&m, 2 * g);
		cr_assert_eq(query_at(&m, 2 * g).leaf.flags &
				     (PTW_LEAF_HELD | PTW_LEAF_YOUNG | PTW_LEAF_DIRTY),
			     PTW_LEAF_HELD | PTW_LEAF_YOUNG | PTW_LEAF_DIRTY);
		cr_assert_eq(ptw_harvest(m.pgtable, 0, 4 * g, &both, &found), PTW_OK);
		cr_assert_eq(found.young_extents, 1u);
		cr_assert_eq(found.dirty_extents, 1u);
		cr_assert_eq(found.owned, 1u, "its owner may have state in hand");
		cr_assert(*owned_slot & held_bit(0));
		map_result(&m, 2 * g, 3 * g, 0, 1, PTW_ERR_EXISTS);
		cr_assert_eq(ptw_check(m.pgtable, PTW_CHECK_COUNTS, NULL), PTW_OK);
		disown();
		machine_close(&m);
	}
}

/* A block that somebody owns: those before it are split, and no table is lost on the way. */
Test(conflicts, split_meets_an_owner)
{
	const char *preset;

	for_each_preset_and_way(preset, hold) {
		struct ptw_change_result result;
		uint64_t block, tables, before;

		open_without_groups(preset);
		block = entry_size(&m, 1);
		map_levels(&m, 0, 3 * block, 0, 2);
		touch(&m, block);
		tables = tables_now(&m);
		own(block, 1, hold);
		before = *owned_slot;
		result = split_result(&m, 0, 3 * block, 0, PTW_ERR_AGAIN);
		cr_assert_eq(result.reached, block);
		cr_assert_eq(result.tables, 1u);
		cr_assert_eq(*owned_slot, before);
		cr_assert_eq(tables_now(&m), tables + 1);
		assert_level(&m, 0, 0);
		assert_level(&m, 2 * block, 1);
		assert_sound(&m);
		disown();
		result = split_result(&m, block, 3 * block, 0, PTW_OK);
		cr_assert_eq(result.tables, 2u);
		cr_assert_eq(look(&m, 0, 3 * block, 0).young, (uint64_t)1 << m.info.index_lg2);
		assert_sound(&m);
		machine_close(&m);
	}
}

/* A page that somebody owns: its table is left as it was, nobody is held; the others collapse. */
Test(conflicts, collapse_meets_an_owner)
{
	const char *preset;

	for_each_preset_and_way(preset, hold) {
		struct ptw_change_result result;
		uint64_t block, g, before, pages;

		open_without_groups(preset);
		block = entry_size(&m, 1);
		g = m.granule;
		pages = (uint64_t)1 << m.info.index_lg2;
		for (uint64_t at = 0; at < pages; at += pages / 2 - 1) {
			if (!test_takes(preset_number * pages + at))
				continue;
			map_levels(&m, 0, 3 * block, 0, 1);
			own(block + at * g, 0, hold);
			before = fingerprint(&m);
			result = collapse_result(&m, block, 2 * block, 1, PTW_ERR_AGAIN);
			cr_assert_eq(result.reached, block);
			cr_assert_eq(result.leaves | result.tables, 0u);
			cr_assert_eq(fingerprint(&m), before, "%s: page %u", preset,
				     (unsigned int)at);
			result = collapse_result(&m, 0, 3 * block, 1, PTW_ERR_AGAIN);
			cr_assert_eq(result.reached, block);
			cr_assert_geq(result.tables, 1u);
			assert_level(&m, 0, 1);
			assert_sound(&m);
			disown();
			collapse_result(&m, block, 3 * block, 1, PTW_OK);
			cr_assert_eq(look(&m, 0, 3 * block, 0).leaves[1], 3u);
			assert_sound(&m);
			unmap_result(&m, 0, 3 * block, 0, PTW_OK);
		}
		machine_close(&m);
	}
}

/* Whoever owns the first member owns the group. */
static void owned_group(const char *preset, unsigned int pages, bool hold)
{
	struct ptw_change_result result = { .size = sizeof(result) };
	uint64_t group, g;
	uint32_t less;

	machine_open(&m, preset);
	g = m.granule;
	group = pages * g;
	less = full_access(&m).prot & ~(uint32_t)PTW_PROT_WRITE;
	map_levels(&m, 0, 3 * group, 0, 1);
	own(group, 0, hold);
	result = unmap_result(&m, 0, 3 * group, 0, PTW_ERR_AGAIN);
	cr_assert_eq(result.reached, group);
	cr_assert_eq(result.leaves, pages);
	map_levels(&m, 0, group, 0, 1);
	cr_assert_eq(ptw_protect(m.pgtable, 0, 3 * group, less, NULL, &result), PTW_ERR_AGAIN);
	cr_assert_leq(result.reached, group);
	cr_assert_eq(look(&m, 2 * group, 3 * group, 2 * group).prot_all & PTW_PROT_WRITE,
		     PTW_PROT_WRITE);
	cr_assert_eq(split_result(&m, 0, 3 * group, 0, PTW_ERR_AGAIN).reached, group);
	cr_assert_eq(query_at(&m, 0).extent_size, g);
	cr_assert_eq(query_at(&m, 2 * group).extent_size, group);
	/* The other members are as they were. */
	for (unsigned int i = 1; i < pages; i++) {
		const struct ptw_query q = query_at(&m, group + i * g);

		cr_assert_eq(q.leaf.flags & (PTW_LEAF_GROUP | PTW_LEAF_HELD), PTW_LEAF_GROUP);
		cr_assert_eq(q.leaf.prot, full_access(&m).prot);
	}
	assert_sound(&m);
	disown();
	assert_sound(&m);
	split_result(&m, 0, 3 * group, 0, PTW_OK);
	/* Making one: any member may be in the way. */
	for (unsigned int at = 0; at < pages; at += pages / 2 - 1) {
		uint64_t before;

		own(2 * group + at * g, 0, hold);
		before = fingerprint(&m);
		cr_assert_eq(collapse_result(&m, 2 * group, 3 * group, 0, PTW_ERR_AGAIN).leaves,
			     0u);
		cr_assert_eq(fingerprint(&m), before);
		disown();
	}
	cr_assert_eq(collapse_result(&m, 2 * group, 3 * group, 0, PTW_OK).leaves, pages);
	assert_sound(&m);
	machine_close(&m);
}

Test(conflicts, owned_groups)
{

	for (unsigned int hold = 0; hold < 2; hold++) {
		owned_group("arm64-s2-4k-contig", 16, hold);
		owned_group("arm64-s2-16k-contig", 128, hold);
		owned_group("arm64-s2-64k-contig", 32, hold);
	}
}

/* What others get while a removed page waits for its flush, and after it. */
static struct {
	int map, unmap, protect, split, harvest, reclaim, beside;
	uint64_t unmapped, owned;
} during;
static bool inside;

static void in_flush(struct machine *machine)
{
	const struct ptw_harvest young = { .size = sizeof(young), .flags = PTW_HARVEST_ACCESSED };
	struct ptw_harvest_result found = { .size = sizeof(found) };
	struct ptw_change_result result = { .size = sizeof(result) };
	const struct ptw_map map = full_access(machine);
	const uint64_t g = machine->granule;

	if (inside)
		return;
	inside = true;
	during.unmap = ptw_unmap(machine->pgtable, 2 * g, 3 * g, NULL, &result);
	during.unmapped = result.leaves;
	during.protect = ptw_set_user_bit(machine->pgtable, 2 * g, 3 * g, true, NULL);
	during.split = ptw_split(machine->pgtable, 2 * g, 3 * g, 0, NULL);
	during.harvest = ptw_harvest(machine->pgtable, 0, 8 * g, &young, &found);
	during.owned = found.owned;
	during.beside = ptw_protect(machine->pgtable, 4 * g, 5 * g, map.prot, NULL, NULL);
	during.map = ptw_map(machine->pgtable, 2 * g, 3 * g, 100 * g, &map, NULL);
	during.reclaim = ptw_reclaim(machine->pgtable, 0, entry_size(machine, 1), NULL);
	inside = false;
}

Test(conflicts, while_a_page_waits_for_its_flush)
{
	const char *preset;

	for_each_preset(preset) {
		uint64_t g;
		int wanted;

		open_without_groups(preset);
		g = m.granule;
		wanted = breaks_before_make(&m) ? PTW_ERR_AGAIN : PTW_OK;
		map_levels(&m, 0, 8 * g, 0, 1);
		m.in_flush = in_flush;
		unmap_result(&m, 2 * g, 3 * g, 0, PTW_OK);
		m.in_flush = NULL;
		cr_assert_eq(during.unmap, wanted);
		cr_assert_eq(during.unmapped, 0u);
		cr_assert_eq(during.protect, wanted);
		cr_assert_eq(during.split, wanted);
		cr_assert_eq(during.map, wanted);
		cr_assert_eq(during.harvest, PTW_OK);
		cr_assert_eq(during.beside, PTW_OK);
		cr_assert_eq(during.reclaim, PTW_OK);
		assert_sound(&m);
		if (wanted) {
			cr_assert_eq(query_error(&m, 2 * g), PTW_ERR_HOLE);
			map_levels(&m, 2 * g, 3 * g, 100 * g, 1);
		}
		cr_assert_eq(query_at(&m, 2 * g).leaf.oa, 100 * g);
		touch(&m, 2 * g);
		assert_sound(&m);
		machine_close(&m);
	}
}
