/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Page tables that somebody else built: what their owner sees is seen, and whatever is wrong in
 * them ends every call with the right error, in bounded time, without reading elsewhere.
 *
 * The tables are built by the library in memory of the test's, then spoilt by hand.
 */
#include "tests/unit/owner.h"

static int nothing_visit(void *context, const struct ptw_visit *v)
{
	uint64_t *visits = context;

	(void)v;
	++*visits;
	return PTW_VISIT_NEXT;
}

static void nothing_line(void *context, const char *text)
{
	(void)context;
	(void)text;
}

#define assert_error(call, error, what)                                                \
	do {                                                                           \
		const int got = (call);                                                \
		cr_assert_eq(got, error, "%s, %s: " #call ": %s", m.info.format, what, \
			     ptw_strerror(got));                                       \
	} while (0)

/* Every call that looks there ends with `error`; the range calls at the entry with that address. */
static void all_calls_fail(uint64_t ia, uint64_t entry_ia, int error, const char *what)
{
	const uint64_t end = m.ia_end;
	uint64_t visits = 0, young[2] = {0};
	const struct ptw_walk walk = {
		.size = sizeof(walk),
		.kinds = PTW_VISIT_LEAF | PTW_VISIT_TABLE_PRE | PTW_VISIT_TABLE_POST,
		.holes = true,
		.visit = nothing_visit,
		.context = &visits,
	};
	struct ptw_walk_result walked = {.size = sizeof(walked)};
	struct ptw_harvest h = {.size = sizeof(h),
				.flags = PTW_HARVEST_ACCESSED | PTW_HARVEST_PEEK};
	struct ptw_harvest_result harvested = {.size = sizeof(harvested)};
	struct ptw_check_result checked = {.size = sizeof(checked)};
	struct ptw_query query = {.size = sizeof(query)};

	assert_error(ptw_walk(attached, 0, end, &walk, &walked), error, what);
	cr_assert_eq(walked.resume, entry_ia, "%s, %s: walk ends at %#" PRIx64, m.info.format, what,
		     walked.resume);
	assert_error(ptw_harvest(attached, 0, end, &h, &harvested), error, what);
	cr_assert_eq(harvested.resume, entry_ia);
	h.flags = PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY;
	assert_error(ptw_harvest(attached, 0, end, &h, &harvested), error, what);
	cr_assert_eq(harvested.resume, entry_ia);
	/* The shape that has a loop of its own in own page tables. */
	h.flags = PTW_HARVEST_ACCESSED;
	h.young = young;
	assert_error(ptw_harvest(attached, ia & ~(m.granule - 1),
				 (ia & ~(m.granule - 1)) + m.granule, &h, &harvested),
		     error, what);
	assert_error(ptw_test_young(attached, ia), error, what);
	assert_error(ptw_test_clear_young(attached, ia), error, what);
	assert_error(ptw_query(attached, ia, &query), error, what);
	assert_error(ptw_fix_fault(attached, ia, PTW_ACCESS_READ), error, what);
	assert_error(ptw_check(attached, PTW_CHECK_COUNTS, &checked), error, what);
	cr_assert_eq(checked.ia, entry_ia, "%s, %s: check ends at %#" PRIx64, m.info.format, what,
		     checked.ia);
	assert_error(ptw_dump(attached, 0, 0, nothing_line, NULL), error, what);
	assert_error(ptw_write_protect(attached, 0, end, false, NULL, NULL), error, what);
	assert_error(ptw_set_user_bit(attached, 0, end, true, NULL), error, what);
}

/* Put `value` there, see that every call finds it, and put back what was there. */
static void spoil(uint64_t ia, unsigned int level, uint64_t value, int error, const char *what)
{
	uint64_t *slot = slot_of(ia, level);
	const uint64_t old = *slot;
	const uint64_t base = ia & ~(entry_size(&m, level) - 1);

	*slot = value;
	all_calls_fail(ia, base, error, what);
	*slot = old;
	cr_assert_eq(ptw_check(attached, PTW_CHECK_COUNTS, NULL), PTW_OK);
}

/* Two tables at each end of the tree; what is spoilt is on the path to the second. */
static uint64_t plant(void)
{
	const uint64_t far = entry_size(&m, m.info.levels - 1) + 3 * entry_size(&m, 1);

	map_levels(&m, 0, 8 * m.granule, 0, 1);
	map_levels(&m, far, far + 8 * m.granule, 0, 1);
	return far;
}

Test(attach, corrupt_tables_end_every_call)
{
	for (unsigned int i = 0; i < PRESETS; i++) {
		unsigned int top;
		uint64_t far, ia, pa, entry_ia = 0;

		open_owner(presets[i]);
		far = plant();
		ia = far + 5 * m.granule + 7;
		top = m.info.levels - 1;
		attach(&whole_arena, 1000);
		cr_assert_eq(ptw_check(attached, PTW_CHECK_COUNTS, NULL), PTW_OK);
		/* An entry that leads to its own table; one above the leaves cannot. */
		for (unsigned int level = 1; level <= top; level++)
			spoil(ia, level, table_entry(table_pa(slot_of(ia, level)), level),
			      PTW_ERR_CORRUPT_CYCLE, "cycle of one");
		/* Back to the root, and to every table between. */
		for (unsigned int level = 1; level < top; level++) {
			spoil(ia, level, table_entry(root_pa(), level), PTW_ERR_CORRUPT_CYCLE,
			      "cycle to the root");
			for (unsigned int up = level + 1; up < top; up++)
				spoil(ia, level, table_entry(table_pa(slot_of(ia, up)), level),
				      PTW_ERR_CORRUPT_CYCLE, "long cycle");
		}
		for (unsigned int level = 1; level <= top; level++) {
			/* Next to the declared memory, far from it, and at zero. */
			spoil(ia, level, table_entry(ARENA_PA + ARENA_BYTES, level),
			      PTW_ERR_CORRUPT_BOUNDS, "behind memory");
			spoil(ia, level, table_entry(ARENA_PA - ((uint64_t)64 << 10), level),
			      PTW_ERR_CORRUPT_BOUNDS, "before memory");
			spoil(ia, level, table_entry((uint64_t)3 << 40, level),
			      PTW_ERR_CORRUPT_BOUNDS, "far away");
			spoil(ia, level, table_entry(0, level), PTW_ERR_CORRUPT_BOUNDS, "at zero");
			if (m.info.oa_bits == 44)
				spoil(ia, level, *slot_of(ia, level) | reserved_bit(level),
				      PTW_ERR_CORRUPT_RESERVED, "reserved bit of a table");
		}
		if (m.info.oa_bits == 44)
			spoil(ia, 0, *slot_of(ia, 0) | reserved_bit(0), PTW_ERR_CORRUPT_RESERVED,
			      "reserved bit of a leaf");
		for (unsigned int level = 1; level <= top; level++)
			if (!(m.info.leaf_levels >> level & 1))
				spoil(ia, level, misplaced_leaf(level), PTW_ERR_CORRUPT_RESERVED,
				      "leaf at an illegal level");
		/* A table half of which lies outside: the last in memory, which the entry above leads to. */
		pa = 0;
		for (unsigned int level = 0; level < top; level++) {
			const uint64_t size = entry_size(&m, level + 1);

			if (table_pa(slot_of(ia, level)) > pa) {
				pa = table_pa(slot_of(ia, level));
				entry_ia = ia / size * size;
			}
			cr_assert_lt(table_pa(slot_of(0, level)), table_pa(slot_of(ia, level)));
		}
		{
			const struct ptw_range half = {ARENA_PA, pa + (4u << m.info.index_lg2)};
			const struct ptw_range late = {root_pa(), pa + (8u << m.info.index_lg2)};

			attach(&half, 1000);
			all_calls_fail(ia, entry_ia, PTW_ERR_CORRUPT_BOUNDS, "half a table");
			attach(&late, 1000);
			cr_assert_eq(ptw_check(attached, PTW_CHECK_COUNTS, NULL), PTW_OK);
		}
		close_owner();
	}
}

/* Table addresses that are no multiple of the table size, where entries can say such. */
Test(attach, unaligned_table)
{
	open_owner("arm64-s2-16k");
	attach(&whole_arena, 1000);
	cr_assert_eq(ptw_check(attached, PTW_CHECK_COUNTS, NULL), PTW_OK);
	map_levels(&m, 0, m.granule, 0, 1);
	spoil(0, 1, table_entry(table_pa(slot_of(0, 0)) | 0x1000, 1), PTW_ERR_CORRUPT_RESERVED,
	      "unaligned");
	close_owner();
}

Test(attach, table_budget)
{
	for (unsigned int i = 0; i < PRESETS; i++) {
		uint64_t far, tables;
		struct ptw_check_result checked = {.size = sizeof(checked)};

		open_owner(presets[i]);
		far = plant();
		machine_info(&m);
		tables = m.info.tables;
		/* As many as there are suffices. */
		attach(&whole_arena, tables);
		cr_assert_eq(ptw_check(attached, PTW_CHECK_COUNTS, &checked), PTW_OK);
		cr_assert_eq(checked.tables, tables);
		cr_assert_eq(checked.leaves, 16u);
		attach(&whole_arena, tables - 1);
		cr_assert_eq(ptw_check(attached, PTW_CHECK_COUNTS, NULL), PTW_ERR_CORRUPT_BUDGET);
		cr_assert_eq(ptw_dump(attached, 0, 0, nothing_line, NULL), PTW_ERR_CORRUPT_BUDGET);
		/* A single look needs one less than there are levels. */
		if (m.info.levels > 2) {
			attach(&whole_arena, m.info.levels - 2);
			cr_assert_eq(ptw_test_young(attached, far), PTW_ERR_CORRUPT_BUDGET);
			cr_assert_eq(ptw_fix_fault(attached, far, 0), PTW_ERR_CORRUPT_BUDGET);
		}
		attach(&whole_arena, m.info.levels - 1);
		cr_assert_geq(ptw_test_young(attached, far), 0);
		close_owner();
	}
}

/* Tables that take several sections count once. */
Test(attach, table_budget_over_sections)
{
	struct ptw_harvest h = {.size = sizeof(h), .flags = PTW_HARVEST_ACCESSED};
	struct ptw_harvest_result found = {.size = sizeof(found)};

	open_owner("ept4");
	map_levels(&m, 0, 20000 * m.granule, 0, 1);
	machine_info(&m);
	attach(&whole_arena, m.info.tables);
	cr_assert_eq(ptw_harvest(attached, 0, m.ia_end, &h, &found), PTW_OK);
	cr_assert_geq(found.sections, 4u);
	cr_assert_eq(ptw_check(attached, PTW_CHECK_COUNTS, NULL), PTW_OK);
	close_owner();
}

/* No cycle, but as many paths as there are leaves in a full tree. */
Test(attach, every_entry_leads_to_the_same_table, .timeout = 300)
{
	for (unsigned int i = 0; i < PRESETS; i += test_slowness() > 4 ? 2 : 1) {
		uint64_t visits = 0;
		const struct ptw_walk walk = {.size = sizeof(walk),
					      .kinds = PTW_VISIT_LEAF,
					      .visit = nothing_visit,
					      .context = &visits};
		struct ptw_harvest h = {.size = sizeof(h),
					.flags = PTW_HARVEST_ACCESSED | PTW_HARVEST_PEEK};

		open_owner(presets[i]);
		map_levels(&m, 0, m.granule, 0, 1);
		for (unsigned int level = m.info.levels - 1; level > 0; level--) {
			uint64_t *slot = slot_of(0, level);
			const uint64_t entries = m.info.levels - 1 == level ?
							 (uint64_t)1 << m.info.root_lg2 :
							 (uint64_t)1 << m.info.index_lg2;

			for (uint64_t n = 1; n < entries; n++)
				slot[n] = slot[0];
		}
		attach(&whole_arena, 1000);
		assert_error(ptw_walk(attached, 0, m.ia_end, &walk, NULL), PTW_ERR_CORRUPT_BUDGET,
			     "same table");
		assert_error(ptw_harvest(attached, 0, m.ia_end, &h, NULL), PTW_ERR_CORRUPT_BUDGET,
			     "same table");
		assert_error(ptw_check(attached, PTW_CHECK_COUNTS, NULL), PTW_ERR_CORRUPT_BUDGET,
			     "same table");
		assert_error(ptw_dump(attached, 0, 0, nothing_line, NULL), PTW_ERR_CORRUPT_BUDGET,
			     "same table");
		assert_error(ptw_test_young(attached, m.ia_end - entry_size(&m, 1)), 0,
			     "same table");
		/* The owner must not meet his tables twice. */
		for (unsigned int level = 1; level < m.info.levels; level++) {
			uint64_t *slot = slot_of(0, level);
			const uint64_t entries = m.info.levels - 1 == level ?
							 (uint64_t)1 << m.info.root_lg2 :
							 (uint64_t)1 << m.info.index_lg2;

			for (uint64_t n = 1; n < entries; n++)
				slot[n] = level == 1 && m.config.format != PTW_FORMAT_PERVERSE ?
						  0 :
						  slot_of(0, 0)[1];
		}
		close_owner();
	}
}

/* A group whose members contradict each other, and wrong live counts. */
Test(attach, contradictions)
{
	struct ptw_check_result checked = {.size = sizeof(checked)};
	uint64_t *slot, old;

	open_owner("arm64-s2-4k");
	close_owner();
	open_owner("arm64-s2-16k-contig");
	map_levels(&m, 0, 256 * m.granule, 0, 1);
	attach(&whole_arena, 1000);
	cr_assert_eq(ptw_check(attached, PTW_CHECK_COUNTS, NULL), PTW_OK);
	slot = slot_of(200 * m.granule, 0);
	old = *slot;
	/* Another output address, another permission, no member at all. */
	for (unsigned int i = 0; i < 3; i++) {
		static const uint64_t bits[] = {(uint64_t)1 << 40, (uint64_t)1 << 6,
						(uint64_t)1 << 52};

		*slot = old ^ bits[i];
		cr_assert_eq(ptw_check(attached, PTW_CHECK_COUNTS, &checked),
			     PTW_ERR_CORRUPT_GROUP);
		/* Somewhere in the group of 128. */
		cr_assert_geq(checked.ia, 128 * m.granule);
		cr_assert_lt(checked.ia, 256 * m.granule);
		cr_assert_eq(ptw_check(m.pgtable, PTW_CHECK_COUNTS, NULL), PTW_ERR_CORRUPT_GROUP);
	}
	*slot = old;
	cr_assert_eq(ptw_check(m.pgtable, PTW_CHECK_COUNTS, NULL), PTW_OK);
	/* An entry that its owner did not count. */
	old = *slot_of(300 * m.granule, 0);
	*slot_of(300 * m.granule, 0) = *slot_of(0, 0) & ~((uint64_t)1 << 52);
	cr_assert_eq(ptw_check(m.pgtable, PTW_CHECK_COUNTS, &checked), PTW_ERR_CORRUPT_COUNT);
	cr_assert_eq(ptw_check(attached, PTW_CHECK_COUNTS, NULL), PTW_OK);
	*slot_of(300 * m.granule, 0) = old;
	/* The root's count. */
	slot = slot_of(m.ia_end - 1, m.info.levels - 1);
	old = *slot;
	*slot = *slot_of(0, m.info.levels - 1);
	cr_assert_neq(ptw_check(m.pgtable, PTW_CHECK_COUNTS, NULL), PTW_OK);
	*slot = old;
	cr_assert_eq(ptw_check(m.pgtable, PTW_CHECK_COUNTS, NULL), PTW_OK);
	close_owner();
}

/* What lies before the fault is done and told. */
Test(attach, work_before_the_fault_stands)
{
	uint64_t young[1] = {0};
	struct ptw_harvest h = {.size = sizeof(h), .flags = PTW_HARVEST_ACCESSED, .young = young};
	struct ptw_harvest_result found = {.size = sizeof(found)};
	struct ptw_map map;
	uint64_t *slot, old;

	open_owner("x86-64");
	map = full_access(&m);
	map.flags = PTW_LEAF_YOUNG;
	map.page_levels = 1;
	cr_assert_eq(ptw_map(m.pgtable, 0, 40 * m.granule, 0, &map, NULL), PTW_OK);
	attach(&whole_arena, 1000);
	slot = slot_of(30 * m.granule, 0);
	old = *slot;
	*slot |= reserved_bit(0);
	cr_assert_eq(ptw_harvest(attached, 0, 40 * m.granule, &h, &found),
		     PTW_ERR_CORRUPT_RESERVED);
	cr_assert_eq(found.resume, 30 * m.granule);
	cr_assert_eq(found.young_pages, 30u);
	cr_assert_eq(young[0], ((uint64_t)1 << 30) - 1);
	*slot = old;
	cr_assert_eq(ptw_harvest(attached, found.resume, 40 * m.granule, &h, &found), PTW_OK);
	cr_assert_eq(found.young_pages, 10u);
	close_owner();
}

/* In the library's own layout the attached page table tells what the owner's tells. */
Test(attach, same_as_the_owner)
{
	for (unsigned int i = 0; i < PRESETS; i++) {
		static uint64_t young[2][4096], dirty[2][4096];
		struct ptw_harvest_result found[2];
		struct ptw_info info = {.size = sizeof(info)};
		struct ptw_map map;
		struct ptw_range all;
		uint64_t far, block;
		int ret;

		memset(young, 0, sizeof(young));
		memset(dirty, 0, sizeof(dirty));
		open_owner(presets[i]);
		far = plant();
		block = entry_size(&m, 1);
		map = full_access(&m);
		map.flags = PTW_LEAF_YOUNG | PTW_LEAF_DIRTY;
		cr_assert_eq(ptw_map(m.pgtable, block, 2 * block, 0, &map, NULL), PTW_OK);
		map.flags = PTW_LEAF_YOUNG;
		cr_assert_eq(
			ptw_map(m.pgtable, 2 * block, 2 * block + 3 * m.granule, 0, &map, NULL),
			PTW_OK);
		attach(&whole_arena, 1000);
		cr_assert_eq(ptw_pgtable_info(attached, &info), PTW_OK);
		cr_assert_eq(info.attached, 1u);
		/* Only who names a layout of the library's own says that nobody writes otherwise. */
		cr_assert_eq(info.exact, 1u);
		cr_assert_eq(info.levels, m.info.levels);
		cr_assert_eq(ptw_fix_fault(attached, 3 * m.granule, PTW_ACCESS_READ), PTW_OK);
		cr_assert_eq(ptw_test_young(m.pgtable, 3 * m.granule), 1);
		all = (struct ptw_range){0, 2 * block + 64 * m.granule};
		for (unsigned int n = 0; n < 2; n++) {
			struct ptw_harvest h = {
				.size = sizeof(h),
				.flags = PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY |
					 (n ? 0 : PTW_HARVEST_PEEK),
				.young = young[n],
				.dirty = dirty[n],
			};

			memset(&found[n], 0, sizeof(found[n]));
			found[n].size = sizeof(found[n]);
			ret = ptw_harvest(n ? attached : m.pgtable, all.start, all.end, &h,
					  &found[n]);
			cr_assert_eq(ret, PTW_OK);
			/* Clearing by way of the attached one costs more of a section. */
			found[n].sections = 0;
		}
		cr_assert_not(memcmp(young[0], young[1], sizeof(young[0])), "%s", presets[i]);
		cr_assert_not(memcmp(dirty[0], dirty[1], sizeof(dirty[0])));
		cr_assert_not(memcmp(&found[0], &found[1], sizeof(found[0])));
		cr_assert_geq(found[0].young_pages, block / m.granule + 4);
		cr_assert_eq(ptw_test_young(m.pgtable, block), 0);
		cr_assert_eq(ptw_test_young(attached, 2 * block), 0);
		cr_assert_eq(ptw_test_young(attached, far), 0);
		/* Not its owner's work. */
		map.flags = 0;
		cr_assert_eq(ptw_map(attached, 5 * block, 6 * block, 0, &map, NULL),
			     PTW_ERR_UNSUPPORTED);
		cr_assert_eq(ptw_unmap(attached, 0, block, NULL, NULL), PTW_ERR_UNSUPPORTED);
		cr_assert_eq(ptw_check(attached, PTW_CHECK_COUNTS, NULL), PTW_OK);
		cr_assert_eq(ptw_check(m.pgtable, PTW_CHECK_COUNTS, NULL), PTW_OK);
		close_owner();
	}
}

/* Entries that another operation owns: seen from inside the flush of an unmap. */
static unsigned int hooks;

static int owned_visit(void *context, const struct ptw_visit *v)
{
	uint64_t *owned = context;

	if (v->level == 0)
		*owned |= v->owned;
	return PTW_VISIT_NEXT;
}

static void look_in_flush(struct machine *machine)
{
	uint64_t owned = 0;
	const struct ptw_walk walk = {.size = sizeof(walk),
				      .kinds = PTW_VISIT_LEAF,
				      .holes = true,
				      .visit = owned_visit,
				      .context = &owned};
	struct ptw_harvest h = {.size = sizeof(h), .flags = PTW_HARVEST_ACCESSED};
	struct ptw_harvest_result found = {.size = sizeof(found)};
	struct ptw_query query = {.size = sizeof(query)};

	hooks++;
	cr_assert_eq(ptw_harvest(attached, 0, 64 * machine->granule, &h, &found), PTW_OK);
	cr_assert_eq(found.owned, 4u);
	cr_assert_eq(found.young_pages, 0u);
	cr_assert_eq(ptw_walk(attached, 0, 64 * machine->granule, &walk, NULL), PTW_OK);
	cr_assert_eq(owned, 0xf0u);
	cr_assert_eq(ptw_query(attached, 4 * machine->granule, &query), PTW_ERR_AGAIN);
	cr_assert_eq(ptw_test_young(attached, 5 * machine->granule), PTW_ERR_AGAIN);
	cr_assert_eq(ptw_test_clear_young(attached, 6 * machine->granule), PTW_ERR_AGAIN);
	cr_assert_eq(ptw_fix_fault(attached, 7 * machine->granule, PTW_ACCESS_READ), PTW_ERR_AGAIN);
	cr_assert_eq(ptw_query(attached, 3 * machine->granule, &query), PTW_OK);
	cr_assert_eq(ptw_query(attached, 8 * machine->granule, &query), PTW_ERR_HOLE);
}

Test(attach, entries_owned_by_another_operation)
{
	open_owner("arm64-s2-4k");
	map_levels(&m, 0, 8 * m.granule, 0, 1);
	attach(&whole_arena, 1000);
	hooks = 0;
	m.in_flush = look_in_flush;
	cr_assert_eq(ptw_unmap(m.pgtable, 4 * m.granule, 8 * m.granule, NULL, NULL), PTW_OK);
	cr_assert_eq(hooks, 1u);
	m.in_flush = NULL;
	close_owner();
}

/* KVM's layouts, on tables written here. */
Test(attach, foreign_layout)
{
	struct ptw_harvest h = {.size = sizeof(h),
				.flags = PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY};
	struct ptw_harvest_result found = {.size = sizeof(found)};
	struct ptw_info info = {.size = sizeof(info)};
	uint64_t *root, pa;

	open_owner("ept4");
	m.config.layout = &ptw_layout_kvm_ept_6_12;
	cr_assert_eq(ptw_pgtable_create(&m.config, &attached), PTW_ERR_UNSUPPORTED);
	/* Four tables in a row behind the owner's root. */
	root = (uint64_t *)(void *)(arena + (1u << 20));
	pa = ARENA_PA + (1u << 20);
	for (unsigned int n = 0; n < 3; n++)
		root[n * 512] = (pa + (n + 1) * 0x1000) | 7 | 1 << 8 | (uint64_t)1 << 11;
	{
		const struct ptw_attach a = {
			.size = sizeof(a),
			.root = pa,
			.bounds = &whole_arena,
			.bounds_count = 1,
			.table_budget = 3,
		};

		cr_assert_eq(ptw_pgtable_attach(&m.config, &a, &attached), PTW_OK);
	}
	root[3 * 512] = 0x5000 | 7 | 6 << 3 | 1 << 8 | 1 << 9 | (uint64_t)1 << 11;
	root[3 * 512 + 1] = 0x6000 | 7 | 6 << 3 | 1 << 8 | (uint64_t)1 << 11;
	root[3 * 512 + 2] = 0x7000 | 7 | 6 << 3 | (uint64_t)1 << 11;
	cr_assert_eq(ptw_pgtable_info(attached, &info), PTW_OK);
	cr_assert_eq(info.exact, 0u);
	cr_assert_eq(ptw_harvest(attached, 0, 512 * m.granule, &h, &found), PTW_OK);
	cr_assert_eq(found.young_pages, 2u);
	cr_assert_eq(found.dirty_pages, 1u);
	cr_assert_eq(root[3 * 512] & (3 << 8), 0u);
	cr_assert_eq(ptw_test_clear_young(attached, 0), 0);
	/* No software bit there is the caller's. */
	cr_assert_eq(ptw_set_user_bit(attached, 0, m.granule, true, NULL), PTW_ERR_UNSUPPORTED);
	cr_assert_eq(ptw_harvest(attached, 0, 512 * m.granule, &h, &found), PTW_OK);
	cr_assert_eq(found.young_pages + found.dirty_pages, 0u);
	memset(root, 0, 4 * 4096);
	close_owner();
}

Test(attach, arguments)
{
	struct ptw_pgtable *out = NULL;
	struct ptw_attach a;
	struct ptw_range bounds[9];

	open_owner("arm64-s2-4k");
	for (unsigned int i = 0; i < 9; i++)
		bounds[i] = whole_arena;
	a = attach_to(bounds, 10);
	cr_assert_eq(ptw_pgtable_attach(NULL, &a, &out), PTW_ERR_ARG);
	cr_assert_eq(ptw_pgtable_attach(&m.config, NULL, &out), PTW_ERR_ARG);
	cr_assert_eq(ptw_pgtable_attach(&m.config, &a, NULL), PTW_ERR_ARG);
	a.size--;
	cr_assert_eq(ptw_pgtable_attach(&m.config, &a, &out), PTW_ERR_SIZE);
	a = attach_to(NULL, 10);
	cr_assert_eq(ptw_pgtable_attach(&m.config, &a, &out), PTW_ERR_ARG);
	a = attach_to(bounds, 0);
	cr_assert_eq(ptw_pgtable_attach(&m.config, &a, &out), PTW_ERR_ARG);
	a = attach_to(bounds, 1);
	a.bounds_count = 0;
	cr_assert_eq(ptw_pgtable_attach(&m.config, &a, &out), PTW_ERR_ARG);
	a.bounds_count = 9;
	cr_assert_eq(ptw_pgtable_attach(&m.config, &a, &out), PTW_ERR_ARG);
	a.bounds_count = 1;
	a.reserved = 1;
	cr_assert_eq(ptw_pgtable_attach(&m.config, &a, &out), PTW_ERR_ARG);
	/* The root: outside, half outside, not aligned. */
	a = attach_to(bounds, 1);
	bounds[0] = (struct ptw_range){ARENA_PA, root_pa()};
	cr_assert_eq(ptw_pgtable_attach(&m.config, &a, &out), PTW_ERR_CORRUPT_BOUNDS);
	bounds[0] = (struct ptw_range){ARENA_PA, root_pa() + 64};
	cr_assert_eq(ptw_pgtable_attach(&m.config, &a, &out), PTW_ERR_CORRUPT_BOUNDS);
	bounds[0] = whole_arena;
	a.root += 8;
	cr_assert_eq(ptw_pgtable_attach(&m.config, &a, &out), PTW_ERR_CORRUPT_BOUNDS);
	cr_assert_null(out);
	/* In the last of eight. */
	a = attach_to(bounds, 1);
	for (unsigned int i = 0; i < 7; i++)
		bounds[i] = (struct ptw_range){0x1000 * i, 0x1000 * (i + 1)};
	a.bounds_count = 8;
	cr_assert_eq(ptw_pgtable_attach(&m.config, &a, &out), PTW_OK);
	cr_assert_eq(ptw_pgtable_destroy(out), PTW_OK);
	close_owner();
}
