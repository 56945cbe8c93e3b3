/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A figure is the median of three processes: where memory and code come to lie differs from one
 * process to the next, and no number of blocks in one of them evens that out.
 */
#ifndef PTW_BENCH_LAUNCH_H
#define PTW_BENCH_LAUNCH_H

#include <sys/types.h>

#include "figure.h"
#include "options.h"

/* The figures of all launches, put together. */
struct figures {
	struct figure figure[FIGURES_MAX]; /* of the launch with the median value, counts summed */
	bool few[FIGURES_MAX];		   /* a launch kept too few blocks: nothing was measured */
	unsigned int count;
	unsigned int launches;
};

/* A process of this program that measures, and where from its results come. */
struct child {
	pid_t pid;
	int fd;
};

#define CHILD_WORDS 40

/* Start one with the words of `argv`, at most CHILD_WORDS - 2, and an option that tells it where to. */
void child_start(struct child *child, const char *const *argv);

/* Read a result of a fixed size. False: that was the last. */
bool child_read(const struct child *child, void *result, size_t size);

/* Wait for its end. If it failed the program ends with its status. */
void child_end(struct child *child);

/*
 * Launches what `options` says (cases, kernel, whether quick). One that fails ends the program with its
 * status.
 */
void launch_all(struct figures *figures, const struct options *options);

#endif /* PTW_BENCH_LAUNCH_H */
