/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* MMUs of page tables, between their files: what of a question is in a page table, and words of granules for frames. */
#ifndef PTW_LIB_MMU_TABLE_H
#define PTW_LIB_MMU_TABLE_H

#include "lib/mmu/mmu.h"

/* One address space. */
struct ptw_mmu_table_one {
	struct ptw_pgtable *pgtable;
	uint64_t frames; /* how many its input addresses have */
	uint64_t upper;  /* first frame of an address with its sign (x86-64), or 0 */
	uint64_t sign;   /* of such frames */
	uint32_t shift;  /* frames of a granule, as a power of two */
	bool dense;      /* accessed alone is the instance's harvest_dense() */
};

struct ptw_mmu_tables {
	struct ptw_mmu_ops ops;
	uint32_t count;
	uint32_t frame_lg2;
	struct ptw_mmu_table_one one[];
};

/* Of a question: what is in the page table. */
struct ptw_mmu_table_part {
	const struct ptw_mmu_table_one *one;
	uint32_t frame_lg2;
	uint64_t start; /* frames without a sign */
	uint64_t end;
	uint64_t sign;  /* that they had */
};

/* The part of [start, end) that the page table has; false: none, all of it is old. No bitmap
 * reaches from the lower half of the addresses to the upper one. */
static inline bool ptw_mmu_table_part(const struct ptw_mmu_tables *t, uint32_t as, uint64_t start,
			       uint64_t end, struct ptw_mmu_table_part *part)
{
	const struct ptw_mmu_table_one *one = &t->one[as];
	const uint64_t last = UINT64_MAX >> t->frame_lg2;

	part->one = one;
	part->frame_lg2 = t->frame_lg2;
	part->sign = 0;
	if (start >= one->frames && one->upper && end > one->upper && start <= last) {
		part->sign = one->sign;
		if (start < one->upper)
			start = one->upper;
		if (end > last)
			end = last + 1;
		start -= part->sign;
		end -= part->sign;
	} else if (end > one->frames) {
		end = one->frames;
	}
	part->start = start;
	part->end = end;
	return start < end;
}

/* An address that the walk has reached, as the frame to go on at; not before where it began. */
static inline uint64_t ptw_mmu_table_reached(const struct ptw_mmu_table_part *part, uint64_t ia)
{
	uint64_t frame = ia >> part->frame_lg2;

	if (frame < part->start)
		frame = part->start;
	if (frame > part->end)
		frame = part->end;
	return frame + part->sign;
}

/* Pages that became a larger leaf under the walk may have been counted before and after. */
static inline uint64_t ptw_mmu_table_count(const struct ptw_mmu_table_part *part, uint64_t frames)
{
	return frames < part->end - part->start ? frames : part->end - part->start;
}

/* A word of granules goes to their frames; see mmu_table.c. */
struct ptw_spread {
	const struct ptw_mmu_table_part *part;
	struct ptw_mmu_ask *ask;
	uint64_t young_pages;
	uint64_t dirty_pages;
};

/* A ptw_word_fn; the context is a ptw_spread. */
int ptw_spread(void *context, uint64_t page, uint64_t young, uint64_t dirty);

/* Operations of the MMU, see ptw_mmu_ops. */
int ptw_mmu_table_harvest(void *context, struct ptw_mmu_ask *ask);
int ptw_mmu_table_harvest_dirty(void *context, struct ptw_mmu_ask *ask);
int ptw_mmu_table_unmap(void *context, struct ptw_mmu_ask *ask);
int ptw_mmu_table_touched(void *context, uint32_t as, uint64_t start, uint64_t end,
			  ptw_mmu_note_fn note, void *sink);

#endif /* PTW_LIB_MMU_TABLE_H */
