/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What experiment `locks` measured. */
#ifndef PTW_BENCH_LOCKS_H
#define PTW_BENCH_LOCKS_H

#include <jansson.h>

#include "backlog.h"
#include "contest.h"
#include "experiment.h"
#include "figure.h"
#include "grace.h"

#define LOCKS_PIECES   3
#define LOCKS_KINDS    8 /* at most, that without a lock included */
#define LOCKS_POINTS   (2 + LOCKS_KINDS * LOCKS_PIECES)
#define LOCKS_BACKLOGS 3
#define LOCKS_LENGTHS  8
#define LOCKS_YOUNGS   2 /* 0 and 100 % */
#define LOCKS_GOALS    (1 + 2 * LOCKS_YOUNGS)

/* Points that come before those of the locks. */
#define LOCKS_ALONE	0
#define LOCKS_ELSEWHERE 1
#define LOCKS_RCU	2 /* whole pass, the library's sections */

struct locks_point {
	const char *name;
	enum rival rival;
	const struct lock_kind *kind;
	uint64_t piece;
	struct latencies latencies;
};

struct locks_grace {
	uint64_t piece; /* 0: the library's sections */
	enum scan_young young;
	enum grace_wait wait;
	struct latencies latencies;
};

struct locks_results {
	struct experiment_run run;
	struct cpus cpus;
	struct locks_point point[LOCKS_POINTS];
	unsigned int points;
	struct locks_point stall[LOCKS_KINDS]; /* with the harvester preempted */
	unsigned int stalls;
	struct backlog backlog[LOCKS_BACKLOGS];
	struct locks_grace curve[LOCKS_YOUNGS][LOCKS_LENGTHS];
	struct locks_grace barrier[LOCKS_YOUNGS][2]; /* the library's sections, 512 entries */
	struct figure goal[LOCKS_GOALS];
};

/*
 * Median of the waits that found the harvester on its processor: without it there is no processor to
 * interrupt, and a grace period takes a microsecond. Dropping disturbed waits would not do, since the
 * long ones are disturbed more often than the short ones.
 */
double locks_median_wait(const struct locks_grace *grace);

const char *locks_rival_name(enum rival rival);
unsigned int locks_percent(enum scan_young young);

void locks_print(const struct locks_results *results);
void locks_plot(const struct locks_results *results, const char *directory);
json_t *locks_json(const struct locks_results *results);

#endif /* PTW_BENCH_LOCKS_H */
