/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What a measurement hands on: one figure with its goal. */
#ifndef PTW_BENCH_FIGURE_H
#define PTW_BENCH_FIGURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit status: a figure that cannot be trusted, and bad input. */
#define EXIT_WRONG     1
#define EXIT_BAD_INPUT 2

/* Most figures of one run, process launches, and blocks that must be left of each kind. */
#define FIGURES_MAX  256
#define LAUNCHES_MAX 3
#define KEPT_MIN     100

/* What a figure of two threads says where there is one processor. */
#define NEEDS_TWO \
	"needs two processors, and this process may use one; give it another, as with taskset"

/* Travels from the process that measured to the one that reports as it is: both are one program. */
struct figure {
	char id[32];
	double value;
	double goal; /* 0: none, to be read beside another figure */
	bool at_least; /* met: value >= goal, else value <= goal */
	bool skipped;  /* cannot be measured here, and need not: `detail` says why */
	uint64_t kept;
	uint64_t total; /* blocks; 0: nothing was timed */
	char detail[256];
};

/* Where figures go, and how far the work is. */
struct sink {
	int fd;
	bool quick;
	unsigned int steps; /* of this process, for the progress bar */
	unsigned int done;
};

/* Too few blocks were kept: nothing was measured. */
bool figure_few(const struct figure *figure);

/* On which side of its goal a figure is to be, in words; null: it has no goal. */
const char *figure_bound(const struct figure *figure);

/* Enough was kept, and the value is on the right side of the goal. */
bool figure_met(const struct figure *figure);

/* Hand on a figure; steps of work done are counted by sink_step(). */
void sink_figure(struct sink *sink, const struct figure *figure);
void sink_step(struct sink *sink);

/*
 * The measurements; those of goals G1 to G5, G8 and G9 are in speed.h and aging.h. Each ends the process
 * with EXIT_WRONG if what was computed is wrong.
 */
void memory_measure(struct sink *sink);
void harvest_measure(struct sink *sink, uint64_t entries);
void single_measure(struct sink *sink, uint64_t entries);
void writer_measure(struct sink *sink);
void grace_measure(struct sink *sink);
/* Counts steps itself: so many. */
#define WRITERS_STEPS 4
void writers_measure(struct sink *sink);
#define SPACE_STEPS 4
void space_measure(struct sink *sink);

/* Zeroed memory for so many; what it is for is said where there is none, which ends the program. */
void *bench_new(uint64_t count, size_t size, const char *what);

/* One line on standard error, and out. */
void bench_die(int status, const char *format, ...) __attribute__((format(printf, 2, 3), noreturn));

#endif /* PTW_BENCH_FIGURE_H */
