/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The MGLRU-like rule (generations.h) on one page table. Its clock is the misses: it ages when
 * evictions have used the generations up, and a tick means nothing to it. A fault's own access
 * counts: the page enters with its accessed bit set, by the access that is repeated.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "generations.h"
#include "machine.h"
#include "policy.h"

struct mglru {
	const struct sim_config *config;
	struct machine machine;
	struct generations generations;
	uint32_t *page_frame; /* by page, while it is resident */
	uint32_t frames_used;
};

static bool harvest(struct mglru *m, uint32_t start, uint32_t pages, uint64_t *young)
{
	int ret = machine_harvest(&m->machine, start, pages, young, NULL, NULL);

	return ret ? machine_fail(&m->machine, "harvest failed", ret) : true;
}

static bool ask_all(void *context, uint64_t *young)
{
	struct mglru *m = context;

	return harvest(m, 0, m->config->pages, young);
}

static int ask_one(void *context, uint32_t page)
{
	struct mglru *m = context;
	int young = machine_look(&m->machine, page);

	if (young < 0)
		machine_fail(&m->machine, "cannot test a page", young);
	return young;
}

static bool ask_around(void *context, uint32_t page, uint64_t *young)
{
	return harvest(context, page & ~(GENERATIONS_LOOK - 1u), GENERATIONS_LOOK, young);
}

static void mglru_destroy(void *state)
{
	struct mglru *m = state;

	generations_destroy(&m->generations);
	machine_destroy(&m->machine);
	free(m->page_frame);
	free(m);
}

static void *mglru_create(const struct sim_config *config)
{
	const struct machine_config machine = {
		.format = config->format,
		.pages = config->pages,
		.tlb_sets = config->tlb_sets,
		.tlb_ways = config->tlb_ways,
		.error = config->error,
	};
	struct mglru *m = calloc(1, sizeof(*m));
	const struct generations_ask ask = {ask_all, ask_one, ask_around, m};

	if (m)
		m->page_frame = calloc(config->pages, sizeof(*m->page_frame));
	if (!m || !m->page_frame || !generations_create(&m->generations, config->pages, &ask)) {
		snprintf(config->error, SIM_ERROR_SIZE, "not enough memory for %u pages",
			 config->pages);
		if (m)
			mglru_destroy(m);
		return NULL;
	}
	m->config = config;
	if (!machine_create(&m->machine, &machine)) {
		mglru_destroy(m);
		return NULL;
	}
	return m;
}

static bool mglru_fault(struct mglru *m, uint32_t page, uint32_t *evicted)
{
	uint32_t frame = m->frames_used;

	if (frame < m->config->frames) {
		m->frames_used++;
	} else {
		if (!generations_evict(&m->generations, evicted) ||
		    machine_unmap(&m->machine, *evicted) < 0)
			return false;
		frame = m->page_frame[*evicted];
	}
	if (!machine_map(&m->machine, page, frame, 0))
		return false;
	m->page_frame[page] = frame;
	generations_add(&m->generations, page);
	return true;
}

static struct sim_outcome mglru_access(void *state, uint32_t page, bool write)
{
	struct sim_outcome outcome = {SIM_HIT, SIM_NO_PAGE};
	struct mglru *m = state;
	int done;

	while ((done = machine_access(&m->machine, page, write)) == 0) {
		outcome.event = SIM_FAULT;
		if (!mglru_fault(m, page, &outcome.evicted)) {
			outcome.event = SIM_FAILED;
			return outcome;
		}
	}
	if (done < 0)
		outcome.event = SIM_FAILED;
	return outcome;
}

static void mglru_counters(void *state, struct sim_counters *out)
{
	const struct mglru *m = state;

	out->batch_reads = m->machine.batch_reads;
	out->single_checks = m->generations.looks;
	out->harvested = m->machine.harvested;
	out->scans = m->generations.agings;
	out->scan_young = m->generations.aged;
	out->tlb_hits = ptw_softmmu_counters(m->machine.cpu)->tlb_hits;
}

static unsigned int mglru_generations(void *state, uint64_t sizes[SIM_GENERATIONS])
{
	const struct mglru *m = state;
	const struct generations *g = &m->generations;
	unsigned int count = 0;

	for (uint64_t number = g->youngest + 1; number-- > g->oldest;)
		sizes[count++] = g->list[GENERATION_OF(number)].pages;
	return count;
}

const struct sim_policy sim_policy_mglru = {
	.name = "mglru",
	.about = "up to four generations by accessed bits, as MGLRU; look-around",
	.reference = true,
	.format_name = ptw_preset_name,
	.create = mglru_create,
	.destroy = mglru_destroy,
	.access = mglru_access,
	.counters = mglru_counters,
	.generations = mglru_generations,
};
