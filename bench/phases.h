/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What experiment `phases` measured: where the time of harvests goes. */
#ifndef PTW_BENCH_PHASES_H
#define PTW_BENCH_PHASES_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "experiment.h"
#include "regions.h"

enum phase {
	PHASE_WALK,    /* from table to table, read-side sections, calls */
	PHASE_SCAN,    /* reading entries */
	PHASE_ATOMICS, /* clearing those that are young */
	PHASE_OUTPUT,  /* zeroing the bitmap, and setting bits in it */
	PHASE_LOCK,    /* waiting for a lock that a writer has */
	PHASE_FLUSH,   /* in the caller's hook */
	PHASE_OTHER,   /* what a harvest that waits does more than one that does not */
	PHASES,
};

extern const char *const phase_names[PHASES];

/* What is timed, in nanoseconds of a pass; see phases.c. */
enum phase_timed {
	TIMED_HARVEST,	    /* the call, and zeroing its bitmap before */
	TIMED_SCAN,	    /* nothing but the library's scan of each table */
	TIMED_CLEAR,	    /* the scan, and clearing what it finds */
	TIMED_ZERO,	    /* zeroing the bitmap */
	TIMED_HARVEST_NONE, /* the first two again, with no page young */
	TIMED_SCAN_NONE,
	TIMEDS,
};

extern const char *const phase_timed_names[TIMEDS];

struct phases_stack {
	const char *kind; /* "alone", or what the harvest waits for */
	const char *kernel;
	uint64_t entries;
	double young; /* percent */
	double phase[PHASES];
	double total;	      /* as timed */
	double error;	      /* phases less `total`, or what else shows how wrong they may be */
	double timed[TIMEDS]; /* of a stack alone */
	uint64_t kept;	      /* blocks, of the kind with the fewest */
	uint64_t blocks;
	bool few;
};

#define PHASES_STACKS_MAX 18

struct phases_results {
	struct experiment_run run;
	unsigned int stacks;
	struct phases_stack stack[PHASES_STACKS_MAX];
};

/* Measure one on these tables. `stack` has kind, kernel, entries and young. */
void phases_alone(struct phases_stack *stack, struct regions *regions, uint32_t kernel, bool quick);
/* Likewise; `alone` is the same without waiting. False: there is only one processor. */
bool phases_lock(struct phases_stack *stack, struct regions *regions,
		 const struct phases_stack *alone, bool quick);
void phases_flush(struct phases_stack *stack, const struct phases_stack *alone, bool quick);

/* "16M, 10 % young, avx512"; of others than `alone` their kind, too. */
const char *phases_label(const struct phases_stack *stack, char text[64]);

void phases_print(const struct phases_results *results);
void phases_plot(const struct phases_results *results, const char *directory);
void phases_folded(const struct phases_results *results, const char *path);
json_t *phases_json(const struct phases_results *results);

#endif /* PTW_BENCH_PHASES_H */
