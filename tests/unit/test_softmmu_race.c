/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The software MMU while others change the table: several threads, and the walk's retries one by
 * one.
 */
#include "softmmu_machine.h"

#include <pthread.h>
#include <sched.h>

#include "lib/softmmu/softmmu_internal.h"

#define EPT_A	  BIT(8)
#define EPT_D	  BIT(9)
#define EPT_WB	  (6u << 3)
#define EPT_LARGE BIT(7)
#define BLOCK_OA  0x765400000ull

/* ---- retries, made to happen: the decoder below is the other CPU ---- */

static struct {
	unsigned int lose;    /* exchanges still to be lost */
	unsigned int at_root; /* entries of the root judged */
	bool vanish;	      /* take the leaf away instead of changing it */
} rival;

/* A format of two levels: bit 0 present, bit 1 accessed, 63:12 address, 11:8 software's. */
static inline int rival_decode(const struct ptw_softmmu *cpu, const struct softmmu_walk *walk,
			       unsigned int level, uint64_t value, struct softmmu_step *step)
{
	(void)cpu;
	(void)walk;
	if (!(value & 1))
		return PTW_SOFTMMU_TRANSLATION;
	rival.at_root += level == 1;
	step->leaf = level == 0;
	step->next = value & ~0xfffull;
	step->path = 0;
	step->perms = 0;
	step->desired = level ? value : value | 2;
	step->sets_accessed = level == 0 && !(value & 2);
	step->sets_dirty = false;
	if (level == 0 && rival.lose) {
		rival.lose--;
		if (rival.vanish)
			*entry(table(0), 9) = 0x7f0; /* not present, of somebody's */
		else
			*entry(table(0), 9) += 0x100;
	}
	return PTW_SOFTMMU_OK;
}

static int rival_walk(struct ptw_softmmu *cpu, struct softmmu_walk *walk, uint64_t leaf)
{
	rival.at_root = 0;
	*entry(table(1), 0) = table(0) | 1;
	*entry(table(0), 9) = leaf;
	*cpu = (struct ptw_softmmu){
		.phys_offset = (uint64_t)(uintptr_t)memory - base,
		.root = table(1),
		.root_level = 1,
		.granule_lg2 = 12,
		.stride_lg2 = 9,
	};
	*walk = (struct softmmu_walk){.ia = 0x9abc};
	return softmmu_walk_tables(cpu, walk, 0, rival_decode, NULL);
}

Test(softmmu_race, a_lost_exchange_is_judged_anew)
{
	struct ptw_softmmu cpu;
	struct softmmu_walk walk;

	for (unsigned int lost = 0; lost < 64; lost++) {
		rival.lose = lost;
		cr_assert_eq(rival_walk(&cpu, &walk, 0x5001), PTW_SOFTMMU_OK);
		cr_assert_eq(cpu.counters.cas_failures, lost);
		cr_assert_eq(cpu.counters.accessed_set, 1u);
		cr_assert_eq(rival.at_root, 1u);
		assert_entry(table(0), 9, 0x5003 + lost * 0x100ull);
		cr_assert_eq(walk.oa, ((0x5000 + lost * 0x100ull) & ~0xfffull) | 0xabc);
	}
}

Test(softmmu_race, sixty_four_lost_exchanges_restart_the_walk)
{
	struct ptw_softmmu cpu;
	struct softmmu_walk walk;

	rival.lose = 64;
	cr_assert_eq(rival_walk(&cpu, &walk, 0x5001), PTW_SOFTMMU_OK);
	cr_assert_eq(rival.at_root, 2u);
	cr_assert_eq(cpu.counters.cas_failures, 64u);
	rival.lose = 150;
	cr_assert_eq(rival_walk(&cpu, &walk, 0x5001), PTW_SOFTMMU_OK);
	cr_assert_eq(rival.at_root, 3u);
	cr_assert_eq(cpu.counters.cas_failures, 150u);
	cr_assert_eq(cpu.counters.accessed_set, 1u);
}

/* What is cached may be why the exchanges are lost: the restart goes by the tables. */
Test(softmmu_race, a_restart_forgets_what_is_cached)
{
	struct softmmu_cached_table cached = {.table = table(0)};
	struct ptw_softmmu cpu = {
		.phys_offset = (uint64_t)(uintptr_t)memory - base,
		.root = table(1),
		.root_level = 1,
		.granule_lg2 = 12,
		.stride_lg2 = 9,
		.cache = {.entries = &cached, .levels = 1, .shift = {12, 21}},
	};
	struct softmmu_walk walk;

	*entry(table(1), 0) = table(2) | 1;
	*entry(table(2), 9) = 0x100001;
	for (unsigned int lost = 63; lost <= 64; lost++) {
		walk = (struct softmmu_walk){.ia = 0x9abc};
		*entry(table(0), 9) = 0x5001;
		rival.at_root = 0;
		rival.lose = lost;
		cr_assert_eq(softmmu_walk_tables(&cpu, &walk, 0, rival_decode, NULL),
			     PTW_SOFTMMU_OK);
		cr_assert_eq(rival.at_root, lost == 64);
		cr_assert_eq(walk.oa >> 20, lost == 64);
	}
	cr_assert_eq(cpu.counters.paging_cache_hits, 2u);
	cr_assert_eq(cached.table, table(2), "and what it found is cached");
}

Test(softmmu_race, an_entry_that_went_away_is_not_written)
{
	struct ptw_softmmu cpu;
	struct softmmu_walk walk;

	rival.lose = 1;
	rival.vanish = true;
	cr_assert_eq(rival_walk(&cpu, &walk, 0x5001), PTW_SOFTMMU_TRANSLATION);
	assert_entry(table(0), 9, 0x7f0);
	cr_assert_eq(cpu.counters.cas_failures, 1u);
	cr_assert_eq(cpu.counters.accessed_set, 0u);
	cr_assert_eq(walk.level, 0u);
}

Test(softmmu_race, an_entry_with_nothing_to_set_is_only_read)
{
	struct ptw_softmmu cpu;
	struct softmmu_walk walk;

	/* An exchange would be lost, and would have been for nothing. */
	rival.lose = 1;
	cr_assert_eq(rival_walk(&cpu, &walk, 0x5003), PTW_SOFTMMU_OK);
	cr_assert_eq(rival.lose, 0u);
	cr_assert_eq(cpu.counters.cas_failures, 0u);
	cr_assert_eq(cpu.counters.accessed_set, 0u);
	cr_assert_eq(walk.oa, 0x5abcu);
}

/* ---- several threads ---- */

#define SHARED_PAGES 16
#define ACCESSES     2000000u
/* What software must have collected before the CPUs may stop. */
#define ENOUGH	     200u

struct actor {
	pthread_t thread;
	struct ptw_softmmu *cpu;
	uint64_t ia, oa;
	unsigned int first, bad;
	uint64_t accessed, dirty;
};

static int stop;
static uint64_t collected; /* dirty bits found by software */

static void *run_cpu(void *argument)
{
	struct actor *actor = argument;
	struct ptw_softmmu_result found;
	const unsigned int enough = ENOUGH / test_slowness();

	for (unsigned int i = 0; i < ACCESSES / test_slowness() ||
				 __atomic_load_n(&collected, __ATOMIC_RELAXED) < enough;
	     i++) {
		uint64_t page = (i + actor->first) % SHARED_PAGES;
		int status = ptw_softmmu_access(actor->cpu, actor->ia | page << 12 | 0x10,
						i % 5 ? READ : WRITE, &found);

		if (status == PTW_SOFTMMU_OK)
			actor->bad += found.oa != (actor->oa | page << 12 | 0x10);
		else
			actor->bad += status != PTW_SOFTMMU_TRANSLATION;
		if (i % 4096 == 0)
			sched_yield();
	}
	return NULL;
}

static void run_threads(struct actor cpus[2], struct actor *software, void *(*run)(void *))
{
	cr_assert_eq(pthread_create(&software->thread, NULL, run, software), 0);
	for (unsigned int i = 0; i < 2; i++) {
		cpus[i].first = i;
		cr_assert_eq(pthread_create(&cpus[i].thread, NULL, run_cpu, &cpus[i]), 0);
	}
	for (unsigned int i = 0; i < 2; i++)
		pthread_join(cpus[i].thread, NULL);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	pthread_join(software->thread, NULL);
	for (unsigned int i = 0; i < 2; i++)
		cr_assert_eq(cpus[i].bad, 0u, "CPU %u: %u unexpected results", i, cpus[i].bad);
	cr_assert_eq(software->bad, 0u, "a CPU changed %u entries that it must not", software->bad);
}

/* Every transition the CPUs counted was found once by software, or is still there. */
static void check_conservation(const struct actor cpus[2], const struct actor *software,
			       uint64_t accessed_bit, uint64_t dirty_bit)
{
	uint64_t accessed = 0, dirty = 0, found_accessed = software->accessed,
		 found_dirty = software->dirty;

	for (unsigned int i = 0; i < 2; i++) {
		accessed += ptw_softmmu_counters(cpus[i].cpu)->accessed_set;
		dirty += ptw_softmmu_counters(cpus[i].cpu)->dirty_set;
	}
	for (unsigned int i = 0; i < SHARED_PAGES; i++) {
		found_accessed += !!(*entry(table(0), i) & accessed_bit);
		found_dirty += !!(*entry(table(0), i) & dirty_bit);
	}
	cr_assert_eq(accessed, found_accessed);
	cr_assert_eq(dirty, found_dirty);
	cr_assert_gt(software->accessed, 0u);
	cr_assert_gt(software->dirty, 0u);
}

/* What software leaves in place of an EPT entry for a moment: not present, bits 8 and 9 set. */
#define FROZEN (BIT(62) | EPT_A | EPT_D)

static void collect_ept(struct actor *actor, uint64_t old)
{
	actor->accessed += !!(old & EPT_A);
	actor->dirty += !!(old & EPT_D);
	__atomic_fetch_add(&collected, !!(old & EPT_D), __ATOMIC_RELAXED);
}

/* Takes entries away, counts what they held, and puts them back old and clean; replaces the table
 * of pages by a block and back. */
static void *run_ept_software(void *argument)
{
	struct actor *actor = argument;
	uint64_t *directory = entry(table(1), 0);
	const uint64_t linked = table(0) | 7 | EPT_A;
	unsigned int passes = 0;
	uint64_t old;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		for (unsigned int i = 0; i < SHARED_PAGES; i++) {
			uint64_t *page = entry(table(0), i);

			old = __atomic_exchange_n(page, FROZEN, __ATOMIC_ACQ_REL);
			collect_ept(actor, old);
			old = __atomic_exchange_n(page, old & ~(EPT_A | EPT_D), __ATOMIC_ACQ_REL);
			actor->bad += old != FROZEN;
		}
		old = __atomic_exchange_n(directory, BLOCK_OA | EPT_LARGE | EPT_WB | 7,
					  __ATOMIC_ACQ_REL);
		actor->bad += old != linked;
		old = __atomic_exchange_n(directory, FROZEN, __ATOMIC_ACQ_REL);
		collect_ept(actor, old);
		old = __atomic_exchange_n(directory, linked, __ATOMIC_ACQ_REL);
		actor->bad += old != FROZEN;
		if (++passes % 64 == 0)
			sched_yield();
	}
	return NULL;
}

Test(softmmu_race, ept_two_cpus_and_a_writer_lose_nothing, .timeout = 240)
{
	struct actor cpus[2] = {{.oa = BLOCK_OA}, {.oa = BLOCK_OA}};
	struct actor software = {0};

	*entry(table(3), 0) = table(2) | 7;
	*entry(table(2), 0) = table(1) | 7;
	*entry(table(1), 0) = table(0) | 7 | EPT_A;
	for (unsigned int i = 0; i < SHARED_PAGES; i++)
		*entry(table(0), i) = BLOCK_OA | i << 12 | EPT_WB | 7;
	for (unsigned int i = 0; i < 2; i++) {
		struct ptw_softmmu_config config =
			make_config(PTW_REGIME_EPT, 46, table(3) | 6 | 3 << 3 | 1 << 6, 0, 0, 0);

		cpus[i].cpu = make_cpu(&config);
	}
	run_threads(cpus, &software, run_ept_software);
	check_conservation(cpus, &software, EPT_A, EPT_D);
	assert_entry(table(2), 0, table(1) | 7 | EPT_A);
}

#define S2_AF	 BIT(10)
#define S2_WRITE BIT(7)
/* Writable-clean, contiguous, old. */
#define S2_LEAF (BIT(52) | BIT(51) | BIT(6) | 0xf << 2 | 3 << 8 | 3)

/* Harvests one group of 16, accessed and dirty, by exchanges on the snapshot. */
static void *run_group_software(void *argument)
{
	struct actor *actor = argument;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		const uint64_t before = actor->accessed;

		for (unsigned int i = 0; i < SHARED_PAGES; i++) {
			uint64_t *page = entry(table(0), i);
			uint64_t old = __atomic_load_n(page, __ATOMIC_RELAXED);

			/* Dirty without accessed is what hardware never leaves. */
			actor->bad += (old & S2_WRITE) && !(old & S2_AF);
			if (!(old & S2_AF))
				continue;
			if (!__atomic_compare_exchange_n(page, &old, old & ~(S2_AF | S2_WRITE),
							 false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
				continue;
			actor->accessed++;
			actor->dirty += !!(old & S2_WRITE);
			__atomic_fetch_add(&collected, !!(old & S2_WRITE), __ATOMIC_RELAXED);
		}
		if (actor->accessed == before)
			sched_yield(); /* few processors: a CPU has to run first */
	}
	return NULL;
}

Test(softmmu_race, arm64_group_two_cpus_and_a_harvester_lose_nothing, .timeout = 240)
{
	struct actor cpus[2] = {{.oa = 0x76500000}, {.oa = 0x76500000}};
	struct actor software = {0};

	*entry(table(2), 0) = table(1) | 3;
	*entry(table(1), 0) = table(0) | 3;
	for (unsigned int i = 0; i < SHARED_PAGES; i++)
		*entry(table(0), i) = 0x76500000 | i << 12 | S2_LEAF;
	for (unsigned int i = 0; i < 2; i++) {
		/* 39-bit input from Arm level 1, PS 40 bits, HA and HD. */
		struct ptw_softmmu_config config = make_config(
			PTW_REGIME_ARM64_S2, 40, table(2), (64 - 39) | 1 << 6 | 2 << 16 | 3 << 21,
			0, PTW_SOFTMMU_CONTIG_FREEDOM);

		config.seed = i;
		cpus[i].cpu = make_cpu(&config);
	}
	run_threads(cpus, &software, run_group_software);
	check_conservation(cpus, &software, S2_AF, S2_WRITE);
}
