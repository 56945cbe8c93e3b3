/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "figure.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

bool figure_few(const struct figure *figure)
{
	return figure->total && figure->kept < KEPT_MIN;
}

const char *figure_bound(const struct figure *figure)
{
	if (figure->skipped || figure->goal <= 0)
		return NULL;
	return figure->at_least ? "at least" : "at most";
}

bool figure_met(const struct figure *figure)
{
	if (figure->skipped || figure_few(figure))
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

void *bench_new(uint64_t count, size_t size, const char *what)
{
	void *memory = calloc(count, size);

	if (!memory)
		bench_die(EXIT_WRONG, "not enough memory for %s", what);
	return memory;
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
