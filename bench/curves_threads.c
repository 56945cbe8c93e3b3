/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Experiment `curves`: the same range harvested by one, two and four threads, as far as there are
 * processors, each on its own one and in its own part of the range. They start each block together,
 * and it lasts until the last of them is through with it; it is dropped if one of them lost its
 * processor.
 */
/* RUSAGE_THREAD, affinity */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ptw/ptw.h>

#include "curves.h"
#include "figure.h"
#include "measure.h"
#include "regions.h"
#include "thread.h"

#define THREADS_MAX   4
#define ENTRIES	      ((uint64_t)16 << 20)
#define ENTRIES_QUICK ((uint64_t)2 << 20)

/* Pages of a thread's block: 0.3 ms at most. */
static const struct {
	double percent;
	uint64_t block;
} youngs[] = {{0, 1 << 18}, {1, 1 << 18}, {10, 1 << 17}, {100, 1 << 15}};

#define YOUNGS (sizeof(youngs) / sizeof(youngs[0]))

struct team;

struct member {
	struct team *team;
	unsigned int number;
	int error;
	long preempted; /* as of its last block */
	pthread_t thread;
};

struct team {
	struct regions regions;
	uint64_t entries;
	uint64_t *found;
	unsigned int threads;
	uint64_t block; /* pages of each thread */
	/*
	 * Counts the blocks given out; which one it is now; and how many threads are through with
	 * it.
	 */
	uint64_t turn;
	uint64_t number;
	uint64_t through;
	bool stop;
	struct member member[THREADS_MAX];
};

static void work_block(struct member *m, uint64_t number)
{
	const struct team *team = m->team;
	const uint64_t first = team->entries / team->threads * m->number + number * team->block;
	const struct ptw_harvest request = {
		.size = sizeof(request),
		.flags = PTW_HARVEST_ACCESSED,
		.young = team->found + first / 64,
	};
	int error = ptw_harvest(team->regions.tables.pgtable, first << PAGE_LG2,
				(first + team->block) << PAGE_LG2, &request, NULL);

	if (error)
		m->error = error;
}

static void *member_run(void *context)
{
	struct member *m = context;
	struct team *team = m->team;
	uint64_t turn = 0;

	ptw_thread_register();
	for (;;) {
		uint64_t next;

		/* Acquire: what was planted before the turn was given; partner in give_turn(). */
		while ((next = __atomic_load_n(&team->turn, __ATOMIC_ACQUIRE)) == turn)
			cpu_relax();
		turn = next;
		if (flag_read(&team->stop))
			break;
		work_block(m, team->number);
		m->preempted = preemptions();
		/* Release: what it found; partner the acquire in block_time(). */
		__atomic_fetch_add(&team->through, 1, __ATOMIC_RELEASE);
	}
	ptw_thread_unregister();
	return NULL;
}

/* The sum, which moves if anybody lost his processor. */
static long all_preemptions(const struct team *team)
{
	long sum = preemptions();

	for (unsigned int i = 1; i < team->threads; i++)
		sum += team->member[i].preempted;
	return sum;
}

/* Everybody else runs. */
static void give_turn(struct team *team)
{
	/* Relaxed: it goes out with the turn. */
	__atomic_store_n(&team->through, 0, __ATOMIC_RELAXED);
	/* Release: partner in member_run(). */
	__atomic_store_n(&team->turn, team->turn + 1, __ATOMIC_RELEASE);
}

/* Nanoseconds, or 0 if it does not count. */
static double block_time(struct team *team, uint64_t number)
{
	const uint64_t others = team->threads - 1;
	long before = all_preemptions(team);
	uint64_t start = now_ns();
	uint64_t end;

	team->number = number;
	give_turn(team);
	work_block(&team->member[0], number);
	/* Acquire: what the others have found and counted; partner in member_run(). */
	while (__atomic_load_n(&team->through, __ATOMIC_ACQUIRE) != others)
		cpu_relax();
	end = now_ns();
	return all_preemptions(team) == before ? (double)(end - start) : 0;
}

static void verify(const struct team *team)
{
	for (unsigned int i = 0; i < team->threads; i++)
		if (team->member[i].error)
			bench_die(EXIT_WRONG, "harvest by %u threads failed: %s", team->threads,
				  ptw_strerror(team->member[i].error));
	regions_check(&team->regions, team->found, team->entries, "threads");
}

static void share_run(struct curves_work *work, struct team *team, unsigned int y)
{
	const uint64_t want = work->quick ? CURVES_KEPT_QUICK : 4 * KEPT_MIN;
	const uint64_t deadline = now_ns() + (uint64_t)(work->quick ? 1 : 6) * 1000000000u;
	struct samples samples = {0};
	uint64_t blocks, total = 0;
	char series[32];

	team->block = youngs[y].block;
	if (team->block > team->entries / team->threads)
		team->block = team->entries / team->threads;
	blocks = team->entries / team->threads / team->block;
	for (uint64_t pass = 0; samples.kept < want && now_ns() < deadline; pass++) {
		memset(team->found, 0, team->entries / 8);
		tables_plant(&team->regions.tables, youngs[y].percent, team->regions.planted);
		for (uint64_t b = 0; b < blocks; b++) {
			double ns = block_time(team, b);

			/* The first pass is for the page faults and the branch predictors. */
			total += !!pass;
			if (ns > 0 && pass)
				samples_add(&samples, ns);
		}
		verify(team);
	}
	snprintf(series, sizeof(series), "%g %% young", youngs[y].percent);
	curves_send(work, CURVE_THREADS, series, team->threads,
		    median(samples.ns, samples.kept) / (double)(team->block * team->threads),
		    samples.kept, total);
	samples_free(&samples);
}

/* The first `count` processors that this process may use; false: there are not so many. */
static bool cpus_first(int *cpu, unsigned int count)
{
	unsigned int found = 0;
	cpu_set_t set;

	CPU_ZERO(&set);
	if (sched_getaffinity(0, sizeof(set), &set))
		return false;
	for (int i = 0; i < CPU_SETSIZE && found < count; i++)
		if (CPU_ISSET(i, &set))
			cpu[found++] = i;
	return found == count;
}

static void pin(const cpu_set_t *set)
{
	if (sched_setaffinity(0, sizeof(*set), set))
		bench_die(EXIT_WRONG, "cannot stay on one processor");
}

static void threads_run(struct curves_work *work, struct team *team, const int *cpu)
{
	cpu_set_t before, one;

	sched_getaffinity(0, sizeof(before), &before);
	CPU_ZERO(&one);
	CPU_SET(cpu[0], &one);
	pin(&one);
	team->stop = false;
	team->turn = 0;
	for (unsigned int i = 0; i < team->threads; i++) {
		team->member[i] = (struct member){.team = team, .number = i};
		if (i)
			thread_start(&team->member[i].thread, cpu[i], false, member_run,
				     &team->member[i]);
	}
	for (unsigned int y = 0; y < YOUNGS; y++)
		share_run(work, team, y);
	flag_set(&team->stop);
	give_turn(team);
	for (unsigned int i = 1; i < team->threads; i++)
		pthread_join(team->member[i].thread, NULL);
	pin(&before);
}

void curves_threads(struct curves_work *work, double share)
{
	struct team team = {.entries = work->quick ? ENTRIES_QUICK : ENTRIES};
	int cpu[THREADS_MAX];

	regions_build(&team.regions, team.entries, &(const struct regions_how){0});
	team.found = bench_new(team.entries / 64, sizeof(*team.found), "bitmaps");
	work->share = share / (2 * YOUNGS);
	for (team.threads = 1; team.threads <= THREADS_MAX; team.threads *= 2)
		if (cpus_first(cpu, team.threads))
			threads_run(work, &team, cpu);
	regions_free(&team.regions);
	free(team.found);
}
