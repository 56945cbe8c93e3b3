/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Complaints about a command line, in one line. */
#ifndef PTW_BENCH_COMMAND_H
#define PTW_BENCH_COMMAND_H

#include <argp.h>

/* getopt took offence at argv[at]: say at what. `program` --help is what it points to. */
void command_fail(const char *program, const struct argp_option *options, char **argv, int at)
	__attribute__((noreturn));

#endif /* PTW_BENCH_COMMAND_H */
