/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Faults that software fixes, write protection, and the software bit of the library's caller. */
#include "tests/unit/pgtable_machine.h"

static struct machine m;
static struct ptw_harvest_result result;

#define ACCESSED PTW_HARVEST_ACCESSED
#define DIRTY	 PTW_HARVEST_DIRTY
#define PEEK	 PTW_HARVEST_PEEK

static void count(uint64_t start, uint64_t end, uint32_t flags)
{
	const struct ptw_harvest h = { .size = sizeof(h), .flags = flags };

	result = (struct ptw_harvest_result){ .size = sizeof(result) };
	cr_assert_eq(ptw_harvest(m.pgtable, start, end, &h, &result), PTW_OK);
}

static void assert_counts(uint64_t young_extents, uint64_t young_pages, uint64_t dirty_extents,
			  uint64_t dirty_pages)
{
	cr_assert_eq(result.young_extents, young_extents);
	cr_assert_eq(result.young_pages, young_pages);
	cr_assert_eq(result.dirty_extents, dirty_extents);
	cr_assert_eq(result.dirty_pages, dirty_pages);
}

/* EPT without accessed flags: an old leaf faults, a read does not make it writable. */
Test(fix_fault, tracked_ept)
{
	struct ptw_map map;

	machine_open(&m, "ept4-tracked");
	map_levels(&m, 0, m.granule, 0, 1);
	cr_assert_eq(access_once(&m, 0, PTW_ACCESS_READ), PTW_SOFTMMU_TRANSLATION);
	cr_assert_eq(ptw_fix_fault(m.pgtable, 0, PTW_ACCESS_READ), PTW_OK);
	cr_assert_eq(access_once(&m, 0, PTW_ACCESS_READ), PTW_SOFTMMU_OK);
	cr_assert_eq(access_once(&m, 0, PTW_ACCESS_FETCH), PTW_SOFTMMU_OK);
	count(0, m.granule, ACCESSED | DIRTY | PEEK);
	assert_counts(1, 1, 0, 0);
	cr_assert_eq(access_once(&m, 0, PTW_ACCESS_WRITE), PTW_SOFTMMU_PERMISSION);
	cr_assert_eq(ptw_fix_fault(m.pgtable, 0, PTW_ACCESS_WRITE), PTW_OK);
	cr_assert_eq(access_once(&m, 0, PTW_ACCESS_WRITE), PTW_SOFTMMU_OK);
	/* Old by clearing: faults again, and is still dirty. */
	count(0, m.granule, ACCESSED);
	assert_counts(1, 1, 0, 0);
	cr_assert_eq(access_once(&m, 0, PTW_ACCESS_READ), PTW_SOFTMMU_TRANSLATION);
	touch(&m, 0);
	cr_assert_eq(access_once(&m, 0, PTW_ACCESS_WRITE), PTW_SOFTMMU_PERMISSION);
	count(0, m.granule, DIRTY);
	assert_counts(0, 0, 1, 1);
	touch_write(&m, 0);
	count(0, m.granule, DIRTY);
	assert_counts(0, 0, 1, 1);
	/* What is not allowed stays so. */
	map = full_access(&m);
	map.prot = PTW_PROT_READ;
	cr_assert_eq(ptw_map(m.pgtable, m.granule, 2 * m.granule, 0, &map, NULL), PTW_OK);
	cr_assert_eq(ptw_fix_fault(m.pgtable, m.granule, PTW_ACCESS_WRITE), PTW_ERR_FAULT);
	cr_assert_eq(ptw_fix_fault(m.pgtable, m.granule, PTW_ACCESS_FETCH), PTW_ERR_FAULT);
	cr_assert_eq(ptw_test_young(m.pgtable, m.granule), 0);
	touch(&m, m.granule);
	cr_assert_eq(ptw_fix_fault(m.pgtable, 2 * m.granule, PTW_ACCESS_READ), PTW_ERR_HOLE);
	machine_close(&m);
}

Test(fix_fault, software_access_flag)
{
	static const char *const presets[] = { "arm64-s2-4k-swaf", "arm64-s1-16k-swaf",
					       "arm64-s2-64k-swaf" };

	for (unsigned int i = 0; i < 3; i++) {
		uint32_t user;

		machine_open(&m, presets[i]);
		user = m.config.format == PTW_FORMAT_ARM64_S1 ? PTW_ACCESS_USER : 0;
		map_levels(&m, 0, m.granule, 0, 1);
		cr_assert_eq(access_once(&m, 0, PTW_ACCESS_READ | user), PTW_SOFTMMU_ACCESS_FLAG);
		cr_assert_eq(ptw_fix_fault(m.pgtable, 0, PTW_ACCESS_READ | user), PTW_OK);
		cr_assert_eq(access_once(&m, 0, PTW_ACCESS_READ | user), PTW_SOFTMMU_OK);
		cr_assert_eq(access_once(&m, 0, PTW_ACCESS_WRITE | user), PTW_SOFTMMU_PERMISSION);
		cr_assert_eq(ptw_fix_fault(m.pgtable, 0, PTW_ACCESS_WRITE | user), PTW_OK);
		cr_assert_eq(access_once(&m, 0, PTW_ACCESS_WRITE | user), PTW_SOFTMMU_OK);
		count(0, m.granule, ACCESSED | DIRTY);
		assert_counts(1, 1, 1, 1);
		cr_assert_eq(access_once(&m, 0, PTW_ACCESS_READ | user), PTW_SOFTMMU_ACCESS_FLAG);
		machine_close(&m);
	}
}

/* A leaf that software makes young has been accessed through its tables. */
Test(fix_fault, marks_the_path)
{
	uint64_t before;

	machine_open(&m, "ept4");
	map_levels(&m, 0, m.granule, 0, 1);
	before = fingerprint(&m);
	cr_assert_eq(ptw_fix_fault(m.pgtable, 0, PTW_ACCESS_WRITE), PTW_OK);
	cr_assert_neq(fingerprint(&m), before);
	before = fingerprint(&m);
	/* The processor finds nothing left to set, in the leaf or above it. */
	cr_assert_eq(access_once(&m, 0, PTW_ACCESS_WRITE), PTW_SOFTMMU_OK);
	cr_assert_eq(ptw_softmmu_counters(m.cpu)->table_accessed_set, 0u);
	cr_assert_eq(fingerprint(&m), before);
	machine_close(&m);
}

Test(protect, write_faults_give_permission_back)
{
	const char *preset;

	for_each_preset(preset) {
		uint64_t dirty[2] = { 0 }, g;
		struct ptw_change_result changed = { .size = sizeof(changed) };
		uint32_t user;
		bool arm64, hw;

		machine_open(&m, preset);
		g = m.granule;
		arm64 = m.config.format == PTW_FORMAT_ARM64_S2 ||
			m.config.format == PTW_FORMAT_ARM64_S1;
		hw = arm64 && (m.config.features & PTW_FEATURE_HW_DIRTY);
		user = full_access(&m).prot & PTW_PROT_USER ? PTW_ACCESS_USER : 0;
		map_levels(&m, g, 9 * g, 5 * g, 1);
		touch_write(&m, 3 * g);
		touch_write(&m, 5 * g);
		m.flushes = 0;
		cr_assert_eq(ptw_write_protect(m.pgtable, 2 * g, 5 * g, false, dirty, &changed),
			     PTW_OK);
		cr_assert_eq(changed.reached, 5 * g);
		cr_assert_leq(changed.leaves, 3u);
		cr_assert_geq(changed.leaves, 1u);
		/* Where dirty is the permission, it was handed over. */
		cr_assert_eq(dirty[0], arm64 ? (uint64_t)1 << 3 : 0, "%s", preset);
		cr_assert_eq(changed.dirty_pages, arm64 ? 1u : 0u);
		cr_assert_eq(m.flushes, 1u);
		cr_assert_leq(m.range[0].start, 3 * g);
		cr_assert_geq(m.range[0].end, 4 * g);
		cr_assert_leq(m.range[0].end, 5 * g);
		count(g, 9 * g, DIRTY | PEEK);
		cr_assert_eq(result.dirty_pages, arm64 ? 1u : 2u);
		cr_assert_eq(query_at(&m, 3 * g).leaf.prot, full_access(&m).prot);
		if (!hw)
			cr_assert_neq(access_once(&m, 3 * g, PTW_ACCESS_WRITE | user),
				      PTW_SOFTMMU_OK);
		touch_write(&m, 3 * g);
		count(g, 9 * g, DIRTY);
		cr_assert_eq(result.dirty_pages, 2u);
		/* For good. */
		cr_assert_eq(ptw_write_protect(m.pgtable, 2 * g, 5 * g, true, NULL, NULL), PTW_OK);
		cr_assert_neq(access_once(&m, 3 * g, PTW_ACCESS_WRITE | user), PTW_SOFTMMU_OK);
		cr_assert_eq(ptw_fix_fault(m.pgtable, 3 * g, PTW_ACCESS_WRITE | user),
			     PTW_ERR_FAULT);
		cr_assert_eq(query_at(&m, 3 * g).leaf.prot,
			     full_access(&m).prot & ~(uint32_t)PTW_PROT_WRITE);
		touch(&m, 3 * g);
		touch_write(&m, 5 * g);
		m.flushes = 0;
		cr_assert_eq(ptw_write_protect(m.pgtable, 2 * g, 5 * g, true, NULL, &changed),
			     PTW_OK);
		cr_assert_eq(changed.leaves, 0u);
		/* Whoever protected them may not have flushed yet. */
		cr_assert_eq(m.flushes, 1u);
		assert_sound(&m);
		machine_close(&m);
	}
}

/* A group is one extent: the range takes it whole, and its dirty state is that of all pages. */
Test(protect, groups_are_protected_whole)
{
	machine_open(&m, "arm64-s2-4k-contig");
	map_levels(&m, 0, 64 * m.granule, 0, 1);
	for (unsigned int last = 0; last < 2; last++) {
		uint64_t dirty = 0;
		struct ptw_change_result changed = { .size = sizeof(changed) };

		touch_write(&m, (last ? 31 : 16) * m.granule);
		cr_assert_eq(ptw_write_protect(m.pgtable, 20 * m.granule, 24 * m.granule, last,
					       &dirty, &changed),
			     PTW_OK);
		cr_assert_eq(dirty, (uint64_t)0xf << 20);
		cr_assert_eq(changed.dirty_pages, 4u);
		count(0, 64 * m.granule, DIRTY | PEEK);
		assert_counts(0, 0, 0, 0);
		assert_sound(&m);
	}
	cr_assert_eq(ptw_fix_fault(m.pgtable, 31 * m.granule, PTW_ACCESS_WRITE), PTW_ERR_FAULT);
	touch_write(&m, 32 * m.granule);
	machine_close(&m);
}

Test(protect, user_bit)
{
	const char *preset;

	for_each_preset(preset) {
		struct ptw_change_result changed = { .size = sizeof(changed) };
		uint64_t g, before;

		machine_open(&m, preset);
		g = m.granule;
		map_levels(&m, g, 5 * g, g, 1);
		before = fingerprint(&m);
		m.flushes = 0;
		cr_assert_eq(ptw_set_user_bit(m.pgtable, 2 * g, 4 * g, true, &changed), PTW_OK);
		cr_assert_eq(changed.leaves, 2u);
		cr_assert_eq(changed.reached, 4 * g);
		for (unsigned int page = 1; page < 5; page++)
			cr_assert_eq(!!(query_at(&m, page * g).leaf.flags & PTW_LEAF_USER_BIT),
				     page == 2 || page == 3);
		cr_assert_eq(ptw_set_user_bit(m.pgtable, g, 5 * g, true, &changed), PTW_OK);
		cr_assert_eq(changed.leaves, 2u);
		assert_sound(&m);
		cr_assert_eq(ptw_set_user_bit(m.pgtable, 0, 6 * g, false, &changed), PTW_OK);
		cr_assert_eq(changed.leaves, 4u);
		cr_assert_eq(fingerprint(&m), before);
		cr_assert_eq(m.flushes, 0u);
		touch_write(&m, 2 * g);
		machine_close(&m);
	}
}
