/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * How long grace periods take next to a harvester, and what bounding its read-side sections costs it.
 */
#ifndef PTW_BENCH_GRACE_H
#define PTW_BENCH_GRACE_H

#include <stdint.h>

#include "contest.h"
#include "scan.h"

/* Which time. */
enum grace_wait {
	GRACE_SYNCHRONIZE, /* liburcu's synchronize_rcu(): one grace period and nothing else */
	GRACE_BARRIER, /* ptw_barrier(): what a caller waits until all that was retired is free */
};

struct grace {
	enum grace_wait wait;
	const struct lock_kind
		*kind; /* lock_rcu: the library's sections; lock_section: one a piece */
	uint64_t piece;
	enum scan_young young;
	uint64_t waits; /* end when so many were kept */
	double seconds_max;
};

/* Durations add up in `kept`, those without a preemption, and `raw`. */
void grace_run(struct arena *arena, const struct grace *grace, struct latencies *latencies);

/* Harvest in one section for each block, by the library's rule, and in sections of 512 entries. */
struct grace_speed {
	double ns[3]; /* per entry, in this order */
	uint64_t kept;
	uint64_t total;
};

void grace_speed_run(enum scan_young young, uint64_t want, struct grace_speed *speed);

#endif /* PTW_BENCH_GRACE_H */
