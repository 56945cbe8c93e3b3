/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Two traces as one: interleaved by ticks, the shorter one stretched so that both end together and
 * the load is mixed from the first to the last tick.
 */
#ifndef PTW_SIM_MERGE_H
#define PTW_SIM_MERGE_H

#include "trace.h"

struct merge {
	struct trace trace; /* whose pages from `base` on are those of the second one */
	uint32_t base;	    /* a multiple of 512, so that no table is shared */
	size_t references[2];
	uint32_t footprint[2];
};

/* False: error says why, and there is nothing to free. */
bool merge_traces(struct merge *merge, const struct trace *first, const struct trace *second,
		  char *error, size_t error_size);

void merge_free(struct merge *merge);

#endif /* PTW_SIM_MERGE_H */
