/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The command line. */
#ifndef PTW_BENCH_OPTIONS_H
#define PTW_BENCH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

enum verb {
	VERB_NONE, /* no word at all: all cases, or those of the goals */
	VERB_CASE, /* which may be left out */
	VERB_LIST,
	VERB_EXPERIMENT,
};

struct options {
	enum verb verb;
	unsigned int cases;	/* bit i: cases[i] */
	const char *experiment; /* of VERB_EXPERIMENT: its name; there is one */
	uint32_t kernel;	/* enum ptw_kernel; 0: whatever is best */
	bool quick;
	const char *json;   /* null: none; "-": standard output, instead of the table */
	const char *csv;    /* the same */
	bool verbose;
	const char *plots;  /* folder for pictures; null: none */
	const char *folded; /* file for folded stacks, "-": standard output; null: none */
	const char *traces; /* folder; null: not said */
	int worker;	    /* file descriptor that figures go to; -1: this is the parent */
};

/* Options and words in any order, but the verb is the first word. Bad input ends the program. */
void options_parse(struct options *options, int argc, char **argv);

#endif /* PTW_BENCH_OPTIONS_H */
