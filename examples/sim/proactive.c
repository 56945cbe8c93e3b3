/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "proactive.h"

#include <stdio.h>
#include <stdlib.h>

#include <ptw/proactive.h>

#include "console.h"
#include "engine_machine.h"
#include "policy.h"

#define PROGRESS_WORDS 65536

struct run {
	const struct proactive_config *config;
	struct proactive *proactive;
	struct engine_machine machine;
	struct ptw_proactive *controller;
	uint32_t *seen; /* by page: 1 + the window in which it was used last */
	uint64_t tick;
	uint64_t step; /* steps taken */
	unsigned int window;
	uint64_t known; /* pages used so far */
	uint64_t out;
};

double proactive_held(const struct proactive *proactive, uint32_t target)
{
	unsigned int held = 0;

	for (unsigned int i = 0; i < PROACTIVE_WINDOWS; i++) {
		const struct proactive_window *w = &proactive->windows[i];

		held += w->promotions * 1000000 <= w->touched * target;
	}
	return 100.0 * held / PROACTIVE_WINDOWS;
}

double proactive_savings(const struct proactive *proactive)
{
	return proactive->oracle ? 100.0 * (double)proactive->saved / (double)proactive->oracle : 0;
}

static bool step(struct run *run)
{
	struct ptw_proactive_state state = {.size = sizeof(state)};
	struct proactive_window *window = &run->proactive->windows[run->window];
	uint64_t evicted;
	int ret = ptw_proactive_step(run->controller, &evicted);

	if (ret)
		return machine_fail(&run->machine.machine, "a step failed", ret);
	ptw_proactive_state(run->controller, &state);
	window->evictions += evicted;
	window->threshold = state.threshold;
	run->proactive->evictions += evicted;
	run->out += evicted;
	run->step++;
	return true;
}

static bool tick(struct run *run)
{
	const struct trace *trace = run->config->trace;

	run->tick++;
	run->proactive->windows[run->window].saved += run->out;
	run->proactive->saved += run->out;
	run->proactive->whole += run->known;
	if (run->tick == proactive_step_tick(trace, run->step + 1) && !step(run))
		return false;
	if (run->tick == proactive_window_end(trace, run->window) &&
	    run->window + 1 < PROACTIVE_WINDOWS)
		run->window++;
	return true;
}

static bool reference(struct run *run, uint32_t page, bool write)
{
	struct proactive_window *window = &run->proactive->windows[run->window];
	int hit = engine_machine_access(&run->machine, page, write);

	if (hit < 0)
		return false;
	if (!hit && run->seen[page]) {
		window->promotions++;
		run->proactive->promotions++;
		run->out--;
	}
	run->known += !run->seen[page];
	run->proactive->misses += !hit;
	window->touched += run->seen[page] != run->window + 1;
	run->seen[page] = run->window + 1;
	return true;
}

static bool run_words(struct run *run)
{
	const struct trace *trace = run->config->trace;

	for (size_t i = 0; i < trace->count; i++) {
		const uint32_t word = trace->words[i];

		if (i % PROGRESS_WORDS == 0 && !run->config->quiet)
			sim_progress("replaying", i, trace->count);
		if (word == TRACE_TICK ? !tick(run) :
					 !reference(run, word & ~TRACE_WRITE, word & TRACE_WRITE))
			return false;
	}
	return true;
}

static bool run_all(struct run *run)
{
	const struct machine_config machine = {
		.format = run->config->format,
		.pages = run->config->trace->pages,
		.error = run->config->error,
	};
	const struct ptw_proactive_config controller = {
		.size = sizeof(controller),
		.target = run->config->target,
		.steps = PROACTIVE_STEPS,
	};
	struct ptw_group_state state = {.size = sizeof(state)};
	bool done;

	run->seen = calloc(machine.pages, sizeof(*run->seen));
	if (!engine_machine_create(&run->machine, &machine))
		return false;
	if (!run->seen || ptw_proactive_create(run->machine.group, &controller, &run->controller))
		return machine_fail(&run->machine.machine, "cannot make a controller",
				    PTW_ERR_NOMEM);
	done = run_words(run);
	if (!run->config->quiet)
		sim_progress("", 0, 0);
	ptw_group_state(run->machine.group, &state);
	run->proactive->batch_reads = run->machine.machine.batch_reads;
	run->proactive->single_checks = state.looks;
	run->proactive->eviction_hash = run->machine.eviction_hash;
	return done;
}

bool proactive_possible(const struct proactive_config *config)
{
	if (config->trace->ticks >= PROACTIVE_TICKS)
		return true;
	snprintf(config->error, SIM_ERROR_SIZE,
		 "proactive reclaim takes %u steps, and this trace has %zu ticks; use a longer one",
		 PROACTIVE_TICKS, config->trace->ticks);
	return false;
}

bool proactive_run(struct proactive *proactive, const struct proactive_config *config)
{
	struct run run = {.config = config, .proactive = proactive};
	bool done;

	*proactive = (struct proactive){0};
	if (!proactive_possible(config))
		return false;
	for (unsigned int i = 0; i < PROACTIVE_WINDOWS; i++) {
		proactive->windows[i].first_tick = i ? proactive->windows[i - 1].end_tick : 0;
		proactive->windows[i].end_tick = proactive_window_end(config->trace, i);
	}
	done = run_all(&run);
	ptw_proactive_destroy(run.controller);
	engine_machine_destroy(&run.machine);
	free(run.seen);
	if (done && !proactive_oracle(proactive, config->trace)) {
		snprintf(config->error, SIM_ERROR_SIZE, "not enough memory for the oracle");
		return false;
	}
	return done;
}
