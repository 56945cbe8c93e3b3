/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* How good idle ages are: the coldest pages by the engine's against those by exact LRU (proactive.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine_machine.h"
#include "policy.h"
#include "proactive.h"

/* Of all pages used so far, the coldest so many percent are picked. */
#define COLD_PERCENT 30
/* "Soon" is this part of the trace. */
#define SOON_PART 100

#define BY_LRU	  1
#define BY_AGE	  2

struct page_order {
	uint64_t key; /* the least goes first */
	uint32_t page;
};

struct run {
	const struct proactive_config *config;
	struct picks *picks;
	struct engine_machine machine;
	uint64_t *last; /* by page: 1 + its last reference */
	uint8_t *mark;	/* by page: who picked it, and it has not been used since */
	struct page_order *order;
	uint64_t references;
	uint64_t tick;
	uint64_t step;
	unsigned int window;
	uint64_t until; /* the tick at which picks are judged; 0: there are none */
};

double picks_excess(const struct picks *picks)
{
	if (!picks->picked)
		return 0;
	return 100 * ((double)picks->wrong - (double)picks->wrong_lru) / (double)picks->picked;
}

static int earlier(const void *a, const void *b)
{
	const struct page_order *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->page < y->page ? -1 : x->page > y->page;
}

static uint32_t list_known(struct run *run)
{
	uint32_t known = 0;

	for (uint32_t page = 0; page < run->config->trace->pages; page++)
		if (run->last[page])
			run->order[known++] =
				(struct page_order){.key = run->last[page], .page = page};
	return known;
}

static void mark_coldest(struct run *run, uint32_t count, uint8_t who)
{
	for (uint32_t i = 0; i < count; i++)
		run->mark[run->order[i].page] |= who;
}

/* The engine's own choice: who would be put out. It keeps all of them. */
static bool pick(struct run *run)
{
	const uint32_t known = list_known(run), count = known * COLD_PERCENT / 100;
	const uint32_t pages = run->config->trace->pages;

	memset(run->mark, 0, pages);
	qsort(run->order, known, sizeof(*run->order), earlier);
	mark_coldest(run, count, BY_LRU);
	for (uint32_t i = 0; i < known; i++) {
		int age = ptw_page_age(run->machine.engine, run->order[i].page);

		if (age < 0)
			return machine_fail(&run->machine.machine, "cannot tell an age", age);
		run->order[i].key = 255 - (uint64_t)age;
	}
	qsort(run->order, known, sizeof(*run->order), earlier);
	mark_coldest(run, count, BY_AGE);
	run->picks->picked += count;
	run->until = run->tick + run->config->trace->ticks / SOON_PART;
	return true;
}

static bool tick(struct run *run)
{
	const struct trace *trace = run->config->trace;

	run->tick++;
	if (run->tick == run->until) {
		memset(run->mark, 0, trace->pages);
		run->until = 0;
	}
	if (run->tick == proactive_step_tick(trace, run->step + 1)) {
		int ret = ptw_group_age(run->machine.group);

		if (ret)
			return machine_fail(&run->machine.machine, "ageing failed", ret);
		run->step++;
	}
	if (run->tick != proactive_window_end(trace, run->window))
		return true;
	return ++run->window == PROACTIVE_WINDOWS || pick(run);
}

static bool reference(struct run *run, uint32_t page, bool write)
{
	int hit = engine_machine_access(&run->machine, page, write);

	run->last[page] = ++run->references;
	run->picks->misses += !hit;
	run->picks->wrong += (run->mark[page] & BY_AGE) != 0;
	run->picks->wrong_lru += (run->mark[page] & BY_LRU) != 0;
	run->mark[page] = 0;
	return hit >= 0;
}

bool picks_run(struct picks *picks, const struct proactive_config *config)
{
	const struct trace *trace = config->trace;
	const struct machine_config machine = {
		.format = config->format, .pages = trace->pages, .error = config->error};
	struct run run = {.config = config, .picks = picks};
	bool done;

	*picks = (struct picks){0};
	if (!proactive_possible(config))
		return false;
	run.last = calloc(trace->pages, sizeof(*run.last));
	run.mark = calloc(trace->pages, sizeof(*run.mark));
	run.order = calloc(trace->footprint, sizeof(*run.order));
	done = engine_machine_create(&run.machine, &machine);
	if (done && (!run.last || !run.mark || !run.order)) {
		snprintf(config->error, SIM_ERROR_SIZE, "not enough memory for the picks");
		done = false;
	}
	for (size_t i = 0; done && i < trace->count; i++) {
		const uint32_t word = trace->words[i];

		done = word == TRACE_TICK ?
			       tick(&run) :
			       reference(&run, word & ~TRACE_WRITE, word & TRACE_WRITE);
	}
	picks->batch_reads = run.machine.machine.batch_reads;
	engine_machine_destroy(&run.machine);
	free(run.last);
	free(run.mark);
	free(run.order);
	return done;
}
