/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the tests of pruned harvests next to writers share. Whatever the order, no page may stay young below a
 * table entry that is old, for no pass would come there again.
 */
#ifndef PTW_TESTS_PRUNE_RACES_H
#define PTW_TESTS_PRUNE_RACES_H

#include "tests/unit/conflicts.h"

/* A pass like any but the first: no full one. Returns how many extents it found. */
static inline uint64_t hint_pass(void)
{
	struct ptw_prune prune = { .size = sizeof(prune), .pass = 1 };
	const struct ptw_harvest harvest = {
		.size = sizeof(harvest),
		.flags = PTW_HARVEST_ACCESSED,
		.prune = &prune,
	};
	struct ptw_harvest_result result = { .size = sizeof(result) };

	cr_assert_eq(ptw_harvest(m.pgtable, 0, m.ia_end, &harvest, &result), PTW_OK);
	return result.young_extents;
}

/* Of all entries, changing nothing. */
static inline uint64_t young_now(void)
{
	const struct ptw_harvest peek = {
		.size = sizeof(peek),
		.flags = PTW_HARVEST_ACCESSED | PTW_HARVEST_PEEK,
	};
	struct ptw_harvest_result result = { .size = sizeof(result) };

	cr_assert_eq(ptw_harvest(m.pgtable, 0, m.ia_end, &peek, &result), PTW_OK);
	return result.young_extents;
}

/* Configurations whose table entries have accessed bits; no preset has both HAFT and groups. */
static const char *const haft[] = { "ept4", "x86-64", "arm64-s1-4k-haft", "arm64-s2-4k-haft",
				    "perverse" };

#define HAFT (sizeof(haft) / sizeof(haft[0]))

/* False: there is no such one. */
static inline bool open_haft(const char *preset, unsigned int bbm, uint32_t flags)
{
	machine_preset(&m, preset);
	if (bbm >= bbm_levels(&m))
		return false;
	if (is_arm64(&m))
		m.config.features |= PTW_FEATURE_CONTIG;
	m.config.bbm_level = bbm;
	m.config.flags |= flags;
	m.config.reclaim_delay = PTW_RECLAIM_NEVER;
	cr_assert_eq(ptw_pgtable_create(&m.config, &m.pgtable), PTW_OK);
	machine_info(&m);
	cr_assert_eq(m.info.table_accessed, 1u);
	m.granule = (uint64_t)1 << m.info.granule_lg2;
	m.ia_end = (uint64_t)1 << m.info.ia_bits;
	return true;
}

/* Without the wait for a grace period that a new page table takes. */
static inline void start_again(void)
{
	unmap_result(&m, 0, m.ia_end, 0, PTW_OK);
	cr_assert_eq(young_now(), 0u);
}

static inline uint64_t page(uint64_t number)
{
	return number * m.granule;
}

static inline uint64_t per_table(void)
{
	return entry_size(&m, 1) / m.granule;
}

static inline int map_young(uint64_t start, uint64_t end)
{
	struct ptw_map map = full_access(&m);

	map.flags |= PTW_LEAF_YOUNG;
	map.page_levels = 1;
	return ptw_map(m.pgtable, start, end, start, &map, NULL);
}

/* By software, as whoever does an access for somebody else. */
static inline void make_young(uint64_t number)
{
	cr_assert_eq(ptw_fix_fault(m.pgtable, page(number), PTW_ACCESS_READ), PTW_OK);
}

/* A page is somebody's, so whoever unmaps all of it has to put the rest back. */
static inline void pages_of_two(void)
{
	for (uint64_t i = 0; i < per_table(); i += 3)
		map_levels(&m, page(i), page(i + 1), page(i), 1);
	make_young((per_table() - 1) / 3 * 3);
	own(page(3), 0, false);
}

#endif /* PTW_TESTS_PRUNE_RACES_H */
