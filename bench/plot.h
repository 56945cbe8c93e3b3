/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Pictures, by gnuplot. */
#ifndef PTW_BENCH_PLOT_H
#define PTW_BENCH_PLOT_H

#include <stdio.h>

struct plot {
	const char *directory;
	const char *name;
	FILE *script;
};

/* Is there a gnuplot, and can the directory be written or made? Ends the program if not. */
void plot_check(const char *directory);

/* Write gnuplot commands to plot->script; plot_end() makes DIRECTORY/NAME.svg of them. */
void plot_begin(struct plot *plot, const char *directory, const char *name);
void plot_end(struct plot *plot);

/* Nothing was measured that NAME could show: one line on standard error. */
void plot_skip(const char *name);

#endif /* PTW_BENCH_PLOT_H */
