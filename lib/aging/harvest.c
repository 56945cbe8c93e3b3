/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Harvests: which regions are worth reading, what spaces say of them, and what consumers were left.
 *
 * Each run's part of a harvest first has the space tell which tables were gone through; their
 * regions become due. Then it goes over the regions in batches. A region's bit is taken before its
 * pages are asked, so that what comes meanwhile counts for the next pass, and is set again if
 * somebody could not answer.
 */
#include "lib/aging/aging.h"

/* Regions of a batch, and words of bits for them; they may begin inside a word. */
#define PTW_AGING_BATCH 8u
#define PTW_AGING_WORDS (PTW_AGING_BATCH * PTW_AGING_REGION / 64 + 1)

/* A run's part of a harvest. Pages are counted from the run's beginning. */
struct ptw_aging_pass {
	struct ptw_aging *aging;
	struct ptw_aging_home *home;
	ptw_word_fn word;
	void *sink;
	uint64_t low;
	uint64_t high;
	uint32_t effort;
	bool filter; /* regions that table entries do not tell of may be left out */
	bool ended;  /* by the sink, or between two batches */
};

/* What tables tell of pages of the space. */
static void ptw_aging_noted(void *context, uint64_t start, uint64_t end, int told)
{
	const struct ptw_aging_pass *pass = context;
	struct ptw_aging_home *home = pass->home;
	const uint64_t last = (end - 1 - home->run.page) / PTW_AGING_REGION;

	for (uint64_t r = (start - home->run.page) / PTW_AGING_REGION; r <= last; r++)
		ptw_aging_set(told ? home->due : home->blind, r);
}

/* Which regions are due. */
static void ptw_aging_note(struct ptw_aging_pass *pass)
{
	const struct ptw_touched how = {
		.size = sizeof(how),
		.effort = pass->effort,
		.note = ptw_aging_noted,
		.context = pass,
	};
	struct ptw_aging_home *home = pass->home;
	const uint64_t start = home->run.page + pass->low, end = home->run.page + pass->high;
	const uint64_t last = (pass->high - 1) / PTW_AGING_REGION;
	const bool nonleaf = ptw_engine_enabled(pass->aging->config.engine) & PTW_ENABLE_NONLEAF;

	for (uint64_t r = pass->low / PTW_AGING_REGION; nonleaf && r <= last; r++)
		ptw_port_and_clear(&home->blind[r / 64], (uint64_t)1 << (r & 63));
	/* Not in a place where it may wait: nobody tells. */
	if (!nonleaf || ptw_space_touched(home->run.space, start, end, &how))
		ptw_aging_noted(pass, start, end, 0);
}

/* How often a region was left out. Its neighbours' bytes may be written at the same time. */
static void ptw_aging_idle_set(struct ptw_aging_home *home, uint64_t region, uint64_t value)
{
	const unsigned int shift = 8 * (region % 8);
	uint64_t *word = &home->idle[region / 8];
	uint64_t old = ptw_port_load(word), new;

	do {
		new = (old & ~((uint64_t)255 << shift)) | value << shift;
	} while (old != new && !ptw_port_cas(word, &old, new));
}

/* Is it to be read in this pass? It is taken then. */
static bool ptw_aging_take(struct ptw_aging_pass *pass, uint64_t region)
{
	struct ptw_aging_home *home = pass->home;
	const uint64_t bit = (uint64_t)1 << (region & 63), begin = region * PTW_AGING_REGION;
	const uint64_t idle = ptw_port_load(&home->idle[region / 8]) >> (8 * (region % 8)) & 255;
	/* Of one that is cut the rest is due still. */
	const bool whole = pass->low <= begin && (pass->high - begin >= PTW_AGING_REGION ||
						  pass->high == home->run.pages);
	bool due = ptw_aging_bit(home->due, region);

	if (due && whole)
		ptw_port_and_clear(&home->due[region / 64], bit);
	due |= idle + 1 >= pass->aging->full_every;
	due |= !pass->filter && ptw_aging_bit(home->blind, region);
	ptw_aging_idle_set(home, region, due ? 0 : idle + 1);
	return due;
}

/* Words of young pages from page `from` of the run on (bit 0 of the first: a multiple of 64), to the engine. */
static void ptw_aging_give(struct ptw_aging_pass *pass, uint64_t from, const uint64_t *words)
{
	struct ptw_aging_home *home = pass->home;
	const uint64_t base = from & ~(uint64_t)63;
	uint64_t young = 0;

	for (unsigned int i = 0; i < PTW_AGING_WORDS; i++) {
		const uint64_t page = base + 64 * (uint64_t)i, region = page / PTW_AGING_REGION;

		if (!words[i])
			continue;
		for (uint64_t rest = words[i]; rest; rest &= rest - 1)
			young++;
		if (pass->filter && ptw_aging_bit(home->blind, region))
			ptw_aging_set(home->due, region);
		/* All that was taken is given, also if nobody wants any more. */
		if (pass->word(pass->sink, home->run.first + page, words[i], 0))
			pass->ended = true;
	}
	ptw_aging_count(&pass->aging->sum.young, young);
}

static void ptw_aging_due(struct ptw_aging_pass *pass, uint64_t from, uint64_t to)
{
	for (uint64_t r = from / PTW_AGING_REGION; r <= (to - 1) / PTW_AGING_REGION; r++)
		ptw_aging_set(pass->home->due, r);
}

/* What is left out is counted, and comes again where that may help. */
static void ptw_aging_missing(struct ptw_aging_pass *pass, uint64_t from, uint64_t to,
			      const struct ptw_ask_result *result, int ret)
{
	const uint64_t page = pass->home->run.page;
	struct ptw_aging_state *sum = &pass->aging->sum;
	uint64_t uncovered = 0;

	if (ret) {
		ptw_aging_count(&sum->failed, 1);
		ptw_port_publish((uint64_t *)&sum->error, (uint64_t)(int64_t)ret);
		ptw_aging_due(pass, from, to);
	}
	if (!result->not_asked_pages)
		return;
	ptw_space_covers(pass->home->run.space, page + from, page + to, pass->effort, &uncovered);
	if (result->skipped & ~uncovered) {
		ptw_aging_count(&sum->busy, result->not_asked_pages);
		ptw_aging_due(pass, from, to);
	} else {
		ptw_aging_count(&sum->not_fast, result->not_asked_pages);
	}
}

/* Pages [from, to) of the run, of regions that are read. */
static void ptw_aging_read(struct ptw_aging_pass *pass, uint64_t from, uint64_t to)
{
	const uint64_t page = pass->home->run.page;
	uint64_t young[PTW_AGING_WORDS] = {0};
	const struct ptw_ask ask = {
		.size = sizeof(ask),
		.flags = PTW_HARVEST_ACCESSED,
		.effort = pass->effort,
		.young = young,
		.consumer = pass->home->consumer,
	};
	struct ptw_ask_result result = {.size = sizeof(result)};
	const int ret = ptw_space_harvest(pass->home->run.space, page + from, page + to, &ask,
					  &result);

	ptw_aging_missing(pass, from, to, &result, ret);
	ptw_aging_count(&pass->aging->sum.entries, result.entries);
	ptw_aging_count(&pass->aging->sum.consumed, result.consumer_pages);
	ptw_aging_give(pass, from, young);
}

/* Pages of regions that are left out: what others took is heard of. */
static void ptw_aging_hear(struct ptw_aging_pass *pass, uint64_t from, uint64_t to)
{
	const uint64_t page = pass->home->run.page;
	uint64_t young[PTW_AGING_WORDS] = {0}, pages = 0;

	if (ptw_consumer_read(pass->home->consumer, page + from, page + to, PTW_HARVEST_ACCESSED,
			      young, NULL, &pages) ||
	    !pages)
		return;
	ptw_aging_count(&pass->aging->sum.consumed, pages);
	ptw_aging_give(pass, from, young);
}

/* One batch from page `at` on: regions that are read, or regions that are left out. Returns where it ended. */
static uint64_t ptw_aging_batch(struct ptw_aging_pass *pass, uint64_t at, uint64_t high, int *next)
{
	const uint64_t first = at / PTW_AGING_REGION;
	const bool read = *next >= 0 ? *next : ptw_aging_take(pass, first);
	uint64_t to, n = 1;

	*next = -1;
	while (n < PTW_AGING_BATCH && (first + n) * PTW_AGING_REGION < high) {
		const bool same = ptw_aging_take(pass, first + n) == read;

		/* It was taken: the next batch begins with it. */
		if (!same) {
			*next = !read;
			break;
		}
		n++;
	}
	to = (first + n) * PTW_AGING_REGION;
	to = to < high ? to : high;
	if (read) {
		ptw_aging_count(&pass->aging->sum.read, n);
		ptw_aging_read(pass, at, to);
	} else {
		ptw_aging_count(&pass->aging->sum.left_out, n);
		ptw_aging_hear(pass, at, to);
	}
	return to;
}

/* Pages [at, high) of the run, unless it is ended. */
static void ptw_aging_go(struct ptw_aging_pass *pass, uint64_t at, uint64_t high)
{
	struct ptw_aging *aging = pass->aging;
	int next = -1;

	while (at < high && !pass->ended &&
	       !(ptw_port_load(&pass->home->users) & PTW_AGING_CLOSED)) {
		at = ptw_aging_batch(pass, at, high, &next);
		if (aging->config.between && aging->config.between(aging->config.context))
			pass->ended = true;
	}
	/* What was taken and not read comes again. */
	if (next > 0)
		ptw_aging_set(pass->home->due, at / PTW_AGING_REGION);
	if (pass->ended)
		ptw_port_publish(&pass->home->cursor, at);
}

/*
 * Regions that were due since secondary tables said so may have been read without asking them,
 * where a harvest was ended or somebody was busy. Their entries do not say so twice: when secondary
 * MMUs are asked again, all are due.
 */
static void ptw_aging_widen(struct ptw_aging_pass *pass)
{
	struct ptw_aging_home *home = pass->home;

	if (ptw_port_load(&home->effort) >= pass->effort)
		return;
	ptw_port_publish(&home->effort, pass->effort);
	ptw_aging_due(pass, 0, home->run.pages);
}

static void ptw_aging_part(struct ptw_aging_pass *pass)
{
	/* It may lie in a region, if less was asked for then: who takes that region reads all of it. */
	uint64_t cursor = ptw_port_load(&pass->home->cursor) / PTW_AGING_REGION * PTW_AGING_REGION;

	ptw_aging_count(&pass->aging->sum.harvests, 1);
	ptw_aging_widen(pass);
	ptw_aging_note(pass);
	if (cursor <= pass->low || cursor >= pass->high)
		cursor = pass->low;
	else
		ptw_port_publish(&pass->home->cursor, 0);
	/* Where the last one ended, and then what lies before. */
	ptw_aging_go(pass, cursor, pass->high);
	if (!pass->ended)
		ptw_aging_go(pass, pass->low, cursor);
	/* At its end: should another thread have begun to ask more meanwhile, its next harvest begins anew. */
	if (pass->effort == PTW_EFFORT_PRIMARY)
		ptw_port_publish(&pass->home->effort, pass->effort);
}

int ptw_aging_harvest(void *context, uint64_t first, uint64_t pages, ptw_word_fn word, void *sink)
{
	struct ptw_aging *aging = context;
	const uint64_t end = first + pages;
	const uint32_t enabled = ptw_engine_enabled(aging->config.engine);
	struct ptw_aging_home *home;

	while (first < end && (home = ptw_aging_get(aging, first, end))) {
		const struct ptw_aging_run *run = &home->run;
		struct ptw_aging_pass pass = {
			.aging = aging,
			.home = home,
			.word = word,
			.sink = sink,
			.low = first > run->first ? first - run->first : 0,
			.high = (end - run->first < run->pages ? end - run->first : run->pages),
			.effort = enabled & PTW_ENABLE_SECONDARY_WALK ? PTW_EFFORT_FAST :
									PTW_EFFORT_PRIMARY,
			.filter = aging->config.flags & PTW_AGING_FILTER,
		};

		ptw_aging_part(&pass);
		first = run->first + pass.high;
		ptw_aging_put(home);
		if (pass.ended) {
			ptw_aging_count(&aging->sum.stopped, 1);
			return PTW_ERR_STOPPED;
		}
	}
	return PTW_OK;
}
