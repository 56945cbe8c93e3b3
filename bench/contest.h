/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A writer that changes single pages of a page table, and how long each of its operations takes next
 * to a harvester that scans the same page table in a loop: each on a processor of its own.
 */
#ifndef PTW_BENCH_CONTEST_H
#define PTW_BENCH_CONTEST_H

#include <stdbool.h>
#include <stdint.h>

#include "lock.h"
#include "scan.h"
#include "tables.h"
#include "thread.h"
#include "window.h"

/* Who runs next to the writer. */
enum rival {
	RIVAL_NONE,
	RIVAL_ELSEWHERE, /* a harvester of another page table: the same load, nothing shared */
	RIVAL_HARVESTER,
	RIVAL_PREEMPTED, /* a harvester at SCHED_IDLE, with a busy thread on its processor */
};

struct contest {
	const struct lock_kind *kind;
	uint64_t piece; /* entries that the harvester reads with the lock held */
	uint64_t range; /* of the harvester's passes, and their first entry; 0: all */
	uint64_t first;
	enum rival rival;
	enum scan_young young; /* of the harvester's pages */
	/* The harvester asks this one, whose lock is `lock` (or none); null: the page table itself. */
	const struct ptw_mmu *mmu;
	void *lock;	     /* of `kind`, initialised; null: one of its own */
	uint64_t operations; /* end when as many were kept */
	double seconds_min;  /* but not before */
	double seconds_max;  /* and in any case */
};

/* Page tables of SCAN_ENTRIES; the writer's first. */
struct arena {
	struct tables tables;
	struct tables elsewhere;
	struct cpus cpus;
};

/* False if there is only one processor. */
bool arena_build(struct arena *arena);
void arena_free(struct arena *arena);

/* Ends the process with EXIT_WRONG if anything is not as it must be. */
void contest_run(struct arena *arena, const struct contest *contest, struct latencies *latencies);

#endif /* PTW_BENCH_CONTEST_H */
