/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * ptw-bench experiment NAME: comparisons that take a minute or more and answer one question each.
 * A new one is a function and a line in the table in experiment.c.
 */
#ifndef PTW_BENCH_EXPERIMENT_H
#define PTW_BENCH_EXPERIMENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct options;

struct experiment_options {
	bool quick;	   /* does it work at all? */
	bool table;	   /* print for people */
	const char *plots; /* directory for pictures, or null */
	const char *traces; /* directory, or null */
	const char *folded; /* file for folded stacks, "-": standard output; or null */
};

/* How and when an experiment ran: part of its results. */
struct experiment_run {
	bool quick;
	uint64_t start;	    /* now_ns() */
	double load_before; /* machine_load() */
	double load_after;
	double seconds;
};

void experiment_begin(struct experiment_run *run, const struct experiment_options *options);
void experiment_end(struct experiment_run *run);

/* Measure and print; returns everything that was measured. */
typedef json_t *(*experiment_fn)(const struct experiment_options *options);

/* Measure in a process that an experiment has started, and write what it is to know to `fd`. */
typedef void (*experiment_work_fn)(int fd, bool quick);

json_t *batch_experiment(const struct experiment_options *options);
json_t *curves_experiment(const struct experiment_options *options);
json_t *locks_experiment(const struct experiment_options *options);
json_t *phases_experiment(const struct experiment_options *options);
json_t *reclaim_experiment(const struct experiment_options *options);
json_t *secondary_experiment(const struct experiment_options *options);

/* A line for each on standard output: its name and what it asks. */
void experiment_list(void);

/* Is this the name of one, built or not? */
bool experiment_known(const char *name);

/* Ends the program, and says why, unless there is one of this name. */
void experiment_check(const char *name);

/* The one that `options` names. Returns the exit status. */
int experiment_main(const struct options *options);

#endif /* PTW_BENCH_EXPERIMENT_H */
