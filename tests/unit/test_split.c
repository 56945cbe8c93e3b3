/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Splitting: what the smaller leaves say, what it costs, and where it ends. */
#include "tests/unit/changes.h"

static struct machine m;

/* A block of each size, to each smaller size, where one page asks for it. */
static void one_page_of(unsigned int from, unsigned int to)
{
	const uint64_t start = somewhere(&m), size = entry_size(&m, from), oa = elsewhere(&m);
	const uint64_t page = start + size - 2 * m.granule, tables = tables_now(&m);
	const uint64_t before = fingerprint(&m);
	const unsigned int steps = from - to, entries = 1u << m.info.index_lg2;
	struct ptw_change_result result;
	struct seen seen;

	map_levels(&m, start, start + size, oa, from + 1);
	assert_level(&m, page, from);
	machine_info(&m);
	forget_flushes(&m);
	{
		const uint64_t mapped = m.info.tables;

		result = split_result(&m, page, page + m.granule, to, PTW_OK);
		cr_assert_eq(tables_now(&m), mapped + steps);
	}
	cr_assert_eq(result.tables, steps);
	cr_assert_eq(result.leaves, (uint64_t)steps * entries);
	/* With bbm_level 2 a flush follows. */
	cr_assert_eq(m.flushes, breaks_before_make(&m) ? steps : 0);
	seen = look(&m, start, start + size, oa);
	for (unsigned int level = to; level < from; level++)
		cr_assert_eq(seen.leaves[level], level > to ? entries - 1 : entries);
	assert_level(&m, page, to);
	assert_level(&m, start, from - 1);
	cr_assert_eq(seen.young | seen.dirty, 0u);
	touch_write(&m, page + 5);
	touch(&m, start);
	assert_sound(&m);
	/* Once more there is nothing to do. */
	result = split_result(&m, start + size - entry_size(&m, to), start + size, to, PTW_OK);
	cr_assert_eq(result.leaves | result.tables, 0u);
	/* All of them are leaves that one can unmap. */
	result = unmap_result(&m, start, start + size, PTW_UNMAP_STRICT, PTW_OK);
	cr_assert_eq(tables_now(&m), tables);
	cr_assert_eq(fingerprint(&m), before);
	assert_sound(&m);
}

Test(split, every_level_of_every_format)
{
	const char *preset;

	for_each_preset(preset) {
		for (unsigned int bbm = 0; bbm < 3; bbm++) {
			machine_preset(&m, preset);
			if (bbm >= bbm_levels(&m))
				continue;
			m.config.bbm_level = bbm;
			machine_start(&m, 0);
			for (unsigned int from = 1; from <= top_leaf_level(&m); from++)
				for (unsigned int to = 0; to < from; to++)
					one_page_of(from, to);
			machine_close(&m);
		}
	}
}

/* Each state that a block may be in: made so by `make`, and the smaller leaves are all like it. */
static void inherits(uint32_t prot, uint32_t memtype, uint32_t flags, unsigned int protect,
		     unsigned int preset, unsigned int *tried)
{
	const uint64_t start = entry_size(&m, 1), end = 2 * start, oa = 3 * start;
	struct ptw_map map = { .size = sizeof(map), .prot = prot, .memtype = memtype,
			       .flags = flags, .page_levels = 2 };
	struct ptw_query block, page;
	struct seen seen;

	if (ptw_map(m.pgtable, start, end, oa, &map, NULL))
		return;
	if (!test_takes(++*tried + 1000 * preset)) {
		unmap_result(&m, start, end, 0, PTW_OK);
		return;
	}
	if (protect)
		cr_assert_eq(ptw_write_protect(m.pgtable, start, end, protect > 1, NULL, NULL),
			     PTW_OK);
	block = query_at(&m, start);
	cr_assert_eq(block.level, 1u);
	split_result(&m, start, end, 0, PTW_OK);
	seen = look(&m, start, end, oa);
	cr_assert_eq(seen.leaves[0], (uint64_t)1 << m.info.index_lg2);
	cr_assert_eq(seen.prot_all, block.leaf.prot);
	cr_assert_eq(seen.prot_any, block.leaf.prot);
	cr_assert_eq(seen.memtype_any, block.leaf.memtype);
	block.leaf.flags &= ~(uint32_t)PTW_LEAF_GROUP;
	cr_assert_eq(seen.flags_all, block.leaf.flags & ~3u);
	cr_assert_eq(seen.flags_any, block.leaf.flags & ~3u);
	cr_assert_eq(seen.young, block.leaf.flags & PTW_LEAF_YOUNG ? seen.leaves[0] : 0);
	cr_assert_eq(seen.dirty, block.leaf.flags & PTW_LEAF_DIRTY ? seen.leaves[0] : 0);
	page = query_at(&m, end - 1);
	cr_assert_eq(page.leaf.flags, block.leaf.flags);
	assert_sound(&m);
	unmap_result(&m, start, end, 0, PTW_OK);
}

Test(split, smaller_leaves_inherit_everything)
{
	const char *preset;

	for_each_preset(preset) {
		unsigned int tried = 0;

		machine_open(&m, preset);
		for (uint32_t prot = 0; prot < 16; prot++)
			for (uint32_t flags = 0; flags < 8; flags++)
				for (unsigned int protect = 0; protect < 3; protect++)
					inherits(prot, flags % 3,
						 (flags & 1 ? PTW_LEAF_YOUNG : 0) |
							 (flags & 2 ? PTW_LEAF_DIRTY : 0) |
							 (flags & 4 ? PTW_LEAF_USER_BIT : 0),
						 protect, preset_number, &tried);
		cr_assert_geq(tried, 60u, "%s: only %u states", preset, tried);
		machine_close(&m);
	}
}

/* Hardware's own A and D, and the way down: a processor finds nothing left to set. */
Test(split, accessed_and_dirty_of_hardware)
{
	const char *preset;

	for_each_preset(preset) {
		const struct ptw_harvest both = {
			.size = sizeof(both),
			.flags = PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY,
		};
		struct ptw_harvest_result found = { .size = sizeof(found) };
		uint64_t block, pages;

		machine_open(&m, preset);
		block = entry_size(&m, 1);
		pages = (uint64_t)1 << m.info.index_lg2;
		map_levels(&m, block, 2 * block, 0, 2);
		touch_write(&m, block + 7 * m.granule);
		split_result(&m, block, 2 * block, 0, PTW_OK);
		{
			const struct ptw_softmmu_counters before = *ptw_softmmu_counters(m.cpu);

			touch_write(&m, 2 * block - m.granule);
			cr_assert_eq(ptw_softmmu_counters(m.cpu)->accessed_set,
				     before.accessed_set);
			cr_assert_eq(ptw_softmmu_counters(m.cpu)->dirty_set, before.dirty_set);
			cr_assert_eq(ptw_softmmu_counters(m.cpu)->table_accessed_set,
				     before.table_accessed_set);
			cr_assert_eq(ptw_softmmu_counters(m.cpu)->faults, before.faults);
		}
		cr_assert_eq(ptw_harvest(m.pgtable, 0, 3 * block, &both, &found), PTW_OK);
		cr_assert_eq(found.young_extents, pages);
		cr_assert_eq(found.dirty_extents, pages);
		machine_close(&m);
	}
}

/* A leaf that access tracking made old stays so, with what it will get back. */
Test(split, tracked_leaves_stay_tracked)
{
	uint64_t block;

	machine_open(&m, "ept4-tracked");
	block = entry_size(&m, 1);
	map_levels(&m, 0, block, 0, 2);
	touch_write(&m, 0);
	cr_assert_eq(ptw_test_clear_young(m.pgtable, 0), 1);
	cr_assert_neq(access_once(&m, 0, PTW_ACCESS_READ), PTW_SOFTMMU_OK);
	split_result(&m, 0, block, 0, PTW_OK);
	cr_assert_eq(look(&m, 0, block, 0).young, 0u);
	cr_assert_eq(look(&m, 0, block, 0).dirty, (uint64_t)1 << m.info.index_lg2);
	for (uint64_t ia = 0; ia < block; ia += m.granule) {
		cr_assert_neq(access_once(&m, ia, PTW_ACCESS_READ), PTW_SOFTMMU_OK);
		touch_write(&m, ia);
	}
	machine_close(&m);
}

/* What the flush hook of a split that breaks sees. */
static uint64_t probe, probe_beside;
static int probed, probed_beside, probed_map;

static void probe_in_flush(struct machine *machine)
{
	struct ptw_map map = full_access(machine);

	probed = query_error(machine, probe);
	probed_beside = query_error(machine, probe_beside);
	probed_map = ptw_map(machine->pgtable, probe, probe + machine->granule, 0, &map, NULL);
}

Test(split, breaks_only_where_it_must)
{
	const char *preset;

	for_each_preset(preset) {
		for (unsigned int bbm = 0; bbm < 3; bbm++) {
			uint64_t block;

			machine_preset(&m, preset);
			if (bbm >= bbm_levels(&m))
				continue;
			m.config.bbm_level = bbm;
			machine_start(&m, 0);
			block = entry_size(&m, 1);
			map_levels(&m, block, 4 * block, 0, 2);
			touch(&m, 2 * block);
			forget_flushes(&m);
			probed = 1;
			probe = 2 * block;
			probe_beside = 3 * block;
			m.in_flush = probe_in_flush;
			split_result(&m, 2 * block + m.granule, 2 * block + 2 * m.granule, 0,
				     PTW_OK);
			m.in_flush = NULL;
			cr_assert_eq(m.flushes, breaks_before_make(&m) ? 1u : 0u, "%s, %u", preset,
				     bbm);
			if (m.flushes) {
				/* Owned meanwhile, or replaced already; and nothing else is. */
				cr_assert_eq(probed, breaks_to_resize(&m) ? PTW_ERR_AGAIN : PTW_OK);
				cr_assert_eq(probed_map, breaks_to_resize(&m) ? PTW_ERR_AGAIN :
									      PTW_ERR_EXISTS);
				cr_assert_eq(probed_beside, PTW_OK);
				cr_assert_eq(m.ranges, 1u);
				cr_assert_eq(m.range[0].start, 2 * block);
				cr_assert_eq(m.range[0].end, 3 * block);
				cr_assert_eq(m.level, 1u);
			} else {
				cr_assert_eq(probed, 1);
			}
			/* Whoever takes one of the pages flushes it, since blocks may be cached. */
			unmap_result(&m, 2 * block, 2 * block + m.granule, 0, PTW_OK);
			cr_assert_neq(access_once(&m, 2 * block, PTW_ACCESS_READ), PTW_SOFTMMU_OK);
			assert_sound(&m);
			machine_close(&m);
		}
	}
}

/* A range that begins and ends inside blocks; what lies beside it stays. */
Test(split, ranges_that_cut_blocks)
{
	const char *preset;

	for_each_preset(preset) {
		uint64_t block, start, end, before;
		struct ptw_change_result result;
		unsigned int entries;

		machine_open(&m, preset);
		block = entry_size(&m, 1);
		entries = 1u << m.info.index_lg2;
		map_levels(&m, 0, 4 * block, 0, 2);
		/* Holes and pages are passed over. */
		map_levels(&m, 5 * block, 5 * block + m.granule, 0, 1);
		start = block + 3 * m.granule;
		end = 2 * block + m.granule;
		result = split_result(&m, start, end, 0, PTW_OK);
		cr_assert_geq(result.tables, 2u);
		/* In a contiguous group of blocks the others come out of it and stay blocks. */
		cr_assert_eq(look(&m, 0, 4 * block, 0).leaves[0], 2u * entries);
		cr_assert_eq(look(&m, 0, 4 * block, 0).leaves[1], 2u);
		assert_level(&m, 0, 1);
		assert_level(&m, block, 0);
		assert_level(&m, 3 * block - 1, 0);
		assert_level(&m, 3 * block, 1);
		before = fingerprint(&m);
		forget_flushes(&m);
		/* Blocks are small enough, and so are pages and holes. */
		result = split_result(&m, 0, m.ia_end, 1, PTW_OK);
		cr_assert_eq(result.leaves | result.tables, 0u);
		result = split_result(&m, 0, m.ia_end, PTW_MAX_LEVELS - 1, PTW_OK);
		cr_assert_eq(result.leaves | result.tables, 0u);
		cr_assert_eq(fingerprint(&m), before);
		cr_assert_eq(m.flushes, 0u);
		result = split_result(&m, 0, m.ia_end, 0, PTW_OK);
		cr_assert_eq(result.tables, 2u);
		assert_sound(&m);
		machine_close(&m);
	}
}

/* Contiguous groups: all of a group comes apart, with accessed and dirty of any member. */
static void groups(const char *preset, unsigned int pages, unsigned int blocks, unsigned int bbm)
{
	uint64_t group, big, block;
	struct ptw_change_result result;
	struct seen seen;

	machine_preset(&m, preset);
	m.config.bbm_level = bbm;
	machine_start(&m, PTW_SOFTMMU_CONTIG_FREEDOM);
	block = entry_size(&m, 1);
	group = pages * m.granule;
	big = blocks * block;
	map_levels(&m, 0, 4 * group, 0, 1);
	cr_assert_eq(query_at(&m, group).extent_size, group);
	touch_write(&m, group + 3 * m.granule);
	touch(&m, 2 * group);
	forget_flushes(&m);
	result = split_result(&m, 2 * group - m.granule, 2 * group, 0, PTW_OK);
	cr_assert_eq(result.leaves, pages);
	cr_assert_eq(result.tables, 0u);
	/* Also without a break: what processors marked by the group must reach all members. */
	cr_assert_eq(m.flushes, 1u);
	cr_assert_eq(m.flushed.start, group);
	cr_assert_eq(m.flushed.end, 2 * group);
	seen = look(&m, group, 2 * group, group);
	cr_assert_eq(seen.flags_any & (PTW_LEAF_GROUP | PTW_LEAF_HELD), 0u);
	cr_assert_eq(seen.young, pages);
	cr_assert_eq(seen.dirty, pages);
	/* The neighbours are what they were. */
	cr_assert_eq(query_at(&m, 0).extent_size, group);
	cr_assert_eq(query_at(&m, 2 * group).extent_size, group);
	cr_assert_eq(look(&m, 3 * group, 4 * group, 3 * group).young, 0u);
	assert_sound(&m);
	/* Blocks in a group: with level 1 they only leave it. */
	map_levels(&m, big, 3 * big, big, 2);
	touch_write(&m, big);
	result = split_result(&m, big, big + m.granule, 1, PTW_OK);
	cr_assert_eq(result.leaves, blocks);
	cr_assert_eq(result.tables, 0u);
	seen = look(&m, big, 2 * big, big);
	cr_assert_eq(seen.leaves[1], blocks);
	cr_assert_eq(seen.dirty, blocks);
	cr_assert_eq(seen.flags_any & PTW_LEAF_GROUP, 0u);
	/* With level 0 they leave it and one of them becomes pages. */
	result = split_result(&m, 2 * big + block, 2 * big + block + m.granule, 0, PTW_OK);
	cr_assert_eq(result.leaves, blocks + ((uint64_t)1 << m.info.index_lg2));
	cr_assert_eq(result.tables, 1u);
	seen = look(&m, 2 * big, 3 * big, 2 * big);
	cr_assert_eq(seen.leaves[1], blocks - 1);
	cr_assert_eq(seen.flags_any & PTW_LEAF_GROUP, 0u);
	touch_write(&m, 2 * big + block);
	touch(&m, 3 * big - 1);
	assert_sound(&m);
	machine_close(&m);
}

/* Whichever member hardware has marked, all are that were in its group. */
static void marked_member(const char *preset, unsigned int pages, unsigned int bbm)
{
	const unsigned int members[] = { 0, 1, pages - 1 };
	uint64_t group;

	machine_preset(&m, preset);
	m.config.bbm_level = bbm;
	machine_start(&m, 0);
	group = pages * m.granule;
	map_levels(&m, 0, 4 * group, 0, 1);
	for (unsigned int i = 0; i < 3; i++) {
		const uint64_t start = (i + 1) * group;
		struct seen seen;

		touch_write(&m, start + members[i] * m.granule);
		split_result(&m, start, start + m.granule, 0, PTW_OK);
		seen = look(&m, start, start + group, start);
		cr_assert_eq(seen.young, pages, "member %u", members[i]);
		cr_assert_eq(seen.dirty, pages);
	}
	cr_assert_eq(look(&m, 0, group, 0).young, 0u);
	machine_close(&m);
}

Test(split, contiguous_groups)
{
	for (unsigned int bbm = 0; bbm < 3; bbm++) {
		groups("arm64-s2-4k-contig", 16, 16, bbm);
		groups("arm64-s2-16k-contig", 128, 32, bbm);
		groups("arm64-s2-64k-contig", 32, 32, bbm);
		marked_member("arm64-s2-4k-contig", 16, bbm);
		marked_member("arm64-s2-16k-contig", 128, bbm);
	}
}

/* Without memory for the next table: what lies before is done, the rest is as it was. */
Test(split, out_of_tables)
{
	const char *preset;

	for_each_preset(preset) {
		struct ptw_pool_config pool = { .size = sizeof(pool) };
		uint64_t block, tables;
		struct ptw_change_result result;
		struct seen seen;

		machine_preset(&m, preset);
		m.config.features &= ~(uint32_t)PTW_FEATURE_CONTIG;
		machine_start(&m, 0);
		/* Tables on the way to four blocks, and two more. */
		pool.max_tables = m.info.levels - 2 + 2;
		machine_close(&m);
		m.config.pool = &pool;
		machine_start(&m, 0);
		block = entry_size(&m, 1);
		map_levels(&m, 0, 4 * block, 0, 2);
		touch_write(&m, 0);
		touch(&m, 3 * block);
		tables = tables_now(&m);
		cr_assert_eq(tables, m.info.levels - 2);
		result = split_result(&m, m.granule, 4 * block, 0, PTW_ERR_NOMEM);
		cr_assert_eq(result.reached, 2 * block);
		cr_assert_eq(result.tables, 2u);
		cr_assert_eq(result.leaves, (uint64_t)2 << m.info.index_lg2);
		cr_assert_eq(tables_now(&m), tables + 2);
		seen = look(&m, 0, 4 * block, 0);
		cr_assert_eq(seen.leaves[1], 2u);
		cr_assert_eq(seen.young, ((uint64_t)1 << m.info.index_lg2) + 1);
		cr_assert_eq(seen.dirty, (uint64_t)1 << m.info.index_lg2);
		assert_sound(&m);
		/* With room again, the rest. */
		unmap_result(&m, 0, 2 * block, 0, PTW_OK);
		cr_assert_eq(ptw_barrier(), PTW_OK);
		result = split_result(&m, 0, 4 * block, 0, PTW_OK);
		cr_assert_eq(result.tables, 2u);
		cr_assert_eq(look(&m, 2 * block, 4 * block, 2 * block).leaves[1], 0u);
		assert_sound(&m);
		machine_close(&m);
	}
}

Test(split, arguments)
{
	struct ptw_change_result result = { .size = sizeof(result) - 1 };
	uint64_t before;

	machine_open(&m, "ept4");
	map_levels(&m, 0, entry_size(&m, 1), 0, 0);
	before = fingerprint(&m);
	cr_assert_eq(ptw_split(NULL, 0, 4096, 0, NULL), PTW_ERR_ARG);
	cr_assert_eq(ptw_split(m.pgtable, 0, 4096, PTW_MAX_LEVELS, NULL), PTW_ERR_ARG);
	cr_assert_eq(ptw_split(m.pgtable, 0, 4096, 0, &result), PTW_ERR_SIZE);
	cr_assert_eq(ptw_split(m.pgtable, 1, 4096, 0, NULL), PTW_ERR_ALIGN);
	cr_assert_eq(ptw_split(m.pgtable, 4096, 4096, 0, NULL), PTW_ERR_RANGE);
	cr_assert_eq(ptw_split(m.pgtable, 0, 2 * m.ia_end, 0, NULL), PTW_ERR_RANGE);
	ptw_read_lock();
	cr_assert_eq(ptw_split(m.pgtable, 0, 4096, 0, NULL), PTW_ERR_CONTEXT);
	ptw_read_unlock();
	cr_assert_eq(fingerprint(&m), before);
	machine_close(&m);
}

/* Nearly everything is a hole: passed over in large steps. */
Test(split, sparse_huge_ranges, .timeout = 120)
{
	const char *preset;

	for_each_preset(preset) {
		uint64_t block;

		machine_open(&m, preset);
		block = entry_size(&m, 1);
		map_levels(&m, m.ia_end - block, m.ia_end, 0, 2);
		map_levels(&m, m.ia_end / 2, m.ia_end / 2 + block, 0, 2);
		cr_assert_eq(split_result(&m, 0, m.ia_end, 0, PTW_OK).tables, 2u);
		assert_sound(&m);
		machine_close(&m);
	}
}
