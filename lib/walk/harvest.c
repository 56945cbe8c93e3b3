/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The public harvest calls, and where what was found goes. */
#include <ptw/filter.h>
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

/* Young pages of one word that an exact harvest's flush must cover. */
static void ptw_job_changed(struct ptw_harvest_job *job, uint64_t page, uint64_t young)
{
	const uint64_t start = (page + (unsigned int)__builtin_ctzll(young)) << job->granule_lg2;
	const uint64_t end = (page + 64 - (unsigned int)__builtin_clzll(young)) << job->granule_lg2;

	if (job->changed_start > start)
		job->changed_start = start;
	if (job->changed_end < end)
		job->changed_end = end;
}

int ptw_job_report_words(struct ptw_harvest_job *job, uint64_t page, const uint64_t *young,
			 unsigned int words)
{
	const struct ptw_harvest *h = job->request;
	struct ptw_filter *filter = h->prune ? h->prune->filter : NULL;
	uint64_t index = (page - job->first_page) >> 6;

	for (unsigned int i = 0; i < words; i++, index++, page += 64) {
		if (!young[i])
			continue;
		if (job->summary)
			job->summary[index >> 6] |= (uint64_t)1 << (index & 63);
		if (h->word) {
			if (job->word_page != (page & ~(uint64_t)63)) {
				ptw_word_emit(job);
				job->word_page = page & ~(uint64_t)63;
			}
			job->word_young |= young[i] << (page & 63);
		}
		if (filter)
			ptw_filter_add(filter, page >> job->index_lg2);
		if (h->flags & PTW_HARVEST_EXACT)
			ptw_job_changed(job, page, young[i]);
	}
	return job->stopped ? PTW_ERR_STOPPED : PTW_OK;
}

/* What an extent adds to the summary and to the region filter. */
static void ptw_job_report_regions(struct ptw_harvest_job *job, uint64_t page, uint64_t pages,
				   unsigned int level)
{
	const struct ptw_harvest *h = job->request;
	uint64_t first = (page - job->first_page) >> 6;
	uint64_t last = (page + pages - 1 - job->first_page) >> 6;

	if (job->summary)
		ptw_bits_set(job->summary, first, last - first + 1);
	/* Blocks are read anyway. */
	if (!level && h && h->prune && h->prune->filter)
		ptw_filter_add(h->prune->filter, page >> job->index_lg2);
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
	ptw_job_report_regions(job, page, pages, level);
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

	if (young | dirty)
		ptw_job_report_regions(job, page, 1, 0);
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

/* The walk that serves a request: the hot loop, if it can do what is wanted. */
static ptw_always_inline int (*ptw_job_walk(const struct ptw_pgtable *p,
					    const struct ptw_harvest_job *job,
					    const struct ptw_harvest *h))(struct ptw_walk_state *,
									  struct ptw_harvest_job *)
{
	const uint64_t cut = (job->start | job->end) & (((uint64_t)1 << job->granule_lg2) - 1);

	if (p->instance->harvest_dense && !cut &&
	    !((h->flags ^ PTW_HARVEST_ACCESSED) & ~(uint32_t)PTW_HARVEST_EXACT) &&
	    (h->young || h->word || h->summary) && !h->run && !job->ask.filter &&
	    !(p->geometry.features & PTW_FEATURE_CONTIG))
		return p->instance->harvest_dense;
	return p->instance->harvest;
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
		 (h->prune && (h->prune->flags & PTW_PRUNE_FLUSH)) ||
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
	job->summary = h->summary;
	job->sparse = h->word || h->summary || (h->prune && h->prune->filter) ||
		      (h->flags & PTW_HARVEST_EXACT);
	job->index_lg2 = p->geometry.index_lg2;

	if (w->ia == w->end)
		ret = PTW_OK;
	else if (h->prune)
		ret = ptw_prune_harvest(w, job, ptw_job_walk(p, job, h));
	else
		ret = ptw_job_walk(p, job, h)(w, job);

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

/* Nothing but the accessed bits of one word of pages, into a bitmap? */
static ptw_always_inline bool ptw_harvest_is_few(const struct ptw_pgtable *p, uint64_t start,
						 uint64_t end, const struct ptw_harvest *h)
{
	const unsigned int lg2 = p->geometry.granule_lg2;

	return h->size == sizeof(*h) && h->flags == PTW_HARVEST_ACCESSED && h->young &&
	       !((uintptr_t)h->dirty | (uintptr_t)h->word | (uintptr_t)h->run |
		 (uintptr_t)h->summary | (uintptr_t)h->prune | (uintptr_t)h->cursor |
		 h->oa_start | h->oa_end | h->budget | h->reserved) &&
	       start < end && !((start ^ (end - 1)) >> lg2 >> 6) &&
	       !((start | end) & (((uint64_t)1 << lg2) - 1)) &&
	       !((end - 1) >> p->geometry.ia_bits) && p->few;
}

static ptw_always_inline void ptw_harvest_few_answer(struct ptw_harvest_result *result,
						    uint64_t end, unsigned int n,
						    unsigned int young)
{
	ptw_zero(&result->resume, sizeof(*result) - offsetof(struct ptw_harvest_result, resume));
	result->resume = end;
	result->entries = n;
	result->young_extents = result->young_pages = young;
	result->sections = 1;
}

/* Apart, since most of it is setting up. */
static __attribute__((__noinline__)) int ptw_harvest_range(struct ptw_pgtable *p, uint64_t start,
							   uint64_t end,
							   const struct ptw_harvest *h,
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
	if (h->prune) {
		ret = ptw_prune_args(p, h, start, end);
		if (ret)
			return ret;
	}
	job.first_page = (start >> p->geometry.granule_lg2) & ~(uint64_t)63;
	job.start = w.start;
	job.end = end;
	job.range_start = start;
	ret = ptw_job_do(&w, &job, h);
	if (ret == PTW_ERR_CONTEXT)
		return ret;
	if (h->cursor)
		*h->cursor = w.ia;
	if (result)
		ptw_harvest_answer(&job, &w, result);
	return ret;
}

int ptw_harvest(struct ptw_pgtable *p, uint64_t start, uint64_t end, const struct ptw_harvest *h,
		struct ptw_harvest_result *result)
{
	int ret;

	if (p && h && ptw_harvest_is_few(p, start, end, h) &&
	    (!result || result->size >= sizeof(*result))) {
		const unsigned int n = (unsigned int)((end - start) >> p->geometry.granule_lg2);
		const int young = p->instance->harvest_few(p, start, n, h->young);

		if (young >= 0) {
			if (result)
				ptw_harvest_few_answer(result, end, n, (unsigned int)young);
			return PTW_OK;
		}
	}
	ptw_port_trace(harvest_begin, (uintptr_t)p, start, end);
	ret = ptw_harvest_range(p, start, end, h, result);
	ptw_port_trace(harvest_end, (uintptr_t)p, start, (int64_t)ret);
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
