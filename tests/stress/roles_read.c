/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The roles that read, and those that clear what they report: H, D, Q, K, F. */
#include <inttypes.h>
#include <string.h>

#include "ledger.h"

/* Of a read-side section: what it may cost, and what the last run and the way down may add. */
#define SECTION_COST	4096u
#define SECTION_SLACK	(64u * 17u + 8u * 17u)
#define CHANGE_COST	16u

/* Which outputs a harvest asks for. */
enum output {
	OUT_DENSE = 1,
	OUT_WORD = 2,
	OUT_RUN = 4,
};

static int stop(struct worker *w)
{
	return w->stop_in && --w->stop_in == 0;
}

static int word_out(void *context, uint64_t page, uint64_t young, uint64_t dirty)
{
	struct worker *w = context;
	uint64_t word = (page - w->out_page) / 64;

	if (page % 64 || page < w->out_page || word >= w->stress->bitmap_words) {
		stress_fail(w->stress, "a word output got page %" PRIu64, page);
		return 0;
	}
	w->young_out[word] |= young;
	w->dirty_out[word] |= dirty;
	return stop(w);
}

static int run_out(void *context, const struct ptw_extent *run)
{
	struct worker *w = context;
	struct stress *s = w->stress;
	uint64_t bit = run->start / s->granule - w->out_page;
	uint64_t pages = run->length / s->granule;

	if (!pages || !run->what || run->start / s->granule < w->out_page ||
	    bit + pages > s->bitmap_words * 64) {
		stress_fail(s, "a run output got %#" PRIx64 " with %#" PRIx64 " bytes", run->start,
			    run->length);
		return 0;
	}
	for (uint64_t i = bit; i < bit + pages; i++) {
		if (run->what & PTW_EXTENT_YOUNG)
			w->young_out[i / 64] |= (uint64_t)1 << i % 64;
		if (run->what & PTW_EXTENT_DIRTY)
			w->dirty_out[i / 64] |= (uint64_t)1 << i % 64;
	}
	return stop(w);
}

static uint64_t bits_in(const uint64_t *words, uint64_t count)
{
	uint64_t bits = 0;

	for (uint64_t i = 0; i < count; i++)
		bits += (uint64_t)__builtin_popcountll(words[i]);
	return bits;
}

static void check_sections(struct stress *s, const char *what, uint64_t entries, uint64_t changed,
			   uint64_t sections)
{
	uint64_t cost = entries + (CHANGE_COST - 1) * changed;

	if (cost > sections * (SECTION_COST + SECTION_SLACK))
		stress_fail(s, "a %s of %" PRIu64 " entries, %" PRIu64 " of them changed, used %"
			    PRIu64 " read-side sections", what, entries, changed, sections);
}

/* Does one area whose extents never grow hold all of it? */
static bool plain_span(struct stress *s, struct span span)
{
	const struct area *area = space_area(s, span.start);

	return area && area->region == 1 && area == space_area(s, span.end - 1);
}

/* Returns whether a page is shown once for several extents: one that grew behind the walk. */
static bool check_result(struct worker *w, struct span span, uint32_t flags, unsigned int outputs,
			 const struct ptw_harvest_result *r)
{
	struct stress *s = w->stress;
	uint64_t words = ptw_bitmap_words(span.start, span.end, s->granule_lg2);
	uint64_t changed = r->young_extents > r->dirty_extents ? r->young_extents :
								 r->dirty_extents;
	uint64_t young, dirty;

	check_sections(s, "harvest", r->entries, flags & PTW_HARVEST_PEEK ? 0 : changed,
		       r->sections);
	if ((outputs & OUT_DENSE) && (outputs & ~(unsigned int)OUT_DENSE) &&
	    (memcmp(w->young, w->young_out, words * 8) ||
	     memcmp(w->dirty, w->dirty_out, words * 8)))
		stress_fail(s, "the outputs of one harvest of %#" PRIx64 " to %#" PRIx64 " differ",
			    span.start, span.end);
	if (!(outputs & OUT_DENSE)) {
		memcpy(w->young, w->young_out, words * 8);
		memcpy(w->dirty, w->dirty_out, words * 8);
	}
	young = bits_in(w->young, words);
	dirty = bits_in(w->dirty, words);
	if (young > r->young_pages || dirty > r->dirty_pages ||
	    (plain_span(s, span) && (young != r->young_pages || dirty != r->dirty_pages)))
		stress_fail(s, "a harvest of %#" PRIx64 " to %#" PRIx64 " counts %" PRIu64
			    " young and %" PRIu64 " dirty pages, and shows %" PRIu64 " and %"
			    PRIu64,
			    span.start, span.end, r->young_pages, r->dirty_pages, young, dirty);
	return young != r->young_pages || dirty != r->dirty_pages;
}

static int harvest(struct worker *w, struct span span, uint32_t flags, unsigned int outputs)
{
	struct stress *s = w->stress;
	struct ptw_harvest_result result = { .size = sizeof(result) };
	struct ptw_harvest h = { .size = sizeof(h), .flags = flags, .context = w };
	bool stops = outputs != OUT_DENSE && below(w, 4) == 0;
	uint64_t cursor = 0, from;
	int ret;

	if (outputs & OUT_DENSE) {
		h.young = w->young;
		h.dirty = w->dirty;
	}
	if (outputs & OUT_WORD)
		h.word = word_out;
	if (outputs & OUT_RUN)
		h.run = run_out;
	if (below(w, 8) == 0) {
		h.budget = 64 + below(w, 1024);
		h.cursor = &cursor;
	}
	if (below(w, 16) == 0) {
		h.oa_start = space_oa(w, space_area(s, span.start) ? span.start : 0);
		h.oa_end = h.oa_start + (1 + below(w, 64)) * s->granule;
	}
	do {
		ledger_open(w, span);
		w->stop_in = stops ? 1 + (unsigned int)below(w, 4) : 0;
		from = cursor ? cursor : span.start;
		ret = ptw_harvest(s->pgtable, span.start, span.end, &h, &result);
		if (ret != PTW_OK && ret != PTW_ERR_BUDGET && ret != PTW_ERR_STOPPED)
			return ret;
		if (ret == PTW_OK && result.resume != span.end)
			stress_fail(s, "a harvest up to %#" PRIx64 " was complete at %#" PRIx64,
				    span.end, result.resume);
		w->merges = check_result(w, span, flags, outputs, &result);
		if (!(flags & PTW_HARVEST_PEEK))
			ledger_close(w, span, from, &result.head, &result.tail);
		w->merges = false;
		add(&s->totals->owned, result.owned);
		add(&s->totals->busy, result.busy);
	} while (ret == PTW_ERR_BUDGET && cursor < span.end && below(w, 8));
	return ret;
}

static int visit(void *context, const struct ptw_visit *v)
{
	struct worker *w = context;
	struct stress *s = w->stress;
	struct ptw_leaf leaf;

	if (v->count < 1 || v->count > 64 || (v->leaves & v->owned))
		stress_fail(s, "a visit at %#" PRIx64 " with %u entries, leaves %#" PRIx64
			    ", owned %#" PRIx64, v->ia, v->count, v->leaves, v->owned);
	for (unsigned int i = 0; v->kind == PTW_VISIT_LEAF && i < v->count; i++) {
		uint64_t ia = v->ia + i * v->size;

		if (ptw_visit_leaf(v, i, &leaf))
			continue;
		w->worked = true;
		if (!space_oa_right(s, ia, leaf.oa))
			stress_fail(s, "a walk saw %#" PRIx64 " mapped to %#" PRIx64
				    ", which was never mapped there", ia, leaf.oa);
	}
	switch (v->kind == PTW_VISIT_LEAF && v->leaves ? below(w, 256) : 8) {
	case 0:
		return PTW_VISIT_STOP;
	case 1:
		return v->retries < 2 ? PTW_VISIT_RETRY : PTW_VISIT_NEXT;
	case 2:
		return ptw_visit_change(v, (unsigned int)__builtin_ctzll(v->leaves),
					PTW_CHANGE_CLEAR_USER) == PTW_ERR_AGAIN ?
			       PTW_VISIT_RETRY :
			       PTW_VISIT_NEXT;
	default:
		return PTW_VISIT_NEXT;
	}
}

static int walk(struct worker *w, struct span span)
{
	struct ptw_walk_result result = { .size = sizeof(result) };
	struct ptw_walk walk = {
		.size = sizeof(walk),
		.kinds = PTW_VISIT_LEAF,
		.holes = below(w, 4) == 0,
		.visit = visit,
		.context = w,
	};
	int ret;

	if (below(w, 2))
		walk.kinds |= PTW_VISIT_TABLE_PRE | PTW_VISIT_TABLE_POST;
	else
		walk.min_level = below(w, 4) == 0;
	if (below(w, 8) == 0)
		walk.budget = 64 + below(w, 1024);
	ret = ptw_walk(w->stress->pgtable, span.start, span.end, &walk, &result);
	check_sections(w->stress, "walk", result.entries, 0, result.sections);
	return ret;
}

/* Young or not, of one page; negative: why not. */
static int single(struct worker *w, uint64_t ia, bool clear)
{
	struct stress *s = w->stress;
	int ret;

	if (!clear)
		ret = ptw_test_young(s->pgtable, ia);
	else
		ret = ptw_test_clear_young(s->pgtable, ia);
	if (ret == 1 && clear)
		ledger_single(w, ia);
	if (ret == 1)
		w->worked = true;
	return ret > 1 ? PTW_ERR_ARG : ret > 0 ? PTW_OK : ret;
}

int stress_role_H(struct worker *w, struct span span)
{
	struct stress *s = w->stress;
	uint32_t flags = PTW_HARVEST_ACCESSED;
	/* Where extents differ in size, that of this one is not known: that hides losses, and
	 * spoils counts. */
	const struct area *area = space_area(s, span.start);
	bool clear = !s->exact_round && area != &s->areas[AREA_BLOCKS] &&
		     (area != &s->areas[AREA_MIXED] || below(w, 16) == 0);

	if (s->exact_round || below(w, 16) == 0)
		flags |= PTW_HARVEST_EXACT;
	if (below(w, 16) == 0)
		flags |= PTW_HARVEST_PEEK;
	switch (below(w, 8)) {
	case 0:
		return harvest(w, span, flags, OUT_WORD);
	case 1:
		return harvest(w, span, flags, OUT_RUN);
	case 2:
		return harvest(w, span, flags, OUT_DENSE | OUT_WORD | OUT_RUN);
	case 3:
		return single(w, span.start, clear);
	case 4:
		return single(w, span.start, false);
	case 5:
		return walk(w, span);
	default:
		return harvest(w, span, flags, OUT_DENSE);
	}
}

int stress_role_D(struct worker *w, struct span span)
{
	static const unsigned int outputs[] = { OUT_DENSE, OUT_DENSE, OUT_WORD, OUT_RUN,
						OUT_DENSE | OUT_WORD };
	uint32_t flags = PTW_HARVEST_DIRTY;

	if (below(w, 2))
		flags |= PTW_HARVEST_ACCESSED;
	if (w->stress->exact_round || below(w, 8) == 0)
		flags |= PTW_HARVEST_EXACT;
	return harvest(w, span, flags, outputs[below(w, sizeof(outputs) / sizeof(outputs[0]))]);
}

static void line_out(void *context, const char *text)
{
	struct worker *w = context;

	w->worked = true;
	if (!*text || strchr(text, '\n'))
		stress_fail(w->stress, "a dump has the line '%s'", text);
}

static int query(struct worker *w, uint64_t ia)
{
	struct stress *s = w->stress;
	struct ptw_query q = { .size = sizeof(q) };
	int ret = ptw_query(s->pgtable, ia, &q);

	if (ret)
		return ret;
	w->worked = true;
	if (!space_oa_right(s, ia, q.leaf.oa))
		stress_fail(s, "a query saw %#" PRIx64 " mapped to %#" PRIx64
			    ", which was never mapped there", ia, q.leaf.oa);
	if (ia < q.extent_start || ia >= q.extent_start + q.extent_size ||
	    q.extent_size > s->areas[AREA_MIXED].region * s->granule)
		stress_fail(s, "a query of %#" PRIx64 " saw the extent %#" PRIx64 ", %#" PRIx64
			    " bytes", ia, q.extent_start, q.extent_size);
	return PTW_OK;
}

int stress_role_Q(struct worker *w, struct span span)
{
	struct stress *s = w->stress;
	struct ptw_info info = { .size = sizeof(info) };
	int ret;

	switch (below(w, 8)) {
	case 0:
		return ptw_dump(s->pgtable, span.start, span.end, line_out, w);
	case 1:
		ret = ptw_pgtable_info(s->pgtable, &info);
		raise_to(&s->totals->most_retired, info.tables_retired);
		return ret;
	default:
		return query(w, span.start);
	}
}

int stress_role_K(struct worker *w, struct span span)
{
	struct stress *s = w->stress;
	struct ptw_check_result result = { .size = sizeof(result) };
	int ret = ptw_check(s->pgtable, s->resting ? PTW_CHECK_COUNTS : 0, &result);

	(void)span;
	if (ret)
		stress_fail(s, "check: %s at %#" PRIx64 ", level %u, entry %#" PRIx64,
			    ptw_strerror(ret), result.ia, result.level, result.entry);
	w->worked = true;
	return ret;
}

int stress_role_F(struct worker *w, struct span span)
{
	static const uint32_t kinds[] = { PTW_ACCESS_READ, PTW_ACCESS_WRITE, PTW_ACCESS_FETCH };
	uint32_t access = w->want ? w->want : kinds[below(w, 3)] | w->stress->user;
	int ret = ptw_fix_fault(w->stress->pgtable, span.start, access);

	w->worked = ret == PTW_OK;
	return ret;
}
