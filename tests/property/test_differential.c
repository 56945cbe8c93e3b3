/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Random operations on a page table of every preset, and on a model that is a flat array of pages.
 * After each operation both must have said the same.
 */
#include "tests/property/model.h"

#define STEPS 3000

struct run {
	struct machine m;
	struct model model;
	const char *preset;
	uint64_t random;
	unsigned int step;
	/* Work space, one of each per page of the largest area. */
	uint32_t pages;
	uint64_t *young_words, *dirty_words;
	uint8_t *young, *dirty; /* expected */
	uint8_t *seen_young, *seen_dirty; /* through a sink */
};

#define check(r, condition, ...)                                                                   \
	cr_assert(condition, "%s, step %u: %s", (r)->preset, (r)->step,                            \
		  (snprintf(why, sizeof(why), __VA_ARGS__), why))
static char why[512];

#define check_eq(r, what, a, b)                                                                    \
	check(r, (uint64_t)(a) == (uint64_t)(b), "%s is %#" PRIx64 ", not %#" PRIx64, what,        \
	      (uint64_t)(a), (uint64_t)(b))

static uint64_t ia_of(const struct run *r, const struct area *a, uint64_t page)
{
	return a->base + page * r->m.granule;
}

/* x86-64 takes the upper half with and without its sign. */
static uint64_t any_sign(struct run *r, uint64_t ia)
{
	const uint64_t half = r->m.ia_end / 2;

	if (r->m.config.format == PTW_FORMAT_X86_64 && ia >= half && ia < r->m.ia_end)
		return ia | ~(r->m.ia_end - 1);
	return ia;
}

/* The end of a range gets the sign that its start has, if there is such an address. */
static void any_range(struct run *r, uint64_t *start, uint64_t *end)
{
	if (*end == r->m.ia_end || *start < r->m.ia_end / 2 || !random_chance(&r->random, 50))
		return;
	*start = any_sign(r, *start);
	*end = any_sign(r, *end);
}

/* A range of pages: often short, often on the boundary of a block. */
static void random_range(struct run *r, const struct area *a, uint32_t *start, uint32_t *end)
{
	const uint32_t block = entry_pages(&r->model, 1 + (uint32_t)random_below(&r->random, 2));
	const uint32_t most[] = { 1, 8, 70, block, 3 * block, a->pages };
	uint32_t length = 1 + (uint32_t)random_below(&r->random, most[random_below(&r->random, 6)]);

	*start = (uint32_t)random_below(&r->random, a->pages);
	if (random_chance(&r->random, 40))
		*start = *start / block * block;
	if (length > a->pages - *start)
		length = a->pages - *start;
	*end = *start + length;
	if (random_chance(&r->random, 40)) {
		*end = (*end + block - 1) / block * block;
		if (*end > a->pages)
			*end = a->pages;
	}
}

static struct ptw_map random_map(struct run *r)
{
	const uint32_t format = r->m.config.format;
	struct ptw_map map = { .size = sizeof(map), .prot = PTW_PROT_READ };

	if (random_chance(&r->random, 80))
		map.prot |= PTW_PROT_WRITE;
	if (random_chance(&r->random, 50))
		map.prot |= PTW_PROT_EXEC;
	if (format == PTW_FORMAT_X86_64 || format == PTW_FORMAT_ARM64_S1) {
		if (random_chance(&r->random, 60))
			map.prot |= PTW_PROT_USER;
	} else if (format != PTW_FORMAT_EPT && random_chance(&r->random, 10)) {
		map.prot ^= PTW_PROT_READ | PTW_PROT_EXEC;
	}
	if (format != PTW_FORMAT_PERVERSE && random_chance(&r->random, 20))
		map.memtype = (uint32_t)random_below(&r->random, 3);
	map.page_levels = (uint32_t)random_below(&r->random, 3);
	if (random_chance(&r->random, 30))
		map.flags |= PTW_LEAF_YOUNG;
	if ((map.prot & PTW_PROT_WRITE) && random_chance(&r->random, 20))
		map.flags |= PTW_LEAF_DIRTY;
	if (random_chance(&r->random, 20))
		map.flags |= PTW_LEAF_USER_BIT;
	return map;
}

static void check_change(struct run *r, const struct area *a, const char *what, int ret,
			 int expected, const struct ptw_change_result *got,
			 const struct report *report)
{
	check(r, ret == expected, "%s: %s, not %s", what, ptw_strerror(ret), ptw_strerror(expected));
	check_eq(r, "reached", got->reached, ia_of(r, a, report->reached));
	if (ret == PTW_OK)
		check_eq(r, "leaves", got->leaves, report->leaves);
	check_eq(r, "young extents", got->young_extents, report->young_extents);
	check_eq(r, "young pages", got->young_pages, report->young_pages);
	check_eq(r, "dirty extents", got->dirty_extents, report->dirty_extents);
	check_eq(r, "dirty pages", got->dirty_pages, report->dirty_pages);
}

static void do_map(struct run *r, struct area *a)
{
	const struct ptw_map map = random_map(r);
	struct ptw_change_result got = { .size = sizeof(got) };
	struct report report = { 0 };
	const uint64_t oa_end = (uint64_t)1 << r->m.info.oa_bits;
	uint64_t start, end, oa;
	uint32_t from, to;
	int ret, expected;

	random_range(r, a, &from, &to);
	/* Something mapped is found at once in a full area: begin behind it, mostly. */
	while (from < to - 1 && a->page[from].count && random_chance(&r->random, 99))
		from++;
	start = ia_of(r, a, from);
	end = ia_of(r, a, to);
	oa = random_below(&r->random, (oa_end - (end - start)) / r->m.granule) * r->m.granule;
	if (random_chance(&r->random, 70)) {
		/* In step with the input addresses, so that blocks and groups fit. */
		const uint64_t mask = 2 * entry_size(&r->m, 2) - 1;

		oa = ((oa & ~mask) | (start & mask)) & (oa_end - 1);
		if (oa > oa_end - (end - start))
			oa = start & mask;
	}
	any_range(r, &start, &end);
	ret = ptw_map(r->m.pgtable, start, end, oa, &map, &got);
	expected = model_map(&r->model, a, from, to, oa, &map, &report);
	check_change(r, a, "map", ret, expected, &got, &report);
}

static bool test_bit(const uint64_t *words, uint32_t bit)
{
	return words[bit / 64] >> bit % 64 & 1;
}

/* Bits that were set before stay; all others are as expected, also those beside the range. */
static void check_bitmap(struct run *r, const char *what, const struct area *a, uint64_t start,
			 uint64_t end, const uint64_t *words, const uint8_t *expected)
{
	const uint64_t base = start / r->m.granule & ~(uint64_t)63;
	const uint64_t count = ptw_bitmap_words(start, end, r->m.info.granule_lg2) * 64;

	for (uint64_t i = 0; i < count; i++) {
		const uint64_t page = base + i - a->base / r->m.granule;
		const bool inside = page < a->pages && ia_of(r, a, page) >= start &&
				    ia_of(r, a, page) < end;
		const bool want = i % 11 == 3 || (inside && expected[page]);

		check(r, test_bit(words, (uint32_t)i) == want,
		      "%s bitmap: page %#" PRIx64 " is %d", what, base + i, !want);
	}
}

static void fill_bitmap(uint64_t *words, uint64_t count)
{
	memset(words, 0, count * 8);
	for (uint64_t i = 3; i < count * 64; i += 11)
		words[i / 64] |= (uint64_t)1 << i % 64;
}

static void do_unmap(struct run *r, struct area *a)
{
	struct ptw_unmap unmap = { .size = sizeof(unmap) };
	struct ptw_change_result got = { .size = sizeof(got) };
	struct report report = { 0 };
	const unsigned int flushes = r->m.flushes;
	uint64_t start, end, s, e;
	uint32_t from, to;
	int ret, expected;

	random_range(r, a, &from, &to);
	/* Seldom cut an extent, or hardly anything would ever be unmapped. */
	if (random_chance(&r->random, 80)) {
		while (model_cut(a, from))
			from = a->page[from].first;
		while (model_cut(a, to))
			to = a->page[to].first + a->page[to].count;
	}
	start = s = ia_of(r, a, from);
	end = e = ia_of(r, a, to);
	if (random_chance(&r->random, 30))
		unmap.flags = PTW_UNMAP_STRICT;
	unmap.young = random_chance(&r->random, 80) ? r->young_words : NULL;
	unmap.dirty = random_chance(&r->random, 80) ? r->dirty_words : NULL;
	fill_bitmap(r->young_words, ptw_bitmap_words(start, end, r->m.info.granule_lg2));
	fill_bitmap(r->dirty_words, ptw_bitmap_words(start, end, r->m.info.granule_lg2));
	memset(r->young, 0, r->pages);
	memset(r->dirty, 0, r->pages);
	any_range(r, &s, &e);
	ret = ptw_unmap(r->m.pgtable, s, e, &unmap, &got);
	expected = model_unmap(&r->model, a, from, to, unmap.flags & PTW_UNMAP_STRICT, r->young,
			       r->dirty, &report);
	check_change(r, a, "unmap", ret, expected, &got, &report);
	if (unmap.young)
		check_bitmap(r, "young", a, start, end, r->young_words, r->young);
	if (unmap.dirty)
		check_bitmap(r, "dirty", a, start, end, r->dirty_words, r->dirty);
	if (ret == PTW_OK) {
		check_eq(r, "tables", got.tables, report.tables);
		check_eq(r, "holes", got.holes, report.holes);
		check_eq(r, "flushes", r->m.flushes - flushes, got.leaves + got.tables ? 1 : 0);
	}
}

static bool allowed(const struct page *page, uint32_t access)
{
	uint32_t needs = 0;

	if (access & PTW_ACCESS_READ)
		needs |= PTW_PROT_READ;
	if (access & PTW_ACCESS_WRITE)
		needs |= PTW_PROT_WRITE;
	if (access & PTW_ACCESS_FETCH)
		needs |= PTW_PROT_EXEC;
	return !(needs & ~page->prot);
}

static void do_access(struct run *r, struct area *a)
{
	static const uint32_t kinds[] = { PTW_ACCESS_READ, PTW_ACCESS_WRITE, PTW_ACCESS_FETCH,
					  PTW_ACCESS_READ | PTW_ACCESS_WRITE };
	uint32_t access = kinds[random_below(&r->random, 4)];
	const uint32_t p = (uint32_t)random_below(&r->random, a->pages);
	const uint64_t offset = random_below(&r->random, r->m.granule);
	const struct page *page = &a->page[p];
	const uint64_t ia = any_sign(r, ia_of(r, a, p) + offset);
	struct ptw_softmmu_result result;
	int status = -1, fixed = PTW_OK;
	unsigned int tries = 0;

	if (page->count && (page->prot & PTW_PROT_USER))
		access |= PTW_ACCESS_USER;
	while (status && fixed == PTW_OK && tries++ < 4) {
		status = ptw_softmmu_access(r->m.cpu, ia, access, &result);
		if (status)
			fixed = ptw_fix_fault(r->m.pgtable, ia, access);
	}
	if (!page->count) {
		check(r, status == PTW_SOFTMMU_TRANSLATION && fixed == PTW_ERR_HOLE,
		      "access %#" PRIx64 ": status %d, then %s", ia, status, ptw_strerror(fixed));
		return;
	}
	if (!allowed(page, access)) {
		check(r, status != PTW_SOFTMMU_OK && fixed == PTW_ERR_FAULT,
		      "access %#" PRIx64 " for %u: status %d, then %s", ia, access, status,
		      ptw_strerror(fixed));
		return;
	}
	check(r, status == PTW_SOFTMMU_OK, "access %#" PRIx64 " for %u of %u: status %d, %s", ia,
	      access, page->prot, status, ptw_strerror(fixed));
	check_eq(r, "output address", result.oa, page->oa + offset);
	extent_of(a, p)->young = true;
	if (access & PTW_ACCESS_WRITE)
		extent_of(a, p)->dirty = true;
}

/* A harvest under way, for its sinks. */
struct sinks {
	struct run *r;
	struct area *a;
	uint64_t next_page; /* words and runs come in ascending order */
	uint64_t next_run;
	struct ptw_extent last;
	bool runs;
};

static void see(struct sinks *s, uint64_t page, uint32_t what)
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

static int take_word(void *context, uint64_t page, uint64_t young, uint64_t dirty)
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

static int take_run(void *context, const struct ptw_extent *run)
{
	struct sinks *s = context;
	struct run *r = s->r;

	check(r, run->length && run->what, "empty run");
	check(r, run->start >= s->next_run, "run at %#" PRIx64 " out of order", run->start);
	check(r, run->start != s->next_run || run->level != s->last.level ||
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

static bool same_extent(const struct ptw_extent *x, const struct ptw_extent *y)
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

static void model_harvest(struct run *r, struct area *a, uint32_t from, uint32_t to,
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
		found.what = (state.young ? PTW_EXTENT_YOUNG : 0) |
			     (state.dirty ? PTW_EXTENT_DIRTY : 0);
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

static void random_harvest(struct run *r, struct ptw_harvest *h, struct sinks *sinks)
{
	*h = (struct ptw_harvest){
		.size = sizeof(*h),
		.flags = 1 + (uint32_t)random_below(&r->random, 3),
		.context = sinks,
	};
	/* One in three is the kind that has a loop of its own. */
	if (random_chance(&r->random, 33)) {
		h->flags = PTW_HARVEST_ACCESSED;
		h->young = r->young_words;
	} else {
		if (random_chance(&r->random, 20))
			h->flags |= PTW_HARVEST_PEEK;
		if (random_chance(&r->random, 20))
			h->flags |= PTW_HARVEST_EXACT;
		if (random_chance(&r->random, 60))
			h->young = r->young_words;
		if (random_chance(&r->random, 60))
			h->dirty = r->dirty_words;
		if (random_chance(&r->random, 40))
			h->word = take_word;
		if (random_chance(&r->random, 40)) {
			h->run = take_run;
			sinks->runs = true;
		}
		if (random_chance(&r->random, 20)) {
			const uint64_t oa_end = (uint64_t)1 << r->m.info.oa_bits;

			h->oa_start = random_below(&r->random, oa_end);
			h->oa_end = h->oa_start + 1 + random_below(&r->random, oa_end);
		}
	}
	if (random_chance(&r->random, 30))
		h->budget = 1 + random_below(&r->random, random_chance(&r->random, 50) ? 50 : 5000);
}

static void add_result(struct ptw_harvest_result *sum, const struct ptw_harvest_result *one)
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

static void do_harvest(struct run *r, struct area *a)
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
		check(r, one.resume > resume && one.resume <= end, "no progress at %#" PRIx64, resume);
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

static void do_single(struct run *r, struct area *a)
{
	const uint32_t p = (uint32_t)random_below(&r->random, a->pages);
	const uint64_t ia = any_sign(r, ia_of(r, a, p) + random_below(&r->random, r->m.granule));
	const bool clear = random_chance(&r->random, 50);
	const int ret = clear ? ptw_test_clear_young(r->m.pgtable, ia) :
				ptw_test_young(r->m.pgtable, ia);

	check_eq(r, "young", (int64_t)ret,
		 (int64_t)(a->page[p].count ? extent_of(a, p)->young : PTW_ERR_HOLE));
	if (clear && a->page[p].count)
		extent_of(a, p)->young = false;
}

static void do_query(struct run *r, struct area *a)
{
	const uint32_t p = (uint32_t)random_below(&r->random, a->pages);
	const uint64_t offset = random_below(&r->random, r->m.granule);
	const struct page *page = &a->page[p];
	struct ptw_query q = { .size = sizeof(q) };
	const int ret = ptw_query(r->m.pgtable, any_sign(r, ia_of(r, a, p) + offset), &q);
	uint32_t flags = 0;

	check_eq(r, "query", (int64_t)ret, (int64_t)(page->count ? PTW_OK : PTW_ERR_HOLE));
	if (!page->count)
		return;
	if (extent_of(a, p)->young)
		flags |= PTW_LEAF_YOUNG;
	if (extent_of(a, p)->dirty)
		flags |= PTW_LEAF_DIRTY;
	if (a->page[page->entry].user)
		flags |= PTW_LEAF_USER_BIT;
	if (page->group)
		flags |= PTW_LEAF_GROUP;
	if (page->prot & PTW_PROT_WRITE)
		flags |= PTW_LEAF_MAY_WRITE;
	check_eq(r, "output address", q.leaf.oa, page->oa + offset);
	check_eq(r, "permissions", q.leaf.prot, page->prot);
	check_eq(r, "memory type", q.leaf.memtype, page->memtype);
	check_eq(r, "flags", q.leaf.flags, flags);
	check_eq(r, "level", q.level, page->level);
	check_eq(r, "extent start", q.extent_start, ia_of(r, a, page->first));
	check_eq(r, "extent size", q.extent_size, page->count * r->m.granule);
}

/* Where writable now is dirty, the dirty state goes with the permission, and is handed over. */
static void do_write_protect(struct run *r, struct area *a)
{
	const bool arm64 = r->m.config.format == PTW_FORMAT_ARM64_S2 ||
			   r->m.config.format == PTW_FORMAT_ARM64_S1;
	const bool forever = random_chance(&r->random, 30);
	uint64_t *words = random_chance(&r->random, 70) ? r->dirty_words : NULL;
	struct ptw_change_result got = { .size = sizeof(got) };
	struct report report = { 0 };
	uint64_t start, end, s, e;
	uint32_t from, to;
	int ret;

	random_range(r, a, &from, &to);
	start = s = ia_of(r, a, from);
	end = e = ia_of(r, a, to);
	fill_bitmap(r->dirty_words, ptw_bitmap_words(start, end, r->m.info.granule_lg2));
	memset(r->dirty, 0, r->pages);
	any_range(r, &s, &e);
	ret = ptw_write_protect(r->m.pgtable, s, e, forever, words, &got);
	check(r, ret == PTW_OK, "write_protect: %s", ptw_strerror(ret));
	for (uint32_t p = from; p < to;) {
		struct page *extent = extent_of(a, p);
		uint32_t next = p + 1;

		if (a->page[p].count) {
			next = extent->first + extent->count;
			for (uint32_t i = 0; forever && i < extent->count; i++)
				extent[i].prot &= (uint8_t)~PTW_PROT_WRITE;
			if (arm64) {
				const uint32_t pages = (next < to ? next : to) - p;

				report.dirty_pages += extent->dirty ? pages : 0;
				memset(r->dirty + p, extent->dirty, pages);
				extent->dirty = false;
			}
		}
		p = next;
	}
	check_eq(r, "reached", got.reached, end);
	check_eq(r, "dirty pages", got.dirty_pages, report.dirty_pages);
	if (words)
		check_bitmap(r, "dirty", a, start, end, words, r->dirty);
}

static void do_user_bit(struct run *r, struct area *a)
{
	const bool on = random_chance(&r->random, 50);
	struct ptw_change_result got = { .size = sizeof(got) };
	uint64_t start, end, leaves = 0;
	uint32_t from, to;
	int ret;

	random_range(r, a, &from, &to);
	start = ia_of(r, a, from);
	end = ia_of(r, a, to);
	any_range(r, &start, &end);
	ret = ptw_set_user_bit(r->m.pgtable, start, end, on, &got);
	check(r, ret == PTW_OK, "set_user_bit: %s", ptw_strerror(ret));
	check_eq(r, "reached", got.reached, ia_of(r, a, to));
	while (model_cut(a, from))
		from = a->page[from].first;
	while (model_cut(a, to))
		to = a->page[to].first + a->page[to].count;
	for (uint32_t p = from; p < to; p++) {
		if (!a->page[p].count || a->page[p].entry != p)
			continue;
		leaves += a->page[p].user != on;
		a->page[p].user = on;
	}
	check_eq(r, "leaves", got.leaves, leaves);
}

/* Pages of all lines that tell of leaves. */
static void add_line(void *context, const char *line)
{
	uint64_t *bytes = context, start, end;

	if (!strstr(line, " table at ") &&
	    sscanf(line, " %" SCNx64 "-%" SCNx64, &start, &end) == 2)
		*bytes += end - start;
}

static void do_check(struct run *r)
{
	struct ptw_check_result result = { .size = sizeof(result) };
	uint64_t leaves = 0, pages = 0, bytes = 0;
	int ret = ptw_check(r->m.pgtable, &result);

	check(r, ret == PTW_OK, "check: %s at %#" PRIx64 ", level %u, entry %#" PRIx64,
	      ptw_strerror(ret), result.ia, result.level, result.entry);
	for (unsigned int i = 0; i < r->model.areas; i++) {
		const struct area *a = &r->model.area[i];

		for (uint32_t p = 0; p < a->pages; p++) {
			leaves += a->page[p].count && a->page[p].entry == p;
			pages += a->page[p].count != 0;
		}
	}
	check_eq(r, "leaves", result.leaves, leaves);
	machine_info(&r->m);
	check_eq(r, "tables", r->m.info.tables, result.tables);
	check_eq(r, "dump", ptw_dump(r->m.pgtable, 0, 0, add_line, &bytes), PTW_OK);
	check_eq(r, "dumped bytes", bytes, pages * r->m.granule);
}

static void one_step(struct run *r)
{
	struct area *a = &r->model.area[random_below(&r->random, r->model.areas)];
	const uint64_t dice = random_below(&r->random, 100);

	if (dice < 12)
		do_map(r, a);
	else if (dice < 18)
		do_unmap(r, a);
	else if (dice < 55)
		for (unsigned int i = 0; i < 16; i++)
			do_access(r, a);
	else if (dice < 73)
		do_harvest(r, a);
	else if (dice < 80)
		do_single(r, a);
	else if (dice < 92)
		do_query(r, a);
	else if (dice < 95)
		do_write_protect(r, a);
	else if (dice < 98)
		do_user_bit(r, a);
	else
		do_check(r);
}

/* The lowest addresses, some around the middle of the root, and the highest. */
static void make_areas(struct run *r)
{
	struct machine *m = &r->m;
	const uint64_t block = entry_size(m, 1);
	uint64_t bytes = 3 * block;

	if (m->config.format == PTW_FORMAT_PERVERSE) {
		model_area(&r->model, 0, (uint32_t)(m->ia_end / m->granule));
		return;
	}
	if (r->model.group_lg2[1] && m->granule == 4096)
		bytes = 3 * block << r->model.group_lg2[1];
	model_area(&r->model, 0, (uint32_t)(bytes / m->granule));
	model_area(&r->model, m->ia_end / 2 - bytes / block / 2 * block,
		   (uint32_t)(bytes / m->granule));
	model_area(&r->model, m->ia_end - bytes, (uint32_t)(bytes / m->granule));
}

static void run_preset(const char *preset, unsigned int steps)
{
	struct run *r = calloc(1, sizeof(*r));

	cr_assert_not_null(r);
	r->preset = preset;
	r->random = test_seed();
	for (const char *c = preset; *c; c++)
		r->random = r->random * 31 + (unsigned char)*c;
	machine_preset(&r->m, preset);
	machine_start(&r->m, PTW_SOFTMMU_CONTIG_FREEDOM);
	r->model.m = &r->m;
	r->model.stride = r->m.info.index_lg2;
	model_groups(&r->model);
	make_areas(r);
	r->pages = r->model.area[0].pages;
	r->young_words = calloc(r->pages / 64 + 2, 8);
	r->dirty_words = calloc(r->pages / 64 + 2, 8);
	r->young = calloc(4, r->pages);
	cr_assert(r->young_words && r->dirty_words && r->young);
	r->dirty = r->young + r->pages;
	r->seen_young = r->dirty + r->pages;
	r->seen_dirty = r->seen_young + r->pages;
	for (r->step = 0; r->step < steps; r->step++)
		one_step(r);
	do_check(r);
	machine_close(&r->m);
	model_close(&r->model);
	free(r->young_words);
	free(r->dirty_words);
	free(r->young);
	free(r);
}

/* Every preset whose name begins so. */
static void run_family(const char *prefix)
{
	const char *preset;
	unsigned int found = 0;

	for_each_preset(preset) {
		if (strncmp(preset, prefix, strlen(prefix)))
			continue;
		cr_log_info("%s, seed %#" PRIx64, preset, test_seed());
		run_preset(preset, STEPS / test_slowness());
		found++;
	}
	cr_assert_neq(found, 0u);
}

Test(differential, ept, .timeout = 120)
{
	run_family("ept");
}

Test(differential, x86_64, .timeout = 120)
{
	run_family("x86-64");
}

Test(differential, arm64_s2_4k, .timeout = 120)
{
	run_family("arm64-s2-4k");
}

Test(differential, arm64_s2_16k, .timeout = 120)
{
	run_family("arm64-s2-16k");
}

Test(differential, arm64_s2_64k, .timeout = 120)
{
	run_family("arm64-s2-64k");
}

Test(differential, arm64_s1, .timeout = 120)
{
	run_family("arm64-s1");
}

Test(differential, perverse, .timeout = 120)
{
	run_family("perverse");
}
