/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What the replays of a comparison come to: figures for each policy, and whether goals are met. */
#ifndef PTW_SIM_COMPARE_SUMS_H
#define PTW_SIM_COMPARE_SUMS_H

#include "compare.h"

/* A figure and the point it is of; `is` is false where there is none. */
struct sums_value {
	bool is;
	double value;
	unsigned int trace;
	unsigned int size;
};

struct sums {
	struct sums_value low;	 /* misses against LRU at 10 and 25 %, geometric mean, in percent */
	struct sums_value all;	 /* ... and at all sizes */
	struct sums_value gap;	 /* of LRU to opt that is closed, in percent: mean at 10 and 25 % */
	struct sums_value worst; /* against LRU, in percent */
	struct sums_value batch; /* entries read by scans, per miss: mean at 10 and 25 % */
	struct sums_value single; /* single checks, per miss */
	/* The worst against the better one of LRU and mglru: in percent of its misses where those but
	 * first touches are COMPARE_LARGE or more, elsewhere in percent of the footprint. */
	struct sums_value above_large;
	struct sums_value above_small;
};

/* Where 10 or 25 % are not among the sizes, what is of those is not there. */
void sums_of(struct sums *sums, const struct compare *compare, unsigned int policy);

/* Misses against LRU at a point, in percent; and the gap closed, if there is a gap. */
double sums_against_lru(const struct compare *compare, unsigned int trace, unsigned int size,
			unsigned int policy);
struct sums_value sums_gap(const struct compare *compare, unsigned int trace, unsigned int size,
			   unsigned int policy);

struct sums_goal {
	char id[48];
	struct sums_value value;
	double goal;   /* met: value <= goal */
	bool at_least; /* ... or >= it */
	bool needless; /* there is no point that it is about, so it is neither met nor not met */
	char detail[200];
};

#define SUMS_GOALS 5

/* Q1 to Q3 for a policy. */
void sums_goals(struct sums_goal goals[SUMS_GOALS], const struct compare *compare,
		unsigned int policy);

static inline bool sums_met(const struct sums_goal *goal)
{
	if (!goal->value.is)
		return false;
	return goal->at_least ? goal->value.value >= goal->goal : goal->value.value <= goal->goal;
}

static inline const char *sums_bound(const struct sums_goal *goal)
{
	return goal->at_least ? "at least" : "at most";
}

#endif /* PTW_SIM_COMPARE_SUMS_H */
