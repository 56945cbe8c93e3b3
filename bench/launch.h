/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A figure is the median of three processes: where memory and code come to lie differs from one
 * process to the next, and no number of blocks in one of them evens that out.
 */
#ifndef PTW_BENCH_LAUNCH_H
#define PTW_BENCH_LAUNCH_H

#include "figure.h"

/* The figures of all launches, put together. */
struct figures {
	struct figure figure[FIGURES_MAX]; /* of the launch with the median value, counts summed */
	bool few[FIGURES_MAX];		   /* a launch kept too few blocks: nothing was measured */
	unsigned int count;
	unsigned int launches;
};

/* A launch that fails ends the program with its status. */
void launch_all(struct figures *figures, unsigned int measurements, bool quick);

#endif /* PTW_BENCH_LAUNCH_H */
