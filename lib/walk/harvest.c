/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The public harvest calls, and where what was found goes. */
#include <ptw/harvest.h>

#include "lib/walk/harvest_job.h"
#include "lib/walk/template.h"

void ptw_bits_set(uint64_t *words, uint64_t first, uint64_t count)
{
	while (count) {
		unsigned int shift = first & 63;
		uint64_t n = 64 - shift;

		if (n > count)
			n = count;
		words[first >> 6] |= (~(uint64_t)0 >> (64 - n)) << shift;
		first += n;
		count -= n;
	}
}

static void ptw_word_emit(struct ptw_harvest_job *job)
{
	if (!job->word_young && !job->word_dirty)
		return;
	if (job->request->word(job->request->context, job->word_page, job->word_young,
			       job->word_dirty))
		job->stopped = true;
	job->word_young = job->word_dirty = 0;
}

/* Words of pages [page, page + count), joined with what waits for the same word. */
static void ptw_word_add(struct ptw_harvest_job *job, uint64_t page, uint64_t count, uint32_t what)
{
	while (count) {
		unsigned int shift = page & 63;
		uint64_t n = 64 - shift;
		uint64_t bits;

		if (n > count)
			n = count;
		bits = (~(uint64_t)0 >> (64 - n)) << shift;
		if (job->word_page != (page & ~(uint64_t)63)) {
			ptw_word_emit(job);
			job->word_page = page & ~(uint64_t)63;
		}
		if (what & PTW_EXTENT_YOUNG)
			job->word_young |= bits;
		if (what & PTW_EXTENT_DIRTY)
			job->word_dirty |= bits;
		page += n;
		count -= n;
	}
}

static void ptw_run_emit(struct ptw_harvest_job *job)
{
	if (!job->run.length)
		return;
	if (job->request->run(job->request->context, &job->run))
		job->stopped = true;
	job->run.length = 0;
}

static void ptw_run_add(struct ptw_harvest_job *job, const struct ptw_extent *extent)
{
	struct ptw_extent *run = &job->run;

	if (run->length && run->start + run->length == extent->start &&
	    run->level == extent->level && run->what == extent->what) {
		run->length += extent->length;
		return;
	}
	ptw_run_emit(job);
	*run = *extent;
}

int ptw_job_report(struct ptw_harvest_job *job, uint64_t start, uint64_t length, unsigned int level,
		   uint32_t what)
{
	struct ptw_extent extent = { start, length, level, what };
	uint64_t end = start + length;
	uint64_t page, pages;

	if (end <= job->start || start >= job->end)
		return PTW_OK;
	if (job->changed_start > start)
		job->changed_start = start;
	if (job->changed_end < end)
		job->changed_end = end;
	if (job->changed_level < level)
		job->changed_level = (uint8_t)level;
	if (start < job->start)
		job->head = extent;
	if (end > job->end)
		job->tail = extent;
	if (extent.start < job->start)
		extent.start = job->start;
	if (end > job->end)
		end = job->end;
	extent.length = end - extent.start;
	page = extent.start >> job->granule_lg2;
	/* A range of somebody who numbers smaller frames may begin and end inside a page. */
	pages = ((end - 1) >> job->granule_lg2) - page + 1;
	if (what & PTW_EXTENT_YOUNG) {
		job->young_extents++;
		job->young_pages += pages;
		if (job->young)
			ptw_bits_set(job->young, page - job->first_page, pages);
	}
	if (what & PTW_EXTENT_DIRTY) {
		job->dirty_extents++;
		job->dirty_pages += pages;
		if (job->dirty)
			ptw_bits_set(job->dirty, page - job->first_page, pages);
	}
	if (job->request && job->request->word)
		ptw_word_add(job, page, pages, what);
	if (job->request && job->request->run)
		ptw_run_add(job, &extent);
	return job->stopped ? PTW_ERR_STOPPED : PTW_OK;
}

void ptw_job_report_pages(struct ptw_harvest_job *job, uint64_t page, uint64_t young,
			  uint64_t dirty)
{
	uint64_t word = (page - job->first_page) >> 6;
	unsigned int n;

	if (young) {
		n = ptw_popcount(young);
		job->young_extents += n;
		job->young_pages += n;
		if (job->young)
			job->young[word] |= young << (page & 63);
	}
	if (dirty) {
		n = ptw_popcount(dirty);
		job->dirty_extents += n;
		job->dirty_pages += n;
		if (job->dirty)
			job->dirty[word] |= dirty << (page & 63);
	}
}

void ptw_job_report_run(struct ptw_harvest_job *job, uint64_t page, uint64_t young, uint64_t dirty)
{
	const uint64_t any = young | dirty;
	uint64_t start = (page + (unsigned int)__builtin_ctzll(any)) << job->granule_lg2;
	uint64_t end = (page + 64 - (unsigned int)__builtin_clzll(any)) << job->granule_lg2;

	if (job->changed_start > start)
		job->changed_start = start;
	if (job->changed_end < end)
		job->changed_end = end;
	ptw_job_report_pages(job, page, young, dirty);
}

static int ptw_harvest_args(const struct ptw_pgtable *p, const struct ptw_harvest *h,
			    const struct ptw_harvest_result *result)
{
	const uint32_t known = PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY | PTW_HARVEST_PEEK |
			       PTW_HARVEST_EXACT;

	int ret;

	if (!p || !h)
		return PTW_ERR_ARG;
	ret = ptw_size_check(h, h->size, sizeof(*h));
	if (ret)
		return ret;
	if (result && result->size < sizeof(*result))
		return PTW_ERR_SIZE;
	if ((h->flags & ~known) || h->reserved ||
	    !(h->flags & (PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY)))
		return PTW_ERR_ARG;
	if ((h->oa_start || h->oa_end) && h->oa_start >= h->oa_end)
		return PTW_ERR_RANGE;
	return PTW_OK;
}

static void ptw_harvest_flush(struct ptw_pgtable *p, const struct ptw_harvest_job *job)
{
	struct ptw_range range = { job->changed_start, job->changed_end };

	if (p->flush && range.start < range.end)
		p->flush(p->flush_context, &range, 1, PTW_FLUSH_LEAF, job->changed_level);
}

static void ptw_harvest_answer(const struct ptw_harvest_job *job, const struct ptw_walk_state *w,
			       struct ptw_harvest_result *result)
{
	result->resume = w->ia;
	result->entries = job->entries;
	result->young_extents = job->young_extents;
	result->young_pages = job->young_pages;
	result->dirty_extents = job->dirty_extents;
	result->dirty_pages = job->dirty_pages;
	result->owned = job->owned;
	result->busy = job->busy;
	result->sections = w->sections;
	result->head = job->head;
	result->tail = job->tail;
}

bool ptw_old_is_clean(const struct ptw_layout *l)
{
	for (uint32_t i = 0; i < l->kinds; i++)
		if (l->kind[i].tracked && !l->kind[i].dirty)
			return true;
	return false;
}

static ptw_always_inline int ptw_job_do(struct ptw_walk_state *w, struct ptw_harvest_job *job,
					const struct ptw_harvest *h)
{
	struct ptw_pgtable *p = w->pgtable;
	bool flush;
	int ret;

	job->ask.peek = h->flags & PTW_HARVEST_PEEK;
	flush = p->flush && !job->ask.peek &&
		((h->flags & (PTW_HARVEST_DIRTY | PTW_HARVEST_EXACT)) ||
		 ptw_old_is_clean(p->layout));
	if (flush && !ptw_port_may_block())
		return PTW_ERR_CONTEXT;
	job->young = h->young;
	job->dirty = h->dirty;
	job->granule_lg2 = p->geometry.granule_lg2;
	job->ask.want = h->flags & (PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY);
	job->ask.filter = h->oa_end ? h : NULL;
	job->request = h;
	job->bitmaps_only = !h->word && !h->run;

	if (w->ia == w->end)
		ret = PTW_OK;
	else if (p->instance->harvest_dense && job->ask.want == PTW_HARVEST_ACCESSED && h->young &&
		 !(p->geometry.features & PTW_FEATURE_CONTIG) &&
		 !(h->flags & ~PTW_HARVEST_ACCESSED) && !h->word && !h->run && !job->ask.filter)
		ret = p->instance->harvest_dense(w, job);
	else
		ret = p->instance->harvest(w, job);

	/* A leaf extent at the end may have carried the walk past it. */
	if (w->ia > w->end)
		w->ia = w->end;
	if (h->word)
		ptw_word_emit(job);
	if (h->run)
		ptw_run_emit(job);
	if (job->stopped && (!ret || ret == PTW_ERR_BUDGET))
		ret = PTW_ERR_STOPPED;
	if (flush && ((h->flags & (PTW_HARVEST_DIRTY | PTW_HARVEST_EXACT)) || job->dirty_extents))
		ptw_harvest_flush(p, job);
	return ret;
}

int ptw_job_harvest(struct ptw_walk_state *w, struct ptw_harvest_job *job,
		    const struct ptw_harvest *h)
{
	return ptw_job_do(w, job, h);
}

int ptw_harvest(struct ptw_pgtable *p, uint64_t start, uint64_t end, const struct ptw_harvest *h,
		struct ptw_harvest_result *result)
{
	struct ptw_walk_state w;
	struct ptw_harvest_job job;
	int ret;

	ret = ptw_harvest_args(p, h, result);
	if (ret)
		return ret;
	ret = ptw_range_check(p, &start, &end);
	if (ret)
		return ret;
	ptw_zero(&w, sizeof(w));
	ptw_zero(&job, sizeof(job));
	w.pgtable = p;
	job.changed_start = UINT64_MAX;
	w.start = w.ia = start;
	w.end = end;
	w.budget = h->budget;
	if (h->cursor && *h->cursor) {
		w.ia = *h->cursor;
		if (w.ia & (((uint64_t)1 << p->geometry.granule_lg2) - 1))
			return PTW_ERR_ALIGN;
		/* The end may lie behind the last address. */
		if (w.ia != end && (!ptw_strip_sign(p, &w.ia) || w.ia < start || w.ia > end))
			return PTW_ERR_RANGE;
		w.start = w.ia;
	}
	job.first_page = (start >> p->geometry.granule_lg2) & ~(uint64_t)63;
	job.start = w.start;
	job.end = end;
	ret = ptw_job_do(&w, &job, h);
	if (ret == PTW_ERR_CONTEXT)
		return ret;
	if (h->cursor)
		*h->cursor = w.ia;
	if (result)
		ptw_harvest_answer(&job, &w, result);
	return ret;
}

int ptw_test_young(struct ptw_pgtable *p, uint64_t ia)
{
	if (!p)
		return PTW_ERR_ARG;
	if (!ptw_strip_sign(p, &ia))
		return PTW_ERR_RANGE;
	return p->instance->test_young(p, ia);
}

int ptw_test_clear_young(struct ptw_pgtable *p, uint64_t ia)
{
	if (!p)
		return PTW_ERR_ARG;
	if (!ptw_strip_sign(p, &ia))
		return PTW_ERR_RANGE;
	return p->instance->test_clear_young(p, ia);
}
