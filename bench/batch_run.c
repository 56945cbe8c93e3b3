/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The measuring of experiment `batch`.
 *
 * Alone: all modes and sizes work on the same page table. A pass makes pages young, then gives the
 * range in chunks to modes and sizes in turn, in another order each time; each block of questions is
 * timed by itself. Passes with one question over the whole range come in between, one for each mode.
 */
#include <stdlib.h>
#include <string.h>

#include <ptw/ptw.h>

#include "batch.h"
#include "contest.h"
#include "goals.h"
#include "measure.h"
#include "tables.h"
#include "thread.h"

#define CHUNK_PAGES ((uint64_t)1 << 14)
#define CHUNKS	    (BATCH_PAGES / CHUNK_PAGES)
/* Single-page questions of a block, which is to stay below 0.3 ms. */
#define SINGLES ((uint64_t)1 << 11)
#define SMALL	(BATCH_SIZES - 1) /* sizes that are not the whole range */
#define KEPT	200
#define SECONDS 12

#define ROUNDS	3 /* next to a writer */

struct alone {
	struct tables tables;
	struct batch_mmu mmu[BATCH_MODES];
	unsigned int mode[BATCH_MODES]; /* those that there are */
	unsigned int modes;
	uint64_t *planted;
	uint64_t *found;
	uint64_t young; /* pages found, as the answers count them */
	struct samples samples[BATCH_MODES][BATCH_SIZES];
	uint64_t total[BATCH_MODES][BATCH_SIZES]; /* blocks */
	uint64_t pages[BATCH_SIZES];		  /* of a block */
};

static void question(struct alone *a, const struct ptw_mmu *mmu, uint64_t start, uint64_t end)
{
	struct ptw_mmu_ask ask = {
		.size = sizeof(ask),
		.flags = PTW_HARVEST_ACCESSED,
		.start = start,
		.end = end,
		.young = a->found + start / 64,
		.resume = end,
	};
	int error = mmu->ops->harvest(mmu->context, &ask);

	if (error || ask.not_asked_pages)
		bench_die(EXIT_WRONG, "harvest failed: %s, %llu pages not asked",
			  ptw_strerror(error), (unsigned long long)ask.not_asked_pages);
	a->young += ask.young_pages;
}

/* Timed. */
static void block(struct alone *a, unsigned int m, unsigned int z, uint64_t first)
{
	const struct ptw_mmu *mmu = &a->mmu[m].mmu;
	const uint64_t size = batch_sizes[z];
	const uint64_t end = first + a->pages[z];
	long before = preemptions();
	uint64_t ns = now_ns();

	for (uint64_t page = first; page < end; page += size)
		question(a, mmu, page, page + size);
	ns = now_ns() - ns;
	a->total[m][z]++;
	if (preemptions() == before)
		samples_add(&a->samples[m][z], (double)ns);
}

static void verify(const struct alone *a)
{
	uint64_t young = 0;

	tables_check(a->planted, a->found, 0, BATCH_PAGES, "batch");
	for (uint64_t i = 0; i < BATCH_PAGES / 64; i++)
		young += (uint64_t)__builtin_popcountll(a->planted[i]);
	if (young != a->young)
		bench_die(EXIT_WRONG, "wrong harvest: %llu pages were young, and %llu counted",
			  (unsigned long long)young, (unsigned long long)a->young);
}

static void plant(struct alone *a, double percent)
{
	a->young = 0;
	memset(a->found, 0, BATCH_PAGES / 8);
	tables_plant(&a->tables, percent, a->planted);
}

/* Chunks in turn to all modes and small sizes. */
static void pass_small(struct alone *a, double percent, uint64_t round)
{
	plant(a, percent);
	for (uint64_t c = 0; c < CHUNKS; c++) {
		uint64_t turn = (c + 5 * round) % (a->modes * SMALL);
		unsigned int z = (unsigned int)turn % SMALL;
		unsigned int m = a->mode[turn / SMALL];

		for (uint64_t at = 0; at < CHUNK_PAGES; at += a->pages[z])
			block(a, m, z, c * CHUNK_PAGES + at);
	}
	verify(a);
}

static void round_run(struct alone *a, double percent, uint64_t round)
{
	pass_small(a, percent, round);
	for (unsigned int i = 0; i < a->modes; i++) {
		plant(a, percent);
		block(a, a->mode[i], BATCH_SIZES - 1, 0);
		verify(a);
	}
}

static uint64_t fewest(const struct alone *a)
{
	uint64_t kept = UINT64_MAX;

	for (unsigned int i = 0; i < a->modes; i++)
		for (unsigned int z = 0; z < BATCH_SIZES; z++)
			if (a->samples[a->mode[i]][z].kept < kept)
				kept = a->samples[a->mode[i]][z].kept;
	return kept;
}

static void send_all(struct alone *a, int fd, unsigned int young)
{
	for (unsigned int i = 0; i < a->modes; i++)
		for (unsigned int z = 0; z < BATCH_SIZES; z++) {
			struct samples *s = &a->samples[a->mode[i]][z];
			const struct batch_point point = {
				.table = BATCH_ALONE,
				.mode = a->mode[i],
				.size = z,
				.young = young,
				.ns = median(s->ns, s->kept) / (double)a->pages[z],
				.kept = s->kept,
				.total = a->total[a->mode[i]][z],
			};

			batch_send(fd, &point);
			s->kept = a->total[a->mode[i]][z] = 0;
		}
}

static void young_run(struct alone *a, int fd, unsigned int young, bool quick)
{
	const uint64_t want = quick ? 4 : KEPT;
	uint64_t deadline;

	/* Once for the page faults and the branch predictors. */
	round_run(a, batch_youngs[young], 0);
	for (unsigned int i = 0; i < a->modes; i++)
		for (unsigned int z = 0; z < BATCH_SIZES; z++)
			a->samples[a->mode[i]][z].kept = a->total[a->mode[i]][z] = 0;
	deadline = now_ns() + SECONDS * (uint64_t)1000000000;
	for (uint64_t round = 1; fewest(a) < want && now_ns() < deadline; round++)
		round_run(a, batch_youngs[young], round);
	send_all(a, fd, young);
}

void batch_alone(int fd, bool quick, double share)
{
	struct alone *a = bench_new(1, sizeof(*a), "results");
	const struct batch_point progress = {
		.table = BATCH_PROGRESS,
		.share = share / BATCH_YOUNGS,
	};

	tables_build(&a->tables, BATCH_PAGES);
	a->planted = bench_new(BATCH_PAGES / 64, sizeof(uint64_t), "bitmaps");
	a->found = bench_new(BATCH_PAGES / 64, sizeof(uint64_t), "bitmaps");
	for (unsigned int z = 0; z < BATCH_SIZES; z++) {
		a->pages[z] = SINGLES * batch_sizes[z];
		if (a->pages[z] > CHUNK_PAGES)
			a->pages[z] = z < SMALL ? CHUNK_PAGES : BATCH_PAGES;
	}
	for (unsigned int m = 0; m < BATCH_MODES; m++)
		if (batch_kind(&batch_modes[m])) {
			a->mode[a->modes++] = m;
			batch_mmu_make(&a->mmu[m], &batch_modes[m], a->tables.pgtable);
		}
	for (unsigned int y = 0; y < BATCH_YOUNGS; y++) {
		young_run(a, fd, y, quick);
		batch_send(fd, &progress);
	}
	for (unsigned int i = 0; i < a->modes; i++) {
		batch_mmu_free(&a->mmu[a->mode[i]]);
		for (unsigned int z = 0; z < BATCH_SIZES; z++)
			samples_free(&a->samples[a->mode[i]][z]);
	}
	free(a->planted);
	free(a->found);
	tables_free(&a->tables);
	free(a);
}

/* Next to a writer: one point, in rounds. */
struct next {
	struct batch_point point;
	struct latencies latencies;
};

static void contest_point(struct arena *arena, struct next *n, bool quick)
{
	const struct batch_mode *mode = &batch_modes[n->point.mode];
	struct contest contest = {
		.kind = batch_kind(mode),
		.piece = batch_sizes[n->point.size],
		/* The writer's table in the middle. */
		.range = BATCH_PAGES,
		.first = SCAN_WRITER_PAGE - BATCH_PAGES / 2,
		.rival = n->point.table == BATCH_NOBODY ? RIVAL_NONE : RIVAL_HARVESTER,
		.young = batch_youngs[n->point.young] < 100 ? SCAN_HUNDREDTH : SCAN_ALL,
		.operations = quick ? 200 : GOALS_OPERATIONS / ROUNDS + 1,
		.seconds_min = quick ? 0.02 : 0.1,
		.seconds_max = quick ? 0.1 : 0.8,
	};
	struct batch_mmu mmu;

	batch_mmu_make(&mmu, mode, arena->tables.pgtable);
	contest.mmu = &mmu.mmu;
	contest.lock = mmu.lock;
	contest_run(arena, &contest, &n->latencies);
	batch_mmu_free(&mmu);
}

static void next_send(struct next *n, int fd)
{
	const struct latencies *l = &n->latencies;
	struct batch_point *p = &n->point;

	p->ns = l->kept_entries ? (double)l->kept_ns / (double)l->kept_entries : 0;
	p->p50 = histogram_quantile(&l->kept, 0.5);
	p->p99 = histogram_quantile(&l->kept, 0.99);
	p->arrivals = histogram_quantile(&l->arrivals, 0.99);
	p->kept = l->kept.count;
	p->total = l->raw.count;
	batch_send(fd, p);
}

/* All points there are, the writer alone first. */
static unsigned int points_make(struct next *next)
{
	unsigned int count = 0;

	next[count++].point.table = BATCH_NOBODY;
	for (unsigned int y = 0; y < BATCH_NEXT; y++)
		for (unsigned int m = 0; m < BATCH_MODES; m++)
			for (unsigned int z = 0; z < BATCH_SIZES; z++) {
				/* A lock that does nothing excludes no writer: the same as none. */
				if (m == BATCH_NOTHING || !batch_kind(&batch_modes[m]))
					continue;
				next[count++].point = (struct batch_point){
					.table = BATCH_NEXT_TO,
					.mode = m,
					.size = z,
					.young = batch_next[y],
				};
			}
	return count;
}

void batch_writer(int fd, bool quick, double share)
{
	struct next *next = bench_new(1 + BATCH_NEXT * BATCH_MODES * BATCH_SIZES, sizeof(*next),
				      "histograms");
	const unsigned int rounds = quick ? 1 : ROUNDS;
	struct batch_point progress = {.table = BATCH_PROGRESS};
	struct arena arena;
	unsigned int count;

	count = points_make(next);
	if (arena_build(&arena)) {
		progress.share = share / (rounds * count);
		for (unsigned int i = 0; i < rounds * count; i++) {
			/* Another one begins each round. */
			contest_point(&arena, &next[(i + i / count * count / rounds) % count],
				      quick);
			batch_send(fd, &progress);
		}
		for (unsigned int i = 0; i < count; i++)
			next_send(&next[i], fd);
		arena_free(&arena);
	}
	free(next);
}
