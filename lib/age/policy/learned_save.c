/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The learned policy's state as bytes: numbers, what was counted, pages, the queue. What follows from the pages is
 * counted again: populations, how many each miniature has.
 *
 * Pages are those of the spans, one after the other: how many are unknown, how many are known, three bytes for each of
 * these (history, with PTW_LEARNED_IN and PTW_LEARNED_AGAIN; age), and so on. The queue: how many
 * ranks have pages, then for each its rank, how many, and the distance of each from the one before.
 * A page that is queued and absent was removed, and keeps its place. One that is being evicted is
 * queued as one that could not be.
 */
#include <ptw/error.h>

#include "lib/age/numbers.h"
#include "lib/age/policy/learned_save.h"

static const uint16_t ptw_learned_counter[] = {
#define PTW_LEARNED_COUNTER(field) offsetof(struct ptw_learned, field)
	PTW_LEARNED_COUNTER(step),	  PTW_LEARNED_COUNTER(misses),
	PTW_LEARNED_COUNTER(step_misses), PTW_LEARNED_COUNTER(origin_misses),
	PTW_LEARNED_COUNTER(entries),	  PTW_LEARNED_COUNTER(debt),
	PTW_LEARNED_COUNTER(missed[0]),	  PTW_LEARNED_COUNTER(missed[1]),
	PTW_LEARNED_COUNTER(balance),	  PTW_LEARNED_COUNTER(faults),
};

static const uint16_t ptw_learned_small[] = {
	PTW_LEARNED_COUNTER(level), PTW_LEARNED_COUNTER(rule),	  PTW_LEARNED_COUNTER(shift),
	PTW_LEARNED_COUNTER(turn),  PTW_LEARNED_COUNTER(caution), PTW_LEARNED_COUNTER(good),
#undef PTW_LEARNED_COUNTER
};

/* The pages of the spans, one by one. */
struct ptw_learned_pages {
	uint32_t span;
	bool begun;
	uint64_t page; /* the present one */
};

static bool ptw_learned_page_next(const struct ptw_learned *l, struct ptw_learned_pages *at)
{
	if (at->span >= l->spans)
		return false;
	if (at->begun && ++at->page < l->span[at->span].end)
		return true;
	if (at->begun && ++at->span >= l->spans)
		return false;
	at->begun = true;
	at->page = l->span[at->span].first;
	return true;
}

static bool ptw_learned_resident(const struct ptw_policy_image *image, uint64_t page)
{
	return image->resident(image->context, page);
}

static void ptw_learned_save_numbers(struct ptw_writer *w, const struct ptw_learned *l,
				     uint64_t now)
{
	const uint64_t time = ptw_learned_time(l, now);

	ptw_put(w, PTW_LEARNED_FORMAT);
	for (unsigned int i = 0; i < sizeof(ptw_learned_counter) / sizeof(uint16_t); i++)
		ptw_put(w, *(const uint64_t *)((const char *)l + ptw_learned_counter[i]));
	for (unsigned int i = 0; i < sizeof(ptw_learned_small) / sizeof(uint16_t); i++)
		ptw_put(w, *(const uint32_t *)((const char *)l + ptw_learned_small[i]));
	ptw_put(w, (uint64_t)l->picked | (uint64_t)l->started << 1 | (uint64_t)l->over << 2);
	/* Time since the clock was told first: of the step's begin, when it was told last, and now. */
	ptw_put(w, l->step_began - l->origin);
	ptw_put(w, l->now - l->origin);
	ptw_put(w, l->started ? (time > l->now ? time : l->now) - l->origin : 0);
	for (unsigned int c = 0; c < PTW_LEARNED_CLASSES; c++)
		for (unsigned int b = 0; b < PTW_LEARNED_BUCKETS; b++) {
			ptw_put_small(w, l->events[c][b]);
			ptw_put_small(w, l->exposures[c][b]);
			ptw_put_byte(w, l->rank[c][b]);
		}
}

/* Is a page known in the image? Whoever is resident is. */
static bool ptw_learned_saved(const struct ptw_learned *l, const struct ptw_policy_image *image,
			      uint64_t page)
{
	return (l->history[page] & PTW_LEARNED_KNOWN) || ptw_learned_resident(image, page);
}

static void ptw_learned_save_pages(struct ptw_writer *w, const struct ptw_learned *l,
				   const struct ptw_policy_image *image)
{
	struct ptw_learned_pages at = {0}, end;
	bool more = ptw_learned_page_next(l, &at);

	while (more) {
		uint64_t run = 0;

		for (; more && !ptw_learned_saved(l, image, at.page); run++)
			more = ptw_learned_page_next(l, &at);
		ptw_put_small(w, run);
		if (!more)
			return;
		run = 0;
		for (end = at; more && ptw_learned_saved(l, image, end.page); run++)
			more = ptw_learned_page_next(l, &end);
		ptw_put_small(w, run);
		for (; run; run--) {
			unsigned int history = l->history[at.page] & ~PTW_LEARNED_KNOWN;

			if (!ptw_learned_resident(image, at.page))
				history &= ~PTW_LEARNED_AGAIN;
			ptw_put_byte(w, (uint8_t)history);
			ptw_put_byte(w, (uint8_t)(history >> 8));
			ptw_put_byte(w, (uint8_t)ptw_learned_age(l, (uint32_t)at.page));
			ptw_learned_page_next(l, &at);
		}
	}
}

/* Of those in a list, which are in the image: not one that is known and absent, which was removed
 * while it was evicted. */
static bool ptw_learned_listed(const struct ptw_learned *l, const struct ptw_policy_image *image,
			       uint32_t page)
{
	return ptw_learned_resident(image, page) || !(l->history[page] & PTW_LEARNED_KNOWN);
}

/* A rank's pages, or how many they are. Those that are being evicted come behind those that could not be. */
static uint64_t ptw_learned_save_rank(struct ptw_writer *w, const struct ptw_learned *l,
				      const struct ptw_policy_image *image, uint32_t rank)
{
	uint64_t pages = 0, last = 0;
	struct ptw_learned_pages at = {0};

	for (uint32_t link = l->head[rank]; link >= PTW_LEARNED_LINK;
	     link = l->link[link - PTW_LEARNED_LINK]) {
		const uint32_t p = link - PTW_LEARNED_LINK;

		if (!ptw_learned_listed(l, image, p))
			continue;
		pages++;
		if (w)
			ptw_put_small(w, p > last ? (p - last) << 1 : (last - p) << 1 | 1);
		last = p;
	}
	if (rank != PTW_LEARNED_FAILED)
		return pages;
	while (ptw_learned_page_next(l, &at)) {
		if (l->link[at.page] || !ptw_learned_resident(image, at.page))
			continue;
		pages++;
		if (w)
			ptw_put_small(w, at.page > last ? (at.page - last) << 1 :
							  (last - at.page) << 1 | 1);
		last = at.page;
	}
	return pages;
}

uint64_t ptw_learned_save(void *state, const struct ptw_policy_image *image, uint8_t *to,
			  uint64_t size)
{
	const struct ptw_learned *l = state;
	struct ptw_writer w = {.to = to, .size = size};
	uint64_t ranks = 0;

	ptw_learned_save_numbers(&w, l, image->now);
	ptw_learned_save_pages(&w, l, image);
	for (uint32_t r = 0; r < PTW_LEARNED_RANKS; r++)
		ranks += ptw_learned_save_rank(NULL, l, image, r) != 0;
	ptw_put_small(&w, ranks);
	for (uint32_t r = 0; r < PTW_LEARNED_RANKS; r++) {
		const uint64_t pages = ptw_learned_save_rank(NULL, l, image, r);

		if (!pages)
			continue;
		ptw_put_small(&w, r);
		ptw_put_small(&w, pages);
		ptw_learned_save_rank(&w, l, image, r);
	}
	return w.bytes;
}

/* --- Reading. In checking, `l` is a copy that has the group's spans and none of its pages. */

/* Larger numbers are never written, and none below overflows in a calculation. */
#define PTW_LEARNED_MOST ((uint64_t)1 << 48)

static bool ptw_learned_within(int64_t value, int64_t most)
{
	return value >= -most && value <= most;
}

static int ptw_learned_check_numbers(const struct ptw_learned *l, uint64_t flags)
{
	if (flags > 7 || l->misses > PTW_LEARNED_MOST || l->step_misses > l->misses ||
	    l->origin_misses > l->misses || l->entries > PTW_LEARNED_MOST ||
	    !ptw_learned_within(l->debt, (int64_t)PTW_LEARNED_MOST) ||
	    !ptw_learned_within(l->balance, (int64_t)PTW_LEARNED_MOST) ||
	    l->missed[0] > PTW_LEARNED_MOST || l->missed[1] > PTW_LEARNED_MOST ||
	    l->faults > l->step_misses)
		return PTW_ERR_CORRUPT_BOUNDS;
	if (l->level > PTW_LEARNED_LEAST || l->rule >= PTW_LEARNED_RULES ||
	    l->shift > PTW_LEARNED_SHIFT || l->caution > PTW_LEARNED_CAUTION ||
	    l->good > PTW_LEARNED_GOOD_STEPS)
		return PTW_ERR_CORRUPT_BOUNDS;
	if (l->step_began > l->now || l->now > l->clock_at || (!l->started && l->clock_at))
		return PTW_ERR_CORRUPT_BOUNDS;
	for (unsigned int c = 0; c < PTW_LEARNED_CLASSES; c++)
		for (unsigned int b = 0; b < PTW_LEARNED_BUCKETS; b++)
			if (l->events[c][b] > l->exposures[c][b] + 256 ||
			    l->rank[c][b] >= PTW_LEARNED_FAILED)
				return PTW_ERR_CORRUPT_BOUNDS;
	return PTW_OK;
}

static int ptw_learned_read_numbers(struct ptw_reader *r, struct ptw_learned *l, uint64_t now)
{
	uint64_t flags, word, more = 0;

	if (ptw_get(r) != PTW_LEARNED_FORMAT)
		return r->error ? r->error : PTW_ERR_UNSUPPORTED;
	for (unsigned int i = 0; i < sizeof(ptw_learned_counter) / sizeof(uint16_t); i++)
		*(uint64_t *)((char *)l + ptw_learned_counter[i]) = ptw_get(r);
	for (unsigned int i = 0; i < sizeof(ptw_learned_small) / sizeof(uint16_t); i++) {
		word = ptw_get(r);
		more |= word >> 32;
		*(uint32_t *)((char *)l + ptw_learned_small[i]) = (uint32_t)word;
	}
	flags = ptw_get(r);
	l->picked = flags & 1;
	l->started = flags >> 1 & 1;
	l->over = flags >> 2 & 1;
	l->origin = 0;
	l->step_began = ptw_get(r);
	l->now = ptw_get(r);
	l->clock_at = ptw_get(r);
	l->clock_from = l->started ? now : 0;
	for (unsigned int c = 0; c < PTW_LEARNED_CLASSES; c++)
		for (unsigned int b = 0; b < PTW_LEARNED_BUCKETS; b++) {
			l->events[c][b] = ptw_get_small(r);
			l->exposures[c][b] = ptw_get_small(r);
			l->rank[c][b] = ptw_get_byte(r);
		}
	if (r->error)
		return r->error;
	return more ? PTW_ERR_CORRUPT_BOUNDS : ptw_learned_check_numbers(l, flags);
}

/* One known page. */
static int ptw_learned_read_page(struct ptw_reader *r, struct ptw_learned *l,
				 const struct ptw_policy_image *image, uint64_t page,
				 struct ptw_learned_seen_bits *bits)
{
	const uint16_t low = ptw_get_byte(r);
	const uint16_t history = (uint16_t)(low | ptw_get_byte(r) << 8);
	const uint8_t age = ptw_get_byte(r);

	if (r->error)
		return r->error;
	if (bits) {
		if (age > PTW_LEARNED_AGES || (history & PTW_LEARNED_KNOWN))
			return PTW_ERR_CORRUPT_BOUNDS;
		if ((history & (3 * PTW_LEARNED_IN) && !ptw_learned_sampled(l, (uint32_t)page)) ||
		    (history & PTW_LEARNED_AGAIN && !ptw_learned_resident(image, page)))
			return PTW_ERR_CORRUPT_RESERVED;
		bits->known[page / 64] |= (uint64_t)1 << page % 64;
		return PTW_OK;
	}
	l->history[page] = history | PTW_LEARNED_KNOWN;
	l->seen[page] = (uint8_t)(l->step - age);
	if (age < PTW_LEARNED_AGES)
		l->population[ptw_learned_class(l, (uint32_t)page)][l->seen[page]]++;
	for (uint32_t rule = 0; rule < PTW_LEARNED_RULES; rule++)
		l->held[rule] += !!(history & PTW_LEARNED_IN << rule);
	return PTW_OK;
}

static int ptw_learned_read_pages(struct ptw_reader *r, struct ptw_learned *l,
				  const struct ptw_policy_image *image,
				  struct ptw_learned_seen_bits *bits)
{
	struct ptw_learned_pages at = {0};
	bool more = ptw_learned_page_next(l, &at), first = true;

	while (more) {
		uint64_t run = ptw_get_small(r);

		if (!r->error && !run && !first)
			return PTW_ERR_CORRUPT_RESERVED;
		first = false;
		for (; !r->error && run && more; run--) {
			if (!bits) {
				l->link[at.page] = 0;
				l->history[at.page] = 0;
			}
			more = ptw_learned_page_next(l, &at);
		}
		if (r->error || run)
			return r->error ? r->error : PTW_ERR_CORRUPT_BOUNDS;
		if (!more)
			return PTW_OK;
		run = ptw_get_small(r);
		if (!r->error && !run)
			return PTW_ERR_CORRUPT_RESERVED;
		for (; !r->error && run && more; run--) {
			const int ret = ptw_learned_read_page(r, l, image, at.page, bits);

			if (ret)
				return ret;
			if (!bits)
				l->link[at.page] = 0;
			more = ptw_learned_page_next(l, &at);
		}
		if (r->error || run)
			return r->error ? r->error : PTW_ERR_CORRUPT_BOUNDS;
	}
	return PTW_OK;
}

/* Is the page the group's? Spans are in order; there may be as many as regions. */
static bool ptw_learned_has(const struct ptw_learned *l, uint64_t page)
{
	uint32_t low = 0, high = l->spans;

	/* Of spans below `low` the end is not behind it, those from `high` on begin behind it. */
	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;

		if (page >= l->span[middle].end)
			low = middle + 1;
		else if (page < l->span[middle].first)
			high = middle;
		else
			return true;
	}
	return false;
}

/* Behind all others of its rank; with what is known of it, AGAIN included, as it is. */
static void ptw_learned_requeue_one(struct ptw_learned *l, uint32_t page, uint32_t rank)
{
	const uint16_t history = l->history[page];

	ptw_learned_queue(l, page, rank);
	l->history[page] = history;
}

static int ptw_learned_read_rank(struct ptw_reader *r, struct ptw_learned *l, uint32_t rank,
				 struct ptw_learned_seen_bits *bits)
{
	uint64_t pages = ptw_get_small(r), page = 0;

	if (!r->error && !pages)
		return PTW_ERR_CORRUPT_RESERVED;
	for (; !r->error && pages; pages--) {
		const uint64_t step = ptw_get_small(r);

		page = step & 1 ? page - (step >> 1) : page + (step >> 1);
		if (r->error)
			break;
		if (!bits) {
			ptw_learned_requeue_one(l, (uint32_t)page, rank);
			continue;
		}
		if (page >= l->pages || !ptw_learned_has(l, page))
			return PTW_ERR_CORRUPT_BOUNDS;
		/* By no page is written as down, not as up: page 0 where it comes first. */
		if (!step || bits->listed[page / 64] >> page % 64 & 1)
			return PTW_ERR_CORRUPT_RESERVED;
		bits->listed[page / 64] |= (uint64_t)1 << page % 64;
	}
	return r->error;
}

static int ptw_learned_read_queue(struct ptw_reader *r, struct ptw_learned *l,
				  struct ptw_learned_seen_bits *bits)
{
	uint64_t ranks = ptw_get_small(r), next = 0;

	for (; !r->error && ranks; ranks--) {
		const uint64_t rank = ptw_get_small(r);
		int ret;

		if (r->error)
			break;
		if (rank < next || rank >= PTW_LEARNED_RANKS)
			return PTW_ERR_CORRUPT_BOUNDS;
		next = rank + 1;
		ret = ptw_learned_read_rank(r, l, (uint32_t)rank, bits);
		if (ret)
			return ret;
	}
	if (r->error)
		return r->error;
	return r->at == r->end ? PTW_OK : PTW_ERR_CORRUPT_BOUNDS;
}

/* Resident pages are known and queued; of the others, none that is known is queued. */
static int ptw_learned_check_bits(const struct ptw_learned *l, const struct ptw_policy_image *image,
				  const struct ptw_learned_seen_bits *bits)
{
	struct ptw_learned_pages at = {0};

	while (ptw_learned_page_next(l, &at)) {
		const bool known = bits->known[at.page / 64] >> at.page % 64 & 1;
		const bool listed = bits->listed[at.page / 64] >> at.page % 64 & 1;

		if (ptw_learned_resident(image, at.page) ? !known || !listed : known && listed)
			return PTW_ERR_CORRUPT_COUNT;
	}
	return PTW_OK;
}

static int ptw_learned_read(struct ptw_learned *l, const struct ptw_policy_image *image,
			    const uint8_t *from, uint64_t bytes, struct ptw_learned_seen_bits *bits)
{
	struct ptw_reader r = {.from = from, .end = bytes};
	int ret = ptw_learned_read_numbers(&r, l, image->now);

	if (!ret)
		ret = ptw_learned_read_pages(&r, l, image, bits);
	if (!ret)
		ret = ptw_learned_read_queue(&r, l, bits);
	if (!ret && bits)
		ret = ptw_learned_check_bits(l, image, bits);
	return ret;
}

static int ptw_learned_check_image(const struct ptw_learned *l,
				   const struct ptw_policy_image *image, const uint8_t *from,
				   uint64_t bytes)
{
	const uint64_t words = (l->pages + 63) / 64;
	struct ptw_learned *copy = ptw_port_zalloc(sizeof(*copy));
	struct ptw_learned_seen_bits bits = {
		.known = ptw_port_zalloc(words * sizeof(uint64_t)),
		.listed = ptw_port_zalloc(words * sizeof(uint64_t)),
	};
	int ret = PTW_ERR_NOMEM;

	if (copy && bits.known && bits.listed) {
		copy->pages = l->pages;
		copy->span = l->span;
		copy->spans = l->spans;
		ret = ptw_learned_read(copy, image, from, bytes, &bits);
	}
	if (copy)
		ptw_port_free(copy, sizeof(*copy));
	if (bits.known)
		ptw_port_free(bits.known, words * sizeof(uint64_t));
	if (bits.listed)
		ptw_port_free(bits.listed, words * sizeof(uint64_t));
	return ret;
}

int ptw_learned_restore(void *state, const struct ptw_policy_image *image, const uint8_t *from,
			uint64_t bytes, bool commit)
{
	struct ptw_learned *l = state;

	if (!commit)
		return ptw_learned_check_image(l, image, from, bytes);
	for (unsigned int r = 0; r < PTW_LEARNED_RANKS; r++)
		l->head[r] = 0;
	l->lowest = PTW_LEARNED_RANKS;
	for (unsigned int c = 0; c < PTW_LEARNED_CLASSES; c++)
		for (unsigned int b = 0; b < 256; b++)
			l->population[c][b] = 0;
	l->held[PTW_LEARNED_RECENCY] = l->held[PTW_LEARNED_HAZARD] = 0;
	return ptw_learned_read(l, image, from, bytes, NULL);
}
