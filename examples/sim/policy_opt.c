/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Belady's optimum: put out the page whose next use is farthest away. It knows the future, so it is
 * a floor for everybody else. Every page that is referenced is admitted, even where leaving it out
 * of memory would be better still, as a page fault leaves no such choice.
 *
 * L. A. Belady, "A study of replacement algorithms for a virtual-storage computer", IBM Systems
 * Journal 5(2), 1966.
 */
#include <stdio.h>
#include <stdlib.h>

#include "policy.h"
#include "trace.h"

#define NEVER UINT32_MAX

struct opt {
	uint32_t frames;
	uint32_t resident;
	uint32_t now;	    /* references seen so far */
	uint32_t *next_use; /* by reference: when the same page is referenced next, or NEVER */
	uint32_t *due;	    /* by page: next use of a resident page */
	uint32_t *place;    /* by page: 1 + its place in the heap, 0 = not resident */
	uint32_t *heap;	    /* pages, the one to put out first at the top */
};

static void opt_destroy(void *state)
{
	struct opt *opt = state;

	free(opt->next_use);
	free(opt->due);
	free(opt->place);
	free(opt->heap);
	free(opt);
}

/* Read the trace backwards; due[] serves as "seen last at" and is used up by it. */
static void opt_look_ahead(struct opt *opt, const struct trace *trace, uint32_t pages)
{
	uint32_t when = (uint32_t)trace->references;

	for (uint32_t page = 0; page < pages; page++)
		opt->due[page] = NEVER;
	for (size_t i = trace->count; i-- > 0;) {
		uint32_t page = trace->words[i] & ~TRACE_WRITE;

		if (trace->words[i] == TRACE_TICK)
			continue;
		opt->next_use[--when] = opt->due[page];
		opt->due[page] = when;
	}
}

static void *opt_create(const struct sim_config *config)
{
	struct opt *opt = calloc(1, sizeof(*opt));

	if (opt) {
		opt->frames = config->frames;
		opt->next_use = calloc(config->trace->references, sizeof(*opt->next_use));
		opt->due = calloc(config->pages, sizeof(*opt->due));
		opt->place = calloc(config->pages, sizeof(*opt->place));
		opt->heap = calloc(config->frames, sizeof(*opt->heap));
		if (opt->next_use && opt->due && opt->place && opt->heap) {
			opt_look_ahead(opt, config->trace, config->pages);
			return opt;
		}
		opt_destroy(opt);
	}
	snprintf(config->error, SIM_ERROR_SIZE, "not enough memory to look ahead %zu references",
		 config->trace->references);
	return NULL;
}

/* Goes page a before page b? Only pages that are never used again can tie. */
static bool opt_before(const struct opt *opt, uint32_t a, uint32_t b)
{
	return opt->due[a] != opt->due[b] ? opt->due[a] > opt->due[b] : a < b;
}

static void opt_put(struct opt *opt, uint32_t place, uint32_t page)
{
	opt->heap[place] = page;
	opt->place[page] = place + 1;
}

/* The page at this place is due later than it was, or is new: move it towards the top. */
static void opt_up(struct opt *opt, uint32_t place, uint32_t page)
{
	while (place) {
		uint32_t parent = (place - 1) / 2;

		if (!opt_before(opt, page, opt->heap[parent]))
			break;
		opt_put(opt, place, opt->heap[parent]);
		place = parent;
	}
	opt_put(opt, place, page);
}

/* Let a page that is due soon take the place at the top, and sink from there. */
static void opt_down(struct opt *opt, uint32_t page)
{
	uint32_t place = 0;

	for (;;) {
		size_t child = 2 * (size_t)place + 1;

		if (child >= opt->resident)
			break;
		if (child + 1 < opt->resident &&
		    opt_before(opt, opt->heap[child + 1], opt->heap[child]))
			child++;
		if (!opt_before(opt, opt->heap[child], page))
			break;
		opt_put(opt, place, opt->heap[child]);
		place = (uint32_t)child;
	}
	opt_put(opt, place, page);
}

static struct sim_outcome opt_access(void *state, uint32_t page, bool write)
{
	struct sim_outcome outcome = {SIM_HIT, SIM_NO_PAGE};
	struct opt *opt = state;

	(void)write;
	opt->due[page] = opt->next_use[opt->now++];
	if (opt->place[page]) {
		opt_up(opt, opt->place[page] - 1, page);
		return outcome;
	}
	outcome.event = SIM_FAULT;
	if (opt->resident < opt->frames) {
		opt_up(opt, opt->resident++, page);
	} else {
		outcome.evicted = opt->heap[0];
		opt->place[outcome.evicted] = 0;
		opt_down(opt, page);
	}
	return outcome;
}

const struct sim_policy sim_policy_opt = {
	.name = "opt",
	.about = "Belady's optimum, which knows the future; the floor",
	.reference = true,
	.create = opt_create,
	.destroy = opt_destroy,
	.access = opt_access,
};
