/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What experiment `reclaim` measured. */
#ifndef PTW_BENCH_RECLAIM_H
#define PTW_BENCH_RECLAIM_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "experiment.h"
#include "histogram.h"

#define RECLAIM_POLICIES 7
#define RECLAIM_LOADS	 4
#define RECLAIM_ROUNDS	 5
/* Of a curve over time. */
#define RECLAIM_POINTS 192

/* When empty tables go back. */
struct reclaim_policy {
	const char *name;
	const char *what;
	uint32_t delay;	     /* ptw_config.reclaim_delay */
	uint32_t scan_every; /* calls between two of ptw_reclaim(); 0: none */
	bool harvest;	     /* with a harvest before each */
};

extern const struct reclaim_policy reclaim_policies[RECLAIM_POLICIES];

enum reclaim_call {
	RECLAIM_UNMAP,
	RECLAIM_MAP,
	RECLAIM_SCAN,	 /* ptw_reclaim() */
	RECLAIM_HARVEST, /* all of it */
	RECLAIM_CALLS,
};

/* Of one kind of call in all rounds. */
struct reclaim_cost {
	uint64_t calls;
	uint64_t pages;		     /* of all calls */
	struct histogram kept;	     /* durations in which the thread kept its processor */
	double ns[RECLAIM_ROUNDS];   /* mean of the kept ones */
	double page[RECLAIM_ROUNDS]; /* the same for a page */
};

/* At one moment. */
struct reclaim_point {
	uint64_t tables; /* in use, the root not counted */
	uint64_t empty;	 /* of those */
	uint64_t reclaimed;
	uint64_t revived;
	uint64_t retired; /* waiting for a grace period */
	uint64_t bytes;	  /* that the page table holds */
};

/* One load under one policy. */
struct reclaim_cell {
	const struct reclaim_policy *policy;
	struct reclaim_cost cost[RECLAIM_CALLS];
	struct reclaim_point point[RECLAIM_POINTS]; /* of the first round */
	unsigned int points;
	double tables_mean;
	uint64_t tables_most;
	uint64_t retired_most;
	/* In one round, all the same. */
	uint64_t reclaimed;
	uint64_t revived;
	uint64_t built; /* by map */
	uint64_t flushes;
	/* In all rounds: pages made young, which is also how many were reported. */
	uint64_t young;
};

struct reclaim_load {
	const char *name;
	const char *what;
	uint64_t pages; /* of the guest */
	struct reclaim_cell cell[RECLAIM_POLICIES];
};

struct reclaim_results {
	struct experiment_run run;
	unsigned int rounds;
	double clock_ns; /* what reading the clock adds to each duration; taken off */
	struct reclaim_load load[RECLAIM_LOADS];
};

/* Median of the rounds. */
double reclaim_median(const struct reclaim_results *results, const double *values);

/* All map, unmap and reclaim calls together, for each page mapped or unmapped. */
double reclaim_total(const struct reclaim_results *results, const struct reclaim_cell *cell);

void reclaim_print(const struct reclaim_results *results);
void reclaim_plot(const struct reclaim_results *results, const char *directory);
json_t *reclaim_json(const struct reclaim_results *results);

#endif /* PTW_BENCH_RECLAIM_H */
