/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Random harvests, in every shape, against the model. */
#ifndef PTW_TESTS_HARVESTS_H
#define PTW_TESTS_HARVESTS_H

#include "tests/property/run.h"

/* A harvest under way, for its sinks. */
struct sinks {
	struct run *r;
	struct area *a;
	uint64_t next_page; /* words and runs come in ascending order */
	uint64_t next_run;
	struct ptw_extent last;
	bool runs;
};

static inline void see(struct sinks *s, uint64_t page, uint32_t what)
{
	struct run *r = s->r;
	const uint64_t p = page - s->a->base / r->m.granule;

	check(r, p < s->a->pages, "page %#" PRIx64 " is not in the range", page);
	if (what & PTW_EXTENT_YOUNG) {
		check(r, !r->seen_young[p], "page %#" PRIx64 " young twice", page);
		r->seen_young[p] = 1;
	}
	if (what & PTW_EXTENT_DIRTY) {
		check(r, !r->seen_dirty[p], "page %#" PRIx64 " dirty twice", page);
		r->seen_dirty[p] = 1;
	}
}

static inline int take_word(void *context, uint64_t page, uint64_t young, uint64_t dirty)
{
	struct sinks *s = context;

	check(s->r, !(page & 63) && (young | dirty), "odd word at page %#" PRIx64, page);
	check(s->r, page >= s->next_page, "word at page %#" PRIx64 " out of order", page);
	s->next_page = page + 64;
	for (unsigned int i = 0; !s->runs && i < 64; i++) {
		if (young >> i & 1)
			see(s, page + i, PTW_EXTENT_YOUNG);
		if (dirty >> i & 1)
			see(s, page + i, PTW_EXTENT_DIRTY);
	}
	return 0;
}

static inline int take_run(void *context, const struct ptw_extent *run)
{
	struct sinks *s = context;
	struct run *r = s->r;

	check(r, run->length && run->what, "empty run");
	check(r, run->start >= s->next_run, "run at %#" PRIx64 " out of order", run->start);
	check(r,
	      run->start != s->next_run || run->level != s->last.level ||
		      run->what != s->last.what || !s->last.length,
	      "runs at %#" PRIx64 " were not joined", run->start);
	s->next_run = run->start + run->length;
	s->last = *run;
	for (uint64_t ia = run->start; ia < s->next_run; ia += r->m.granule) {
		const uint64_t p = (ia - s->a->base) / r->m.granule;

		see(s, ia / r->m.granule, run->what);
		check_eq(r, "level of run", run->level, s->a->page[p].level);
	}
	return 0;
}

static inline bool same_extent(const struct ptw_extent *x, const struct ptw_extent *y)
{
	return x->length == y->length &&
	       (!x->length || (x->start == y->start && x->level == y->level && x->what == y->what));
}

/* What a harvest should find; cleared in the model unless it only looks. */
struct expected {
	struct report report;
	struct ptw_extent head, tail;
	uint64_t span_start, span_end;
};

static inline void model_harvest(struct run *r, struct area *a, uint32_t from, uint32_t to,
				 const struct ptw_harvest *h, struct expected *x)
{
	memset(r->young, 0, r->pages);
	memset(r->dirty, 0, r->pages);
	x->span_start = UINT64_MAX;
	for (uint32_t p = from; p < to;) {
		struct page *extent = extent_of(a, p);
		struct page state = *extent;
		struct ptw_extent found;
		uint32_t end;

		if (!a->page[p].count) {
			p++;
			continue;
		}
		end = state.first + state.count;
		if (end > to)
			end = to;
		state.young &= h->flags & PTW_HARVEST_ACCESSED;
		state.dirty &= (h->flags & PTW_HARVEST_DIRTY) != 0;
		if (h->oa_end && (state.oa < h->oa_start || state.oa >= h->oa_end))
			state.young = state.dirty = false;
		report_extent(&x->report, &state, end - p);
		memset(r->young + p, state.young, end - p);
		memset(r->dirty + p, state.dirty, end - p);
		found.start = ia_of(r, a, state.first);
		found.length = state.count * r->m.granule;
		found.level = state.level;
		found.what =
			(state.young ? PTW_EXTENT_YOUNG : 0) | (state.dirty ? PTW_EXTENT_DIRTY : 0);
		if (found.what) {
			if (state.first < from)
				x->head = found;
			if (state.first + state.count > to)
				x->tail = found;
			if (x->span_start > found.start)
				x->span_start = found.start;
			x->span_end = found.start + found.length;
		}
		if (!(h->flags & PTW_HARVEST_PEEK)) {
			extent->young &= !state.young;
			extent->dirty &= !state.dirty;
		}
		p = end;
	}
}

static inline void random_harvest(struct run *r, struct ptw_harvest *h, struct sinks *sinks)
{
	*h = (struct ptw_harvest){
		.size = sizeof(*h),
		.flags = 1 + (uint32_t)pick(r, 3),
		.context = sinks,
	};
	/* One in three is the kind that has a loop of its own. */
	if (chance(r, 33)) {
		h->flags = PTW_HARVEST_ACCESSED;
		h->young = r->young_words;
	} else {
		if (chance(r, 20))
			h->flags |= PTW_HARVEST_PEEK;
		if (chance(r, 20))
			h->flags |= PTW_HARVEST_EXACT;
		if (chance(r, 60))
			h->young = r->young_words;
		if (chance(r, 60))
			h->dirty = r->dirty_words;
		if (chance(r, 40))
			h->word = take_word;
		if (chance(r, 40)) {
			h->run = take_run;
			sinks->runs = true;
		}
		if (chance(r, 20)) {
			const uint64_t oa_end = (uint64_t)1 << r->oa_bits;

			h->oa_start = pick(r, oa_end);
			h->oa_end = h->oa_start + 1 + pick(r, oa_end);
		}
	}
	if (chance(r, 30))
		h->budget = 1 + pick(r, chance(r, 50) ? 50 : 5000);
}

static inline void add_result(struct ptw_harvest_result *sum, const struct ptw_harvest_result *one)
{
	sum->young_extents += one->young_extents;
	sum->young_pages += one->young_pages;
	sum->dirty_extents += one->dirty_extents;
	sum->dirty_pages += one->dirty_pages;
	sum->owned += one->owned;
	sum->busy += one->busy;
	if (one->head.length)
		sum->head = one->head;
	if (one->tail.length)
		sum->tail = one->tail;
}

static inline void do_harvest(struct run *r, struct area *a)
{
	struct sinks sinks = { .r = r, .a = a };
	struct ptw_harvest_result one = { .size = sizeof(one) }, sum = { 0 };
	struct expected x = { .span_end = 0 };
	struct ptw_range flushed = { UINT64_MAX, 0 };
	struct ptw_harvest h;
	uint64_t start, end, s, e, cursor = 0, resume;
	uint32_t from, to;
	int ret;

	random_range(r, a, &from, &to);
	start = s = ia_of(r, a, from);
	end = e = ia_of(r, a, to);
	random_harvest(r, &h, &sinks);
	h.cursor = &cursor;
	fill_bitmap(r->young_words, ptw_bitmap_words(start, end, r->m.info.granule_lg2));
	fill_bitmap(r->dirty_words, ptw_bitmap_words(start, end, r->m.info.granule_lg2));
	memset(r->seen_young, 0, r->pages);
	memset(r->seen_dirty, 0, r->pages);
	model_harvest(r, a, from, to, &h, &x);
	any_range(r, &s, &e);
	resume = start;
	do {
		const unsigned int flushes = r->m.flushes;

		sinks.next_page = 0;
		sinks.last.length = 0;
		ret = ptw_harvest(r->m.pgtable, s, e, &h, &one);
		check(r, ret == PTW_OK || (h.budget && ret == PTW_ERR_BUDGET), "harvest: %s",
		      ptw_strerror(ret));
		check(r, one.resume > resume && one.resume <= end, "no progress at %#" PRIx64,
		      resume);
		check_eq(r, "cursor", cursor, one.resume);
		resume = one.resume;
		add_result(&sum, &one);
		if (r->m.flushes == flushes)
			continue;
		check_eq(r, "flushes", r->m.flushes, flushes + 1);
		if (flushed.start > r->m.range[0].start)
			flushed.start = r->m.range[0].start;
		if (flushed.end < r->m.range[0].end)
			flushed.end = r->m.range[0].end;
	} while (ret);
	check_eq(r, "resume", resume, end);
	check_eq(r, "young extents", sum.young_extents, x.report.young_extents);
	check_eq(r, "young pages", sum.young_pages, x.report.young_pages);
	check_eq(r, "dirty extents", sum.dirty_extents, x.report.dirty_extents);
	check_eq(r, "dirty pages", sum.dirty_pages, x.report.dirty_pages);
	check_eq(r, "owned or busy", sum.owned | sum.busy, 0);
	answer(r, sum.young_extents);
	answer(r, sum.young_pages);
	for (uint32_t p = from; p < to; p++)
		answer(r, r->young[p]);
	family_answer(r, sum.dirty_extents);
	family_answer(r, sum.dirty_pages);
	check(r, same_extent(&sum.head, &x.head), "head %#" PRIx64, sum.head.start);
	check(r, same_extent(&sum.tail, &x.tail), "tail %#" PRIx64, sum.tail.start);
	if (h.young)
		check_bitmap(r, "young", a, start, end, r->young_words, r->young);
	if (h.dirty)
		check_bitmap(r, "dirty", a, start, end, r->dirty_words, r->dirty);
	if (h.word || h.run) {
		check(r, !memcmp(r->seen_young, r->young, r->pages), "young pages of a sink");
		check(r, !memcmp(r->seen_dirty, r->dirty, r->pages), "dirty pages of a sink");
	}
	if ((h.flags & (PTW_HARVEST_DIRTY | PTW_HARVEST_EXACT)) && !(h.flags & PTW_HARVEST_PEEK)) {
		check_eq(r, "start of flush", flushed.start, x.span_start);
		check_eq(r, "end of flush", flushed.end, x.span_end);
	} else {
		check_eq(r, "flushed bytes", flushed.end, 0);
	}
}

#endif /* PTW_TESTS_HARVESTS_H */
