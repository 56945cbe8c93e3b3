/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A harvest with every kind of output, whose results must lie in the range and add up. */
#ifndef PTW_FUZZ_HARVESTS_H
#define PTW_FUZZ_HARVESTS_H

#include "attached.h"

static uint64_t young_words[BITMAP_WORDS + 2], dirty_words[BITMAP_WORDS + 2];

struct harvested {
	struct span span;
	uint32_t want;
	bool strict; /* no groups, whose members may contradict each other */
	bool may_dirty;
	unsigned int stop_after;
	uint64_t calls;
	uint64_t next_page, next_run;
	uint64_t word_young, word_dirty, run_young, run_dirty;
};

static inline uint64_t pages_to(uint64_t pages)
{
	return pages >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << pages) - 1;
}

/* The bits of a word from `page` on that lie in the range. */
static inline uint64_t in_span(const struct span *s, uint64_t page)
{
	const uint64_t first = s->start / m.granule, end = s->end / m.granule;

	if (page + 64 <= first || page >= end)
		return 0;
	return pages_to(end - page) & (page < first ? ~pages_to(first - page) : ~(uint64_t)0);
}

static inline int on_word(void *context, uint64_t page, uint64_t young, uint64_t dirty)
{
	struct harvested *h = context;

	expect(!(page & 63) && (young | dirty), "word at page %#llx", (unsigned long long)page);
	expect(!((young | dirty) & ~in_span(&h->span, page)), "a word outside the range");
	expect(!h->strict || page >= h->next_page, "words go back");
	h->next_page = page + 64;
	h->word_young += (unsigned int)__builtin_popcountll(young);
	h->word_dirty += (unsigned int)__builtin_popcountll(dirty);
	return h->stop_after && ++h->calls >= h->stop_after;
}

static inline int on_run(void *context, const struct ptw_extent *run)
{
	struct harvested *h = context;
	const uint64_t pages = run->length / m.granule;

	expect(run->length && run->what && run->level < m.info.levels, "an empty run");
	expect(!((run->start | run->length) & (m.granule - 1)), "a run of less than pages");
	expect(run->start >= h->span.start && run->start + run->length <= h->span.end,
	       "a run outside the range");
	expect(!h->strict || run->start >= h->next_run, "runs go back");
	h->next_run = run->start + run->length;
	if (run->what & PTW_EXTENT_YOUNG)
		h->run_young += pages;
	if (run->what & PTW_EXTENT_DIRTY)
		h->run_dirty += pages;
	return h->stop_after && ++h->calls >= h->stop_after;
}

static inline void bitmap_open(uint64_t *words, uint64_t count)
{
	memset(words, 0, (count + 2) * sizeof(*words));
	words[0] = words[count + 1] = CANARY;
}

/* Bits in the range only, nothing before or behind the bitmap; as many as pages were counted. */
static inline void bitmap_close(const struct harvested *h, const uint64_t *words, uint64_t count,
				uint64_t pages)
{
	const uint64_t first = h->span.start / m.granule & ~(uint64_t)63;
	uint64_t bits = 0;

	expect(words[0] == CANARY && words[count + 1] == CANARY, "a bit outside the bitmap");
	for (uint64_t i = 0; i < count; i++) {
		expect(!(words[i + 1] & ~in_span(&h->span, first + 64 * i)), "a bit outside");
		bits += (unsigned int)__builtin_popcountll(words[i + 1]);
	}
	expect(h->strict ? bits == pages : bits <= pages, "%llu bits, %llu pages",
	       (unsigned long long)bits, (unsigned long long)pages);
}

static inline void check_cut(const struct ptw_extent *e, uint64_t at)
{
	expect(!e->length || (e->start < at && e->start + e->length > at),
	       "an extent that nothing cuts: %#llx, %#llx bytes", (unsigned long long)e->start,
	       (unsigned long long)e->length);
}

static inline void check_result(const struct harvested *h, const struct ptw_harvest_result *r,
				uint64_t from)
{
	expect(r->resume >= from && r->resume <= h->span.end, "resume");
	expect(r->entries <= 2 * m.entries_max, "%llu entries", (unsigned long long)r->entries);
	expect(!r->busy, "lost a race against nobody");
	expect((h->want & PTW_HARVEST_ACCESSED) || !r->young_extents, "young unasked");
	expect(h->may_dirty || !r->dirty_extents, "dirty unasked");
	expect(!h->strict || (r->young_pages <= h->span.pages && r->dirty_pages <= h->span.pages),
	       "more pages than there are");
	expect(r->young_extents <= 2 * m.entries_max && r->dirty_extents <= 2 * m.entries_max,
	       "more extents than entries");
	check_cut(&r->head, from);
	check_cut(&r->tail, h->span.end);
}

static inline int do_harvest(const struct op *op, uint32_t flags, bool outputs,
			     struct ptw_harvest_result *r)
{
	struct harvested h = {
		.span = span_of(op),
		.want = flags & 3,
		.strict = !m.arena->groups,
		.may_dirty = (flags & PTW_HARVEST_DIRTY) || !m.info.exact,
	};
	struct ptw_harvest request = {.size = sizeof(request), .flags = flags, .context = &h};
	const uint64_t words = ptw_bitmap_words(h.span.start, h.span.end, m.info.granule_lg2);
	uint64_t cursor = 0, from, young = 0, dirty = 0;
	unsigned int calls = 0;
	int ret;

	if (outputs && words <= BITMAP_WORDS) {
		request.young = op->misc & 1 ? young_words + 1 : NULL;
		request.dirty = op->misc & 2 ? dirty_words + 1 : NULL;
		bitmap_open(young_words, words);
		bitmap_open(dirty_words, words);
	}
	/* A word for each 64 pages: large leaves make many. */
	if (outputs && (op->misc & 4) && h.span.pages <= (uint64_t)1 << 20)
		request.word = on_word;
	if (outputs && (op->misc & 8))
		request.run = on_run;
	if (outputs && (op->misc & 0x70) == 0x10)
		h.stop_after = op->misc >> 7 ? 1 : 3;
	if (outputs && (op->misc & 0x70) == 0x20) {
		request.oa_start = (uint64_t)op->first << 12;
		request.oa_end = request.oa_start + ((uint64_t)op->length << 16) + 1;
	}
	if (outputs && (op->misc & 0x70) >= 0x50) {
		request.budget = 1 + ((uint64_t)op->length & 1023);
		if ((op->misc & 0x70) >= 0x60)
			request.cursor = &cursor;
	}
	do {
		from = cursor ? cursor : h.span.start;
		/* A word in which the last call ended comes in two pieces. */
		h.next_page = from / m.granule & ~(uint64_t)63;
		*r = (struct ptw_harvest_result){.size = sizeof(*r), .resume = h.span.start};
		arena_begin(m.arena);
		ret = ptw_harvest(m.pgtable, h.span.raw_start, h.span.raw_end, &request, r);
		arena_end(m.arena, !(flags & PTW_HARVEST_PEEK));
		expect(ret == PTW_OK || is_corrupt(ret) || is_refusal(&h.span, ret) ||
			       (ret == PTW_ERR_ARG && (!h.want || flags > 15)) ||
			       (ret == PTW_ERR_STOPPED && h.stop_after) ||
			       (ret == PTW_ERR_BUDGET && request.budget),
		       "harvest: %d", ret);
		if (ret == PTW_ERR_ARG || ret == PTW_ERR_ALIGN || ret == PTW_ERR_RANGE)
			return ret;
		check_result(&h, r, from);
		young += r->young_pages;
		dirty += r->dirty_pages;
		expect(!request.cursor || cursor == r->resume, "cursor");
		expect(ret || r->resume == h.span.end, "complete, but not at the end");
		expect(ret != PTW_ERR_BUDGET || r->resume > from, "no progress");
	} while (ret == PTW_ERR_BUDGET && request.cursor && ++calls < 64);
	if (outputs && words <= BITMAP_WORDS) {
		bitmap_close(&h, young_words, words, request.young ? young : 0);
		bitmap_close(&h, dirty_words, words, request.dirty ? dirty : 0);
	}
	if (h.strict && request.word)
		expect(h.word_young == young && h.word_dirty == dirty, "words do not add up");
	if (h.strict && request.run)
		expect(h.run_young == young && h.run_dirty == dirty, "runs do not add up");
	return ret;
}

#endif /* PTW_FUZZ_HARVESTS_H */
