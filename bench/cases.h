/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The cases: measurements by name. */
#ifndef PTW_BENCH_CASES_H
#define PTW_BENCH_CASES_H

#include <stdbool.h>

#include "figure.h"

/* All goals of the project that cases give. */
#define CASES_GOALS "G1 to G9, Q6, W1 to W4, S1 to S4"

/* Goals FIRST to LAST of a family, as G1; family 0: none. */
struct case_goals {
	char family;
	unsigned char first;
	unsigned char last;
};

struct bench_case {
	const char *name;
	const char *what;
	struct case_goals goals;
	unsigned int steps; /* that it counts itself; 0: none, it is one */
	void (*measure)(struct sink *sink);
};

/* In the order in which they run. */
#define CASES_MAX 32
extern const struct bench_case cases[];
extern const unsigned int cases_count;

/* Bit i: case i. */
unsigned int cases_all(void);
unsigned int cases_goals(void);

/* Those of this name: a case's, a goal's, or "all". Bad names end the program, with what there is. */
unsigned int cases_named(const char *name);

/* Is this the name of a case or a goal? */
bool case_known(const char *name);

/* A line for each on standard output: its name, its goals, what it measures. */
void cases_list(void);

/* Run them, in this process. */
void cases_run(struct sink *sink, unsigned int wanted);

#endif /* PTW_BENCH_CASES_H */
