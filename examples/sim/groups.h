/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Group reclaim: two guests without a host mapping (private memory), each charged to a group with
 * memory and generations of its own; some pages are mapped by both. A page is charged to who
 * brought it in. Does a reference by the other group save it when its own group reclaims?
 */
#ifndef PTW_SIM_GROUPS_H
#define PTW_SIM_GROUPS_H

#include <stdbool.h>
#include <stdint.h>

#include "merge.h"
#include "shared.h"

struct groups_config {
	const struct merge *merge;
	const char *format;
	uint32_t split;			/* pages below this of each are the same pages */
	uint32_t frames[SHARED_GUESTS]; /* that each group may have */
	uint32_t tlb_sets;
	uint32_t tlb_ways;
	bool foreign; /* references by the other group count */
	bool quiet;   /* no progress bar */
	char *error;  /* SIM_ERROR_SIZE bytes */
};

struct groups_side {
	uint64_t misses;
	uint64_t minor;	    /* faults on pages that the other group had brought in */
	uint64_t evictions; /* of pages charged to it */
	/* Of these: used, by anybody, when they were unmapped, after a clean last look. */
	uint64_t late;
	uint64_t single_checks;
};

struct groups {
	struct groups_side side[SHARED_GUESTS];
	uint64_t eviction_hash;
	double seconds;
};

/* False: config->error says why. */
bool groups_run(struct groups *groups, const struct groups_config *config);

#endif /* PTW_SIM_GROUPS_H */
