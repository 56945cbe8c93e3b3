/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "launch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "progress.h"

struct launch {
	struct figure figure[FIGURES_MAX];
	unsigned int count;
};

static void exec_worker(int fd, unsigned int measurements, bool quick)
{
	char worker[32];
	const char *argv[3 + MEASUREMENTS + 1];
	unsigned int argc = 0;

	snprintf(worker, sizeof(worker), "--worker=%d", fd);
	argv[argc++] = "ptw-bench";
	argv[argc++] = worker;
	if (quick)
		argv[argc++] = "--quick";
	for (const struct measurement_name *m = measurement_names; m->name; m++)
		if (measurements & (unsigned int)m->measurement)
			argv[argc++] = m->name;
	argv[argc] = NULL;
	execv("/proc/self/exe", (char *const *)argv);
	bench_die(EXIT_WRONG, "cannot start itself again: %s", strerror(errno));
}

static void launch_one(struct launch *launch, unsigned int measurements, bool quick,
		       unsigned int done, unsigned int launches)
{
	struct figure figure;
	int fds[2];
	int status;
	pid_t pid;

	if (pipe(fds))
		bench_die(EXIT_WRONG, "cannot make a pipe: %s", strerror(errno));
	pid = fork();
	if (pid < 0)
		bench_die(EXIT_WRONG, "cannot start a process: %s", strerror(errno));
	if (!pid) {
		close(fds[0]);
		exec_worker(fds[1], measurements, quick);
	}
	close(fds[1]);
	while (read(fds[0], &figure, sizeof(figure)) == (ssize_t)sizeof(figure)) {
		if (!figure.id[0])
			progress_show((done + figure.value) / launches);
		else if (launch->count < FIGURES_MAX)
			launch->figure[launch->count++] = figure;
	}
	close(fds[0]);
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		bench_die(EXIT_WRONG, "a measuring process was killed");
	/* It has said why. */
	if (WEXITSTATUS(status))
		exit(WEXITSTATUS(status));
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

void launch_all(struct figures *figures, unsigned int measurements, bool quick)
{
	struct launch launch[LAUNCHES_MAX] = {0};

	*figures = (struct figures){.launches = quick ? 1 : LAUNCHES_MAX};
	for (unsigned int i = 0; i < figures->launches; i++)
		launch_one(&launch[i], measurements, quick, i, figures->launches);
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
			figures->few[f] |= one->total && one->kept < KEPT_MIN;
			snprintf(values + at, sizeof(values) - at, " %.3f", one->value);
		}
		if (figure->total) {
			size_t at = strlen(figure->detail);

			snprintf(figure->detail + at, sizeof(figure->detail) - at, "; launches%s",
				 values);
		}
	}
}
