/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "launch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ptw/kernel.h>

#include "../examples/common/child.h"
#include "cases.h"
#include "progress.h"

struct launch {
	struct figure figure[FIGURES_MAX];
	unsigned int count;
};

static void child_exec(const char *const *argv, int fd)
{
	char worker[32];
	const char *words[CHILD_WORDS];
	unsigned int count = 0;

	while (argv[count] && count < CHILD_WORDS - 2) {
		words[count] = argv[count];
		count++;
	}
	snprintf(worker, sizeof(worker), "--worker=%d", fd);
	words[count++] = worker;
	words[count] = NULL;
	execv("/proc/self/exe", (char *const *)words);
	bench_die(EXIT_WRONG, "cannot start itself again: %s", strerror(errno));
}

void child_start(struct child *child, const char *const *argv)
{
	const pid_t self = getpid();
	int fds[2];

	if (pipe(fds))
		bench_die(EXIT_WRONG, "cannot make a pipe: %s", strerror(errno));
	child->pid = fork();
	if (child->pid < 0)
		bench_die(EXIT_WRONG, "cannot start a process: %s", strerror(errno));
	if (!child->pid) {
		child_ends_with(self);
		close(fds[0]);
		child_exec(argv, fds[1]);
	}
	close(fds[1]);
	child->fd = fds[0];
}

bool child_read(const struct child *child, void *result, size_t size)
{
	/* Results are below PIPE_BUF, so they come whole. */
	return read(child->fd, result, size) == (ssize_t)size;
}

void child_end(struct child *child)
{
	int status;

	close(child->fd);
	if (waitpid(child->pid, &status, 0) != child->pid || !WIFEXITED(status))
		bench_die(EXIT_WRONG, "a measuring process was killed");
	/* It has said why. */
	if (WEXITSTATUS(status))
		exit(WEXITSTATUS(status));
}

static void launch_one(struct launch *launch, const struct options *options, unsigned int done,
		       unsigned int launches)
{
	const char *argv[CHILD_WORDS] = {"ptw-bench"};
	struct figure figure;
	struct child child;
	unsigned int argc = 1;

	_Static_assert(CASES_MAX + 6 <= CHILD_WORDS, "every case can be named");
	if (options->quick)
		argv[argc++] = "--quick";
	if (options->kernel) {
		argv[argc++] = "--kernel";
		argv[argc++] = ptw_kernel_name(options->kernel);
	}
	for (unsigned int i = 0; i < cases_count; i++)
		if (options->cases >> i & 1)
			argv[argc++] = cases[i].name;
	if (options->verbose)
		fprintf(stderr, "ptw-bench: process %u of %u measures%s\n", done + 1, launches,
			options->quick ? ", quickly" : "");
	child_start(&child, argv);
	while (child_read(&child, &figure, sizeof(figure))) {
		if (!figure.id[0])
			progress_show((done + figure.value) / launches);
		else if (launch->count < FIGURES_MAX)
			launch->figure[launch->count++] = figure;
		if (figure.id[0] && options->verbose)
			fprintf(stderr, "ptw-bench: %s is %.3f there\n", figure.id, figure.value);
	}
	child_end(&child);
}

/* Figure `f` of the launch with the median value; of two, the worse one. */
static const struct figure *median_of(const struct launch *launch, unsigned int launches,
				      unsigned int f)
{
	for (unsigned int i = 0; i < launches; i++) {
		unsigned int below = 0;

		for (unsigned int k = 0; k < launches; k++) {
			double a = launch[k].figure[f].value;
			double b = launch[i].figure[f].value;

			below += a < b || (a == b && k < i);
		}
		if (below == launches / 2)
			return &launch[i].figure[f];
	}
	return &launch[0].figure[f];
}

void launch_all(struct figures *figures, const struct options *options)
{
	/* Too large for a stack. */
	static struct launch launch[LAUNCHES_MAX];

	*figures = (struct figures){.launches = options->quick ? 1 : LAUNCHES_MAX};
	for (unsigned int i = 0; i < figures->launches; i++)
		launch_one(&launch[i], options, i, figures->launches);
	progress_show(1);
	figures->count = launch[0].count;
	for (unsigned int f = 0; f < figures->count; f++) {
		struct figure *figure = &figures->figure[f];
		char values[64] = "";

		*figure = *median_of(launch, figures->launches, f);
		figure->kept = figure->total = 0;
		for (unsigned int i = 0; i < figures->launches; i++) {
			const struct figure *one = &launch[i].figure[f];
			size_t at = strlen(values);

			figure->kept += one->kept;
			figure->total += one->total;
			figures->few[f] |= figure_few(one);
			snprintf(values + at, sizeof(values) - at, " %.3f", one->value);
		}
		if (figure->total) {
			size_t at = strlen(figure->detail);

			snprintf(figure->detail + at, sizeof(figure->detail) - at, "; launches%s",
				 values);
		}
	}
}
