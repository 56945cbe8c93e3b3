/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* An MMU of page tables: what of a range is young or dirty. */
#include "lib/mmu/mmu_table.h"
#include "lib/walk/template.h"

static void ptw_mmu_table_extent(const struct ptw_mmu_table_part *part,
				 const struct ptw_extent *found, struct ptw_extent *extent)
{
	*extent = *found;
	if (!found->length)
		return;
	extent->start = (found->start >> part->frame_lg2) + part->sign;
	extent->length = found->length >> part->frame_lg2;
}

static __attribute__((__noinline__)) void
ptw_mmu_table_look_again(const struct ptw_mmu_tables *t, struct ptw_mmu_ask *ask);

static int ptw_mmu_table_answer(const struct ptw_mmu_tables *t,
				const struct ptw_mmu_table_part *part, struct ptw_mmu_ask *ask,
				const struct ptw_walk_state *w, const struct ptw_harvest_job *job,
				int ret)
{
	/* What lies behind the last address is old. */
	ask->resume = ret ? ptw_mmu_table_reached(part, w->ia) : ask->end;
	ask->young_pages = ptw_mmu_table_count(part, job->young_pages);
	ask->dirty_pages = ptw_mmu_table_count(part, job->dirty_pages);
	ask->entries = job->entries;
	ask->cheap = 1;
	if (job->head.length)
		ptw_mmu_table_extent(part, &job->head, &ask->head);
	if (job->tail.length)
		ptw_mmu_table_extent(part, &job->tail, &ask->tail);
	if (job->busy)
		ptw_mmu_table_look_again(t, ask);
	return ret;
}

static __attribute__((__noinline__)) int
ptw_mmu_table_dense_answer(const struct ptw_mmu_tables *t, struct ptw_mmu_ask *ask,
			   const struct ptw_walk_state *w, const struct ptw_harvest_job *job,
			   int ret)
{
	const struct ptw_mmu_table_part part = {
		.one = &t->one[ask->as],
		.frame_lg2 = t->frame_lg2,
		.start = ask->start,
		.end = ask->end,
	};

	return ptw_mmu_table_answer(t, &part, ask, w, job, ret);
}

/* Frames of one word: the shortest way, see ptw_dense_few(). Less than 0: not that way. */
static ptw_always_inline int ptw_mmu_table_few(const struct ptw_mmu_tables *t,
					       const struct ptw_mmu_ask *ask)
{
	const struct ptw_pgtable *p = t->one[ask->as].pgtable;

	if (!p->few || (ask->start ^ (ask->end - 1)) >> 6 ||
	    (ask->budget && ask->budget < PTW_SECTION_COST))
		return PTW_FEW_REST;
	return p->instance->harvest_few(p, ask->start << t->frame_lg2,
					(unsigned int)(ask->end - ask->start), ask->young);
}

/* The hot path: one indirect call, into the caller's bitmap. */
static ptw_always_inline int ptw_mmu_table_dense(const struct ptw_mmu_tables *t,
						 struct ptw_mmu_ask *ask)
{
	struct ptw_pgtable *p = t->one[ask->as].pgtable;
	struct ptw_walk_state w;
	struct ptw_harvest_job job;
	int ret = ptw_mmu_table_few(t, ask);

	if (ret >= 0) {
		ask->resume = ask->end;
		ask->young_pages = (unsigned int)ret;
		ask->entries = ask->end - ask->start;
		ask->cheap = 1;
		return PTW_OK;
	}
	ptw_zero(&w, sizeof(w));
	ptw_zero(&job, sizeof(job));
	w.pgtable = p;
	w.start = w.ia = job.start = ask->start << t->frame_lg2;
	w.end = job.end = ask->end << t->frame_lg2;
	w.budget = ask->budget;
	job.young = ask->young;
	job.first_page = ask->start & ~(uint64_t)63;
	job.ask.want = PTW_HARVEST_ACCESSED;
	job.granule_lg2 = (uint8_t)t->frame_lg2;
	job.bitmaps_only = true;
	job.changed_start = UINT64_MAX;
	ret = p->instance->harvest_dense(&w, &job);
	if (ret || (job.head.length | job.tail.length | job.busy) ||
	    job.young_pages > ask->end - ask->start)
		return ptw_mmu_table_dense_answer(t, ask, &w, &job, ret);
	ask->resume = ask->end;
	ask->young_pages = job.young_pages;
	ask->entries = job.entries;
	ask->cheap = 1;
	return PTW_OK;
}

static uint64_t ptw_spread_bits(const struct ptw_spread *s, uint64_t *words, uint64_t page,
				uint64_t bits)
{
	const struct ptw_mmu_table_part *part = s->part;
	uint64_t frames = 0;

	while (bits) {
		unsigned int first = (unsigned int)__builtin_ctzll(bits);
		uint64_t gap = ~(bits >> first);
		unsigned int n = gap ? (unsigned int)__builtin_ctzll(gap) : 64;
		uint64_t start = (page + first) << part->one->shift;
		uint64_t end = (page + first + n) << part->one->shift;

		bits = first + n < 64 ? bits & ~(uint64_t)0 << (first + n) : 0;
		if (start < part->start)
			start = part->start;
		if (end > part->end)
			end = part->end;
		if (start >= end)
			continue;
		frames += end - start;
		if (words)
			ptw_bits_set(words, ptw_mmu_bit(s->ask->start, start), end - start);
	}
	return frames;
}

int ptw_spread(void *context, uint64_t page, uint64_t young, uint64_t dirty)
{
	struct ptw_spread *s = context;

	s->young_pages += ptw_spread_bits(s, s->ask->young, page, young);
	s->dirty_pages += ptw_spread_bits(s, s->ask->dirty, page, dirty);
	return 0;
}

/* Any flags, any granule. */
static int ptw_mmu_table_any(const struct ptw_mmu_tables *t, struct ptw_mmu_ask *ask,
			     const struct ptw_mmu_table_part *part)
{
	struct ptw_pgtable *p = part->one->pgtable;
	const uint64_t inside = ((uint64_t)1 << p->geometry.granule_lg2) - 1;
	struct ptw_walk_state w = { .pgtable = p };
	struct ptw_harvest_job job = { .changed_start = UINT64_MAX };
	struct ptw_spread spread = { .part = part, .ask = ask };
	struct ptw_harvest h = { .flags = ask->flags };
	int ret;

	/* Leaf extents are cut where the question cuts them; the walk is over whole granules. */
	job.start = part->start << t->frame_lg2;
	job.end = part->end << t->frame_lg2;
	w.start = w.ia = job.start & ~inside;
	w.end = (job.end + inside) & ~inside;
	w.budget = ask->budget;
	if (part->one->shift) {
		h.word = ptw_spread;
		h.context = &spread;
	} else {
		h.young = ptw_mmu_words(ask->young, ask->start, part->start + part->sign);
		h.dirty = ptw_mmu_words(ask->dirty, ask->start, part->start + part->sign);
		job.first_page = part->start & ~(uint64_t)63;
	}
	ret = ptw_job_harvest(&w, &job, &h);
	if (ret == PTW_ERR_CONTEXT)
		return ptw_mmu_refuse(ask, ret);
	if (part->one->shift) {
		job.young_pages = spread.young_pages;
		job.dirty_pages = spread.dirty_pages;
	}
	return ptw_mmu_table_answer(t, part, ask, &w, &job, ret);
}

static int ptw_mmu_table_ask(const struct ptw_mmu_tables *t, struct ptw_mmu_ask *ask,
			     uint32_t known)
{
	struct ptw_mmu_table_part part;
	int ret = ptw_mmu_ask_check(ask, known);

	if (ret)
		return ret;
	if (ask->as >= t->count)
		return ptw_mmu_refuse(ask, PTW_ERR_ARG);
	if (ptw_mmu_table_part(t, ask->as, ask->start, ask->end, &part))
		return ptw_mmu_table_any(t, ask, &part);
	ask->resume = ask->end;
	ask->cheap = 1;
	return PTW_OK;
}

/*
 * Some extents kept changing and were left as they were: what is still set after that is what could
 * not be asked (or was used again just now). That happens rarely enough to go over all of it.
 */
static void ptw_mmu_table_look_again(const struct ptw_mmu_tables *t, struct ptw_mmu_ask *ask)
{
	const uint32_t want = PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY;
	struct ptw_mmu_ask again = {
		.size = sizeof(again),
		.as = ask->as,
		.flags = (ask->flags & want) | PTW_HARVEST_PEEK,
		.start = ask->start,
		.end = ask->resume,
		.young = ask->not_asked,
		.dirty = ask->not_asked,
	};
	uint64_t frames;

	if (ask->start >= ask->resume ||
	    ptw_mmu_table_ask(t, &again, want | PTW_HARVEST_PEEK))
		return;
	frames = again.young_pages + again.dirty_pages;
	if (frames > again.end - again.start)
		frames = again.end - again.start;
	ask->not_asked_pages += frames;
}

static bool ptw_mmu_table_is_dense(const struct ptw_mmu_tables *t, const struct ptw_mmu_ask *ask)
{
	return ask && ask->size == sizeof(*ask) && ask->flags == PTW_HARVEST_ACCESSED &&
	       ask->as < t->count && ask->start < ask->end &&
	       ask->end <= t->one[ask->as].frames && t->one[ask->as].dense && ask->young;
}

int ptw_mmu_table_harvest(void *context, struct ptw_mmu_ask *ask)
{
	if (ptw_mmu_table_is_dense(context, ask))
		return ptw_mmu_table_dense(context, ask);
	return ptw_mmu_table_ask(context, ask, PTW_HARVEST_ACCESSED | PTW_HARVEST_PEEK);
}

int ptw_mmu_table_harvest_dirty(void *context, struct ptw_mmu_ask *ask)
{
	return ptw_mmu_table_ask(context, ask,
				 PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY | PTW_HARVEST_PEEK |
					 PTW_HARVEST_EXACT);
}
