/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * libptw's engine on one page table, with each of its policies: it learns of faults and of what harvests find, asks
 * for ageing when that helps, and puts out what its policy picks after a last look.
 */
#include <stdio.h>
#include <stdlib.h>

#include "machine.h"
#include "policy.h"

/* The curve's time: parts of a tick, 4096 accesses each. */
#define WATCH_PARTS 16u

struct engine {
	const struct sim_config *config;
	struct machine machine;
	struct ptw_engine *engine;
	struct ptw_group *group;
	uint32_t *page_frame; /* by page, while it is resident */
	uint32_t frames_used;
	uint32_t victim;
	uint32_t neighbours; /* pages that a last look looks around in */
	bool steps;	     /* the policy has steps of its own, which time ends, too */
	bool fault_old;	     /* pages come in with their accessed bit clear */
	uint64_t ticks;
	uint64_t references; /* since the last tick */
};

static uint64_t clock_ticks(void *context)
{
	const struct engine *e = context;

	return e->ticks;
}

/* Who gets the words of a harvest: whoever asked, and the what-if curve. */
struct both {
	struct ptw_curve *curve;
	ptw_word_fn word;
	void *sink;
};

static int both_word(void *context, uint64_t page, uint64_t young, uint64_t dirty)
{
	const struct both *both = context;

	ptw_curve_young(both->curve, page, young, dirty);
	return both->word(both->sink, page, young, dirty);
}

/* Pages of one region that were found young elsewhere than in a harvest. */
static void watch_young(const struct engine *e, uint64_t page, uint64_t around)
{
	const struct sim_watch *watch = e->config->watch;

	if (watch)
		ptw_curve_young(watch->curve, page / PTW_REGION_PAGES * PTW_REGION_PAGES,
				around | (uint64_t)1 << page % PTW_REGION_PAGES, 0);
}

static int harvest(void *context, uint64_t first, uint64_t pages, ptw_word_fn word, void *sink)
{
	struct engine *e = context;
	struct both both = {NULL, word, sink};

	if (!e->config->watch)
		return machine_harvest(&e->machine, first, pages, NULL, word, sink);
	both.curve = e->config->watch->curve;
	return machine_harvest(&e->machine, first, pages, NULL, both_word, &both);
}

/* The last look; around a page that was young, at as many neighbours as the policy reads at a time. */
static int look(void *context, uint64_t page, uint64_t *around)
{
	struct engine *e = context;
	const uint64_t first = page / e->neighbours * e->neighbours;
	int young = machine_look(&e->machine, (uint32_t)page);
	int ret;

	if (young <= 0)
		return young;
	ret = machine_harvest(&e->machine, first, e->neighbours, around, NULL, NULL);
	watch_young(e, page, *around);
	return ret ? ret : young;
}

static int evict(void *context, const uint64_t *page, unsigned int n, uint8_t *result)
{
	struct engine *e = context;

	for (unsigned int i = 0; i < n; i++) {
		int young = machine_unmap(&e->machine, (uint32_t)page[i]);

		if (young < 0)
			return PTW_ERR_MMU;
		if (young)
			watch_young(e, page[i], 0);
		if (e->config->watch)
			ptw_curve_evicted(e->config->watch->curve, page[i]);
		result[i] = PTW_EVICTED;
		e->victim = (uint32_t)page[i];
	}
	return PTW_OK;
}

/* Entries of the curve's own looks count apart. */
static int watch_harvest(void *context, uint64_t first, uint64_t pages, ptw_word_fn word,
			 void *sink)
{
	struct engine *e = context;
	const uint32_t lg2 = e->machine.granule_lg2;
	struct ptw_harvest_result result = {.size = sizeof(result)};
	const struct ptw_harvest ask = {
		.size = sizeof(ask),
		.flags = PTW_HARVEST_ACCESSED,
		.word = word,
		.context = sink,
	};
	int ret = ptw_harvest(e->machine.pgtable, first << lg2, (first + pages) << lg2, &ask,
			      &result);

	e->config->watch->reads += result.entries;
	return ret;
}

/* Ends the curve's step if that is due; false: failed. */
static bool watch_step(struct engine *e)
{
	const struct ptw_curve_ask ask = {
		.size = sizeof(ask),
		.harvest = watch_harvest,
		.context = e,
		.also = ptw_engine_young,
		.sink = e->engine,
	};
	const struct sim_watch *watch = e->config->watch;
	uint64_t now;
	int ret;

	now = e->ticks * WATCH_PARTS +
	      e->references * WATCH_PARTS / (watch->references[e->ticks] + 1);
	if (!ptw_curve_wants_step(watch->curve, now))
		return true;
	ret = ptw_curve_step(watch->curve, &ask, now);
	return ret ? machine_fail(&e->machine, "cannot learn the curve", ret) : true;
}

static void engine_destroy(void *state)
{
	struct engine *e = state;

	ptw_engine_destroy(e->engine);
	machine_destroy(&e->machine);
	free(e->page_frame);
	free(e);
}

static void *engine_create(const struct sim_config *config, const struct ptw_policy_ops *policy,
			   uint32_t neighbours)
{
	const struct machine_config machine = {
		.format = config->format,
		.pages = config->pages,
		.tlb_sets = config->tlb_sets,
		.tlb_ways = config->tlb_ways,
		.error = config->error,
	};
	struct engine *e = calloc(1, sizeof(*e));
	const struct ptw_engine_config engine = {
		.size = sizeof(engine),
		.pages = config->pages,
		.clock = clock_ticks,
		.context = e,
		.policy = policy,
	};
	const struct ptw_group_config group = {
		.size = sizeof(group),
		.ops = {.harvest = harvest, .look = look, .evict = evict},
		.context = e,
	};

	if (e)
		e->page_frame = calloc(config->pages, sizeof(*e->page_frame));
	if (!e || !e->page_frame || ptw_engine_create(&engine, &e->engine) ||
	    ptw_group_create(e->engine, &group, &e->group) ||
	    ptw_group_attach(e->group, 0, config->pages)) {
		snprintf(config->error, SIM_ERROR_SIZE, "not enough memory for %u pages",
			 config->pages);
		if (e)
			engine_destroy(e);
		return NULL;
	}
	e->config = config;
	e->neighbours = neighbours;
	e->steps = policy->due;
	if (!machine_create(&e->machine, &machine)) {
		engine_destroy(e);
		return NULL;
	}
	return e;
}

/* A policy with steps of its own is aged when one is over, not only when pages must go. */
static bool engine_step(struct engine *e)
{
	int ret;

	if (!ptw_group_wants_ageing(e->group))
		return true;
	ret = ptw_group_age(e->group);
	return ret ? machine_fail(&e->machine, "cannot age", ret) : true;
}

static bool engine_tick(void *state)
{
	struct engine *e = state;

	e->ticks++;
	e->references = 0;
	return (!e->steps || engine_step(e)) && (!e->config->watch || watch_step(e));
}

/* The page comes into memory; true unless something failed. */
static bool engine_fault(struct engine *e, uint32_t page, uint32_t *evicted)
{
	uint32_t frame = e->frames_used;
	int ret;

	if (frame < e->config->frames) {
		e->frames_used++;
	} else {
		uint64_t n;

		ret = ptw_group_evict(e->group, 1, &n);
		if (ret || n != 1)
			return machine_fail(&e->machine, "nothing could be put out", ret);
		*evicted = e->victim;
		frame = e->page_frame[e->victim];
	}
	if (!machine_map(&e->machine, page, frame, 0))
		return false;
	e->page_frame[page] = frame;
	ret = ptw_page_add(e->engine, page);
	if (ret)
		return machine_fail(&e->machine, "cannot add a page", ret);
	if (e->config->watch)
		ptw_curve_fault(e->config->watch->curve, page);
	return true;
}

static struct sim_outcome engine_access(void *state, uint32_t page, bool write)
{
	struct sim_outcome outcome = {SIM_HIT, SIM_NO_PAGE};
	struct engine *e = state;
	int done;

	while ((done = machine_access(&e->machine, page, write)) == 0) {
		outcome.event = SIM_FAULT;
		if (!engine_fault(e, page, &outcome.evicted)) {
			outcome.event = SIM_FAILED;
			return outcome;
		}
	}
	e->references++;
	/* The fault's own access leaves no bit where the policy has been told of it: as if the handler had made it. */
	if (done > 0 && e->fault_old && outcome.event == SIM_FAULT)
		done = ptw_test_clear_young(e->machine.pgtable,
					    (uint64_t)page << e->machine.granule_lg2);
	if (done < 0 || (e->config->watch && !watch_step(e)))
		outcome.event = SIM_FAILED;
	return outcome;
}

static void engine_counters(void *state, struct sim_counters *out)
{
	const struct engine *e = state;
	struct ptw_group_state group = {.size = sizeof(group)};

	ptw_group_state(e->group, &group);
	out->batch_reads = e->machine.batch_reads;
	out->single_checks = group.looks;
	out->harvested = e->machine.harvested;
	out->scans = group.agings;
	out->scan_young = group.aged;
	out->tlb_hits = ptw_softmmu_counters(e->machine.cpu)->tlb_hits;
	out->has_idle_age = !ptw_group_ages(e->group, out->idle_age);
}

static unsigned int engine_generations(void *state, uint64_t sizes[SIM_GENERATIONS])
{
	const struct engine *e = state;
	struct ptw_group_state group = {.size = sizeof(group)};
	unsigned int count = 0;

	ptw_group_state(e->group, &group);
	for (uint64_t seq = group.youngest + 1; seq-- > group.oldest;)
		sizes[count++] = group.pages[seq % PTW_GENERATIONS];
	return count;
}

static void *generations_start(const struct sim_config *config)
{
	return engine_create(config, &ptw_policy_generations, PTW_REGION_PAGES);
}

const struct sim_policy sim_policy_generations = {
	.name = "generations",
	.about = "libptw's engine by generations, fed by harvests and faults",
	.format_name = ptw_preset_name,
	.create = generations_start,
	.destroy = engine_destroy,
	.access = engine_access,
	.own_ages = true,
	.tick = engine_tick,
	.counters = engine_counters,
	.generations = engine_generations,
};

static void *idle_age_start(const struct sim_config *config)
{
	return engine_create(config, &ptw_policy_idle_age, PTW_REGION_PAGES);
}

const struct sim_policy sim_policy_idle_age = {
	.name = "idle-age",
	.about = "the engine by idle age, aged in steps of a 32nd of memory",
	.format_name = ptw_preset_name,
	.create = idle_age_start,
	.destroy = engine_destroy,
	.access = engine_access,
	.own_ages = true,
	.tick = engine_tick,
	.counters = engine_counters,
	.generations = engine_generations,
};

/* It reads lines of eight entries. */
#define LEARNED_LINE 8

static void *learned_start(const struct sim_config *config)
{
	struct engine *e = engine_create(config, &ptw_policy_learned, LEARNED_LINE);

	if (e)
		e->fault_old = true;
	return e;
}

const struct sim_policy sim_policy_learned = {
	.name = "learned",
	.about = "the engine by learned chances of reuse, or recency where that is better",
	.format_name = ptw_preset_name,
	.create = learned_start,
	.destroy = engine_destroy,
	.access = engine_access,
	.own_ages = true,
	.tick = engine_tick,
	.counters = engine_counters,
};
