/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What could have been saved. A page is out from a step after a use until its next use, and each such stretch costs
 * a promotion in the window where it ends: so of those that end in a window the longest are best, as many as the
 * controller brought back there. A page that is not used again costs nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "proactive.h"

/* Lengths in ticks of all stretches that end in a window. */
struct stretches {
	uint32_t *length;
	size_t count;
	size_t room;
};

static bool add(struct stretches *to, uint32_t length)
{
	if (to->count == to->room) {
		size_t room = to->room ? 2 * to->room : 1024;
		uint32_t *more = realloc(to->length, room * sizeof(*more));

		if (!more)
			return false;
		to->length = more;
		to->room = room;
	}
	to->length[to->count++] = length;
	return true;
}

/* The first step after a tick has begun. */
static uint64_t next_step(const struct trace *trace, uint64_t tick)
{
	uint64_t step = tick * PROACTIVE_TICKS / trace->ticks;

	while (proactive_step_tick(trace, step) <= tick)
		step++;
	return proactive_step_tick(trace, step);
}

static int longer(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x < y) - (x > y);
}

static bool collect(struct stretches windows[PROACTIVE_WINDOWS], const struct trace *trace,
		    uint32_t *last)
{
	unsigned int window = 0;
	uint64_t tick = 0;

	for (size_t i = 0; i < trace->count; i++) {
		const uint32_t page = trace->words[i] & ~TRACE_WRITE;

		if (trace->words[i] == TRACE_TICK) {
			tick++;
			if (tick == proactive_window_end(trace, window) &&
			    window + 1 < PROACTIVE_WINDOWS)
				window++;
			continue;
		}
		if (last[page] && last[page] - 1 < tick) {
			const uint64_t from = next_step(trace, last[page] - 1);

			if (from < tick && !add(&windows[window], (uint32_t)(tick - from)))
				return false;
		}
		last[page] = (uint32_t)tick + 1;
	}
	return true;
}

bool proactive_oracle(struct proactive *proactive, const struct trace *trace)
{
	struct stretches windows[PROACTIVE_WINDOWS] = {{0}};
	uint32_t *last = calloc(trace->pages, sizeof(*last));
	bool done = last && collect(windows, trace, last);

	proactive->oracle = 0;
	for (uint32_t page = 0; done && page < trace->pages; page++)
		if (last[page] && last[page] - 1 < trace->ticks) {
			const uint64_t from = next_step(trace, last[page] - 1);

			proactive->oracle += from < trace->ticks ? trace->ticks - from : 0;
		}
	for (unsigned int i = 0; i < PROACTIVE_WINDOWS; i++) {
		struct stretches *of = &windows[i];
		const uint64_t most = proactive->windows[i].promotions;

		if (done && of->count) {
			qsort(of->length, of->count, sizeof(*of->length), longer);
			for (size_t k = 0; k < of->count && k < most; k++)
				proactive->oracle += of->length[k];
		}
		free(of->length);
	}
	free(last);
	return done;
}
