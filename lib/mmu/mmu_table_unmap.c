/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* An MMU of page tables: frames that the primary takes away. */
#include <ptw/change.h>

#include "lib/mmu/mmu_table.h"
#include "lib/walk/template.h"

/* Tries to unmap a range whose ends others may be making leaves of. */
#define PTW_MMU_UNMAP_TRIES 8

/* What an unmap in several tries did. */
struct ptw_mmu_table_gone {
	uint64_t reached;
	uint64_t young_pages;
	uint64_t dirty_pages;
	uint64_t leaves;
};

/* Split what lies across `ia`, as little as possible: `page`, which begins or ends there, is to be
 * in a leaf that does so, too. */
static int ptw_mmu_table_cut(struct ptw_pgtable *p, uint64_t ia, uint64_t page)
{
	unsigned int level = 0;

	while (level < p->geometry.root_level &&
	       !(ia & (((uint64_t)1 << ptw_span_lg2(p->instance->format, level + 1)) - 1)))
		level++;
	return ptw_split(p, page, page + ((uint64_t)1 << p->geometry.granule_lg2), level, NULL);
}

/* Unmap [start, end) of input addresses, whole granules. */
static int ptw_mmu_table_take(struct ptw_pgtable *p, uint64_t start, uint64_t end, uint64_t *young,
			      uint64_t *dirty, struct ptw_mmu_table_gone *gone)
{
	const uint64_t granule = (uint64_t)1 << p->geometry.granule_lg2;
	struct ptw_unmap unmap = { .size = sizeof(unmap), .young = young, .dirty = dirty };
	int ret;

	gone->reached = start;
	for (unsigned int i = 0; i < PTW_MMU_UNMAP_TRIES; i++) {
		struct ptw_change_result r = { .size = sizeof(r), .reached = start };

		ret = ptw_unmap(p, start, end, &unmap, &r);
		/* The part before what others made may be gone, even if the range cuts it. */
		gone->young_pages += r.young_pages;
		gone->dirty_pages += r.dirty_pages;
		gone->leaves += r.leaves;
		if (ret != PTW_ERR_BLOCK) {
			gone->reached = r.reached;
			return ret;
		}
		if (r.reached < start)
			ret = ptw_mmu_table_cut(p, start, start);
		else
			ret = ptw_mmu_table_cut(p, end, end - granule);
		if (ret)
			return ret;
	}
	return PTW_ERR_AGAIN;
}

/* Words of the bitmaps for a few granules; more are allocated. */
#define PTW_MMU_UNMAP_WORDS 8

/* A granule that the question cuts is gone whole: tell what it was. */
static void ptw_mmu_table_cut_granule(const struct ptw_mmu_table_part *part, uint64_t page,
				      uint64_t young, uint64_t dirty, uint64_t bit,
				      struct ptw_extent *extent)
{
	const uint32_t what = (young >> bit & 1 ? PTW_EXTENT_YOUNG : 0) |
			      (dirty >> bit & 1 ? PTW_EXTENT_DIRTY : 0);

	if (what)
		*extent = (struct ptw_extent){ page << part->one->shift,
					       (uint64_t)1 << part->one->shift, 0, what };
}

/* Unmap where frames are smaller than granules. */
static int ptw_mmu_table_unmap_wide(struct ptw_mmu_ask *ask, const struct ptw_mmu_table_part *part,
				    struct ptw_mmu_table_gone *gone)
{
	struct ptw_pgtable *p = part->one->pgtable;
	const uint32_t lg2 = p->geometry.granule_lg2, shift = part->one->shift;
	const uint64_t first = part->start >> shift, last = (part->end - 1) >> shift;
	const uint64_t base = first & ~(uint64_t)63, words = (last - base) / 64 + 1;
	const uint64_t cut = ((uint64_t)1 << shift) - 1;
	struct ptw_spread spread = { .part = part, .ask = ask };
	uint64_t local[2 * PTW_MMU_UNMAP_WORDS] = { 0 };
	uint64_t *young = local, *dirty;
	int ret;

	if (words > PTW_MMU_UNMAP_WORDS) {
		young = ptw_port_zalloc(2 * words * sizeof(*young));
		if (!young)
			return PTW_ERR_NOMEM;
	}
	dirty = young + words;
	ret = ptw_mmu_table_take(p, first << lg2, (last + 1) << lg2, young, dirty, gone);
	for (uint64_t i = 0; i < words; i++)
		if (young[i] | dirty[i])
			ptw_spread(&spread, base + i * 64, young[i], dirty[i]);
	gone->young_pages = spread.young_pages;
	gone->dirty_pages = spread.dirty_pages;
	if (part->start & cut)
		ptw_mmu_table_cut_granule(part, first, young[0], dirty[0], first & 63, &ask->head);
	if (part->end & cut)
		ptw_mmu_table_cut_granule(part, last, young[words - 1], dirty[words - 1], last & 63,
					  &ask->tail);
	if (young != local)
		ptw_port_free(young, 2 * words * sizeof(*young));
	return ret;
}

int ptw_mmu_table_unmap(void *context, struct ptw_mmu_ask *ask)
{
	const struct ptw_mmu_tables *t = context;
	struct ptw_mmu_table_gone gone = { 0 };
	struct ptw_mmu_table_part part;
	int ret = ptw_mmu_ask_check(ask, 0);

	if (ret)
		return ret;
	if (ask->as >= t->count)
		return ptw_mmu_refuse(ask, PTW_ERR_ARG);
	ask->resume = ask->end;
	/* Whoever built an attached page table follows the primary by himself. */
	if (t->one[ask->as].pgtable->attached ||
	    !ptw_mmu_table_part(t, ask->as, ask->start, ask->end, &part))
		return PTW_OK;
	gone.reached = part.start << t->frame_lg2;
	if (part.one->shift)
		ret = ptw_mmu_table_unmap_wide(ask, &part, &gone);
	else
		ret = ptw_mmu_table_take(
			part.one->pgtable, part.start << t->frame_lg2, part.end << t->frame_lg2,
			ptw_mmu_words(ask->young, ask->start, part.start + part.sign),
			ptw_mmu_words(ask->dirty, ask->start, part.start + part.sign), &gone);
	if (ret)
		ask->resume = ptw_mmu_table_reached(&part, gone.reached);
	ask->young_pages = ptw_mmu_table_count(&part, gone.young_pages);
	ask->dirty_pages = ptw_mmu_table_count(&part, gone.dirty_pages);
	ask->entries = gone.leaves;
	return ret;
}
