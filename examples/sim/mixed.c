/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "mixed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "fnv.h"
#include "generations.h"
#include "mixed_engine.h"
#include "shared.h"

/* References between two looks at the progress bar. */
#define PROGRESS_WORDS 65536

struct run {
	const struct mixed_config *config;
	struct mixed *mixed;
	struct shared shared;
	struct generations generations;
	struct mixed_engine engine; /* in its place, if the configuration says so */
	uint32_t frames_used;
	uint32_t *isolated; /* pages whose last look was clean, the next to go at `isolated_at` */
	uint32_t isolated_at;
	uint32_t isolated_end;
	uint64_t said; /* who said young at the last look */
};

const char *mixed_secondary_name(unsigned int secondary)
{
	static const char *const names[] = {"never", "evict", "fast", "always"};

	return secondary < MIXED_SECONDARIES ? names[secondary] : NULL;
}

const char *mixed_look_name(unsigned int look)
{
	static const char *const names[] = {"none", "host", "secondary", "both"};

	return look < MIXED_LOOKS ? names[look] : NULL;
}

double mixed_against(uint64_t misses, uint64_t lru)
{
	return lru ? 100.0 * ((double)misses / (double)lru - 1.0) : 0.0;
}

double mixed_skew(const uint64_t misses[MIXED_SIDES], const uint64_t lru[MIXED_SIDES])
{
	double skew = mixed_against(misses[MIXED_GUEST], lru[MIXED_GUEST]) -
		      mixed_against(misses[MIXED_HOST], lru[MIXED_HOST]);

	return skew < 0 ? -skew : skew;
}

static unsigned int side_of(const struct run *run, uint32_t page)
{
	return page < run->config->merge->base ? MIXED_HOST : MIXED_GUEST;
}

/* --- whom the rule asks --------------------------------------------------------------------- */

static void forget(struct run *run, uint32_t start, uint32_t end)
{
	if (!run->config->flush)
		return;
	shared_forget(&run->shared, start, end);
	run->mixed->flushes++;
}

static bool ask_all(void *context, uint64_t *young)
{
	static const uint32_t efforts[MIXED_SECONDARIES] = {
		[MIXED_NEVER] = PTW_EFFORT_PRIMARY,
		[MIXED_EVICT] = PTW_EFFORT_PRIMARY,
		[MIXED_FAST] = PTW_EFFORT_FAST,
		[MIXED_ALWAYS] = PTW_EFFORT_AGE,
	};
	struct run *run = context;
	const struct ptw_ask ask = {
		.size = sizeof(ask),
		.flags = PTW_HARVEST_ACCESSED,
		.effort = efforts[run->config->secondary],
		.young = young,
	};
	struct ptw_ask_result result = {.size = sizeof(result)};
	int ret = ptw_space_harvest(run->shared.space, 0, run->shared.pages, &ask, &result);

	run->mixed->batch_reads += result.entries;
	run->mixed->not_asked_pages += result.not_asked_pages;
	if (ret)
		return shared_fail(&run->shared, "ageing failed", ret);
	forget(run, 0, run->shared.pages);
	return true;
}

static int ask_one(void *context, uint32_t page)
{
	static const struct ptw_reference how = {.size = sizeof(how)};
	struct run *run = context;
	struct ptw_reference_result result = {.size = sizeof(result)};
	int ret;

	if (run->config->secondary == MIXED_NEVER) {
		ret = ptw_space_clear_young(run->shared.space, page, PTW_EFFORT_PRIMARY);
		result.said = ret > 0;
	} else {
		ret = ptw_space_reference(run->shared.space, page, &how, &result);
	}
	/* Nobody said young, and somebody did not answer: it goes, as it would in a kernel. */
	if (ret == PTW_ERR_AGAIN) {
		run->mixed->unanswered++;
		ret = 0;
	}
	if (ret < 0) {
		shared_fail(&run->shared, "a last look failed", ret);
		return ret;
	}
	run->said = result.said;
	if (ret)
		forget(run, page, page + 1);
	return ret > 0;
}

static bool ask_around(void *context, uint32_t page, uint64_t *young)
{
	struct run *run = context;
	struct ptw_look_around how = {
		.size = sizeof(how),
		.window = GENERATIONS_LOOK,
		.skip = MIXED_LOOK_BOTH & ~(uint32_t)run->config->look,
		.said = run->said,
		.young = young,
	};
	struct ptw_ask_result result = {.size = sizeof(result)};
	int ret;

	if (run->config->secondary == MIXED_NEVER)
		how.skip |= MIXED_LOOK_SECONDARY;
	if (how.skip == MIXED_LOOK_BOTH)
		return true;
	ret = ptw_space_look_around(run->shared.space, page, &how, &result);
	run->mixed->look_reads += result.entries;
	if (ret)
		return shared_fail(&run->shared, "look-around failed", ret);
	if (result.young_pages)
		forget(run, page & ~(GENERATIONS_LOOK - 1u),
		       (page & ~(GENERATIONS_LOOK - 1u)) + GENERATIONS_LOOK);
	return true;
}

/* --- faults ------------------------------------------------------------------------------ */

static bool choose(struct run *run, uint32_t *page)
{
	return run->config->engine ? mixed_engine_evict(&run->engine, page) :
				     generations_evict(&run->generations, page);
}

static bool anybody(const struct run *run)
{
	struct ptw_group_state state = {.size = sizeof(state)};

	if (!run->config->engine)
		return run->generations.resident;
	ptw_group_state(run->engine.group, &state);
	return state.resident;
}

/*
 * Last looks come in batches, and pages go one by one: what is used in between is found at the
 * unmap.
 */
static bool next_victim(struct run *run, uint32_t *page)
{
	if (run->isolated_at == run->isolated_end) {
		run->isolated_at = run->isolated_end = 0;
		while (run->isolated_end < run->config->isolate && anybody(run))
			if (!choose(run, &run->isolated[run->isolated_end++]))
				return false;
	}
	*page = run->isolated[run->isolated_at++];
	return true;
}

static bool evict(struct run *run, uint32_t *frame)
{
	struct mixed_side *side;
	uint32_t page;
	bool young;

	if (!next_victim(run, &page) || !shared_drop(&run->shared, page, frame, &young))
		return false;
	side = &run->mixed->side[side_of(run, page)];
	side->evictions++;
	side->late += young;
	run->mixed->eviction_hash = fnv64_u32(run->mixed->eviction_hash, page);
	return true;
}

static bool make_resident(struct run *run, uint32_t page)
{
	unsigned int side = side_of(run, page);
	uint32_t flags = side == MIXED_GUEST && run->config->fault_young ? PTW_LEAF_YOUNG : 0;
	uint32_t frame = run->frames_used;

	run->mixed->misses[side]++;
	if (frame < run->config->frames)
		run->frames_used++;
	else if (!evict(run, &frame))
		return false;
	if (!run->config->engine)
		generations_add(&run->generations, page);
	else if (!mixed_engine_add(&run->engine, page))
		return shared_fail(&run->shared, "cannot add a page", PTW_ERR_EXISTS);
	return shared_bring(&run->shared, page, frame, flags);
}

/*
 * The page becomes resident in the host first, whose mapping only this touches, then in the guest.
 */
static bool guest_fault(struct run *run, uint32_t guest_page, uint32_t page)
{
	uint64_t ticket = shared_fault_begin(&run->shared, page);

	if (!shared_resident(&run->shared, page) && !make_resident(run, page))
		return false;
	return shared_fault_end(&run->shared, &run->shared.guest[0], guest_page, page, ticket);
}

static bool reference(struct run *run, uint32_t page, bool write)
{
	uint32_t guest_page = page - run->config->merge->base;
	int done;

	if (side_of(run, page) == MIXED_HOST) {
		while ((done = machine_access(&run->shared.host, page, write)) == 0)
			if (!make_resident(run, page))
				return false;
		return done > 0;
	}
	while ((done = machine_access(&run->shared.guest[0].machine, guest_page, write)) == 0)
		if (!guest_fault(run, guest_page, page))
			return false;
	return done > 0;
}

static bool run_words(struct run *run)
{
	const struct trace *trace = &run->config->merge->trace;

	for (size_t i = 0; i < trace->count; i++) {
		uint32_t word = trace->words[i];

		if (i % PROGRESS_WORDS == 0 && !run->config->quiet)
			sim_progress("replaying", i, trace->count);
		if (word == TRACE_TICK ?
			    run->config->engine && !mixed_engine_tick(&run->engine) :
			    !reference(run, word & ~TRACE_WRITE, word & TRACE_WRITE))
			return false;
	}
	return true;
}

/* --- a run ------------------------------------------------------------------------------- */

static bool create(struct run *run)
{
	/* Where it is asked at all, it could be by look-around: a lock that can be tried. */
	static const enum shared_access accesses[MIXED_SECONDARIES] = {
		[MIXED_NEVER] = SHARED_TRY,
		[MIXED_EVICT] = SHARED_TRY,
		[MIXED_FAST] = SHARED_FREE,
		[MIXED_ALWAYS] = SHARED_WAIT,
	};
	const struct mixed_config *config = run->config;
	const struct merge *merge = config->merge;
	const struct generations_ask ask = {ask_all, ask_one, ask_around, run};
	const struct machine_config host = {
		.format = "x86-64",
		.pages = merge->trace.pages,
		.tlb_sets = config->tlb_sets,
		.tlb_ways = config->tlb_ways,
		.error = config->error,
	};
	struct machine_config guest = host;
	const struct shared_config shared = {&host, merge->trace.pages, config->error};
	const struct shared_guest_config with = {
		.machine = &guest,
		.base = merge->base,
		.access = accesses[config->secondary],
		.contend = config->contend,
	};

	guest.format = config->format;
	guest.pages = merge->trace.pages - merge->base;
	if (!shared_create(&run->shared, &shared))
		return false;
	run->isolated = calloc(config->isolate, sizeof(*run->isolated));
	if (!run->isolated ||
	    !(config->engine ? mixed_engine_create(&run->engine, merge->trace.pages, config->frames,
						   merge->trace.ticks, &ask) :
			       generations_create(&run->generations, merge->trace.pages, &ask)))
		return shared_fail(&run->shared, "cannot keep generations", PTW_ERR_NOMEM);
	return shared_add_guest(&run->shared, &with);
}

static void count(struct run *run)
{
	struct ptw_group_state state = {.size = sizeof(state)};
	struct ptw_stalls stalls = {.size = sizeof(stalls)};
	struct shared *shared = &run->shared;
	struct mixed *mixed = run->mixed;

	contend_stop(&shared->guest[0].lock);
	ptw_space_stalls(shared->space, &stalls);
	if (run->config->engine) {
		ptw_group_state(run->engine.group, &state);
		mixed->agings = state.agings;
		mixed->single_checks = state.looks;
		mixed->single_young = state.looked;
		mixed->look_promoted = state.around;
	} else {
		mixed->agings = run->generations.agings;
		mixed->single_checks = run->generations.looks;
		mixed->single_young = run->generations.looked;
		mixed->look_promoted = run->generations.promoted;
	}
	mixed->retries = shared->retries;
	mixed->tlb_hits = ptw_softmmu_counters(shared->host.cpu)->tlb_hits +
			  ptw_softmmu_counters(shared->guest[0].machine.cpu)->tlb_hits;
	mixed->ager_ns = stalls.kind[PTW_STALL_AGER].total;
	mixed->ager_wait_ns = stalls.kind[PTW_STALL_AGER_WAIT].total;
	mixed->lock_waits = shared->guest[0].lock.waits;
	mixed->lock_wait_ns = shared->guest[0].lock.waited;
	mixed->writer_waits = stalls.kind[PTW_STALL_WRITER].events;
	mixed->writer_wait_ns = stalls.kind[PTW_STALL_WRITER].total;
	mixed->writer_wait_most = stalls.kind[PTW_STALL_WRITER].most;
}

bool mixed_run(struct mixed *mixed, const struct mixed_config *config)
{
	struct run run = {.config = config, .mixed = mixed};
	uint64_t start;
	bool done = false;

	*mixed = (struct mixed){.eviction_hash = FNV64_START};
	if (create(&run)) {
		start = contend_clock(NULL);
		done = run_words(&run);
		mixed->seconds = 1e-9 * (double)(contend_clock(NULL) - start);
		if (!config->quiet)
			sim_progress("", 0, 0);
		count(&run);
	}
	shared_destroy(&run.shared);
	generations_destroy(&run.generations);
	mixed_engine_destroy(&run.engine);
	free(run.isolated);
	return done;
}

bool mixed_policy(const struct merge *merge, const struct sim_policy *policy, uint32_t frames,
		  uint64_t misses[MIXED_SIDES], char *error)
{
	const struct sim_config config = {
		.trace = &merge->trace,
		.pages = merge->trace.pages,
		.frames = frames,
		.format = "x86-64",
		.error = error,
	};
	void *state = policy->create(&config);
	struct sim_outcome outcome = {SIM_HIT, SIM_NO_PAGE};

	if (!state)
		return false;
	misses[MIXED_HOST] = misses[MIXED_GUEST] = 0;
	for (size_t i = 0; i < merge->trace.count && outcome.event != SIM_FAILED; i++) {
		uint32_t page = merge->trace.words[i] & ~TRACE_WRITE;

		if (merge->trace.words[i] == TRACE_TICK)
			continue;
		outcome = policy->access(state, page, false);
		if (outcome.event == SIM_FAULT)
			misses[page < merge->base ? MIXED_HOST : MIXED_GUEST]++;
	}
	policy->destroy(state);
	return outcome.event != SIM_FAILED;
}
