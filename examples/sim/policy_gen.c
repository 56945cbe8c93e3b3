/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What libptw makes possible: pages are aged by the accessed bits of a page table, and by nothing
 * else. Every reference goes through the software MMU, which sets the bits as hardware would. Every
 * scan interval one harvest collects and clears them, and the page's age starts again; eviction takes
 * the oldest page, after one last look at its bit. Where nothing is old any more before the interval
 * is over (many faults in a short time), a scan comes early.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "policy.h"

#define NO_FRAME UINT32_MAX

struct gen {
	const struct sim_config *config;
	struct machine machine;

	uint32_t *page_frame; /* by page: its frame, or NO_FRAME */
	uint32_t resident;

	/* Resident pages in the order of eviction: by age at the last scan, then by the order before.
	 * Pages that came since are behind `sorted`. */
	uint32_t *order;
	uint32_t *order_next;
	uint32_t order_count;
	uint32_t sorted;
	uint32_t hand;

	struct ptw_age age;
	uint8_t *age_bytes;
	uint64_t *young;
	uint64_t young_words;
	uint32_t ticks; /* since the last scan */

	uint64_t batch_reads;
	uint64_t single_checks;
	uint64_t harvested;
	uint64_t scans;
	uint64_t scan_young;
};

static void gen_destroy(void *state)
{
	struct gen *gen = state;

	machine_destroy(&gen->machine);
	free(gen->page_frame);
	free(gen->order);
	free(gen->order_next);
	free(gen->age_bytes);
	free(gen->young);
	free(gen);
}

static void *gen_create(const struct sim_config *config)
{
	const struct machine_config machine = {
		.format = config->format,
		.pages = config->pages,
		.tlb_sets = config->tlb_sets,
		.tlb_ways = config->tlb_ways,
		.error = config->error,
	};
	struct gen *gen = calloc(1, sizeof(*gen));

	if (!gen) {
		snprintf(config->error, SIM_ERROR_SIZE, "not enough memory");
		return NULL;
	}
	gen->config = config;
	gen->young_words = (config->pages + 63) / 64;
	gen->page_frame = malloc((size_t)config->pages * sizeof(*gen->page_frame));
	gen->order = malloc(2 * (size_t)config->frames * sizeof(*gen->order));
	gen->order_next = malloc(2 * (size_t)config->frames * sizeof(*gen->order_next));
	gen->age_bytes = malloc(config->pages);
	gen->young = calloc(gen->young_words, sizeof(*gen->young));
	if (!gen->page_frame || !gen->order || !gen->order_next || !gen->age_bytes || !gen->young) {
		snprintf(config->error, SIM_ERROR_SIZE, "not enough memory for %u pages",
			 config->pages);
		gen_destroy(gen);
		return NULL;
	}
	memset(gen->page_frame, 0xff, (size_t)config->pages * sizeof(*gen->page_frame));
	ptw_age_init(&gen->age, gen->age_bytes, config->pages);
	if (!machine_create(&gen->machine, &machine)) {
		gen_destroy(gen);
		return NULL;
	}
	return gen;
}

/* Stable sort by age, the oldest first. */
static void gen_sort(struct gen *gen)
{
	uint32_t first[PTW_AGE_MAX + 2] = {0};
	uint32_t *swap;

	for (uint32_t i = gen->hand; i < gen->order_count; i++)
		first[PTW_AGE_MAX - ptw_age_of(&gen->age, gen->order[i]) + 1]++;
	for (unsigned int age = 0; age < PTW_AGE_MAX; age++)
		first[age + 1] += first[age];
	for (uint32_t i = gen->hand; i < gen->order_count; i++) {
		uint32_t page = gen->order[i];

		gen->order_next[first[PTW_AGE_MAX - ptw_age_of(&gen->age, page)]++] = page;
	}
	gen->order_count -= gen->hand;
	gen->sorted = gen->order_count;
	gen->hand = 0;
	swap = gen->order;
	gen->order = gen->order_next;
	gen->order_next = swap;
}

/* An epoch passes; what was accessed in it is young. */
static bool gen_scan(struct gen *gen)
{
	struct ptw_harvest harvest = {
		.size = sizeof(harvest),
		.flags = PTW_HARVEST_ACCESSED,
		.young = gen->young,
	};
	struct ptw_harvest_result result = {.size = sizeof(result)};
	int ret;

	memset(gen->young, 0, gen->young_words * sizeof(*gen->young));
	ret = ptw_harvest(gen->machine.pgtable, 0,
			  (uint64_t)gen->config->pages << gen->machine.granule_lg2, &harvest,
			  &result);
	if (ret)
		return machine_fail(&gen->machine, "harvest failed", ret);
	ptw_age_advance(&gen->age);
	ptw_age_mark_bitmap(&gen->age, 0, gen->young, gen->young_words);
	gen->batch_reads += result.entries;
	gen->harvested += result.young_pages;
	gen->scan_young += result.young_pages;
	gen->scans++;
	gen->ticks = 0;
	gen_sort(gen);
	return true;
}

/*
 * Put a page behind all others. No more than `frames` pages are in the order, which has twice the
 * room, so that moving it to the front is rare.
 */
static void gen_append(struct gen *gen, uint32_t page)
{
	if (gen->order_count == 2 * (uint64_t)gen->config->frames) {
		memmove(gen->order, gen->order + gen->hand,
			(gen->order_count - gen->hand) * sizeof(*gen->order));
		gen->order_count -= gen->hand;
		gen->sorted -= gen->hand;
		gen->hand = 0;
	}
	gen->order[gen->order_count++] = page;
}

/* The page to put out; behind the sorted ones nothing is known to be old: scan. */
static bool gen_victim(struct gen *gen, uint32_t *victim)
{
	for (;;) {
		uint64_t ia;
		uint32_t page;
		int young;

		if (gen->hand == gen->sorted && !gen_scan(gen))
			return false;
		page = gen->order[gen->hand++];
		ia = (uint64_t)page << gen->machine.granule_lg2;
		/* The last look is before the zap. */
		young = ptw_test_clear_young(gen->machine.pgtable, ia);
		gen->single_checks++;
		if (young < 0)
			return machine_fail(&gen->machine, "cannot test a page", young);
		if (!young) {
			*victim = page;
			return true;
		}
		gen->harvested++;
		ptw_age_mark(&gen->age, page & ~63u, (uint64_t)1 << (page & 63));
		gen_append(gen, page);
	}
}

/* Make `page` resident; returns the page it displaced, or SIM_NO_PAGE. */
static bool gen_fault(struct gen *gen, uint32_t page, uint32_t *evicted)
{
	uint32_t frame = gen->resident;

	if (frame < gen->config->frames) {
		gen->resident++;
	} else {
		if (!gen_victim(gen, evicted))
			return false;
		frame = gen->page_frame[*evicted];
		gen->page_frame[*evicted] = NO_FRAME;
		if (machine_unmap(&gen->machine, *evicted) < 0)
			return false;
	}
	if (!machine_map(&gen->machine, page, frame, 0))
		return false;
	gen->page_frame[page] = frame;
	ptw_age_mark(&gen->age, page & ~63u, (uint64_t)1 << (page & 63));
	gen_append(gen, page);
	return true;
}

static struct sim_outcome gen_access(void *state, uint32_t page, bool write)
{
	struct sim_outcome outcome = {SIM_HIT, SIM_NO_PAGE};
	struct gen *gen = state;
	int done;

	while ((done = machine_access(&gen->machine, page, write)) == 0) {
		outcome.event = SIM_FAULT;
		if (!gen_fault(gen, page, &outcome.evicted)) {
			outcome.event = SIM_FAILED;
			return outcome;
		}
	}
	if (done < 0)
		outcome.event = SIM_FAILED;
	return outcome;
}

static bool gen_tick(void *state)
{
	struct gen *gen = state;

	return ++gen->ticks < gen->config->scan_interval || gen_scan(gen);
}

static void gen_counters(void *state, struct sim_counters *out)
{
	const struct gen *gen = state;

	out->batch_reads = gen->batch_reads;
	out->single_checks = gen->single_checks;
	out->harvested = gen->harvested;
	out->scans = gen->scans;
	out->scan_young = gen->scan_young;
	out->tlb_hits = ptw_softmmu_counters(gen->machine.cpu)->tlb_hits;
	out->has_idle_age = true;
	for (uint32_t page = 0; page < gen->config->pages; page++)
		if (gen->page_frame[page] != NO_FRAME)
			out->idle_age[ptw_age_of(&gen->age, page)]++;
}

const struct sim_policy sim_policy_gen = {
	.name = "gen",
	.about = "ages from libptw's harvests of accessed bits; the oldest page goes",
	.format_name = ptw_preset_name,
	.create = gen_create,
	.destroy = gen_destroy,
	.access = gen_access,
	.tick = gen_tick,
	.counters = gen_counters,
};
