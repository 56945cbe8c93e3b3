/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The ledger: see ledger.h for why it is right. */
#include <inttypes.h>
#include <string.h>

#include "ledger.h"

/* What one operation has reported, while it is being entered. */
struct entry {
	struct worker *worker;
	uint64_t young_block; /* last block entered, as the index of its first page */
	uint64_t dirty_block;
};

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

/* Where reports of this page are counted: blocks have one state for all their pages. */
static uint64_t counted_at(const struct stress *s, uint64_t index)
{
	const struct area *area = area_of(s, index);

	if (area != &s->areas[AREA_BLOCKS])
		return index;
	return area->first + (index - area->first) / area->region * area->region;
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
		stress_fail(s, "%#" PRIx64 " reported %s, but nothing is ever mapped there", ia, what);
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

static void enter_young(struct entry *e, uint64_t ia)
{
	struct stress *s = e->worker->stress;
	uint64_t index = ledger_index(s, ia);
	uint64_t at;

	if (!expected(s, index, ia, "young"))
		return;
	e->worker->worked = true;
	cover_young(s, index);
	at = counted_at(s, index);
	if (at != e->young_block)
		add(&s->page[at].young_reports, 1);
	e->young_block = at;
}

static void enter_dirty(struct entry *e, uint64_t ia)
{
	struct stress *s = e->worker->stress;
	uint64_t index = ledger_index(s, ia);
	uint64_t at;

	if (!expected(s, index, ia, "dirty"))
		return;
	e->worker->worked = true;
	raise_to(&s->page[index].dirty_covered, get(&s->page[index].written));
	at = counted_at(s, index);
	if (at != e->dirty_block) {
		add(&s->page[at].dirty_reports, 1);
		add(&s->page[at].merged, e->worker->merges);
	}
	e->dirty_block = at;
}

/*
 * An extent that is cut, by an end of the range or where a harvest went on, was reported whole: bitmaps
 * show a part of it, which has been counted.
 */
static void cover_cut(struct stress *s, const struct ptw_extent *extent)
{
	if (!extent || !extent->length)
		return;
	for (uint64_t ia = extent->start; ia < extent->start + extent->length; ia += s->granule) {
		uint64_t index = ledger_index(s, ia);

		if (!expected(s, index, ia, "cut by the range"))
			return;
		if (extent->what & PTW_EXTENT_YOUNG)
			cover_young(s, index);
		if (extent->what & PTW_EXTENT_DIRTY)
			raise_to(&s->page[index].dirty_covered, get(&s->page[index].written));
	}
}

void ledger_close(struct worker *w, struct span span, const struct ptw_extent *head,
		  const struct ptw_extent *tail)
{
	struct stress *s = w->stress;
	struct entry e = { w, UINT64_MAX, UINT64_MAX };
	uint64_t words = ptw_bitmap_words(span.start, span.end, s->granule_lg2);

	for (uint64_t i = 0; i < words; i++) {
		uint64_t ia = (w->out_page + i * 64) * s->granule;

		for (uint64_t bits = w->young[i]; bits; bits &= bits - 1)
			enter_young(&e, ia + (uint64_t)__builtin_ctzll(bits) * s->granule);
		for (uint64_t bits = w->dirty[i]; bits; bits &= bits - 1)
			enter_dirty(&e, ia + (uint64_t)__builtin_ctzll(bits) * s->granule);
	}
	cover_cut(s, head);
	cover_cut(s, tail);
}

void ledger_single(struct worker *w, uint64_t ia)
{
	struct stress *s = w->stress;
	struct entry e = { w, UINT64_MAX, UINT64_MAX };
	const struct area *area = space_area(s, ia);
	uint64_t bytes, start;

	if (!area) {
		expected(s, UINT64_MAX, ia, "young");
		return;
	}
	bytes = area->region * s->granule;
	start = area->base + (ia - area->base) / bytes * bytes;
	enter_young(&e, ia);
	for (uint64_t at = start; at < start + bytes; at += s->granule)
		cover_young(s, ledger_index(s, at));
}

void ledger_mapped(struct stress *s, struct span span, uint32_t flags, bool sure)
{
	for (uint64_t ia = span.start; ia < span.end; ia += s->granule) {
		uint64_t index = ledger_index(s, ia);
		struct page *page = &s->page[index];

		if (counted_at(s, index) != index)
			continue;
		if (flags & PTW_LEAF_YOUNG) {
			add(&page->young_low, sure);
			add(&page->young_high, 1);
		}
		if (flags & PTW_LEAF_DIRTY) {
			add(&page->dirty_low, sure);
			add(&page->dirty_high, 1);
		}
	}
}

/* Transitions, reports and what is still set of one page or block. */
struct sum {
	uint64_t low, high, reports, still, merged;
};

static void check_sum(struct stress *s, uint64_t index, const char *what, const struct sum *sum)
{
	uint64_t found = sum->reports + sum->still;

	if (found < sum->low && !sum->merged)
		stress_fail(s, "%s lost at %#" PRIx64 " (area %s): %" PRIu64 " transitions at least, "
			    "%" PRIu64 " reported, %" PRIu64 " still set", what, ia_of(s, index),
			    area_of(s, index)->name, sum->low, sum->reports, sum->still);
	if (found > sum->high)
		stress_fail(s, "%s reported too often at %#" PRIx64 " (area %s): %" PRIu64
			    " transitions at most, %" PRIu64 " reported, %" PRIu64 " still set",
			    what, ia_of(s, index), area_of(s, index)->name, sum->high, sum->reports,
			    sum->still);
	if (s->over && sum->low == sum->high && !sum->merged)
		s->totals->exact_units += sum->low;
}

/* Exact counts, of pages or blocks of `unit` pages. */
static void check_exact(struct stress *s, const struct area *area, uint64_t unit,
			const uint64_t *young, const uint64_t *dirty)
{
	for (uint64_t first = 0; first < area->pages; first += unit) {
		struct sum y = { 0, 0, 0, 0, 0 }, d = { 0, 0, 0, 0, 0 };

		for (uint64_t i = first; i < first + unit; i++) {
			struct page *page = &s->page[area->first + i];

			y.low += get(&page->young_low);
			y.high += get(&page->young_high);
			y.reports += get(&page->young_reports);
			d.low += get(&page->dirty_low);
			d.high += get(&page->dirty_high);
			d.reports += get(&page->dirty_reports);
			d.merged += get(&page->merged);
		}
		y.still = bit_of(young, first);
		d.still = bit_of(dirty, first);
		check_sum(s, area->first + first, "young", &y);
		check_sum(s, area->first + first, "dirty", &d);
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
	check_exact(s, &s->areas[AREA_PAGES], 1, young[AREA_PAGES], dirty[AREA_PAGES]);
	check_exact(s, &s->areas[AREA_PROTECTED], 1, young[AREA_PROTECTED],
		    dirty[AREA_PROTECTED]);
	check_exact(s, &s->areas[AREA_BLOCKS], s->areas[AREA_BLOCKS].region, young[AREA_BLOCKS],
		    dirty[AREA_BLOCKS]);
}
