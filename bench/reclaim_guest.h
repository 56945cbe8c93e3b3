/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A guest's memory: a page table, and what has to be in it. Each call is timed and its answer compared
 * with what was to be expected; pages are made young now and then, as a guest does, and each has to be
 * reported once, by a harvest or by the unmap that takes it.
 */
#ifndef PTW_BENCH_RECLAIM_GUEST_H
#define PTW_BENCH_RECLAIM_GUEST_H

#include "reclaim.h"

struct guest {
	const struct reclaim_policy *policy;
	struct reclaim_cell *cell; /* where measurements go; null: warming up */
	unsigned int round;
	double clock_ns;
	struct ptw_pgtable *pgtable;
	uint64_t *root;
	uint64_t pages;
	uint8_t *state; /* of each page: GUEST_MAPPED, GUEST_YOUNG */
	uint64_t random;
	uint64_t calls;
	uint64_t mapped; /* pages */
	uint64_t tables; /* linked */
	uint64_t made;	 /* times a page was made young, and reported to be */
	uint64_t told;
	uint64_t *found; /* by one harvest */
	uint64_t *want;
	/* Of this round. */
	struct reclaim_cost sum[RECLAIM_CALLS];
	uint64_t ns[RECLAIM_CALLS];
	uint64_t kept_pages[RECLAIM_CALLS];
	uint64_t flushes;
	uint64_t built;
	uint64_t step;
	uint64_t steps;
	struct reclaim_point begun; /* counters when measuring began */
};

#define GUEST_MAPPED 1u
#define GUEST_YOUNG  2u

void guest_open(struct guest *guest);

/* Unmaps all, checks, and leaves what was measured in the cell. */
void guest_close(struct guest *guest);

/* From here on it counts; `steps`: as many as guest_step() will be called. */
void guest_measure(struct guest *guest, struct reclaim_cell *cell, uint64_t steps);

/* `strict`: entry by entry, so that a table stays if the policy says so. */
void guest_unmap(struct guest *guest, uint64_t first, uint64_t pages, bool strict);
void guest_map(struct guest *guest, uint64_t first, uint64_t pages);

/* A moment to look at. */
void guest_step(struct guest *guest);

uint64_t guest_random(struct guest *guest, uint64_t below);

/* The loads; each makes steps until the last. `share` of their full length. */
void load_balloon(struct guest *guest, struct reclaim_cell *cell, double share);
void load_swap(struct guest *guest, struct reclaim_cell *cell, double share);
void load_report(struct guest *guest, struct reclaim_cell *cell, double share);
void load_report_entries(struct guest *guest, struct reclaim_cell *cell, double share);

#endif /* PTW_BENCH_RECLAIM_GUEST_H */
