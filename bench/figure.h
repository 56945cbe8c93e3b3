/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What a measurement hands on: one figure with its goal. */
#ifndef PTW_BENCH_FIGURE_H
#define PTW_BENCH_FIGURE_H

#include <stdbool.h>
#include <stdint.h>

/* Exit status: a figure that cannot be trusted, and bad input. */
#define EXIT_WRONG     1
#define EXIT_BAD_INPUT 2

/* Most figures of one run, process launches, and blocks that must be left of each kind. */
#define FIGURES_MAX  64
#define LAUNCHES_MAX 3
#define KEPT_MIN     100

/* Travels from the process that measured to the one that reports as it is: both are one program. */
struct figure {
	char id[24];
	double value;
	double goal; /* 0: none, to be read beside another figure */
	bool at_least; /* met: value >= goal, else value <= goal */
	uint64_t kept;
	uint64_t total; /* blocks; 0: nothing was timed */
	char detail[256];
};

enum measurement {
	MEASURE_MEMORY = 1,
	MEASURE_HARVEST = 2,
	MEASURE_SINGLE = 4,
	MEASURE_WRITER = 8,
	MEASURE_GRACE = 16,
	MEASURE_WRITERS = 32,
	MEASURE_SPACE = 64,
	MEASURE_ALL = 127,
	/* named as the goals of the project */
	MEASURE_GOALS = MEASURE_WRITER | MEASURE_GRACE | MEASURE_WRITERS | MEASURE_SPACE,
};

#define MEASUREMENTS 7

/* Ended by a null name. */
struct measurement_name {
	const char *name;
	enum measurement measurement;
};

extern const struct measurement_name measurement_names[MEASUREMENTS + 1];

/* Where figures go, and how far the work is. */
struct sink {
	int fd;
	bool quick;
	unsigned int steps; /* of this process, for the progress bar */
	unsigned int done;
};

/* Enough was kept, and the value is on the right side of the goal. */
bool figure_met(const struct figure *figure);

/* Hand on a figure; steps of work done are counted by sink_step(). */
void sink_figure(struct sink *sink, const struct figure *figure);
void sink_step(struct sink *sink);

/* The measurements. Each ends the process with EXIT_WRONG if what was computed is wrong. */
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

/* Run what `measurements` names, in this process. */
void measurements_run(struct sink *sink, unsigned int measurements);

/* One line on standard error, and out. */
void bench_die(int status, const char *format, ...) __attribute__((format(printf, 2, 3), noreturn));

#endif /* PTW_BENCH_FIGURE_H */
