/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Which schedules to run: all of them up to a bound of preemptions, one that is given, or any. */
#ifndef PTW_TESTS_EXPLORE_H
#define PTW_TESTS_EXPLORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decisions of one run that are written down. */
#define EXPLORE_DEPTH 8192

struct explore_counts {
	uint64_t schedules; /* run to the end */
	uint64_t pruned;    /* given up in a state seen before, with no fewer preemptions left */
	uint64_t ends;	    /* different states at their end */
	bool complete;	    /* there are no more within the bound */
};

/*
 * A schedule as text: one digit for each decision, the thread that goes on; afterwards nobody is
 * preempted and the lowest thread goes first. Kept up to date while a run is under way, in memory
 * that outlives the process of the test.
 */
struct explore_log {
	char digits[EXPLORE_DEPTH + 1];
};

/*
 * One run, from the beginning; `run` calls scheduler_run() with the policy, and returns its answer.
 */
typedef bool explore_run_fn(void *context, int (*policy)(void *, unsigned int, unsigned int),
			    void *policy_context);

/*
 * All schedules with at most `bound` preemptions, depth first, until `seconds` have passed.
 * `prune`: not those that only lead to states seen before.
 */
struct explore_counts explore_all(explore_run_fn *run, void *context, unsigned int bound,
				  double seconds, bool prune, struct explore_log *log);

/* The one that is written down. */
void explore_one(explore_run_fn *run, void *context, const char *digits, struct explore_log *log);

/* `runs` of them, by a seed; mostly nobody is preempted. */
void explore_random(explore_run_fn *run, void *context, uint64_t seed, uint64_t runs,
		    struct explore_log *log);

#endif /* PTW_TESTS_EXPLORE_H */
