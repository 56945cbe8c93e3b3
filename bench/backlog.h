/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Tables that wait for a grace period while a writer unmaps and maps whole tables at a steady rate,
 * next to a harvester whose read-side sections they have to outlive.
 */
#ifndef PTW_BENCH_BACKLOG_H
#define PTW_BENCH_BACKLOG_H

#include <stdint.h>

#include "contest.h"

/* Of the curve over time. */
#define BACKLOG_POINTS 256

struct backlog {
	enum rival rival;
	double seconds;
	/* What comes out. */
	uint64_t retired;		/* tables in all */
	uint64_t most;			/* waiting at one time */
	uint64_t curve[BACKLOG_POINTS]; /* most in each part of the time */
	uint64_t limited;		/* the writer held back, to spare this machine's memory */
};

void backlog_run(struct arena *arena, struct backlog *backlog);

#endif /* PTW_BENCH_BACKLOG_H */
