/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Collapsing: what becomes one leaf, what does not, and what is carried over. */
#include "tests/unit/changes.h"

static struct machine m;

/* What the flush hook sees. */
static int probed[4];
static uint64_t probe, retired_in_flush, tables_in_flush;

static void probe_in_flush(struct machine *machine)
{
	struct ptw_info info = { .size = sizeof(info) };

	if (machine->flushes <= 4)
		probed[machine->flushes - 1] = query_error(machine, probe);
	ptw_pgtable_info(machine->pgtable, &info);
	retired_in_flush = info.tables_retired;
	tables_in_flush = info.tables;
}

/* Pages become a block, with accessed and dirty of all of them; the table goes after the flush. */
static void pages_to_block(void)
{
	const uint64_t block = entry_size(&m, 1), pages = (uint64_t)1 << m.info.index_lg2;
	const struct ptw_harvest both = {
		.size = sizeof(both),
		.flags = PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY,
	};
	struct ptw_harvest_result found = { .size = sizeof(found) };
	struct ptw_change_result result;
	uint64_t tables;

	map_levels(&m, block, 4 * block, 2 * block, 1);
	touch(&m, block + 2 * m.granule);
	touch_write(&m, 3 * block - m.granule);
	tables = tables_now(&m);
	forget_flushes(&m);
	probe = block;
	m.in_flush = probe_in_flush;
	/* Only tables that lie in the range whole. */
	result = collapse_result(&m, block, 4 * block - m.granule, 1, PTW_OK);
	m.in_flush = NULL;
	cr_assert_eq(result.leaves, 2u);
	cr_assert_eq(result.tables, 2u);
	cr_assert_eq(tables_in_flush, tables);
	cr_assert_eq(retired_in_flush, 0u, "retired before the flush");
	cr_assert_eq(m.kind, PTW_FLUSH_TABLE);
	cr_assert_eq(m.flushed.start, block);
	cr_assert_eq(m.flushed.end, 3 * block);
	if (breaks_to_resize(&m)) {
		cr_assert_geq(m.flushes, 2u);
		cr_assert_eq(probed[0], PTW_ERR_AGAIN);
	} else {
		cr_assert_eq(m.flushes, 1u);
		cr_assert_eq(probed[0], PTW_OK);
	}
	cr_assert_eq(tables_now(&m), tables - 2);
	cr_assert_eq(ptw_barrier(), PTW_OK);
	machine_info(&m);
	cr_assert_eq(m.info.tables_retired, 0u);
	cr_assert_eq(m.info.tables_reclaimed, 0u);
	cr_assert_eq(look(&m, block, 4 * block, 2 * block).leaves[1], 2u);
	cr_assert_eq(look(&m, block, 4 * block, 2 * block).flags_any & PTW_LEAF_HELD, 0u);
	assert_sound(&m);
	/* Accessed and dirty: of the blocks, whole, and nothing of the third. */
	cr_assert_eq(query_at(&m, block).leaf.flags & 3, PTW_LEAF_YOUNG);
	cr_assert_eq(query_at(&m, 2 * block).leaf.flags & 3, PTW_LEAF_YOUNG | PTW_LEAF_DIRTY);
	cr_assert_eq(ptw_harvest(m.pgtable, block, 4 * block, &both, &found), PTW_OK);
	cr_assert_eq(found.young_extents, 2u);
	cr_assert_eq(found.young_pages, 2 * pages);
	cr_assert_eq(found.dirty_extents, 1u);
	touch_write(&m, 2 * block - 1);
	touch(&m, 4 * block - 1);
	result = unmap_result(&m, block, 2 * block, 0, PTW_OK);
	cr_assert_eq(result.leaves, 1u);
	cr_assert_eq(result.dirty_pages, pages);
	assert_sound(&m);
}

Test(collapse, pages_become_a_block)
{
	const char *preset;

	for_each_preset(preset) {
		for (unsigned int bbm = 0; bbm < 3; bbm++) {
			machine_preset(&m, preset);
			if (bbm >= bbm_levels(&m))
				continue;
			m.config.bbm_level = bbm;
			/* Groups are another test's. */
			m.config.features &= ~(uint32_t)PTW_FEATURE_CONTIG;
			machine_start(&m, 0);
			pages_to_block();
			machine_close(&m);
		}
	}
}

/* Old and clean pages become an old and clean block. */
Test(collapse, invents_no_state)
{
	const char *preset;

	for_each_preset(preset) {
		uint64_t block;

		machine_open(&m, preset);
		block = entry_size(&m, 1);
		map_levels(&m, 0, block, block, 1);
		cr_assert_eq(collapse_result(&m, 0, block, 1, PTW_OK).tables, 1u);
		cr_assert_eq(query_at(&m, 0).leaf.flags & 3, 0u);
		assert_level(&m, 0, 1);
		assert_sound(&m);
		machine_close(&m);
	}
}

/* Ways in which one page of a table may differ from the others. */
enum difference { HOLE, PERM, READ_ONLY, MEMTYPE, ADDRESS, USER_BIT, DIFFERENCES };

static bool differs(enum difference what, uint64_t ia, uint64_t oa)
{
	const uint64_t end = ia + m.granule;
	struct ptw_map map = full_access(&m);

	switch (what) {
	case PERM:
		map.prot &= ~(uint32_t)PTW_PROT_EXEC;
		/* Stage 1 and plain x86-64 may have no say in that. */
		return !ptw_protect(m.pgtable, ia, end, map.prot, NULL, NULL);
	case READ_ONLY:
		return !ptw_write_protect(m.pgtable, ia, end, true, NULL, NULL);
	case USER_BIT:
		return !ptw_set_user_bit(m.pgtable, ia, end, true, NULL);
	default:
		break;
	}
	unmap_result(&m, ia, end, 0, PTW_OK);
	if (what == ADDRESS)
		oa += 16 * entry_size(&m, 1);
	if (what == MEMTYPE)
		map.memtype = PTW_MEM_UNCACHED;
	return what == HOLE || !ptw_map(m.pgtable, ia, end, oa, &map, NULL);
}

static void one_page_differs(enum difference what, unsigned int page, unsigned int *tried)
{
	const uint64_t block = entry_size(&m, 1), ia = block + page * m.granule;
	uint64_t before, tables;
	unsigned int flushes;

	map_levels(&m, block, 2 * block, 4 * block, 1);
	if (differs(what, ia, 4 * block + page * m.granule)) {
		++*tried;
		before = fingerprint(&m);
		tables = tables_now(&m);
		flushes = m.flushes;
		cr_assert_eq(collapse_result(&m, 0, 4 * block, 1, PTW_OK).leaves, 0u);
		cr_assert_eq(fingerprint(&m), before, "difference %d of page %u", (int)what, page);
		cr_assert_eq(tables_now(&m), tables);
		cr_assert_eq(m.flushes, flushes);
		assert_sound(&m);
	}
	/* Nothing is held any more. */
	unmap_result(&m, block, 2 * block, 0, PTW_OK);
	cr_assert_eq(tables_now(&m), 0u);
}

Test(collapse, unlike_leaves_stay)
{
	const char *preset;

	for_each_preset(preset) {
		unsigned int tried = 0, last;

		machine_preset(&m, preset);
		m.config.features &= ~(uint32_t)PTW_FEATURE_CONTIG;
		machine_start(&m, 0);
		last = (1u << m.info.index_lg2) - 1;
		for (unsigned int what = 0; what < DIFFERENCES; what++) {
			const unsigned int page[] = { 0, 1, last / 2, last };

			/* Where tests are slow, each difference is in one of these pages. */
			for (unsigned int n = 0; n < 4; n++)
				if (test_slowness() <= 4 || (what + preset_number) % 4 == n)
					one_page_differs(what, page[n], &tried);
		}
		cr_assert_geq(tried, test_slowness() <= 4 ? 16u : 4u, "%s: %u", preset, tried);
		machine_close(&m);
	}
}

/* In step with each other, but not with the block. */
Test(collapse, output_address_out_of_step)
{
	const char *preset;

	for_each_preset(preset) {
		uint64_t block, before;

		machine_open(&m, preset);
		block = entry_size(&m, 1);
		map_levels(&m, block, 2 * block, 4 * block + m.granule, 1);
		before = fingerprint(&m);
		cr_assert_eq(collapse_result(&m, 0, m.ia_end, 1, PTW_OK).leaves, 0u);
		cr_assert_eq(fingerprint(&m), before);
		machine_close(&m);
	}
}

/* From pages to blocks to larger blocks in one call, as far as `level` allows. */
Test(collapse, level_after_level)
{
	const char *preset;

	for_each_preset(preset) {
		struct ptw_change_result result;
		uint64_t start, size, oa, tables;
		unsigned int top;

		machine_preset(&m, preset);
		m.config.features &= ~(uint32_t)PTW_FEATURE_CONTIG;
		machine_start(&m, 0);
		top = top_leaf_level(&m);
		start = somewhere(&m);
		oa = elsewhere(&m);
		size = entry_size(&m, top);
		if (start + size > m.ia_end || top < 2) {
			machine_close(&m);
			continue;
		}
		map_levels(&m, start, start + size, oa, top + 1);
		tables = tables_now(&m);
		split_result(&m, start + size - m.granule, start + size, 0, PTW_OK);
		touch_write(&m, start + size - 1);
		/* Not below, not beside, not in part. */
		result = collapse_result(&m, start, start + size, 0, PTW_OK);
		cr_assert_eq(result.leaves, 0u);
		result = collapse_result(&m, start, start + size - entry_size(&m, 1), top, PTW_OK);
		cr_assert_eq(result.leaves, 0u);
		result = collapse_result(&m, start, start + size, top - 1, PTW_OK);
		cr_assert_eq(result.leaves, top - 1);
		cr_assert_eq(tables_now(&m), tables + 1);
		assert_level(&m, start + size - 1, top - 1);
		split_result(&m, start + size - m.granule, start + size, 0, PTW_OK);
		result = collapse_result(&m, 0, m.ia_end, PTW_MAX_LEVELS - 1, PTW_OK);
		cr_assert_eq(result.leaves, top);
		cr_assert_eq(result.tables, top);
		assert_level(&m, start, top);
		cr_assert_eq(tables_now(&m), tables);
		cr_assert_eq(query_at(&m, start).leaf.flags & 3, PTW_LEAF_YOUNG | PTW_LEAF_DIRTY);
		look(&m, start, start + size, oa);
		assert_sound(&m);
		machine_close(&m);
	}
}

Test(collapse, a_gigabyte_of_pages)
{
	const uint64_t g1 = (uint64_t)1 << 30;
	struct ptw_change_result result;

	machine_open(&m, "ept4");
	map_levels(&m, 0, g1, g1, 1);
	touch_write(&m, g1 - 1);
	result = collapse_result(&m, 0, g1, 2, PTW_OK);
	cr_assert_eq(result.tables, 513u);
	cr_assert_eq(result.leaves, 513u);
	cr_assert_eq(tables_now(&m), 1u);
	cr_assert_eq(query_at(&m, 0).extent_size, g1);
	cr_assert_eq(query_at(&m, 0).leaf.flags & 3, PTW_LEAF_YOUNG | PTW_LEAF_DIRTY);
	assert_sound(&m);
	machine_close(&m);
	/* Without 1-GiB leaves it ends at blocks. */
	machine_preset(&m, "ept4");
	m.config.features &= ~(uint32_t)PTW_FEATURE_1G;
	machine_start(&m, PTW_SOFTMMU_NO_1G);
	map_levels(&m, 0, g1, g1, 2);
	cr_assert_eq(collapse_result(&m, 0, g1, 4, PTW_OK).leaves, 0u);
	machine_close(&m);
}

/* Each way round, in every state that split can copy: what comes back is what was there. */
static void round_trip(uint32_t flags, unsigned int protect)
{
	const uint64_t block = entry_size(&m, 1);
	struct ptw_map map = full_access(&m);
	struct text *before, *after;
	uint64_t tables;

	map.flags = flags;
	cr_assert_eq(ptw_map(m.pgtable, block, 3 * block, 4 * block, &map, NULL), PTW_OK);
	if (protect)
		cr_assert_eq(ptw_write_protect(m.pgtable, block, 2 * block, protect > 1, NULL,
					       NULL),
			     PTW_OK);
	tables = tables_now(&m);
	before = dump_text(&m);
	split_result(&m, block, 3 * block, 0, PTW_OK);
	/* Young or dirty in one page only, and so in all of the block. */
	if (flags & PTW_LEAF_YOUNG)
		for (uint64_t ia = block + m.granule; ia < 3 * block; ia += m.granule)
			if (ia != 2 * block)
				cr_assert_eq(ptw_test_clear_young(m.pgtable, ia), 1);
	collapse_result(&m, block, 3 * block, 1, PTW_OK);
	after = dump_text(&m);
	cr_assert_str_eq(after->bytes, before->bytes);
	cr_assert_eq(tables_now(&m), tables);
	assert_sound(&m);
	free(before);
	free(after);
	unmap_result(&m, block, 3 * block, 0, PTW_OK);
}

Test(collapse, undoes_a_split)
{
	const char *preset;

	for_each_preset(preset) {
		machine_open(&m, preset);
		for (uint32_t flags = 0; flags < 8; flags++)
			for (unsigned int protect = 0; protect < 3; protect++)
				if (test_takes((preset_number * 8 + flags) * 3 + protect))
					round_trip((flags & 1 ? PTW_LEAF_YOUNG : 0) |
						   (flags & 2 ? PTW_LEAF_DIRTY : 0) |
						   (flags & 4 ? PTW_LEAF_USER_BIT : 0),
					   protect);
		machine_close(&m);
	}
}

/* Contiguous groups are made of what cannot become a larger leaf. */
static void groups(const char *preset, unsigned int pages, unsigned int blocks, unsigned int bbm)
{
	struct ptw_change_result result;
	uint64_t group, block, big;
	struct text *before, *after;
	struct seen seen;

	machine_preset(&m, preset);
	m.config.bbm_level = bbm;
	machine_start(&m, PTW_SOFTMMU_CONTIG_FREEDOM);
	block = entry_size(&m, 1);
	group = pages * m.granule;
	big = blocks * block;
	map_levels(&m, 0, 4 * group, 0, 1);
	before = dump_text(&m);
	split_result(&m, 0, 4 * group, 0, PTW_OK);
	touch(&m, group + m.granule);
	touch_write(&m, 2 * group - m.granule);
	forget_flushes(&m);
	/* The last lacks a page of the range. */
	result = collapse_result(&m, m.granule, 4 * group - m.granule, 0, PTW_OK);
	cr_assert_eq(result.leaves, 2u * pages);
	cr_assert_eq(result.tables, 0u);
	cr_assert_eq(m.flushes, 2u);
	seen = look(&m, group, 3 * group, group);
	cr_assert_eq(seen.flags_all & PTW_LEAF_GROUP, PTW_LEAF_GROUP);
	cr_assert_eq(seen.flags_any & PTW_LEAF_HELD, 0u);
	cr_assert_eq(query_at(&m, group).leaf.flags & 3, PTW_LEAF_YOUNG | PTW_LEAF_DIRTY);
	cr_assert_eq(query_at(&m, 2 * group).leaf.flags & 3, 0u);
	cr_assert_eq(look(&m, 0, group, 0).flags_any & PTW_LEAF_GROUP, 0u);
	cr_assert_eq(look(&m, 3 * group, 4 * group, 3 * group).flags_any & PTW_LEAF_GROUP, 0u);
	assert_sound(&m);
	cr_assert_eq(ptw_test_clear_young(m.pgtable, group), 1);
	touch(&m, 2 * group - 1);
	/* Again: only the two that are missing. */
	result = collapse_result(&m, 0, 4 * group, 0, PTW_OK);
	cr_assert_eq(result.leaves, 2u * pages);
	cr_assert_eq(ptw_write_protect(m.pgtable, 0, 4 * group, false, NULL, NULL), PTW_OK);
	for (unsigned int i = 0; i < 4; i++)
		ptw_test_clear_young(m.pgtable, i * group);
	after = dump_text(&m);
	cr_assert_str_eq(after->bytes, before->bytes);
	free(before);
	free(after);
	/* One that differs, at the end or in the middle. */
	for (unsigned int i = 1; i < pages; i += pages - 2) {
		split_result(&m, 0, group, 0, PTW_OK);
		cr_assert_eq(ptw_set_user_bit(m.pgtable, i * m.granule, (i + 1) * m.granule, true,
					      NULL),
			     PTW_OK);
		cr_assert_eq(collapse_result(&m, 0, group, 0, PTW_OK).leaves, 0u);
		cr_assert_eq(ptw_set_user_bit(m.pgtable, 0, group, false, NULL), PTW_OK);
		cr_assert_eq(collapse_result(&m, 0, group, 0, PTW_OK).leaves, pages);
	}
	assert_sound(&m);
	/* A whole table of groups becomes a block, and neighbouring blocks a group. */
	map_levels(&m, big, 2 * big, big, 1);
	touch_write(&m, big + 3 * block);
	result = collapse_result(&m, big, 2 * big, 1, PTW_OK);
	cr_assert_eq(result.tables, blocks);
	cr_assert_eq(result.leaves, 2u * blocks);
	cr_assert_eq(query_at(&m, big).extent_size, big);
	cr_assert_eq(query_at(&m, big).leaf.flags & 3, PTW_LEAF_YOUNG | PTW_LEAF_DIRTY);
	assert_sound(&m);
	touch(&m, 2 * big - 1);
	machine_close(&m);
	/* Not where the caller did not ask for groups. */
	machine_preset(&m, preset);
	m.config.features &= ~(uint32_t)PTW_FEATURE_CONTIG;
	machine_start(&m, 0);
	map_levels(&m, 0, group, 0, 1);
	cr_assert_eq(collapse_result(&m, 0, group, 0, PTW_OK).leaves, 0u);
	machine_close(&m);
}

Test(collapse, contiguous_groups)
{
	for (unsigned int bbm = 0; bbm < 3; bbm++) {
		groups("arm64-s2-4k-contig", 16, 16, bbm);
		groups("arm64-s2-16k-contig", 128, 32, bbm);
		groups("arm64-s2-64k-contig", 32, 32, bbm);
	}
}

/* Nearly everything is a hole: passed over in large steps. */
Test(collapse, sparse_huge_ranges, .timeout = 120)
{
	const char *preset;

	for_each_preset(preset) {
		uint64_t block;

		machine_open(&m, preset);
		block = entry_size(&m, 1);
		map_levels(&m, 0, m.granule, 0, 1);
		map_levels(&m, m.ia_end / 2, m.ia_end / 2 + block, 0, 2);
		map_levels(&m, m.ia_end - block, m.ia_end, 0, 1);
		cr_assert_eq(collapse_result(&m, 0, m.ia_end, PTW_MAX_LEVELS - 1, PTW_OK).tables,
			     1u);
		assert_level(&m, m.ia_end - 1, 1);
		assert_sound(&m);
		machine_close(&m);
	}
}

/* Empty tables are no block, and are left to others. */
Test(collapse, empty_tables_stay)
{
	const char *preset;

	for_each_preset(preset) {
		uint64_t block, tables;

		machine_open_keeping(&m, preset);
		block = entry_size(&m, 1);
		map_levels(&m, block, block + m.granule, 0, 1);
		unmap_result(&m, block, block + m.granule, 0, PTW_OK);
		tables = tables_now(&m);
		cr_assert_eq(collapse_result(&m, 0, 2 * block, 4, PTW_OK).tables, 0u);
		cr_assert_eq(tables_now(&m), tables);
		assert_sound(&m);
		machine_close(&m);
	}
}

Test(collapse, arguments)
{
	struct ptw_change_result result = { .size = sizeof(result) - 1 };
	uint64_t before;

	machine_open(&m, "ept4");
	map_levels(&m, 0, entry_size(&m, 1), 0, 1);
	before = fingerprint(&m);
	cr_assert_eq(ptw_collapse(NULL, 0, 1u << 21, 1, NULL), PTW_ERR_ARG);
	cr_assert_eq(ptw_collapse(m.pgtable, 0, 1u << 21, PTW_MAX_LEVELS, NULL), PTW_ERR_ARG);
	cr_assert_eq(ptw_collapse(m.pgtable, 0, 1u << 21, 1, &result), PTW_ERR_SIZE);
	cr_assert_eq(ptw_collapse(m.pgtable, 1, 1u << 21, 1, NULL), PTW_ERR_ALIGN);
	cr_assert_eq(ptw_collapse(m.pgtable, 4096, 4096, 1, NULL), PTW_ERR_RANGE);
	cr_assert_eq(ptw_collapse(m.pgtable, 0, 2 * m.ia_end, 1, NULL), PTW_ERR_RANGE);
	ptw_read_lock();
	cr_assert_eq(ptw_collapse(m.pgtable, 0, 1u << 21, 1, NULL), PTW_ERR_CONTEXT);
	ptw_read_unlock();
	cr_assert_eq(fingerprint(&m), before);
	machine_close(&m);
}
