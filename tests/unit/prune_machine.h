/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What the tests of pruned harvests share: processors with caches, and harvests judged by a full look. */
#ifndef PTW_TESTS_PRUNE_MACHINE_H
#define PTW_TESTS_PRUNE_MACHINE_H

#include "tests/unit/pgtable_machine.h"

/* Leaf tables that the tests use, from input address 0 on, and the entries of level 1 about them. */
#define TABLES 96u

static struct machine m;
static uint64_t pages;	    /* that the range has */
static unsigned int per_table; /* pages of one leaf table */
static uint64_t *before, *after, *found, touched[2];
static struct ptw_prune prune;
static struct ptw_harvest_result result; /* of the last pass */

/* A translation cache and a cache of table entries, or neither. */
static inline void prune_cpu(uint32_t paging_cache, uint32_t tlb_sets)
{
	struct ptw_softmmu_config config = {
		.size = sizeof(config),
		.phys_offset = PHYS_OFFSET,
		.paging_cache = paging_cache,
		.tlb_sets = tlb_sets,
		.tlb_ways = tlb_sets ? 2 : 0,
		.seed = 1,
	};
	size_t bytes;

	free(m.cpu_memory);
	cr_assert_eq(ptw_pgtable_regs(m.pgtable, &config.regs), PTW_OK);
	bytes = ptw_softmmu_size(&config);
	cr_assert_neq(bytes, 0u);
	m.cpu_memory = aligned_alloc(64, bytes);
	cr_assert_not_null(m.cpu_memory);
	cr_assert_eq(ptw_softmmu_init(&m.cpu, m.cpu_memory, bytes, &config), PTW_OK);
}

static inline uint64_t page_ia(uint64_t page)
{
	return page * m.granule;
}

static inline void prune_open(const char *preset, uint32_t flags, uint32_t full_every)
{
	machine_preset(&m, preset);
	m.config.reclaim_delay = PTW_RECLAIM_NEVER;
	machine_start(&m, 0);
	per_table = 1u << m.info.index_lg2;
	pages = (uint64_t)TABLES * per_table;
	before = calloc(pages / 64 + 2, sizeof(*before));
	after = calloc(pages / 64 + 2, sizeof(*after));
	found = calloc(pages / 64 + 2, sizeof(*found));
	prune = (struct ptw_prune){
		.size = sizeof(prune),
		.flags = flags,
		.full_every = full_every,
		.touched = touched,
		.touched_words = 2,
	};
	memset(touched, 0, sizeof(touched));
}

static inline void prune_close(void)
{
	free(before);
	free(after);
	free(found);
	machine_close(&m);
}

/* What is young in a range; changes nothing, and reads every entry. */
static inline uint64_t young_in(uint64_t start, uint64_t end, uint64_t *bitmap)
{
	const struct ptw_harvest look = {
		.size = sizeof(look),
		.flags = PTW_HARVEST_ACCESSED | PTW_HARVEST_PEEK,
		.young = bitmap,
	};

	struct ptw_harvest_result looked = { .size = sizeof(looked) };

	memset(bitmap, 0, (pages / 64 + 2) * sizeof(*bitmap));
	cr_assert_eq(ptw_harvest(m.pgtable, page_ia(start), page_ia(end), &look, &looked), PTW_OK);
	return looked.young_pages;
}

static inline int pruned(uint64_t start, uint64_t end, uint64_t budget, uint64_t *cursor)
{
	const struct ptw_harvest harvest = {
		.size = sizeof(harvest),
		.flags = PTW_HARVEST_ACCESSED,
		.young = found,
		.prune = &prune,
		.budget = budget,
		.cursor = cursor,
	};

	result.size = sizeof(result);
	return ptw_harvest(m.pgtable, page_ia(start), page_ia(end), &harvest, &result);
}

/* One pass. Nothing is ever found that was not young. Returns how many young pages were left out. */
static inline uint64_t pass(uint64_t start, uint64_t end)
{
	uint64_t left;

	young_in(start, end, before);
	memset(found, 0, (pages / 64 + 2) * sizeof(*found));
	cr_assert_eq(pruned(start, end, 0, NULL), PTW_OK);
	cr_assert_eq(result.resume, page_ia(end));
	left = young_in(start, end, after);
	for (uint64_t i = 0; i < (end - (start & ~(uint64_t)63) + 63) / 64; i++)
		cr_assert_eq(found[i] | after[i], before[i],
			     "pages from %" PRIu64 " on: %#" PRIx64 " young, %#" PRIx64
			     " found, %#" PRIx64 " left",
			     (start & ~(uint64_t)63) + 64 * i, before[i], found[i], after[i]);
	return left;
}

/* xorshift64 */
static inline uint64_t any(uint64_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return *random;
}

#endif /* PTW_TESTS_PRUNE_MACHINE_H */
