/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The vCPU's side of it: a thread unmaps, maps and touches single pages of the secondary MMU's page
 * table, as faults and reclaim do, while somebody asks that MMU as each mode does, in a loop. In a
 * kernel ageing is not always on; this is what happens while it is.
 */
#include <stdlib.h>

#include <ptw/ptw.h>

#include "batch.h"
#include "contest.h"
#include "figure.h"
#include "goals.h"
#include "progress.h"
#include "secondary.h"

#define ROUNDS 3
/* Pages of the guest: 128 MiB, the writer's table in the middle. */
#define PAGES ((uint64_t)1 << 15)
#define FIRST (SCAN_WRITER_PAGE - PAGES / 2)

struct live {
	const char *name;
	enum rival rival;
	struct batch_mode mode; /* whose lock */
	uint64_t pages;		/* of a question */
};

static const struct live lives[] = {
	{"alone", RIVAL_NONE, {.name = "none", .bare = true}, PAGES},
	/* The host's table is harvested, and nobody asks this one. */
	{"never", RIVAL_ELSEWHERE, {.name = "none", .bare = true}, PAGES},
	/* Last looks, one after the other: a reclaimer that does nothing else. */
	{"evict", RIVAL_HARVESTER, {.name = "mutex", .lock = "mutex"}, 1},
	{"evict", RIVAL_HARVESTER, {.name = "rwlock-read", .lock = "rwlock-read"}, 1},
	{"evict", RIVAL_HARVESTER, {.name = "spin-read", .lock = "ck-rwlock"}, 1},
	{"evict", RIVAL_HARVESTER, {.name = "spin-write", .lock = "ck-rwlock", .write = true}, 1},
	{"fast", RIVAL_HARVESTER, {.name = "none", .bare = true}, 1},
	{"fast", RIVAL_HARVESTER, {.name = "none", .bare = true}, 512},
	{"fast", RIVAL_HARVESTER, {.name = "none", .bare = true}, PAGES},
#define ALWAYS(...)                                           \
	{"always", RIVAL_HARVESTER, __VA_ARGS__, 512},        \
	{                                                     \
		"always", RIVAL_HARVESTER, __VA_ARGS__, PAGES \
	}
	ALWAYS({.name = "mutex", .lock = "mutex"}),
	ALWAYS({.name = "rwlock-read", .lock = "rwlock-read"}),
	ALWAYS({.name = "rwlock-write", .lock = "rwlock-read", .write = true}),
	ALWAYS({.name = "spin-read", .lock = "ck-rwlock"}),
	ALWAYS({.name = "spin-write", .lock = "ck-rwlock", .write = true}),
#undef ALWAYS
};

#define LIVES (sizeof(lives) / sizeof(lives[0]))

_Static_assert(LIVES <= SECONDARY_POINTS, "every point has its place");

static void point_run(struct arena *arena, const struct live *live, bool quick,
		      struct latencies *latencies)
{
	struct contest contest = {
		.kind = batch_kind(&live->mode),
		.piece = live->pages,
		.range = PAGES,
		.first = FIRST,
		.rival = live->rival,
		.young = SCAN_HUNDREDTH,
		.operations = quick ? 200 : GOALS_OPERATIONS / ROUNDS + 1,
		.seconds_min = quick ? 0.02 : 0.2,
		.seconds_max = quick ? 0.1 : 1.5,
	};
	struct batch_mmu mmu;

	batch_mmu_make(&mmu, &live->mode, arena->tables.pgtable);
	if (live->rival == RIVAL_HARVESTER)
		contest.mmu = &mmu.mmu;
	if (contest.rival == RIVAL_ELSEWHERE) {
		contest.range = contest.first = 0;
		contest.piece = SCAN_CALL;
	}
	contest.lock = mmu.lock;
	contest_run(arena, &contest, latencies);
	batch_mmu_free(&mmu);
}

void secondary_live(struct secondary_results *r)
{
	const unsigned int rounds = r->run.quick ? 1 : ROUNDS;
	unsigned int which[LIVES], done = 0;
	struct arena arena;

	ptw_thread_register();
	if (!arena_build(&arena))
		return;
	for (unsigned int i = 0; i < LIVES; i++) {
		/* Without Concurrency Kit there are no spinning ones. */
		if (!batch_kind(&lives[i].mode))
			continue;
		which[r->points] = i;
		r->point[r->points++] = (struct secondary_point){
			.mode = lives[i].name, .lock = lives[i].mode.name, .pages = lives[i].pages};
	}
	for (unsigned int i = 0; i < rounds * r->points; i++) {
		/* Another one begins each round. */
		unsigned int p = (i + i / r->points * r->points / rounds) % r->points;

		point_run(&arena, &lives[which[p]], r->run.quick, &r->point[p].latencies);
		progress_show(0.9 + 0.1 * ++done / (rounds * r->points));
	}
	arena_free(&arena);
}
