/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The command line. */
#ifndef PTW_BENCH_OPTIONS_H
#define PTW_BENCH_OPTIONS_H

#include <stdbool.h>

struct options {
	unsigned int measurements; /* enum measurement */
	bool quick;
	const char *json; /* null: none; "-": standard output, instead of the table */
	int worker;	  /* file descriptor that figures go to; -1: this is the parent */
};

/* Bad input ends the program. */
void options_parse(struct options *options, int argc, char **argv);

#endif /* PTW_BENCH_OPTIONS_H */
