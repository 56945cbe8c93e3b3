/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "figure.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MILLION ((uint64_t)1 << 20)

const struct measurement_name measurement_names[MEASUREMENTS + 1] = {
	{"harvest", MEASURE_HARVEST},
	{"single", MEASURE_SINGLE},
	{"memory", MEASURE_MEMORY},
	{"writer", MEASURE_WRITER},
	{"grace", MEASURE_GRACE},
	{"writers", MEASURE_WRITERS},
	{"space", MEASURE_SPACE},
	{0},
};

bool figure_met(const struct figure *figure)
{
	if (figure->total && figure->kept < KEPT_MIN)
		return false;
	return figure->at_least ? figure->value >= figure->goal : figure->value <= figure->goal;
}

static void sink_write(struct sink *sink, const struct figure *figure)
{
	/* Below PIPE_BUF, so it goes out whole. */
	if (write(sink->fd, figure, sizeof(*figure)) != (ssize_t)sizeof(*figure))
		bench_die(EXIT_WRONG, "the process that reports is gone");
}

void sink_figure(struct sink *sink, const struct figure *figure)
{
	sink_write(sink, figure);
}

void sink_step(struct sink *sink)
{
	struct figure progress = {.value = (double)++sink->done / sink->steps};

	sink_write(sink, &progress);
}

void measurements_run(struct sink *sink, unsigned int measurements)
{
	static const uint64_t sizes[] = {MILLION, 16 * MILLION};

	sink->steps = !!(measurements & MEASURE_MEMORY) + 2 * !!(measurements & MEASURE_HARVEST) +
		      2 * !!(measurements & MEASURE_SINGLE) + !!(measurements & MEASURE_WRITER) +
		      !!(measurements & MEASURE_GRACE) +
		      WRITERS_STEPS * !!(measurements & MEASURE_WRITERS) +
		      SPACE_STEPS * !!(measurements & MEASURE_SPACE);
	/* First, while the heap is as the program found it. */
	if (measurements & MEASURE_MEMORY) {
		memory_measure(sink);
		sink_step(sink);
	}
	for (unsigned int i = 0; i < 2; i++) {
		if (measurements & MEASURE_HARVEST) {
			harvest_measure(sink, sizes[i]);
			sink_step(sink);
		}
		if (measurements & MEASURE_SINGLE) {
			single_measure(sink, sizes[i]);
			sink_step(sink);
		}
	}
	if (measurements & MEASURE_WRITER) {
		writer_measure(sink);
		sink_step(sink);
	}
	if (measurements & MEASURE_GRACE) {
		grace_measure(sink);
		sink_step(sink);
	}
	if (measurements & MEASURE_WRITERS)
		writers_measure(sink);
	if (measurements & MEASURE_SPACE)
		space_measure(sink);
}

void bench_die(int status, const char *format, ...)
{
	char line[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	/* A file name may hold anything; one line stays one line. */
	for (char *c = line; *c; c++)
		if ((unsigned char)*c < ' ' || *c == '\177')
			*c = '?';
	fprintf(stderr, "%sptw-bench: %s\n", isatty(STDERR_FILENO) ? "\r\033[K" : "", line);
	exit(status);
}
