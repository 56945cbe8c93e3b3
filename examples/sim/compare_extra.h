/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What goals Q4 and Q5 are about, for the generation engine: mixed host and guest load (mixed.h), and proactive reclaim
 * (proactive.h). Replayed along with the others if goals are asked for and generations is among the policies.
 */
#ifndef PTW_SIM_COMPARE_EXTRA_H
#define PTW_SIM_COMPARE_EXTRA_H

#include <stdio.h>

#include "compare_sums.h"

#define EXTRA_GOALS 5

struct extra_proactive {
	double held;	/* windows, percent */
	double savings; /* percent of the oracle's */
	double saved;	/* percent of the memory of pages used so far */
	double batch;	/* entries read per miss */
};

struct extra_picks {
	double wrong;  /* percent of picks */
	double excess; /* points above exact LRU's */
	double batch;
};

struct extra_mixed {
	double skew;
	double host; /* misses against LRU, percent */
	double guest;
	double batch;
	uint64_t waits; /* for a lock */
	uint64_t not_asked;
};

/* One job's result. */
struct extra {
	bool done;
	bool none; /* the trace is too short */
	union {
		struct extra_proactive proactive;
		struct extra_picks picks;
		struct extra_mixed mixed;
	};
};

/* Jobs in all, 0 if nobody wants them; what one costs, about, in references. */
uint32_t extra_count(const struct compare *compare);
uint64_t extra_cost(const struct compare *compare, uint32_t job);

/* Runs a job. False: error says why. */
bool extra_run(const struct compare *compare, uint32_t job, struct extra *extra, char *error);

/* What the job is, for people. */
void extra_name(const struct compare *compare, uint32_t job, char *text, size_t room);

/* Q1 to Q3 for a policy, and for generations Q4 and Q5; returns how many. */
unsigned int extra_goals(struct sums_goal goals[SUMS_GOALS + EXTRA_GOALS],
			 const struct compare *compare, unsigned int policy);

/* Tables, if there is anything in them. */
void extra_print(const struct compare *compare);
void extra_html(FILE *out, const struct compare *compare);

#endif /* PTW_SIM_COMPARE_EXTRA_H */
