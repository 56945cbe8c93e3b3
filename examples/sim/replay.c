/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "console.h"
#include "fnv.h"
#include "history.h"
#include "trace.h"

/* Words between two looks at the progress bar. */
#define PROGRESS_WORDS 65536

struct run {
	struct replay *replay;
	const struct sim_policy *policy;
	const struct sim_config *config;
	void *state;
	uint32_t *last_touch; /* by page: 1 + tick of its last reference, 0 = never */
	uint8_t *resident;    /* by page */
	uint64_t tick;
	uint64_t ticks; /* in all, a last one that was not completed included */
	struct window *window;
	struct history_column *column; /* NULL: nobody wants a history */
	double looking;		       /* seconds spent on it */
};

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* Windows share the ticks evenly; a short trace has fewer windows, each of one tick. */
static void windows_cut(struct run *run)
{
	const struct trace *trace = run->config->trace;
	struct replay *replay = run->replay;
	uint64_t count;

	run->ticks = trace->ticks + (trace->words[trace->count - 1] != TRACE_TICK);
	count = run->ticks < REPLAY_WINDOWS ? run->ticks : REPLAY_WINDOWS;
	replay->window_count = (unsigned int)count;
	for (uint64_t i = 0; i < count; i++) {
		replay->windows[i].first_tick = run->ticks * i / count;
		replay->windows[i].end_tick = run->ticks * (i + 1) / count;
	}
	run->window = replay->windows;
	if (run->config->history) {
		history_cut(run->config->history, run->ticks);
		run->column = run->config->history->column;
	}
}

static void read_counters(struct run *run, struct sim_counters *counters)
{
	memset(counters, 0, sizeof(*counters));
	if (run->policy->counters)
		run->policy->counters(run->state, counters);
}

/* Windows first hold running totals of the policy's scans; replay_run() takes differences. */
static void window_close(struct run *run)
{
	struct sim_counters counters;

	read_counters(run, &counters);
	run->window->scans = counters.scans;
	run->window->scan_young = counters.scan_young;
}

/* How long ago the pages that are resident now were last referenced, in scan intervals. */
static void true_idle_age(const struct run *run, uint64_t ages[SIM_AGES])
{
	memset(ages, 0, SIM_AGES * sizeof(*ages));
	for (uint32_t page = 0; page < run->config->pages; page++) {
		uint64_t age;

		if (!run->resident[page])
			continue;
		age = (run->tick + 1 - run->last_touch[page]) / run->config->scan_interval;
		ages[age < SIM_AGES ? age : SIM_AGES - 1]++;
	}
}

static void column_close(struct run *run)
{
	double start = now();
	uint64_t ages[SIM_AGES];
	struct sim_counters counters;

	read_counters(run, &counters);
	if (!counters.has_idle_age)
		true_idle_age(run, ages);
	history_take(run->config->history, run->column, run->policy, run->state, &counters, ages);
	run->looking += now() - start;
}

static bool replay_tick(struct run *run)
{
	if (run->policy->tick && !run->policy->tick(run->state))
		return false;
	run->tick++;
	if (run->tick == run->window->end_tick && run->tick < run->ticks) {
		window_close(run);
		run->window++;
	}
	if (run->column && run->tick == run->column->end_tick && run->tick < run->ticks) {
		column_close(run);
		run->column++;
	}
	return true;
}

static bool replay_reference(struct run *run, uint32_t word)
{
	uint32_t page = word & ~TRACE_WRITE;
	struct sim_outcome outcome = run->policy->access(run->state, page, word & TRACE_WRITE);

	run->window->pages += run->last_touch[page] <= run->window->first_tick;
	if (run->column)
		run->column->pages += run->last_touch[page] <= run->column->first_tick;
	run->last_touch[page] = (uint32_t)run->tick + 1;
	if (__builtin_expect(outcome.event == SIM_HIT, 1))
		return true;
	if (outcome.event == SIM_FAILED)
		return false;
	run->replay->faults++;
	run->window->faults++;
	if (run->column)
		run->column->faults++;
	run->resident[page] = 1;
	if (outcome.evicted != SIM_NO_PAGE) {
		run->resident[outcome.evicted] = 0;
		run->replay->evictions++;
		run->replay->eviction_hash = fnv64_u32(run->replay->eviction_hash, outcome.evicted);
	}
	return true;
}

static bool replay_words(struct run *run)
{
	const struct trace *trace = run->config->trace;

	for (size_t i = 0; i < trace->count; i++) {
		if (i % PROGRESS_WORDS == 0 && !run->config->quiet)
			sim_progress("replaying", i, trace->count);
		if (trace->words[i] == TRACE_TICK ? !replay_tick(run) :
						    !replay_reference(run, trace->words[i]))
			return false;
	}
	return true;
}

static void replay_finish(struct run *run)
{
	struct replay *replay = run->replay;

	window_close(run);
	for (unsigned int i = replay->window_count - 1; i > 0; i--) {
		replay->windows[i].scans -= replay->windows[i - 1].scans;
		replay->windows[i].scan_young -= replay->windows[i - 1].scan_young;
	}
	read_counters(run, &replay->counters);
	replay->has_counters = run->policy->counters != NULL;
	if (replay->counters.has_idle_age)
		memcpy(replay->idle_age, replay->counters.idle_age, sizeof(replay->idle_age));
	else
		true_idle_age(run, replay->idle_age);
	if (run->column)
		column_close(run);
}

static bool replay_with(struct run *run)
{
	double start;
	bool done;

	run->state = run->policy->create(run->config);
	if (!run->state)
		return false;
	start = now();
	done = replay_words(run);
	run->replay->seconds = now() - start - run->looking;
	if (!run->config->quiet)
		sim_progress("", 0, 0);
	if (done)
		replay_finish(run);
	run->policy->destroy(run->state);
	return done;
}

bool replay_run(struct replay *replay, const struct sim_policy *policy,
		const struct sim_config *config)
{
	struct run run = {.replay = replay, .policy = policy, .config = config};
	bool done = false;

	memset(replay, 0, sizeof(*replay));
	replay->eviction_hash = FNV64_START;
	run.last_touch = calloc(config->pages, sizeof(*run.last_touch));
	run.resident = calloc(config->pages, sizeof(*run.resident));
	if (run.last_touch && run.resident) {
		windows_cut(&run);
		done = replay_with(&run);
	} else {
		snprintf(config->error, SIM_ERROR_SIZE, "not enough memory for %u pages",
			 config->pages);
	}
	free(run.last_touch);
	free(run.resident);
	return done;
}
