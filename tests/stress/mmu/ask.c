/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Those who ask: agers, on nobody's behalf, and consumers, at very different rates. */
#include <string.h>
#include <time.h>

#include "mmu_stress.h"

static const uint32_t efforts[] = { PTW_EFFORT_PRIMARY, PTW_EFFORT_FAST, PTW_EFFORT_FAST,
				    PTW_EFFORT_FAST,	PTW_EFFORT_AGE,	 PTW_EFFORT_AGE,
				    PTW_EFFORT_ALL,	PTW_EFFORT_ALL };

struct span {
	uint64_t start;
	uint64_t end;
};

/* Whole words, as the quick lane has them, a few pages, or much. */
static struct span pick(struct worker *w, uint64_t end)
{
	struct span span = { 0, end };
	uint64_t length;

	switch (below(w, 8)) {
	case 0:
		return span;
	case 1 ... 2:
		span.start = 64 * below(w, end / 64);
		span.end = span.start + 64;
		return span;
	case 3 ... 5: /* where the hot items are */
		length = 1 + below(w, 24);
		span.start = below(w, 3) ? 0 : PLACE(below(w, 2));
		if (span.start + length >= end)
			span.start = 0;
		span.end = span.start + length;
		return span;
	default:
		span.start = below(w, end);
		span.end = span.start + 1 + below(w, end - span.start);
		return span;
	}
}

/* Into a bitmap of all pages, from one that begins with the word of `start`. */
static void widen(uint64_t *all, const uint64_t *bitmap, struct span span)
{
	memset(all, 0, WORDS * 8);
	for (uint64_t i = span.start / 64; i <= (span.end - 1) / 64; i++)
		all[i] = bitmap[i - span.start / 64];
}

/* Bits outside the span are nobody's. */
static void check_clipped(struct worker *w, const uint64_t *bitmap, struct span span)
{
	for (uint64_t page = span.start & ~(uint64_t)63; page < ((span.end + 63) & ~(uint64_t)63);
	     page++)
		if ((page < span.start || page >= span.end) &&
		    bit_of(bitmap, page - (span.start & ~(uint64_t)63)))
			stress_fail(w->stress, "a question about pages %#llx to %#llx sets the bit of %#llx",
				    (unsigned long long)span.start, (unsigned long long)span.end,
				    (unsigned long long)page);
}

static void check_answer(struct worker *w, const char *what, int ret, int other)
{
	if (ret && ret != other)
		stress_fail(w->stress, "%s: %s", what, ptw_strerror(ret));
}

static uint32_t what_to_ask(struct worker *w, uint32_t effort, bool dirty)
{
	uint32_t flags = PTW_HARVEST_ACCESSED;

	if (effort == PTW_EFFORT_FAST)
		return flags;
	if (dirty && below(w, 3) == 0)
		flags = below(w, 2) ? PTW_HARVEST_DIRTY : PTW_HARVEST_DIRTY | flags;
	return below(w, 8) ? flags : flags | PTW_HARVEST_EXACT;
}

static void ask_range(struct worker *w)
{
	struct stress *s = w->stress;
	const struct span span = pick(w, PAGES);
	const uint32_t effort = efforts[below(w, sizeof(efforts) / sizeof(efforts[0]))];
	const bool peek = below(w, 8) == 0;
	const uint32_t flags = what_to_ask(w, effort, true);
	uint64_t young[WORDS] = { 0 }, dirty[WORDS] = { 0 }, all[WORDS], cursor = 0;
	const struct ptw_ask ask = {
		.size = sizeof(ask),
		.flags = flags | (peek ? PTW_HARVEST_PEEK : 0),
		.effort = effort,
		.young = flags & PTW_HARVEST_ACCESSED ? young : NULL,
		.dirty = flags & PTW_HARVEST_DIRTY ? dirty : NULL,
		.budget = below(w, 4) ? 0 : 100,
		.cursor = &cursor,
	};
	struct ptw_ask_result result = { .size = sizeof(result) };
	int ret;

	do {
		/* What one call found, and the next finds again, are two transitions. */
		memset(young, 0, sizeof(young));
		memset(dirty, 0, sizeof(dirty));
		ret = ptw_space_harvest(s->space, span.start, span.end, &ask, &result);
		check_answer(w, "a question", ret, PTW_ERR_BUDGET);
		check_clipped(w, young, span);
		check_clipped(w, dirty, span);
		count(w, EVENT_NOT_ASKED, result.not_asked_pages);
		if (peek)
			continue;
		widen(all, young, span);
		ledger_found(s, YOUNG, all);
		widen(all, dirty, span);
		ledger_found(s, DIRTY, all);
	} while (ret == PTW_ERR_BUDGET);
	count(w, EVENT_HARVEST, 1);
}

/* One that may take the quick lane. */
static void ask_quickly(struct worker *w)
{
	const struct span span = pick(w, PAGES);
	uint64_t young[WORDS] = { 0 }, all[WORDS];
	const struct ptw_ask ask = {
		.size = sizeof(ask),
		.flags = PTW_HARVEST_ACCESSED,
		.effort = PTW_EFFORT_FAST,
		.young = young,
	};

	check_answer(w, "a quick question",
		     ptw_space_harvest(w->stress->space, span.start, span.end, &ask, NULL), PTW_OK);
	check_clipped(w, young, span);
	widen(all, young, span);
	ledger_found(w->stress, YOUNG, all);
	count(w, EVENT_QUICK, 1);
}

/* The same by the frames of the MMU at home, which are its pages. */
static void ask_frames(struct worker *w)
{
	struct stress *s = w->stress;
	const struct span span = pick(w, AREA_PAGES);
	uint64_t young[WORDS] = { 0 }, all[WORDS];
	const struct ptw_ask ask = {
		.size = sizeof(ask),
		.flags = PTW_HARVEST_ACCESSED,
		.effort = below(w, 2) ? PTW_EFFORT_FAST : PTW_EFFORT_ALL,
		.young = young,
	};

	check_answer(w, "a question about frames",
		     ptw_space_harvest_frames(s->space, s->home_id, 0, span.start, span.end, &ask,
					      NULL),
		     PTW_OK);
	widen(all, young, span);
	ledger_found(s, YOUNG, all);
	count(w, EVENT_FRAMES, 1);
}

static uint64_t any_page(struct worker *w)
{
	const unsigned int item = below(w, below(w, 2) ? ITEMS : 8);

	if (below(w, 3) == 0)
		return PLACE(below(w, 2)) + item % AREA_PAGES;
	return item % AREA_PAGES;
}

static void look_around(struct worker *w)
{
	struct stress *s = w->stress;
	const uint32_t window = 64u << below(w, 4);
	const uint64_t page = any_page(w), start = page & ~(uint64_t)(window - 1);
	uint64_t young[WORDS] = { 0 }, all[WORDS] = { 0 };
	const struct ptw_look_around how = {
		.size = sizeof(how), .window = window, .said = ~(uint64_t)0, .young = young };

	check_answer(w, "a look around", ptw_space_look_around(s->space, page, &how, NULL), PTW_OK);
	for (uint64_t i = 0; i < window / 64 && start / 64 + i < WORDS; i++)
		all[start / 64 + i] = young[i];
	ledger_found(s, YOUNG, all);
	count(w, EVENT_AROUND, 1);
}

static void one_page(struct worker *w)
{
	struct stress *s = w->stress;
	const uint64_t page = any_page(w);
	const uint32_t effort = efforts[below(w, sizeof(efforts) / sizeof(efforts[0]))];
	int ret;

	if (below(w, 4) == 0) {
		ret = ptw_space_test_young(s->space, page, effort);
	} else {
		ret = ptw_space_clear_young(s->space, page, effort);
		if (ret == 1)
			add(&s->item[item_of(page)].found[YOUNG], 1);
	}
	if (ret != 1)
		check_answer(w, "a question about a page", ret, PTW_ERR_AGAIN);
	count(w, EVENT_SINGLE, 1);
}

static void last_look(struct worker *w)
{
	struct stress *s = w->stress;
	const uint64_t page = any_page(w);
	const struct ptw_reference how = {
		.size = sizeof(how),
		.flags = (below(w, 4) ? 0 : PTW_REFERENCE_PEEK) |
			 (below(w, 2) ? 0 : PTW_REFERENCE_FOREIGN),
	};
	struct ptw_reference_result result = { .size = sizeof(result) };
	const int ret = ptw_space_reference(s->space, page, &how, &result);

	if (ret < 0 && ret != PTW_ERR_DROPPED)
		check_answer(w, "a last look", ret, PTW_ERR_AGAIN);
	if (ret > 0 && !(how.flags & PTW_REFERENCE_PEEK))
		add(&s->item[item_of(page)].found[YOUNG], (unsigned int)ret);
	count(w, EVENT_LAST, 1);
	count(w, EVENT_DROPPED, ret == PTW_ERR_DROPPED);
}

/* Numbers, and what is where: only that they can be had. */
static void look_up(struct worker *w)
{
	struct stress *s = w->stress;
	struct ptw_space_info info = { .size = sizeof(info) };
	struct ptw_slot slot = { .size = sizeof(slot) };
	uint64_t uncovered;

	if (ptw_space_info(s->space, &info) || info.nonsense || info.mmus < 1 || info.slots < 1)
		stress_fail(s, "the space says %u MMUs, %u slots, %llu answers refused", info.mmus,
			    info.slots, (unsigned long long)info.nonsense);
	if (ptw_space_find_slot(s->space, s->home_id, 0, 5, &slot) || slot.page != 0)
		stress_fail(s, "the slot at home is not found");
	if (ptw_space_covers(s->space, 0, AREA_PAGES, PTW_EFFORT_FAST, &uncovered) != 1)
		stress_fail(s, "the MMU at home is not fast");
	ptw_space_covers(s->space, 0, PAGES, PTW_EFFORT_AGE, &uncovered);
}

void ager_step(struct worker *w)
{
	switch (below(w, 8)) {
	case 0:
		ask_frames(w);
		break;
	case 1:
		look_around(w);
		break;
	case 2:
		one_page(w);
		break;
	case 3:
		last_look(w);
		break;
	case 4:
		look_up(w);
		break;
	case 5:
		ask_quickly(w);
		break;
	default:
		ask_range(w);
	}
}

static void join(struct worker *w)
{
	struct watch *watch = w->watch;
	struct ptw_consumer_config config = {
		.size = sizeof(config),
		.pages = below(w, 3) ? PAGES : AREA_PAGES,
		.flags = PTW_HARVEST_ACCESSED,
	};

	if (below(w, 3))
		config.flags |= PTW_HARVEST_DIRTY;
	watch->end = config.pages;
	watch->dirty = config.flags & PTW_HARVEST_DIRTY;
	ledger_joining(w);
	check_answer(w, "joining", ptw_consumer_join(w->stress->space, &config, &watch->consumer),
		     PTW_OK);
	ledger_joined(w);
	count(w, EVENT_JOIN, 1);
}

/* Who of the MMUs said so: what was found in this question, not in others' before. */
static void count_said(struct worker *w, const uint64_t *said, struct span span)
{
	struct stress *s = w->stress;

	for (uint64_t i = 0; i < span.end - span.start; i++) {
		const int item = item_of(span.start + i);

		if (!said[i])
			continue;
		if (item < 0)
			stress_fail(s, "somebody says that page %#llx is young, where nothing is",
				    (unsigned long long)(span.start + i));
		else
			add(&s->item[item].found[YOUNG],
			    (unsigned int)__builtin_popcountll(said[i]));
	}
}

static void ask_for_consumer(struct worker *w)
{
	struct stress *s = w->stress;
	const struct span span = pick(w, w->watch->end);
	const bool quick = s->watch_quick && below(w, 2);
	const uint32_t effort = quick ? PTW_EFFORT_FAST :
					efforts[below(w, sizeof(efforts) / sizeof(efforts[0]))];
	const uint32_t flags = what_to_ask(w, effort, s->watch_dirty && w->watch->dirty);
	uint64_t young[WORDS] = { 0 }, dirty[WORDS] = { 0 }, said[PAGES] = { 0 }, all[WORDS];
	const struct ptw_ask ask = {
		.size = sizeof(ask),
		.flags = flags,
		.effort = effort,
		.young = flags & PTW_HARVEST_ACCESSED ? young : NULL,
		.dirty = flags & PTW_HARVEST_DIRTY ? dirty : NULL,
		.said = quick ? NULL : said,
		.consumer = w->watch->consumer,
	};
	struct ptw_ask_result result = { .size = sizeof(result) };

	check_answer(w, "a consumer's question",
		     ptw_space_harvest(s->space, span.start, span.end, &ask, &result), PTW_OK);
	check_clipped(w, young, span);
	check_clipped(w, dirty, span);
	count_said(w, said, span);
	widen(all, young, span);
	ledger_told(w, YOUNG, all);
	widen(all, dirty, span);
	ledger_told(w, DIRTY, all);
	count(w, EVENT_ASKED, 1);
	count(w, EVENT_OTHERS, result.consumer_pages);
}

static void read_store(struct worker *w)
{
	const struct span span = pick(w, w->watch->end);
	const bool both = w->watch->dirty && below(w, 2);
	const bool peek = below(w, 8) == 0;
	uint64_t young[WORDS] = { 0 }, dirty[WORDS] = { 0 }, all[WORDS], pages = 0;

	check_answer(w, "a consumer's read",
		     ptw_consumer_read(w->watch->consumer, span.start, span.end,
				       PTW_HARVEST_ACCESSED | (both ? PTW_HARVEST_DIRTY : 0) |
					       (peek ? PTW_HARVEST_PEEK : 0),
				       young, dirty, &pages),
		     PTW_OK);
	check_clipped(w, young, span);
	check_clipped(w, dirty, span);
	count(w, EVENT_READ, 1);
	if (peek)
		return;
	widen(all, young, span);
	ledger_told(w, YOUNG, all);
	widen(all, dirty, span);
	ledger_told(w, DIRTY, all);
	count(w, EVENT_OTHERS, pages);
}

void watcher_step(struct worker *w)
{
	const struct timespec seldom = { .tv_nsec = 2000000L };

	if (!w->watch->consumer) {
		join(w);
		return;
	}
	if (below(w, 100) == 0) {
		check_answer(w, "leaving", ptw_consumer_leave(w->watch->consumer), PTW_OK);
		w->watch->consumer = NULL;
		count(w, EVENT_LEAVE, 1);
		return;
	}
	if (below(w, 3))
		ask_for_consumer(w);
	else
		read_store(w);
	if (w->number % 2)
		nanosleep(&seldom, NULL);
}
