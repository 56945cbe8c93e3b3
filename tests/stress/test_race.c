/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Everybody at once on one page table: software CPUs that set accessed and dirty, harvesters of every
 * kind, walkers, single-page tests, write protection, and one writer that maps and unmaps whole
 * tables. Under ThreadSanitizer this is the evidence for the table of calls in <ptw/table.h>.
 *
 * The ledger: every accessed and dirty bit that a CPU set was reported once, by one harvest or by
 * the unmap that removed it, or is still set at the end.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <ptw/ptw.h>

#include "harness.h"

#define CPUS 2
#define HARVESTERS 2
#define PAGES 1536 /* in three tables of the 4K formats */
#define HOT 8      /* pages that everybody goes for, so that races are lost */
#define ROUNDS 300

struct race {
	struct ptw_pgtable *pgtable;
	struct ptw_regs regs;
	uint64_t granule;
	uint64_t pages;
	uint64_t base; /* of the area, in bytes */
	uint32_t user;
	bool exact;    /* one CPU transition is one extent: no groups, no software-set bits */
	atomic_bool stop;
	atomic_ullong young_reported;
	atomic_ullong dirty_reported;
	atomic_ullong young_set;
	atomic_ullong dirty_set;
	atomic_ullong fixed;
	atomic_uint seeds;
};

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static uint64_t seed(struct race *race)
{
	return test_seed() * 2654435761u + atomic_fetch_add(&race->seeds, 1) * 40503u + 1;
}

static void *cpu_main(void *argument)
{
	struct race *race = argument;
	struct ptw_softmmu_config config = {
		.size = sizeof(config), .regs = race->regs, .flags = PTW_SOFTMMU_LPA2
	};
	size_t bytes = ptw_softmmu_size(&config);
	void *memory = malloc(bytes);
	struct ptw_softmmu *cpu = NULL;
	uint64_t random = seed(race);

	ptw_thread_register();
	if (!memory || ptw_softmmu_init(&cpu, memory, bytes, &config))
		abort();
	while (!atomic_load(&race->stop)) {
		uint64_t r = next_random(&random);
		uint64_t ia = race->base + (r >> 8) % (r & 2 ? HOT : race->pages) * race->granule;
		uint32_t access = (r & 1 ? PTW_ACCESS_WRITE : PTW_ACCESS_READ) | race->user;
		struct ptw_softmmu_result result;
		int status;

		/* A processor's walk is a read-side section: flushing is what keeps tables alive for
		 * it in hardware. */
		ptw_read_lock();
		status = ptw_softmmu_access(cpu, ia, access, &result);
		ptw_read_unlock();
		if (status == PTW_SOFTMMU_OK) {
			/* Torn view: whatever is mapped at ia is mapped to ia + 1 GiB. */
			if (result.oa != ia + ((uint64_t)1 << 30))
				abort();
		} else if (!race->exact && !ptw_fix_fault(race->pgtable, ia, access)) {
			atomic_fetch_add(&race->fixed, 1);
		}
	}
	atomic_fetch_add(&race->young_set, ptw_softmmu_counters(cpu)->accessed_set);
	atomic_fetch_add(&race->dirty_set, ptw_softmmu_counters(cpu)->dirty_set);
	free(memory);
	ptw_thread_unregister();
	return NULL;
}

static void *harvester_main(void *argument)
{
	struct race *race = argument;
	uint64_t words = ptw_bitmap_words(race->base, race->base + race->pages * race->granule, 12);
	uint64_t *young = calloc(words, 8), *dirty = calloc(words, 8);
	uint64_t random = seed(race);

	ptw_thread_register();
	if (!young || !dirty)
		abort();
	while (!atomic_load(&race->stop)) {
		uint64_t r = next_random(&random);
		uint64_t pages = r & 4 ? HOT : race->pages;
		uint64_t first = (r >> 8) % pages;
		uint64_t count = 1 + (r >> 32) % (pages - first);
		uint64_t start = race->base + first * race->granule;
		uint64_t end = start + count * race->granule;
		struct ptw_harvest harvest = { .size = sizeof(harvest), .young = young };
		struct ptw_harvest_result result = { .size = sizeof(result) };
		int ret;

		switch (r & 3) {
		case 0: /* the hot loop */
			harvest.flags = PTW_HARVEST_ACCESSED;
			break;
		case 1:
			harvest.flags = PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY;
			harvest.dirty = dirty;
			break;
		case 2:
			harvest.flags = PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY | PTW_HARVEST_PEEK;
			break;
		default:
			ret = ptw_test_clear_young(race->pgtable, start);
			if (ret == 1)
				atomic_fetch_add(&race->young_reported, 1);
			else if (ret && ret != PTW_ERR_HOLE && ret != PTW_ERR_AGAIN)
				abort();
			continue;
		}
		ret = ptw_harvest(race->pgtable, start, end, &harvest, &result);
		if (ret)
			abort();
		if (!(harvest.flags & PTW_HARVEST_PEEK)) {
			atomic_fetch_add(&race->young_reported, result.young_extents);
			atomic_fetch_add(&race->dirty_reported, result.dirty_extents);
		}
	}
	free(young);
	free(dirty);
	ptw_thread_unregister();
	return NULL;
}

static int count_visit(void *context, const struct ptw_visit *visit)
{
	uint64_t *leaves = context;
	struct ptw_leaf leaf;

	for (unsigned int i = 0; i < visit->count; i++)
		if (visit->kind == PTW_VISIT_LEAF && !ptw_visit_leaf(visit, i, &leaf)) {
			if (leaf.oa != visit->ia + i * visit->size + ((uint64_t)1 << 30))
				abort();
			++*leaves;
		}
	return PTW_VISIT_NEXT;
}

static void count_line(void *context, const char *text)
{
	*(uint64_t *)context += strlen(text);
}

static void *walker_main(void *argument)
{
	struct race *race = argument;
	uint64_t end = race->base + race->pages * race->granule;
	uint64_t leaves = 0, random = seed(race);

	ptw_thread_register();
	while (!atomic_load(&race->stop)) {
		struct ptw_walk walk = { .size = sizeof(walk),
					 .kinds = PTW_VISIT_LEAF | PTW_VISIT_TABLE_PRE |
						  PTW_VISIT_TABLE_POST,
					 .visit = count_visit,
					 .context = &leaves };
		struct ptw_query query = { .size = sizeof(query) };
		uint64_t ia = race->base + next_random(&random) % race->pages * race->granule;
		int ret;

		if (ptw_walk(race->pgtable, race->base, end, &walk, NULL))
			abort();
		ret = ptw_query(race->pgtable, ia, &query);
		if (!ret && query.leaf.oa != ia + ((uint64_t)1 << 30))
			abort();
		if (ret && ret != PTW_ERR_HOLE && ret != PTW_ERR_AGAIN)
			abort();
		if (ptw_test_young(race->pgtable, ia) == PTW_ERR_ARG)
			abort();
		ret = ptw_set_user_bit(race->pgtable, ia, ia + race->granule, ia & race->granule,
				       NULL);
		if (ret && ret != PTW_ERR_AGAIN)
			abort();
		if (ptw_dump(race->pgtable, race->base, end, count_line, &leaves))
			abort();
	}
	ptw_thread_unregister();
	return NULL;
}

/* The writer; the caller of the library serializes map and unmap. */
static void writer_main(struct race *race)
{
	uint64_t random = seed(race);
	struct ptw_map map = { .size = sizeof(map),
			       .prot = PTW_PROT_READ | PTW_PROT_WRITE | PTW_PROT_EXEC |
				       (race->user ? PTW_PROT_USER : 0) };

	for (unsigned int round = 0; round < ROUNDS / test_slowness() + 40; round++) {
		uint64_t r = next_random(&random);
		struct ptw_change_result result = { .size = sizeof(result) };
		uint64_t start, end;
		int ret;
		/* All of the area, so that whole tables go, odd pieces, and the hot pages. */
		uint64_t first = r & 1 ? 0 : (r >> 8) % race->pages;
		uint64_t last = r & 2 ? race->pages : first + 1 + (r >> 32) % (race->pages - first);

		if (r & 8) {
			first %= HOT;
			last = HOT;
		}
		start = race->base + first * race->granule;
		end = race->base + last * race->granule;
		ret = ptw_unmap(race->pgtable, start, end, NULL, &result);
		if (ret && ret != PTW_ERR_BLOCK)
			cr_assert_fail("unmap: %s", ptw_strerror(ret));
		atomic_fetch_add(&race->young_reported, result.young_extents);
		atomic_fetch_add(&race->dirty_reported, result.dirty_extents);
		if (ret)
			continue;
		map.page_levels = r & 4 ? 1 : 0;
		ret = ptw_map(race->pgtable, start, end, start + ((uint64_t)1 << 30), &map, NULL);
		if (ret)
			cr_assert_fail("map: %s", ptw_strerror(ret));
		if (round % 8 == 0)
			ptw_barrier();
	}
}

static void run_race(const char *preset, bool exact)
{
	struct race race = { .exact = exact };
	struct ptw_config config;
	struct ptw_info info = { .size = sizeof(info) };
	struct ptw_map map = { .size = sizeof(map),
			       .prot = PTW_PROT_READ | PTW_PROT_WRITE | PTW_PROT_EXEC };
	struct ptw_harvest rest = { .size = sizeof(rest),
				    .flags = PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY };
	struct ptw_harvest_result left = { .size = sizeof(left) };
	struct ptw_check_result check = { .size = sizeof(check) };
	pthread_t threads[CPUS + HARVESTERS + 1];
	uint64_t end;

	cr_assert_eq(ptw_preset(preset, &config), PTW_OK);
	cr_assert_eq(ptw_pgtable_create(&config, &race.pgtable), PTW_OK, "%s", preset);
	ptw_pgtable_info(race.pgtable, &info);
	ptw_pgtable_regs(race.pgtable, &race.regs);
	race.granule = (uint64_t)1 << info.granule_lg2;
	race.pages = PAGES;
	if (config.format == PTW_FORMAT_X86_64 || config.format == PTW_FORMAT_ARM64_S1) {
		race.user = PTW_ACCESS_USER;
		map.prot |= PTW_PROT_USER;
	}
	end = race.pages * race.granule;
	cr_assert_eq(ptw_map(race.pgtable, 0, end, (uint64_t)1 << 30, &map, NULL), PTW_OK);

	for (unsigned int i = 0; i < CPUS + HARVESTERS + 1; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL,
					    i < CPUS ? cpu_main :
					    i < CPUS + HARVESTERS ? harvester_main : walker_main,
					    &race), 0);
	writer_main(&race);
	atomic_store(&race.stop, true);
	for (unsigned int i = 0; i < CPUS + HARVESTERS + 1; i++)
		pthread_join(threads[i], NULL);

	cr_assert_eq(ptw_check(race.pgtable, &check), PTW_OK, "%s: check at %#llx", preset,
		     (unsigned long long)check.ia);
	cr_assert_eq(ptw_harvest(race.pgtable, 0, end, &rest, &left), PTW_OK);
	cr_assert_gt(atomic_load(&race.young_set) + atomic_load(&race.fixed), 0, "nothing ran");
	if (race.exact) {
		unsigned long long young = race.young_reported + left.young_extents;
		unsigned long long dirty = race.dirty_reported + left.dirty_extents;

		cr_assert_eq(young, race.young_set, "%s: %llu set, %llu reported (seed %llu)",
			     preset, (unsigned long long)race.young_set, young,
			     (unsigned long long)test_seed());
		cr_assert_eq(dirty, race.dirty_set, "%s: %llu dirtied, %llu reported", preset,
			     (unsigned long long)race.dirty_set, dirty);
	}
	cr_assert_eq(ptw_pgtable_destroy(race.pgtable), PTW_OK);
}

Test(race, ept, .timeout = 120)
{
	run_race("ept4", true);
}

Test(race, x86_64, .timeout = 120)
{
	run_race("x86-64", true);
}

Test(race, arm64_stage2, .timeout = 120)
{
	run_race("arm64-s2-4k", true);
}

Test(race, arm64_stage2_16k, .timeout = 120)
{
	run_race("arm64-s2-16k", true);
}

Test(race, arm64_stage1, .timeout = 120)
{
	run_race("arm64-s1-4k", true);
}

/* Bits that software sets (fix_fault) and groups are not in the CPUs' counters. */
Test(race, ept_tracked, .timeout = 120)
{
	run_race("ept4-tracked", false);
}

Test(race, arm64_software_flag, .timeout = 120)
{
	run_race("arm64-s2-4k-swaf", false);
}

Test(race, arm64_groups, .timeout = 120)
{
	run_race("arm64-s2-4k-contig", false);
}

Test(race, perverse, .timeout = 120)
{
	run_race("perverse", true);
}
