/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The ledger: see ledger.h for why it is right. */
#include <inttypes.h>
#include <string.h>

#include "ledger.h"

uint64_t ledger_index(struct stress *s, uint64_t ia)
{
	const struct area *area = space_area(s, ia);

	return area ? area->first + (ia - area->base) / s->granule : UINT64_MAX;
}

static const struct area *area_of(const struct stress *s, uint64_t index)
{
	unsigned int i = AREAS - 1;

	while (s->areas[i].first > index)
		i--;
	return &s->areas[i];
}

static uint64_t ia_of(const struct stress *s, uint64_t index)
{
	const struct area *area = area_of(s, index);

	return area->base + (index - area->first) * s->granule;
}

void ledger_open(struct worker *w, struct span span)
{
	struct stress *s = w->stress;
	size_t bytes = ptw_bitmap_words(span.start, span.end, s->granule_lg2) * 8;

	memset(w->young, 0, bytes);
	memset(w->dirty, 0, bytes);
	memset(w->young_out, 0, bytes);
	memset(w->dirty_out, 0, bytes);
	w->out_page = (span.start / s->granule) & ~(uint64_t)63;
}

/* First page of the block that page `index` may be part of. */
static uint64_t block_of(const struct stress *s, uint64_t index)
{
	const struct area *area = area_of(s, index);

	return area->first + (index - area->first) / area->region * area->region;
}

void ledger_set(struct stress *s, uint64_t index, bool dirty, unsigned int level, uint64_t low,
		uint64_t high)
{
	struct page *page = &s->page[level ? block_of(s, index) : index];
	struct tally *tally = dirty ? &page->dirty : &page->young;

	add(level ? &tally->block_low : &tally->low, low);
	add(level ? &tally->block_high : &tally->high, high);
}

static void cover_young(struct stress *s, uint64_t index)
{
	struct page *page = &s->page[index];

	/* An update of the word, not a load: see ledger.h. Partner: cpu_access(). */
	raise_to(&page->young_covered, atomic_fetch_add_explicit(&page->begun, 0, LEDGER_ORDER));
}

static bool expected(struct stress *s, uint64_t index, uint64_t ia, const char *what)
{
	const struct area *area;

	if (index == UINT64_MAX) {
		stress_fail(s, "%#" PRIx64 " reported %s, but nothing is ever mapped there", ia,
			    what);
		return false;
	}
	area = area_of(s, index);
	if (index - area->first >= area->busy) {
		stress_fail(s, "%#" PRIx64 " (area %s) reported %s, but no CPU goes there", ia,
			    area->name, what);
		return false;
	}
	return true;
}

static void enter(struct worker *w, uint64_t ia, uint32_t what)
{
	struct stress *s = w->stress;
	uint64_t index = ledger_index(s, ia);
	struct page *page = &s->page[index];

	if (!expected(s, index, ia, what & PTW_EXTENT_YOUNG ? "young" : "dirty"))
		return;
	w->worked = true;
	if (what & PTW_EXTENT_YOUNG) {
		cover_young(s, index);
		add(&page->young.reports, 1);
		add(&page->young.merged, w->merges);
	}
	if (what & PTW_EXTENT_DIRTY) {
		raise_to(&page->dirty_covered, get(&page->written));
		add(&page->dirty.reports, 1);
		add(&page->dirty.merged, w->merges);
	}
}

/*
 * Extents are reported whole, bitmaps show what lies in the range: here is the rest. A page that
 * was shown before, as part of a smaller leaf, is reported again then.
 */
static void enter_cut(struct worker *w, uint64_t start, uint64_t end, uint32_t what)
{
	for (uint64_t ia = start; ia < end; ia += w->stress->granule)
		enter(w, ia, what);
}

void ledger_close(struct worker *w, struct span span, uint64_t from, const struct ptw_extent *head,
		  const struct ptw_extent *tail)
{
	struct stress *s = w->stress;
	uint64_t words = ptw_bitmap_words(span.start, span.end, s->granule_lg2);

	for (uint64_t i = 0; i < words; i++) {
		uint64_t ia = (w->out_page + i * 64) * s->granule;

		for (uint64_t bits = w->young[i]; bits; bits &= bits - 1)
			enter(w, ia + (uint64_t)__builtin_ctzll(bits) * s->granule,
			      PTW_EXTENT_YOUNG);
		for (uint64_t bits = w->dirty[i]; bits; bits &= bits - 1)
			enter(w, ia + (uint64_t)__builtin_ctzll(bits) * s->granule,
			      PTW_EXTENT_DIRTY);
	}
	if (head && head->length)
		enter_cut(w, head->start, from, head->what);
	if (tail && tail->length)
		enter_cut(w, span.end, tail->start + tail->length, tail->what);
}

void ledger_single(struct worker *w, uint64_t ia)
{
	struct stress *s = w->stress;
	const struct area *area = space_area(s, ia);
	uint64_t bytes, start;

	enter(w, ia, PTW_EXTENT_YOUNG);
	if (!area)
		return;
	bytes = area->region * s->granule;
	start = area->base + (ia - area->base) / bytes * bytes;
	for (uint64_t at = start; at < start + bytes; at += s->granule)
		cover_young(s, ledger_index(s, at));
}

void ledger_mapped(struct stress *s, struct span span, uint32_t flags, bool sure)
{
	for (uint64_t ia = span.start; flags && ia < span.end; ia += s->granule) {
		if (flags & PTW_LEAF_YOUNG)
			ledger_set(s, ledger_index(s, ia), false, 0, sure, 1);
		if (flags & PTW_LEAF_DIRTY)
			ledger_set(s, ledger_index(s, ia), true, 0, sure, 1);
	}
}

/* Transitions = reports + still set, of one page. */
static void check_tally(struct stress *s, uint64_t index, bool dirty, bool still)
{
	struct tally *t = dirty ? &s->page[index].dirty : &s->page[index].young;
	struct page *block = &s->page[block_of(s, index)];
	struct tally *b = dirty ? &block->dirty : &block->young;
	uint64_t low = get(&t->low) + get(&b->block_low);
	uint64_t high = get(&t->high) + get(&b->block_high);
	uint64_t found = get(&t->reports) + still;
	bool merged = get(&t->merged);

	if (found > high || (found < low && !merged))
		stress_fail(s, "%s %s at %#" PRIx64 " (area %s): %" PRIu64 " to %" PRIu64
			    " transitions, %" PRIu64 " reported, %d still set",
			    dirty ? "dirty" : "young", found > high ? "reported too often" : "lost",
			    ia_of(s, index), area_of(s, index)->name, low, high, get(&t->reports),
			    still);
	if (s->over && low == high && !merged)
		s->totals->exact_units += low;
}

static void check_exact(struct stress *s, const struct area *area, const uint64_t *young,
			const uint64_t *dirty)
{
	for (uint64_t i = 0; i < area->pages; i++) {
		check_tally(s, area->first + i, false, bit_of(young, i));
		check_tally(s, area->first + i, true, bit_of(dirty, i));
	}
}

static void check_lost(struct stress *s, const struct area *area, const uint64_t *young,
		       const uint64_t *dirty)
{
	for (uint64_t i = 0; i < area->pages; i++) {
		struct page *page = &s->page[area->first + i];
		uint64_t ia = area->base + i * s->granule;

		if (get(&page->walked) > get(&page->young_covered) && !bit_of(young, i))
			stress_fail(s, "%#" PRIx64 " (area %s) was accessed (number %" PRIu64
				    "), is not young, and was last reported in time for number "
				    "%" PRIu64, ia, area->name, get(&page->walked),
				    get(&page->young_covered));
		if (get(&page->written) > get(&page->dirty_covered) && !bit_of(dirty, i))
			stress_fail(s, "%#" PRIx64 " (area %s) was written %" PRIu64
				    " times, is not dirty, and was last reported after write %"
				    PRIu64, ia, area->name, get(&page->written),
				    get(&page->dirty_covered));
		if (i >= area->busy && (bit_of(young, i) || bit_of(dirty, i)))
			stress_fail(s, "%#" PRIx64 " (area %s) is young or dirty, but no CPU goes "
				    "there", ia, area->name);
	}
}

void ledger_check(struct stress *s, const uint64_t *const young[AREAS],
		  const uint64_t *const dirty[AREAS])
{
	for (unsigned int i = 0; i < AREAS; i++)
		check_lost(s, &s->areas[i], young[i], dirty[i]);
	check_exact(s, &s->areas[AREA_PAGES], young[AREA_PAGES], dirty[AREA_PAGES]);
	check_exact(s, &s->areas[AREA_PROTECTED], young[AREA_PROTECTED], dirty[AREA_PROTECTED]);
	check_exact(s, &s->areas[AREA_BLOCKS], young[AREA_BLOCKS], dirty[AREA_BLOCKS]);
}
