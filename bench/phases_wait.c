/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Experiment `phases`: harvests that wait, in calls of PIECE entries: for a mutex that a writer on
 * another processor takes again and again, and for a flush hook. Waiting is timed where it happens,
 * less what reading the clock costs.
 */
#include <stdlib.h>
#include <string.h>

#include <ptw/ptw.h>

#include "figure.h"
#include "lock.h"
#include "measure.h"
#include "phases.h"
#include "thread.h"

#define PIECE	      ((uint64_t)4096)
#define BLOCK	      ((uint64_t)1 << 15)
#define KEPT_WANTED   1000
#define KEPT_QUICK    20
#define SECONDS	      10
#define SECONDS_QUICK 1

/*
 * A writer has the lock as long as a few operations take, and leaves it alone as long, or twice as
 * long.
 */
#define HOLD_NS 2000u
/* What a flush of another processor's translations may cost. */
#define FLUSH_NS 2000u

struct wait {
	struct regions *regions;
	uint64_t *found;
	const struct lock_kind *kind;
	void *lock;
	uint32_t flags; /* of the harvest */
	double clock;	/* what two readings cost */
	/* Of the block that runs: */
	double waited;
	uint64_t waits;
	/* Of those that were kept: */
	struct samples harvest; /* without waiting */
	double sum;		/* of the waiting */
	uint64_t blocks;
	int error;
};

static void spin(uint64_t ns)
{
	const uint64_t end = now_ns() + ns;

	while (now_ns() < end)
		cpu_relax();
}

static double clock_cost(void)
{
	struct samples samples = {0};
	double cost;

	for (unsigned int i = 0; i < 1000; i++) {
		uint64_t start = now_ns();

		samples_add(&samples, (double)(now_ns() - start));
	}
	cost = median(samples.ns, samples.kept);
	samples_free(&samples);
	return cost;
}

static void piece(struct wait *w, uint64_t first)
{
	const struct ptw_harvest request = {
		.size = sizeof(request),
		.flags = w->flags,
		.young = w->found + first / 64,
	};
	uint64_t start = now_ns();
	int error;

	if (w->kind) {
		w->kind->harvest_lock(w->lock);
		w->waited += (double)(now_ns() - start);
		w->waits++;
	}
	memset(request.young, 0, PIECE / 8);
	error = ptw_harvest(w->regions->tables.pgtable, first << PAGE_LG2,
			    (first + PIECE) << PAGE_LG2, &request, NULL);
	if (w->kind)
		w->kind->harvest_unlock(w->lock);
	if (error)
		w->error = error;
}

static void block(struct wait *w, uint64_t number)
{
	long before = preemptions();
	uint64_t start = now_ns();
	double all;

	w->waited = 0;
	w->waits = 0;
	for (uint64_t first = number * BLOCK; first < (number + 1) * BLOCK; first += PIECE)
		piece(w, first);
	all = (double)(now_ns() - start);
	w->blocks++;
	if (preemptions() != before)
		return;
	samples_add(&w->harvest, all - w->waited - (double)w->waits * w->clock);
	w->waited -= (double)w->waits * w->clock;
	w->sum += w->waited > 0 ? w->waited : 0;
}

static void run(struct wait *w, double young, bool quick)
{
	const uint64_t entries = w->regions->tables.entries;
	const uint64_t want = quick ? KEPT_QUICK : KEPT_WANTED;
	const uint64_t deadline =
		now_ns() + (uint64_t)(quick ? SECONDS_QUICK : SECONDS) * 1000000000u;

	w->found = bench_new(entries / 64, sizeof(*w->found), "bitmaps");
	for (uint64_t pass = 0; w->harvest.kept < want && now_ns() < deadline; pass++) {
		tables_plant(&w->regions->tables, young, w->regions->planted);
		for (uint64_t b = 0; b < entries / BLOCK; b++)
			block(w, b);
		if (w->error)
			bench_die(EXIT_WRONG, "harvest failed: %s", ptw_strerror(w->error));
		regions_check(w->regions, w->found, entries, "phases");
		if (!pass) {
			/* Page faults and branch predictors. */
			w->harvest.kept = 0;
			w->blocks = 0;
			w->sum = 0;
		}
	}
	free(w->found);
}

/*
 * The harvest's own phases are what they are without waiting, which takes `waiting` of each pass.
 */
static void stack_make(struct phases_stack *stack, const struct phases_stack *alone, struct wait *w,
		       enum phase waiting)
{
	const double blocks = (double)(w->regions->tables.entries / BLOCK);
	const double harvest = median(w->harvest.ns, w->harvest.kept) * blocks;
	double own = 0;

	for (unsigned int p = 0; p < PHASES; p++)
		own += alone->phase[p];
	memcpy(stack->phase, alone->phase, sizeof(stack->phase));
	if (harvest > own)
		stack->phase[PHASE_OTHER] = harvest - own;
	else
		stack->error = own - harvest;
	/* Waiting is rarely the same twice: what counts is how much it is in all. */
	if (w->harvest.kept)
		stack->phase[waiting] = w->sum / (double)w->harvest.kept * blocks;
	stack->total = harvest + stack->phase[waiting];
	stack->kept = w->harvest.kept;
	stack->blocks = w->blocks;
	stack->few = w->harvest.kept < KEPT_MIN;
}

struct holder {
	const struct lock_kind *kind;
	void *lock;
	bool stop;
	pthread_t thread;
};

static void *holder_run(void *context)
{
	struct holder *h = context;
	uint64_t times = 0;

	while (!flag_read(&h->stop)) {
		h->kind->write_lock(h->lock);
		spin(HOLD_NS);
		h->kind->write_unlock(h->lock);
		spin(HOLD_NS * (1 + times++ % 2));
	}
	return NULL;
}

bool phases_lock(struct phases_stack *stack, struct regions *regions,
		 const struct phases_stack *alone, bool quick)
{
	struct wait w = {
		.regions = regions,
		.kind = lock_find("mutex"),
		.flags = PTW_HARVEST_ACCESSED,
		.clock = clock_cost(),
	};
	struct holder holder = {.kind = w.kind};
	struct cpus cpus;

	if (!cpus_pick(&cpus))
		return false;
	w.lock = holder.lock = lock_new(w.kind);
	thread_start(&holder.thread, cpus.writer, false, holder_run, &holder);
	run(&w, stack->young, quick);
	flag_set(&holder.stop);
	pthread_join(holder.thread, NULL);
	stack_make(stack, alone, &w, PHASE_LOCK);
	samples_free(&w.harvest);
	free(w.lock);
	return true;
}

static void flush_hook(void *context, const struct ptw_range *ranges, unsigned int count,
		       enum ptw_flush_kind kind, unsigned int level)
{
	struct wait *w = context;
	uint64_t start = now_ns();

	(void)ranges;
	(void)count;
	(void)kind;
	(void)level;
	spin(FLUSH_NS);
	w->waited += (double)(now_ns() - start);
	w->waits++;
}

void phases_flush(struct phases_stack *stack, const struct phases_stack *alone, bool quick)
{
	struct regions regions;
	struct wait w = {
		.regions = &regions,
		.flags = PTW_HARVEST_ACCESSED | PTW_HARVEST_EXACT,
		.clock = clock_cost(),
	};

	regions_build(&regions, stack->entries,
		      &(const struct regions_how){.flush = flush_hook, .flush_context = &w});
	run(&w, stack->young, quick);
	stack_make(stack, alone, &w, PHASE_FLUSH);
	samples_free(&w.harvest);
	regions_free(&regions);
}
