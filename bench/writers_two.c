/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Two writers against one, each with tables of his own in one page table: what they share is what the
 * page table counts. Blocks alternate: the first alone, both, the second alone, both. Each is timed by
 * itself, for one processor may be slower than the other; whoever is done first goes on until the
 * other is, so that nobody's time is that of a writer alone.
 */
#include <stdio.h>
#include <sched.h>

#include <ptw/ptw.h>

#include "figure.h"
#include "measure.h"
#include "thread.h"
#include "writers.h"

#define GOAL 1.8

/* Each writer's pages. */
#define SHARE (WRITERS_PAGES / 2)
/* Of a block, together about 0.1 ms; pages: unmapped and mapped one by one in each of them. */
#define ROUNDS_RANGES 4
#define ROUNDS_PAGES  8
#define ROUND_PAGES   64u

/* Who works in a block. */
#define FIRST	    1u
#define SECOND	    2u
#define BOTH	    (FIRST | SECOND)

#define SAMPLES	    4000
#define SECONDS_MAX 12
/* Tries before the other thread is given the processor: it may need this one. */
#define SPINS 20000u

struct two {
	struct ptw_pgtable *pgtable;
	bool pages;
	unsigned int who;
	/* Numbers of blocks: asked for, the second one is ready for, to be begun, done by him. */
	uint32_t asked;
	uint32_t ready;
	uint32_t begun;
	uint32_t done;
	bool stop;
	/* Of each one's part: number of the block, when he is through with what is timed. */
	uint32_t through[2];
	uint64_t ns[2];
	bool preempted[2];
};

/* Partner: post(). */
static void wait_for(const uint32_t *word, uint32_t block)
{
	for (uint64_t i = 0; __atomic_load_n(word, __ATOMIC_ACQUIRE) != block; i++)
		if (i % SPINS == SPINS - 1)
			sched_yield();
		else
			cpu_relax();
}

/* Partner: wait_for(). */
static void post(uint32_t *word, uint32_t block)
{
	__atomic_store_n(word, block, __ATOMIC_RELEASE);
}

/* Whole tables in place: some pages one by one, or all at once. Returns entries not changed. */
static uint64_t work_round(const struct two *two, unsigned int writer, unsigned int round)
{
	uint64_t first = writer * SHARE;
	uint64_t leaves = 0;

	if (!two->pages) {
		leaves += writers_unmap(two->pgtable, first, SHARE, true);
		leaves += writers_map(two->pgtable, first, SHARE);
		return 2 * SHARE - leaves;
	}
	for (unsigned int i = 0; i < ROUND_PAGES; i++) {
		/* Prime to their number, so that it is another page each time. */
		uint64_t page = first + (round * ROUND_PAGES + i) * 5 % SHARE;

		leaves += writers_unmap(two->pgtable, page, 1, false);
		leaves += writers_map(two->pgtable, page, 1);
	}
	return 2 * ROUND_PAGES - leaves;
}

static unsigned int rounds(const struct two *two)
{
	return two->pages ? ROUNDS_PAGES : ROUNDS_RANGES;
}

static void work(struct two *two, unsigned int writer, uint32_t block)
{
	const uint32_t *other = &two->through[!writer];
	long before = preemptions();
	uint64_t missed = 0;
	uint64_t start = now_ns();
	unsigned int i;

	for (i = 0; i < rounds(two); i++)
		missed += work_round(two, writer, i);
	two->ns[writer] = now_ns() - start;
	two->preempted[writer] = preemptions() != before;
	post(&two->through[writer], block);
	while (two->who == BOTH && __atomic_load_n(other, __ATOMIC_ACQUIRE) != block)
		missed += work_round(two, writer, i++);
	if (missed)
		bench_die(EXIT_WRONG, "writer %u left out %llu entries", writer + 1,
			  (unsigned long long)missed);
}

static void *second_run(void *context)
{
	struct two *two = context;

	ptw_thread_register();
	for (uint32_t block = 1;; block++) {
		wait_for(&two->asked, block);
		if (two->stop)
			break;
		if (two->who & SECOND) {
			post(&two->ready, block);
			wait_for(&two->begun, block);
			work(two, 1, block);
		}
		post(&two->done, block);
	}
	ptw_thread_unregister();
	return NULL;
}

/* False: disturbed. */
static bool block_run(struct two *two, uint32_t block, unsigned int who)
{
	two->who = who;
	two->preempted[0] = two->preempted[1] = false;
	post(&two->asked, block);
	if (who & SECOND)
		wait_for(&two->ready, block);
	post(&two->begun, block);
	if (who & FIRST)
		work(two, 0, block);
	wait_for(&two->done, block);
	writers_check(two->pgtable, WRITERS_PAGES);
	return !two->preempted[0] && !two->preempted[1];
}

/* Kept times of one writer, alone or not. */
struct times {
	double ns[SAMPLES];
	uint64_t kept;
};

struct pair {
	struct two two;
	struct times alone[2];
	struct times together[2];
	uint64_t want;
	uint64_t total; /* blocks of both */
	struct cpus cpus;
};

static void keep(struct times *times, uint64_t ns)
{
	if (times->kept < SAMPLES)
		times->ns[times->kept++] = (double)ns;
}

static uint64_t fewest(const struct pair *pair)
{
	uint64_t kept = pair->together[0].kept;

	for (unsigned int i = 0; i < 2; i++)
		if (pair->alone[i].kept < kept)
			kept = pair->alone[i].kept;
	return kept;
}

static void *first_run(void *context)
{
	static const unsigned int turns[] = {FIRST, BOTH, SECOND, BOTH};
	struct pair *pair = context;
	uint64_t deadline = now_ns() + SECONDS_MAX * (uint64_t)1000000000;
	uint32_t block = 0;
	pthread_t second;

	ptw_thread_register();
	writers_map(pair->two.pgtable, 0, WRITERS_PAGES);
	thread_start(&second, pair->cpus.harvester, false, second_run, &pair->two);
	do {
		for (unsigned int i = 0; i < 4; i++) {
			unsigned int who = turns[i];
			struct times *times = who == BOTH ? pair->together : pair->alone;

			pair->total += who == BOTH;
			/* The first ones are for the caches. */
			if (!block_run(&pair->two, ++block, who) || block <= 8)
				continue;
			for (unsigned int k = 0; k < 2; k++)
				if (who >> k & 1)
					keep(&times[k], pair->two.ns[k]);
		}
	} while (fewest(pair) < pair->want && now_ns() < deadline);
	pair->two.stop = true;
	post(&pair->two.asked, block + 1);
	pthread_join(second, NULL);
	ptw_thread_unregister();
	return NULL;
}

void writers_two(struct sink *sink, bool pages)
{
	static struct pair pair;
	struct figure figure = {.goal = GOAL, .at_least = true, .total = 1};
	double units = pages ? 2.0 * ROUNDS_PAGES * ROUND_PAGES : 2.0 * ROUNDS_RANGES * SHARE;
	double alone[2], together[2];
	pthread_t thread;

	snprintf(figure.id, sizeof(figure.id), "W4-%s", pages ? "pages" : "ranges");
	pair = (struct pair){.want = sink->quick ? KEPT_MIN : 1000};
	if (!cpus_pick(&pair.cpus)) {
		snprintf(figure.detail, sizeof(figure.detail), "not measured: " NEEDS_TWO);
		sink_figure(sink, &figure);
		return;
	}
	pair.two.pgtable = writers_build(WRITERS_PAGES, 0);
	pair.two.pages = pages;
	thread_start(&thread, pair.cpus.writer, false, first_run, &pair);
	pthread_join(thread, NULL);
	for (unsigned int i = 0; i < 2; i++) {
		alone[i] = median(pair.alone[i].ns, pair.alone[i].kept) / units;
		together[i] = median(pair.together[i].ns, pair.together[i].kept) / units;
		/* What he gets done next to the other, against alone on the same processor. */
		figure.value += together[i] > 0 ? alone[i] / together[i] : 0;
	}
	figure.kept = fewest(&pair);
	figure.total = pair.total;
	snprintf(figure.detail, sizeof(figure.detail),
		 "two writers against one, %s a call, each in tables of his own: alone %.2f and "
		 "%.2f ns, together %.2f and %.2f ns per %s; block %.0f us",
		 pages ? "a page" : "2048 pages", alone[0], alone[1], together[0], together[1],
		 pages ? "call" : "entry", together[1] * units / 1e3);
	sink_figure(sink, &figure);
	ptw_pgtable_destroy(pair.two.pgtable);
}
