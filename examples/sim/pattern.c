/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "pattern.h"

#include <stdlib.h>
#include <string.h>

/* Pages that stay together where a working set is drawn: objects are larger than a page. */
#define RUN 64

struct pattern_maker {
	struct trace *trace;
	uint32_t pages;
	uint32_t length;
	uint64_t random;
};

/* G. L. Steele, D. Lea, C. H. Flood, "Fast splittable pseudorandom number generators", 2014. */
static uint64_t next_random(struct pattern_maker *maker)
{
	uint64_t z = maker->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* Each number below `end` as likely as any other. */
static uint32_t below(struct pattern_maker *maker, uint32_t end)
{
	return (uint32_t)(((next_random(maker) >> 32) * end) >> 32);
}

/* Below `end`, the lower the likelier: half of them are in the lowest fifth. */
static uint32_t skewed(struct pattern_maker *maker, uint32_t end)
{
	return (uint32_t)((uint64_t)below(maker, end) * below(maker, end) / end);
}

static bool full(const struct pattern_maker *maker)
{
	return maker->trace->references == maker->length;
}

/* Those that come after the last one are not taken. */
static void refer(struct pattern_maker *maker, uint32_t page)
{
	struct trace *trace = maker->trace;

	if (full(maker))
		return;
	trace->words[trace->count++] = page;
	if (++trace->references % PATTERN_TICK == 0) {
		trace->words[trace->count++] = TRACE_TICK;
		trace->ticks++;
	}
}

/* The numbers below `count` in any order; to be freed. */
static uint32_t *shuffled(struct pattern_maker *maker, uint32_t count)
{
	uint32_t *order = malloc(count * sizeof(*order));

	for (uint32_t i = 0; order && i < count; i++) {
		uint32_t other = below(maker, i + 1);

		order[i] = order[other];
		order[other] = i;
	}
	return order;
}

/* All pages at the start; then one page of each twenty, which are all over the space. */
static bool make_sparse(struct pattern_maker *maker)
{
	uint32_t live = maker->pages / 20;
	uint32_t *page = shuffled(maker, live);

	if (!page)
		return false;
	for (uint32_t i = 0; i < live; i++)
		page[i] = 20 * page[i] + below(maker, 20);
	for (uint32_t i = 0; i < maker->pages; i++)
		refer(maker, i);
	while (!full(maker))
		refer(maker, page[skewed(maker, live)]);
	free(page);
	return true;
}

/* Eight phases, each with a working set of its own: a quarter of the pages. */
static bool make_phases(struct pattern_maker *maker)
{
	for (uint32_t phase = 0; phase < 8; phase++) {
		uint64_t end = (uint64_t)maker->length * (phase + 1) / 8;
		uint32_t *run = shuffled(maker, maker->pages / RUN);
		uint32_t size = maker->pages / RUN / 4 * RUN;

		if (!run)
			return false;
		while (maker->trace->references < end) {
			uint32_t at = skewed(maker, size);

			refer(maker, run[at / RUN] * RUN + at % RUN);
		}
		free(run);
	}
	return true;
}

/* All pages again and again, in the same order: larger than memory, whatever share it is. */
static bool make_loop(struct pattern_maker *maker)
{
	uint32_t runs = (maker->pages + RUN - 1) / RUN;
	uint32_t *run = shuffled(maker, runs);

	if (!run)
		return false;
	for (uint32_t at = 0; !full(maker); at = (at + 1) % (runs * RUN)) {
		uint32_t page = run[at / RUN] * RUN + at % RUN;

		if (page < maker->pages)
			refer(maker, page);
	}
	free(run);
	return true;
}

/*
 * An eighth of the pages is used all the time. Again and again a quarter of the others is read from
 * front to back, once, while that goes on: it should not push the eighth out.
 */
static bool make_scan(struct pattern_maker *maker)
{
	uint32_t hot = maker->pages / 8;
	uint32_t cold = maker->pages - hot;
	uint32_t *page = shuffled(maker, hot);
	uint32_t at = 0;

	if (!page)
		return false;
	while (!full(maker)) {
		for (uint32_t i = 0; i < 4 * hot; i++)
			refer(maker, page[skewed(maker, hot)]);
		for (uint32_t i = 0; i < cold / 4; i++, at = (at + 1) % cold) {
			refer(maker, hot + at);
			refer(maker, page[skewed(maker, hot)]);
		}
	}
	free(page);
	return true;
}

/*
 * Pages that come back just after they had to go: loops that are a sixteenth longer than memory of
 * 10, 25, 50 and 75 %, four rounds each, which is over when somebody has learned how long they are.
 */
static bool make_adversarial(struct pattern_maker *maker)
{
	static const uint32_t percent[] = {10, 25, 50, 75};

	while (!full(maker)) {
		uint64_t memory = (uint64_t)maker->pages * percent[below(maker, 4)] / 100;
		uint32_t size = (uint32_t)(memory + memory / 16 + 1);
		uint32_t first = below(maker, maker->pages);

		for (uint32_t round = 0; round < 4; round++)
			for (uint32_t i = 0; i < size; i++)
				refer(maker, (uint32_t)(((uint64_t)first + i) % maker->pages));
	}
	return true;
}

/* The k-th of all pages is used 1/k as often as the first. */
static bool make_zipf(struct pattern_maker *maker)
{
	uint32_t *page = shuffled(maker, maker->pages);
	uint64_t *sum = malloc(maker->pages * sizeof(*sum));
	uint64_t all = 0;

	for (uint32_t i = 0; page && sum && i < maker->pages; i++)
		sum[i] = all += (UINT64_C(1) << 40) / (i + 1);
	while (page && sum && !full(maker)) {
		uint64_t value = (uint64_t)(((unsigned __int128)next_random(maker) * all) >> 64);
		uint32_t low = 0, high = maker->pages - 1;

		/* The first whose sum is above the value. */
		while (low < high) {
			uint32_t middle = low + (high - low) / 2;

			if (sum[middle] > value)
				high = middle;
			else
				low = middle + 1;
		}
		refer(maker, page[low]);
	}
	free(page);
	free(sum);
	return full(maker);
}

const struct pattern *pattern_at(unsigned int index)
{
	static const struct pattern patterns[] = {
		{"sparse", "a large space that is used once, then one page of twenty", 1 << 20,
		 6000000, make_sparse},
		{"phases", "a working set that is another one eight times", 1 << 16, 4000000,
		 make_phases},
		{"loop", "all pages in turn, so never all in memory", 1 << 14, 2000000, make_loop},
		{"scan", "a hot set, and scans of the rest that must not push it out", 1 << 16,
		 4000000, make_scan},
		{"adversarial", "pages that come back just after they had to go", 1 << 14, 4000000,
		 make_adversarial},
		{"zipf", "the k-th page is used 1/k as often as the first", 1 << 16, 4000000,
		 make_zipf},
	};

	return index < sizeof(patterns) / sizeof(patterns[0]) ? &patterns[index] : NULL;
}

/* What a reader of the trace would have counted. */
static bool measure(struct trace *trace)
{
	uint8_t *seen;
	bool done;

	for (size_t i = 0; i < trace->count; i++)
		if (trace->words[i] != TRACE_TICK && trace->words[i] >= trace->pages)
			trace->pages = trace->words[i] + 1;
	seen = calloc(trace->pages, 1);
	for (size_t i = 0; seen && i < trace->count; i++) {
		if (trace->words[i] == TRACE_TICK || seen[trace->words[i]])
			continue;
		seen[trace->words[i]] = 1;
		trace->footprint++;
	}
	done = seen;
	free(seen);
	return done;
}

bool pattern_make(const struct pattern *pattern, struct trace *trace, uint32_t pages,
		  uint32_t length, uint64_t seed)
{
	struct pattern_maker maker = {
		.trace = trace,
		.pages = pages,
		.length = length,
		.random = seed,
	};

	memset(trace, 0, sizeof(*trace));
	trace->words = malloc(((size_t)length + length / PATTERN_TICK) * sizeof(*trace->words));
	if (trace->words && pattern->make(&maker) && measure(trace))
		return true;
	trace_free(trace);
	return false;
}
