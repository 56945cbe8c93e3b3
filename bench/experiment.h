/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * ptw-bench experiment NAME: comparisons that take a minute or more and answer one question each.
 * A new one is a function and a line in the table in experiment.c.
 */
#ifndef PTW_BENCH_EXPERIMENT_H
#define PTW_BENCH_EXPERIMENT_H

#include <jansson.h>
#include <stdbool.h>

struct experiment_options {
	bool quick;	   /* does it work at all? */
	bool table;	   /* print for people */
	const char *plots; /* directory for pictures, or null */
	const char *traces; /* directory, or null */
};

/* Measure and print; returns everything that was measured. */
typedef json_t *(*experiment_fn)(const struct experiment_options *options);

/* Measure in a process that an experiment has started, and write what it is to know to `fd`. */
typedef void (*experiment_work_fn)(int fd, bool quick);

json_t *batch_experiment(const struct experiment_options *options);
json_t *locks_experiment(const struct experiment_options *options);
json_t *reclaim_experiment(const struct experiment_options *options);
json_t *secondary_experiment(const struct experiment_options *options);

/* argv[0] is "experiment". Returns the exit status. */
int experiment_main(int argc, char **argv);

#endif /* PTW_BENCH_EXPERIMENT_H */
