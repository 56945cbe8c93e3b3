/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "groups.h"

#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "fnv.h"
#include "generations.h"
#include "policy.h"

#define PROGRESS_WORDS 65536

/* A group, and what its generations get as context. */
struct group {
	struct run *run;
	struct generations generations;
	uint32_t number;
	uint32_t charged; /* pages */
};

struct run {
	const struct groups_config *config;
	struct groups *groups;
	struct shared shared;
	struct group group[SHARED_GUESTS];
	uint8_t *owner; /* by page, while it is resident */
	/* Young for its owner, found by an ageing of the other group. */
	uint64_t *kept;
	uint64_t *said; /* by page: who said young, in the ageing at hand */
};

static bool kept_take(struct run *run, uint32_t page)
{
	uint64_t bit = UINT64_C(1) << (page & 63);
	bool was = run->kept[page / 64] & bit;

	run->kept[page / 64] &= ~bit;
	return was;
}

/*
 * Ask about pages [start, end), and tell what counts: for a page of this group in `young`, bit =
 * page - start; for one of the other group it is kept until that one asks.
 */
static bool ask_range(struct group *group, uint32_t start, uint32_t end, uint64_t *young)
{
	struct run *run = group->run;
	struct shared *shared = &run->shared;
	const struct ptw_ask ask = {
		.size = sizeof(ask),
		.flags = PTW_HARVEST_ACCESSED,
		.effort = PTW_EFFORT_FAST,
		.said = run->said,
	};
	int ret;

	memset(run->said, 0, (end - start) * sizeof(*run->said));
	ret = ptw_space_harvest(shared->space, shared->first + start, shared->first + end, &ask,
				NULL);
	if (ret)
		return shared_fail(shared, "ageing failed", ret);
	for (uint32_t page = start; page < end; page++) {
		uint64_t said = run->said[page - start];
		uint32_t owner = run->owner[page];
		bool counts = said && (run->config->foreign || (said & shared->guest[owner].said));

		if (owner != group->number)
			run->kept[page / 64] |= (uint64_t)counts << (page & 63);
		else if (kept_take(run, page) || counts)
			young[(page - start) / 64] |= UINT64_C(1) << (page & 63);
	}
	return true;
}

static bool ask_all(void *context, uint64_t *young)
{
	struct group *group = context;

	return ask_range(group, 0, group->run->shared.pages, young);
}

static int ask_one(void *context, uint32_t page)
{
	struct group *group = context;
	struct run *run = group->run;
	const struct ptw_reference how = {
		.size = sizeof(how),
		.flags = run->config->foreign ? PTW_REFERENCE_FOREIGN : 0,
		.group = group->number,
	};
	int ret = ptw_space_reference(run->shared.space, run->shared.first + page, &how, NULL);
	bool kept = kept_take(run, page);

	if (ret < 0) {
		shared_fail(&run->shared, "a last look failed", ret);
		return ret;
	}
	return ret > 0 || kept;
}

static bool ask_around(void *context, uint32_t page, uint64_t *young)
{
	struct group *group = context;
	uint32_t start = page & ~(GENERATIONS_LOOK - 1u);
	uint32_t end = start + GENERATIONS_LOOK, pages = group->run->shared.pages;

	return ask_range(group, start, end < pages ? end : pages, young);
}

static bool evict(struct group *group, uint32_t *frame)
{
	struct run *run = group->run;
	struct groups_side *side = &run->groups->side[group->number];
	uint32_t page;
	bool young;

	if (!generations_evict(&group->generations, &page) ||
	    !shared_drop(&run->shared, page, frame, &young))
		return false;
	side->evictions++;
	side->late += young;
	run->groups->eviction_hash = fnv64_u32(run->groups->eviction_hash, page);
	return true;
}

static bool make_resident(struct group *group, uint32_t page)
{
	struct run *run = group->run;
	/* Frames of the second group are behind those of the first one. */
	uint32_t frame = group->charged + (group->number ? run->config->frames[0] : 0);

	run->groups->side[group->number].misses++;
	if (group->charged < run->config->frames[group->number])
		group->charged++;
	else if (!evict(group, &frame))
		return false;
	run->owner[page] = (uint8_t)group->number;
	generations_add(&group->generations, page);
	return shared_bring(&run->shared, page, frame, 0);
}

static bool fault(struct group *group, struct shared_guest *guest, uint32_t guest_page)
{
	struct run *run = group->run;
	uint32_t page = shared_page_of(guest, guest_page);
	uint64_t ticket = shared_fault_begin(&run->shared, page);

	if (!shared_resident(&run->shared, page)) {
		if (!make_resident(group, page))
			return false;
	} else if (run->owner[page] != group->number) {
		run->groups->side[group->number].minor++;
	}
	return shared_fault_end(&run->shared, guest, guest_page, page, ticket);
}

static bool reference(struct run *run, uint32_t word)
{
	uint32_t page = word & ~TRACE_WRITE, base = run->config->merge->base;
	uint32_t number = page >= base, guest_page = page - number * base;
	struct shared_guest *guest = &run->shared.guest[number];
	int done;

	while ((done = machine_access(&guest->machine, guest_page, word & TRACE_WRITE)) == 0)
		if (!fault(&run->group[number], guest, guest_page))
			return false;
	return done > 0;
}

static bool run_words(struct run *run)
{
	const struct trace *trace = &run->config->merge->trace;

	for (size_t i = 0; i < trace->count; i++) {
		if (i % PROGRESS_WORDS == 0 && !run->config->quiet)
			sim_progress("replaying", i, trace->count);
		if (trace->words[i] != TRACE_TICK && !reference(run, trace->words[i]))
			return false;
	}
	return true;
}

static bool create_group(struct run *run, uint32_t number)
{
	const struct groups_config *config = run->config;
	struct group *group = &run->group[number];
	const struct generations_ask ask = {ask_all, ask_one, ask_around, group};
	const struct machine_config machine = {
		.format = config->format,
		.pages = number ? config->merge->trace.pages - config->merge->base :
				  config->merge->base,
		.tlb_sets = config->tlb_sets,
		.tlb_ways = config->tlb_ways,
		.error = config->error,
	};
	const struct shared_guest_config guest = {
		.machine = &machine,
		.base = number ? config->merge->base : 0,
		.split = config->split,
		.group = number,
		.access = SHARED_FREE,
	};

	group->run = run;
	group->number = number;
	if (!generations_create(&group->generations, run->shared.pages, &ask))
		return shared_fail(&run->shared, "cannot keep generations", PTW_ERR_NOMEM);
	return shared_add_guest(&run->shared, &guest);
}

static bool create(struct run *run)
{
	const struct shared_config shared = {NULL, run->config->merge->trace.pages,
					     run->config->error};

	if (!shared_create(&run->shared, &shared))
		return false;
	run->owner = calloc(shared.pages, sizeof(*run->owner));
	run->kept = calloc(shared.pages / 64 + 1, sizeof(*run->kept));
	run->said = calloc((size_t)shared.pages, sizeof(*run->said));
	if (!run->owner || !run->kept || !run->said)
		return shared_fail(&run->shared, "cannot keep track of groups", PTW_ERR_NOMEM);
	return create_group(run, 0) && create_group(run, 1);
}

bool groups_run(struct groups *groups, const struct groups_config *config)
{
	struct run run = {.config = config, .groups = groups};
	uint64_t start;
	bool done = false;

	*groups = (struct groups){.eviction_hash = FNV64_START};
	if (create(&run)) {
		start = contend_clock(NULL);
		done = run_words(&run);
		groups->seconds = 1e-9 * (double)(contend_clock(NULL) - start);
		if (!config->quiet)
			sim_progress("", 0, 0);
		for (uint32_t i = 0; i < SHARED_GUESTS; i++)
			groups->side[i].single_checks = run.group[i].generations.looks;
	}
	shared_destroy(&run.shared);
	for (uint32_t i = 0; i < SHARED_GUESTS; i++)
		generations_destroy(&run.group[i].generations);
	free(run.owner);
	free(run.kept);
	free(run.said);
	return done;
}
