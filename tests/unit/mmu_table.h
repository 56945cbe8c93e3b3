/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A page table with pages of several sizes, the MMU made of it, and what is young and dirty. */
#ifndef PTW_TESTS_MMU_TABLE_H
#define PTW_TESTS_MMU_TABLE_H

#define QUESTION_WORDS 10304

#include "tests/unit/mmu_question.h"

static struct machine m;
static struct ptw_mmu mmu;
static uint32_t frame_lg2, shift; /* bytes of a frame; frames of a granule */

#define ACCESSED PTW_HARVEST_ACCESSED
#define DIRTY	 PTW_HARVEST_DIRTY
#define PEEK	 PTW_HARVEST_PEEK
#define EXACT	 PTW_HARVEST_EXACT

static inline int create(struct ptw_pgtable *const *pgtables, uint32_t count, uint32_t lg2)
{
	const struct ptw_mmu_table config = {
		.size = sizeof(config),
		.pgtables = pgtables,
		.count = count,
		.frame_lg2 = lg2,
	};

	return ptw_mmu_table_create(&config, &mmu);
}

static inline void open_mmu(uint32_t lg2)
{
	frame_lg2 = lg2;
	shift = m.info.granule_lg2 - lg2;
	cr_assert_eq(create(&m.pgtable, 1, lg2), PTW_OK);
}

static inline void close_mmu(void)
{
	ptw_mmu_destroy(&mmu);
	cr_assert_null(mmu.ops);
}

/* What is young and dirty in [0, end), by granule. */
#define GRANULES (40u * 8192)

struct state {
	uint64_t young[GRANULES / 64], dirty[GRANULES / 64];
};

static inline void look(struct state *s, uint64_t end)
{
	struct ptw_harvest h = { .size = sizeof(h),
				 .flags = ACCESSED | DIRTY | PEEK,
				 .young = s->young,
				 .dirty = s->dirty };

	memset(s, 0, sizeof(*s));
	cr_assert_eq(ptw_harvest(m.pgtable, 0, end, &h, NULL), PTW_OK);
}

static inline bool granule_bit(const uint64_t *words, uint64_t frame)
{
	const uint64_t granule = frame >> shift;

	return words[granule / 64] >> granule % 64 & 1;
}

/* Pages, two blocks, pages again; groups where there are such. */
static inline uint64_t plant_pages(void)
{
	const uint64_t block = entry_size(&m, 1);

	map_levels(&m, 0, block, 0, 1);
	map_levels(&m, block, 3 * block, block, 2);
	map_levels(&m, 3 * block + 2 * m.granule, 5 * block, 3 * block + 2 * m.granule, 1);
	return 5 * block;
}

static inline void access_some(uint64_t *random)
{
	const uint64_t block = entry_size(&m, 1);

	for (unsigned int i = 0; i < 30; i++) {
		/* Near the places where sizes change, too. */
		const uint64_t at = random_chance(random, 50) ? random_below(random, block) :
								random_below(random, 3 * m.granule);
		const uint64_t ia = random_below(random, 5) * block + at;

		if (ia >= 3 * block && ia < 3 * block + 2 * m.granule)
			continue;
		access_fixed(&m, ia,
			     random_chance(random, 40) ? PTW_ACCESS_WRITE : PTW_ACCESS_READ);
	}
}

#endif /* PTW_TESTS_MMU_TABLE_H */
